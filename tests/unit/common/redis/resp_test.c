#include "common/redis/resp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "tests/lib/redis_text.h"

static void a_command_is_an_array_of_bulk_strings(void **state)
{
	struct span argv[] = { SPAN_LIT("SET"), SPAN_LIT(""), span_of("\0\r\n", 3) };
	struct buf out;
	(void)state;

	buf_init(&out, 1024);
	assert_true(resp_array(&out, 3) && resp_bulks(&out, argv, 3));
	assert_true(span_eq(buf_span(&out), SPAN_LIT("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\n\0\r\n\r\n")));
	buf_close(&out);
}

static const struct {
	const char *wire, *text;
} vectors[] = {
	{ "+OK\r\n", "status OK\n" },
	{ "-ERR no\r\n", "error ERR no\n" },
	{ ":-42\r\n", "-42\n" },
	{ ":9223372036854775807\r\n", "9223372036854775807\n" },
	{ "$0\r\n\r\n", "\"\"\n" },
	{ "$5\r\na\r\nb\n\r\n", "\"a\r\nb\n\"\n" },
	{ "$-1\r\n", "nil\n" },
	{ "*-1\r\n", "nil\n" },
	{ "*0\r\n", "[]\n" },
	{ "*3\r\n$1\r\na\r\n:1\r\n$-1\r\n", "[\"a\" 1 nil]\n" },
	{ "*2\r\n*2\r\n:1\r\n*1\r\n+x\r\n*0\r\n+a\r\n-b\r\n:7\r\n", "[[1 [status x]] []]\nstatus a\nerror b\n7\n" },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[1]]]]]]]\n" },
};

/* Feeds in pieces; what came out is in *text. */
static enum resp_result read_all(struct span wire, size_t piece, struct buf *text)
{
	struct resp_reader r;
	const struct redis_value *v;
	enum resp_result result = RESP_MORE;

	assert_int_equal(resp_reader_init(&r), 0);
	buf_reset(text);
	while (wire.len > 0 && result != RESP_BROKEN) {
		struct span in = span_first(wire, piece);
		wire = span_skip(wire, in.len);
		if (!resp_reader_feed(&r, in)) {
			result = RESP_BROKEN;
			break;
		}
		while ((result = resp_reader_next(&r, &v)) == RESP_REPLY)
			redis_text_line(text, v);
	}
	if (result == RESP_BROKEN)
		assert_true(resp_reader_why(&r)[0] != 0);
	resp_reader_close(&r);
	return result;
}

static void replies_are_read_whole_and_in_pieces_of_every_size(void **state)
{
	struct buf text;
	(void)state;

	buf_init(&text, 4096);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		for (size_t piece = strlen(vectors[i].wire); piece > 0; piece--) {
			assert_int_equal(read_all(span_str(vectors[i].wire), piece, &text), RESP_MORE);
			assert_string_equal(buf_cstr(&text), vectors[i].text);
		}
	buf_close(&text);
}

static void a_reply_that_is_cut_is_not_handed_out(void **state)
{
	struct span wire = SPAN_LIT("*2\r\n$5\r\nhello\r\n*2\r\n:12\r\n+OK\r\n");
	struct buf text;
	(void)state;

	buf_init(&text, 4096);
	for (size_t n = 0; n < wire.len; n++) {
		assert_int_equal(read_all(span_first(wire, n), wire.len, &text), RESP_MORE);
		assert_int_equal(text.len, 0);
	}
	buf_close(&text);
}

static void what_is_not_resp2_is_broken(void **state)
{
	static const char *const wires[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n", "\1", "*1\r\n?\r\n", "*99999999999\r\n", "*-2\r\n",
		"#t\r\n", ",1.5\r\n",		/* RESP3 */
		"*400000\r\n", "*1\r\n*349525\r\n", "*2\r\n*2147483647\r\n",	/* more values than fit in 16 MiB */
	};
	struct buf text;
	(void)state;

	buf_init(&text, 4096);
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++)
		if (read_all(span_str(wires[i]), SIZE_MAX, &text) != RESP_BROKEN)
			fail_msg("wire %zu was taken", i);
	buf_close(&text);
}

static void a_reply_without_end_is_broken_at_16_mib(void **state)
{
	struct resp_reader r;
	const struct redis_value *v;
	static uint8_t piece[65536];
	size_t fed = 0;
	(void)state;

	assert_int_equal(resp_reader_init(&r), 0);
	assert_true(resp_reader_feed(&r, SPAN_LIT("$2000000000\r\n")));
	while (resp_reader_feed(&r, span_of(piece, sizeof(piece)))) {
		fed += sizeof(piece);
		assert_true(fed < 2 * RESP_REPLY_MAX);
		assert_int_equal(resp_reader_next(&r, &v), RESP_MORE);
	}
	assert_true(fed >= RESP_REPLY_MAX);
	assert_string_equal(resp_reader_why(&r), "a reply of more than 16 MiB");
	resp_reader_close(&r);
}

static void a_taken_reply_outlives_the_reader(void **state)
{
	struct resp_reader r;
	const struct redis_value *first, *second;
	struct resp_memory *memory;
	struct buf text;
	size_t bytes;
	(void)state;

	buf_init(&text, 4096);
	assert_int_equal(resp_reader_init(&r), 0);
	assert_true(resp_reader_feed(&r, SPAN_LIT("*2\r\n$3\r\none\r\n:1\r\n$3\r\ntwo\r\n")));
	assert_int_equal(resp_reader_next(&r, &first), RESP_REPLY);
	memory = resp_reader_take(&r, &bytes);
	assert_true(bytes > 0);
	assert_int_equal(resp_reader_next(&r, &second), RESP_REPLY);
	redis_text_line(&text, second);
	resp_reader_close(&r);
	redis_text_line(&text, first);
	assert_string_equal(buf_cstr(&text), "\"two\"\n[\"one\" 1]\n");
	resp_memory_free(memory);
	buf_close(&text);
}

static void without_memory_the_reader_is_broken_and_says_so(void **state)
{
	struct buf text;
	(void)state;

	buf_init(&text, 65536);
	buf_reserve(&text, 65536);	/* so that only the reader allocates */
	for (unsigned n = 0;; n++) {
		enum resp_result result;

		alloc_fail_at(n);
		result = read_all(span_str(vectors[10].wire), 3, &text);
		alloc_fail_never();
		if (!alloc_failed())
			break;
		assert_int_equal(result, RESP_BROKEN);
	}
	buf_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_an_array_of_bulk_strings),
		cmocka_unit_test(replies_are_read_whole_and_in_pieces_of_every_size),
		cmocka_unit_test(a_reply_that_is_cut_is_not_handed_out),
		cmocka_unit_test(what_is_not_resp2_is_broken),
		cmocka_unit_test(a_reply_without_end_is_broken_at_16_mib),
		cmocka_unit_test(a_taken_reply_outlives_the_reader),
		cmocka_unit_test(without_memory_the_reader_is_broken_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
