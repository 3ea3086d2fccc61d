#include "common/base/base64.h"

#include "common/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_vectors_of_rfc_4648_go_both_ways(void **state)
{
	static const struct {
		const char *raw, *text;
	} table[] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xbf", "+/+/" },
	};
	char text[BASE64_SIZE(6)];
	uint8_t raw[6];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(base64_encode(span_str(table[i].raw), text), strlen(table[i].text));
		assert_string_equal(text, table[i].text);
		assert_true(base64_decode(span_str(text), raw, &n));
		assert_true(span_eq_str(span_of(raw, n), table[i].raw));
	}
}

static void what_is_not_exactly_base64_is_refused(void **state)
{
	static const char *const table[] = {
		"Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Z===", "=Zg=", "Zg=a", "Zg==Zg==", "Zm9v\n", "Zm 9",
		"Zm9v Zm9", "Zm9-", "Zm9_", "Zh==", "Zm9=", "Zm8=Zm9v", "\xc3\xa4Zm", "Zm9vZ===",
	};
	uint8_t raw[16];
	size_t n = 99;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		n = 99;
		assert_false(base64_decode(span_str(table[i]), raw, &n));
		assert_int_equal(n, 0);
	}
}

static void random_bytes_come_back(void **state)
{
	uint8_t raw[64], back[66];
	char text[BASE64_SIZE(sizeof(raw))];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = i % (sizeof(raw) + 1);
		random_bytes(raw, len);
		assert_int_equal(base64_encode(span_of(raw, len), text) + 1, BASE64_SIZE(len));
		assert_true(base64_decode(span_str(text), back, &n));
		assert_true(span_eq(span_of(back, n), span_of(raw, len)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_4648_go_both_ways),
		cmocka_unit_test(what_is_not_exactly_base64_is_refused),
		cmocka_unit_test(random_bytes_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
