#include "common/base/json_text.h"

#include "tests/lib/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static const struct {
	struct span escaped, raw;
} good[] = {
	{ SPAN_INIT(""), SPAN_INIT("") },
	{ SPAN_INIT("plain text, longer than a machine word"), SPAN_INIT("plain text, longer than a machine word") },
	{ SPAN_INIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"), SPAN_INIT("\"\\/\b\f\n\r\t") },
	{ SPAN_INIT("\\u0000"), SPAN_INIT("\0") },
	{ SPAN_INIT("\\u0041\\u007f\\u0080\\u07ff\\u0800\\uFFFF"), SPAN_INIT("A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf") },
	{ SPAN_INIT("\\ud800\\udc00\\uDBFF\\uDFFF"), SPAN_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
	{ SPAN_INIT("\\ud83d\\ude00 \xf0\x9f\x98\x80"), SPAN_INIT("\xf0\x9f\x98\x80 \xf0\x9f\x98\x80") },
	{ SPAN_INIT("\\ud7ff\\ue000"), SPAN_INIT("\xed\x9f\xbf\xee\x80\x80") },
	{ SPAN_INIT("v=0\\r\\no=- 1 2 IN IP4 127.0.0.1\\r\\n"), SPAN_INIT("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n") },
	{ SPAN_INIT("\x7f"), SPAN_INIT("\x7f") },
};

static const struct span bad[] = {
	SPAN_INIT("\""), SPAN_INIT("a\"b"), SPAN_INIT("\n"), SPAN_INIT("\0"), SPAN_INIT("a\x1f"), SPAN_INIT("12345678\x01"),
	SPAN_INIT("\\"), SPAN_INIT("\\x"), SPAN_INIT("\\U0041"), SPAN_INIT("\\0"), SPAN_INIT("\\u"), SPAN_INIT("\\u004"),
	SPAN_INIT("\\u004g"), SPAN_INIT("\\u-041"), SPAN_INIT("\\u 041"), SPAN_INIT("\\ud800"), SPAN_INIT("\\udc00"),
	SPAN_INIT("\\ud800x"), SPAN_INIT("\\ud800\\n"), SPAN_INIT("\\ud800\\u0041"), SPAN_INIT("\\ud800\\ud800"),
	SPAN_INIT("\\ud800\\udc0"), SPAN_INIT("\\ud800\\ue000"), SPAN_INIT("\\udc00\\udc00"), SPAN_INIT("\\ud800\\udbff"), SPAN_INIT("\xff"),
	SPAN_INIT("\xed\xa0\x80"), SPAN_INIT("a\xc3"), SPAN_INIT("\\\xc3\xa4"), SPAN_INIT("\xc0\x80"),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void valid_text_is_accepted_and_decoded(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		buf_init(&b, 100);
		assert_true(json_escaped_valid(good[i].escaped));
		assert_true(json_unescape(good[i].escaped, &b));
		assert_true(span_eq(buf_span(&b), good[i].raw));
		buf_close(&b);
	}
}

static void broken_text_is_refused_and_nothing_is_appended(void **state)
{
	struct buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		buf_init(&b, 100);
		buf_add_str(&b, "before");
		assert_false(json_escaped_valid(bad[i]));
		assert_false(json_unescape(bad[i], &b));
		assert_true(span_eq_str(buf_span(&b), "before"));
		buf_close(&b);
	}
}

/* Each byte at each place of some words: the fast path and the slow one must agree on every one of them. */
static void a_bare_byte_is_judged_the_same_wherever_it_stands(void **state)
{
	uint8_t text[27];

	(void)state;
	for (unsigned c = 0; c < 128; c++) {
		for (size_t at = 0; at < sizeof(text); at++) {
			memset(text, 'a', sizeof(text));
			text[at] = (uint8_t)c;
			bool expected = c >= 0x20 && c != '"' && c != '\\';
			if (c == '\\' && at + 1 < sizeof(text)) {
				text[at + 1] = 'n';
				expected = true;
			}
			assert_int_equal(json_escaped_valid(span_of(text, sizeof(text))), expected);
		}
	}
}

static void text_cut_anywhere_is_judged_by_what_is_left(void **state)
{
	static const char whole[] = "ab\\ud83d\\ude00\xe2\x82\xac\\n";
	static const bool valid[] = {	/* by length */
		true, true, true, false, false, false, false, false, false, false, false, false, false, false, true,
		false, false, true, false, true,
	};

	(void)state;
	assert_int_equal(sizeof(valid), sizeof(whole));
	for (size_t n = 0; n < sizeof(whole); n++) {
		uint8_t *exact = malloc(n + 1);	/* so that ASan sees a read behind the end */
		assert_non_null(exact);
		memcpy(exact + 1, whole, n);
		assert_int_equal(json_escaped_valid(span_of(exact + 1, n)), valid[n]);
		free(exact);
	}
}

static void what_is_escaped_is_valid_and_comes_back(void **state)
{
	struct buf escaped, back;
	uint8_t raw[128 + 4];

	(void)state;
	for (unsigned i = 0; i < 128; i++)
		raw[i] = (uint8_t)i;
	memcpy(raw + 128, "\xf0\x9f\x98\x80", 4);
	buf_init(&escaped, 1000);
	buf_init(&back, 1000);
	assert_true(json_escape(span_of(raw, sizeof(raw)), &escaped));
	assert_true(json_escaped_valid(buf_span(&escaped)));
	assert_true(json_unescape(buf_span(&escaped), &back));
	assert_true(span_eq(buf_span(&back), span_of(raw, sizeof(raw))));

	buf_reset(&escaped);
	assert_true(json_escape(span_str("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa4"), &escaped));
	assert_string_equal(buf_cstr(&escaped), "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa4");
	assert_false(json_escape(span_str("\xc3"), &escaped));
	buf_close(&escaped);
	buf_close(&back);
}

static void output_that_is_full_or_without_memory_stays_as_it_was(void **state)
{
	struct buf b;

	(void)state;
	for (size_t limit = 3; limit <= 9; limit++) {
		buf_init(&b, limit);
		buf_add_str(&b, "abc");
		assert_int_equal(json_escape(span_str("x\n\x01"), &b), false);
		assert_int_equal(b.len, 3);
		buf_reset(&b);
		buf_add_str(&b, "abc");
		assert_int_equal(json_unescape(span_str("xy\\u20ac\\ud83d\\ude00"), &b), false);
		assert_int_equal(b.len, 3);
		buf_close(&b);
	}
	buf_init(&b, 100);
	alloc_fail_at(0);
	assert_false(json_escape(span_str("text"), &b));
	alloc_fail_at(0);
	buf_reset(&b);
	assert_false(json_unescape(span_str("text"), &b));
	alloc_fail_never();
	assert_int_equal(b.len, 0);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_is_accepted_and_decoded),
		cmocka_unit_test(broken_text_is_refused_and_nothing_is_appended),
		cmocka_unit_test(a_bare_byte_is_judged_the_same_wherever_it_stands),
		cmocka_unit_test(text_cut_anywhere_is_judged_by_what_is_left),
		cmocka_unit_test(what_is_escaped_is_valid_and_comes_back),
		cmocka_unit_test(output_that_is_full_or_without_memory_stays_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
