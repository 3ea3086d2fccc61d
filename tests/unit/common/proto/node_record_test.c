#include "common/proto/node_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TURN_HEAD "turn 1\nstarted 5\nzone eu-west\nload 12\ndraining 0\n"
#define SIGNAL_HEAD "signal 1\nstarted 5\nzone \nload 0\ndraining 1\n"

static void what_is_written_is_what_is_read(void **state)
{
	const struct node_record in = {
		.kind = NODE_TURN, .started = 1764000000123, .load = 4294967295, .draining = true, .zone = SPAN_LIT("a.b_c-1"),
		.url = { SPAN_LIT("turn:192.0.2.1:3478?transport=udp"), SPAN_LIT("turns:[2001:db8::1]:5349") }, .n_urls = 2,
	};
	struct node_record out;
	struct buf text;

	(void)state;
	buf_init(&text, NODE_RECORD_MAX);
	assert_true(node_record_write(&in, &text));
	assert_string_equal(buf_cstr(&text), "turn 1\nstarted 1764000000123\nzone a.b_c-1\nload 4294967295\ndraining 1\n"
			    "url turn:192.0.2.1:3478?transport=udp\nurl turns:[2001:db8::1]:5349\n");
	assert_true(node_record_parse(buf_span(&text), &out));
	assert_int_equal(out.kind, NODE_TURN);
	assert_int_equal(out.started, in.started);
	assert_int_equal(out.load, in.load);
	assert_true(out.draining);
	assert_true(span_eq(out.zone, in.zone));
	assert_int_equal(out.n_urls, 2);
	assert_true(span_eq(out.url[0], in.url[0]) && span_eq(out.url[1], in.url[1]));
	buf_close(&text);
}

static void only_the_exact_form_is_a_record(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ TURN_HEAD "url turn:h\n", true },
		{ TURN_HEAD "url turn:h:1?transport=tcp\nurl turns:h\n", true },
		{ SIGNAL_HEAD "url ws://h:1\n", true },
		{ SIGNAL_HEAD "url wss://h\nurl ws://h:1\nurl http://10.0.0.1:8089\n", true },
		{ "", false },
		{ "\n", false },
		{ TURN_HEAD, false },					/* no URL */
		{ TURN_HEAD "url turn:h", false },			/* no newline */
		{ TURN_HEAD "url stun:h\n", false },
		{ TURN_HEAD "url ws://h\n", false },
		{ TURN_HEAD "url turn:h\n\n", false },
		{ TURN_HEAD "url  turn:h\n", false },
		{ TURN_HEAD "link turn:h\n", false },
		{ TURN_HEAD "urlturn:h\n", false },
		{ TURN_HEAD "url\n", false },
		{ SIGNAL_HEAD "url turn:h\n", false },
		{ SIGNAL_HEAD "url http://h\n", false },		/* nowhere for clients */
		{ SIGNAL_HEAD "url ws://h\nurl http://h\nurl http://i\n", false },
		{ SIGNAL_HEAD "url ws://h\nurl https://h\n", false },
		{ SIGNAL_HEAD "url ws://h/path\n", false },
		{ "turn 2\nstarted 5\nzone \nload 1\ndraining 0\nurl turn:h\n", false },
		{ "stun 1\nstarted 5\nzone \nload 1\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted -5\nzone \nload 1\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 9223372036854775808\nzone \nload 1\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nzone a b\nload 1\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nzone 123456789012345678901234567890123\nload 1\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nzone \nload 4294967296\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nzone \nload x\ndraining 0\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nzone \nload 1\ndraining 2\nurl turn:h\n", false },
		{ "turn 1\nstarted 5\nload 1\nzone \ndraining 0\nurl turn:h\n", false },
	};
	struct node_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (node_record_parse(span_str(rows[i].text), &r) != rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].text);
}

static void sixteen_urls_are_enough(void **state)
{
	struct node_record r;
	struct buf text;

	(void)state;
	buf_init(&text, 2 * NODE_RECORD_MAX);
	buf_add_str(&text, TURN_HEAD);
	for (int i = 0; i < NODE_URLS_MAX; i++)
		buf_add_str(&text, "url turn:h\n");
	assert_true(node_record_parse(buf_span(&text), &r));
	assert_int_equal(r.n_urls, NODE_URLS_MAX);
	buf_add_str(&text, "url turn:h\n");
	assert_false(node_record_parse(buf_span(&text), &r));
	buf_close(&text);
}

static void a_record_cut_anywhere_is_none(void **state)
{
	static const char whole[] = TURN_HEAD "url turn:h?transport=udp\nurl turns:h\n";
	const size_t one_url = sizeof(whole) - 1 - strlen("url turns:h\n");
	struct node_record r;

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *exact = malloc(n + 1);	/* so that a sanitizer sees a byte too many */
		memcpy(exact, whole, n);
		assert_int_equal(node_record_parse(span_of(exact, n), &r), n == one_url);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(only_the_exact_form_is_a_record),
		cmocka_unit_test(sixteen_urls_are_enough),
		cmocka_unit_test(a_record_cut_anywhere_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
