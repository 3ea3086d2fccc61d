#include "common/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void well_formed_utf8_is_valid_and_nothing_else(void **state)
{
	static const struct {
		struct span s;
		bool valid;
	} table[] = {
		{ SPAN_INIT(""), true },
		{ SPAN_INIT("plain \x7f text \0"), true },
		{ SPAN_INIT("\xc2\x80 \xdf\xbf"), true },
		{ SPAN_INIT("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), true },
		{ SPAN_INIT("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), true },
		{ SPAN_INIT("\x80"), false },			/* continuation alone */
		{ SPAN_INIT("\xbf"), false },
		{ SPAN_INIT("\xc0\x80"), false },		/* overlong NUL */
		{ SPAN_INIT("\xc1\xbf"), false },		/* overlong, 2 bytes */
		{ SPAN_INIT("\xe0\x9f\xbf"), false },		/* overlong, 3 bytes */
		{ SPAN_INIT("\xf0\x8f\xbf\xbf"), false },	/* overlong, 4 bytes */
		{ SPAN_INIT("\xed\xa0\x80"), false },		/* U+D800 */
		{ SPAN_INIT("\xed\xbf\xbf"), false },		/* U+DFFF */
		{ SPAN_INIT("\xf4\x90\x80\x80"), false },	/* U+110000 */
		{ SPAN_INIT("\xf5\x80\x80\x80"), false },
		{ SPAN_INIT("\xfe"), false },
		{ SPAN_INIT("\xff"), false },
		{ SPAN_INIT("\xc2\x41"), false },
		{ SPAN_INIT("\xe1\x80\x41"), false },
		{ SPAN_INIT("\xf1\x80\x80\xc0"), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(utf8_valid(table[i].s), table[i].valid);
}

static void utf8_cut_inside_a_character_is_not_valid(void **state)
{
	static const char *const characters[] = { "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct span whole = span_str(characters[i]);
		assert_true(utf8_valid(whole));
		for (size_t n = 1; n < whole.len; n++) {
			assert_false(utf8_valid(span_first(whole, n)));
			assert_false(utf8_valid(span_skip(whole, n)));
		}
	}
}

static void a_word_is_letters_digits_and_what_the_caller_adds(void **state)
{
	(void)state;
	assert_true(text_is_word(span_str(""), ""));
	assert_true(text_is_word(span_str("azAZ09"), ""));
	assert_true(text_is_word(span_str("a-b_"), "_-"));
	assert_false(text_is_word(span_str("a-b"), "_"));
	assert_false(text_is_word(span_of("a\0b", 3), "_"));
	assert_false(text_is_word(span_str("\xc3\xa4"), "_"));
	for (const char *c = "/:@[`{"; *c != '\0'; c++)	/* the neighbours of digits and letters */
		assert_false(text_is_word(span_of(c, 1), ""));
}

static void hex_digits_have_a_value_and_nothing_else_has(void **state)
{
	static const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *low = memchr(digits, c, 16), *high = memchr(capitals, c, 16);
		int expected = low != NULL ? (int)(low - digits) : high != NULL ? (int)(high - capitals) : -1;
		assert_int_equal(hex_value((uint8_t)c), expected);
	}
}

static void numbers_are_digits_that_fit(void **state)
{
	static const struct {
		const char *s;
		uint64_t v;
	} good[] = {
		{ "0", 0 }, { "7", 7 }, { "007", 7 }, { "65535", 65535 },
		{ "18446744073709551615", UINT64_MAX }, { "00000000000000000000018446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "1a", "0x10", "1.0", "18446744073709551616", "18446744073709551620",
		"99999999999999999999999",
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse_u64(span_str(good[i].s), &v));
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse_u64(span_str(bad[i]), &v));
}

static void percent_escapes_are_decoded(void **state)
{
	static const struct {
		const char *in;
		struct span out;
		bool ok;
	} table[] = {
		{ "", SPAN_INIT(""), true },
		{ "a+b", SPAN_INIT("a+b"), true },
		{ "%41%6a%6A%00%ff", SPAN_INIT("Ajj\0\xff"), true },
		{ "ab%", SPAN_INIT("ab"), false },
		{ "ab%4", SPAN_INIT("ab"), false },
		{ "ab%4g", SPAN_INIT("ab"), false },
		{ "ab%g4", SPAN_INIT("ab"), false },
		{ "%25%2", SPAN_INIT("%"), false },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buf_init(&b, 100);
		assert_int_equal(percent_decode(span_str(table[i].in), &b), table[i].ok);
		assert_true(span_eq(buf_span(&b), table[i].out));
		buf_close(&b);
	}
}

static void only_unreserved_bytes_are_left_as_they_are(void **state)
{
	uint8_t all[256];
	struct buf text, back;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	buf_init(&text, 1000);
	buf_init(&back, 256);
	assert_true(percent_encode(span_of(all, 256), &text));
	assert_int_equal(text.len, 66 + 190 * 3);
	assert_true(percent_decode(buf_span(&text), &back));
	assert_true(span_eq(buf_span(&back), span_of(all, 256)));
	buf_reset(&text);
	assert_true(percent_encode(span_str("aZ09-._~ /%\xc3"), &text));
	assert_string_equal(buf_cstr(&text), "aZ09-._~%20%2F%25%C3");
	buf_close(&text);
	buf_close(&back);
}

static void an_output_that_is_full_is_an_error(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_false(percent_decode(span_str("abcd"), &b));
	buf_reset(&b);
	assert_false(percent_encode(span_str("a/b"), &b));
	buf_reset(&b);
	assert_false(query_get(span_str("x=abcd"), "x", &b));
	assert_int_equal(b.len, 0);
	buf_close(&b);
}

static void cut_takes_pieces_until_nothing_is_left(void **state)
{
	struct span rest = SPAN_INIT("a,,bc,");

	(void)state;
	assert_true(span_eq_str(text_cut(&rest, ','), "a"));
	assert_true(span_eq_str(text_cut(&rest, ','), ""));
	assert_true(span_eq_str(text_cut(&rest, ';'), "bc,"));
	assert_int_equal(rest.len, 0);
	assert_int_equal(text_cut(&rest, ',').len, 0);
	rest = (struct span){ NULL, 0 };
	assert_int_equal(text_cut(&rest, ',').len, 0);
}

static void trim_takes_blanks_and_tabs_off_both_ends(void **state)
{
	(void)state;
	assert_true(span_eq_str(text_trim(span_str(" \t a b\t ")), "a b"));
	assert_true(span_eq_str(text_trim(span_str("ab")), "ab"));
	assert_true(span_eq_str(text_trim(span_str(" \t")), ""));
	assert_true(span_eq_str(text_trim(span_str("\na ")), "\na"));
}

static void case_is_ignored_in_ascii_only(void **state)
{
	(void)state;
	assert_true(text_eq_nocase(span_str("Keep-ALIVE"), "keep-alive"));
	assert_true(text_eq_nocase(span_str(""), ""));
	assert_false(text_eq_nocase(span_str("close "), "close"));
	assert_false(text_eq_nocase(span_str("close"), "closed"));
	assert_false(text_eq_nocase(span_str("@["), "`{"));
	assert_false(text_eq_nocase(span_str("\xc3\x84"), "\xc3\xa4"));
}

static void prefixes_are_compared_byte_by_byte(void **state)
{
	(void)state;
	assert_true(text_has_prefix(span_str("redis://host"), "redis://"));
	assert_true(text_has_prefix(span_str("x"), ""));
	assert_true(text_has_prefix(span_str("x"), "x"));
	assert_false(text_has_prefix(span_str("redis"), "redis://"));
	assert_false(text_has_prefix(span_str("Redis://"), "redis://"));
}

static void query_parameters_are_found_by_name(void **state)
{
	static const struct {
		const char *query, *name, *value;	/* value NULL: false */
	} table[] = {
		{ "a=1&b=2", "a", "1" },
		{ "a=1&b=2", "b", "2" },
		{ "a=1&b=2", "c", NULL },
		{ "", "a", NULL },
		{ "a", "a", "" },
		{ "a=", "a", "" },
		{ "&&a=1", "a", "1" },
		{ "a=1&a=2", "a", "1" },
		{ "a=b=c", "a", "b=c" },
		{ "ab=1&a=2", "a", "2" },
		{ "a=1&ab=2", "ab", "2" },
		{ "r%65cv=x%20y+z", "recv", "x y+z" },
		{ "a=%zz&a=1", "a", NULL },
		{ "b=%zz&a=1", "a", "1" },
		{ "%zz=1&a=2", "a", "2" },
		{ "A=1", "a", NULL },
		{ "=1", "", "1" },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buf_init(&b, 100);
		buf_add_str(&b, ">");
		assert_int_equal(query_get(span_str(table[i].query), table[i].name, &b), table[i].value != NULL);
		assert_true(span_eq_str(span_skip(buf_span(&b), 1), table[i].value != NULL ? table[i].value : ""));
		buf_close(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_utf8_is_valid_and_nothing_else),
		cmocka_unit_test(utf8_cut_inside_a_character_is_not_valid),
		cmocka_unit_test(a_word_is_letters_digits_and_what_the_caller_adds),
		cmocka_unit_test(hex_digits_have_a_value_and_nothing_else_has),
		cmocka_unit_test(numbers_are_digits_that_fit),
		cmocka_unit_test(percent_escapes_are_decoded),
		cmocka_unit_test(only_unreserved_bytes_are_left_as_they_are),
		cmocka_unit_test(an_output_that_is_full_is_an_error),
		cmocka_unit_test(cut_takes_pieces_until_nothing_is_left),
		cmocka_unit_test(trim_takes_blanks_and_tabs_off_both_ends),
		cmocka_unit_test(case_is_ignored_in_ascii_only),
		cmocka_unit_test(prefixes_are_compared_byte_by_byte),
		cmocka_unit_test(query_parameters_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
