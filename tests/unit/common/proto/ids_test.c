#include "common/proto/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_id_is_1_to_64_letters_digits_dashes_and_underscores(void **state)
{
	char text[66];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t id[] = { 'a', (uint8_t)c, 'z' };
		bool legal = c < 128 && c != 0 &&
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", (int)c) != NULL;
		assert_int_equal(id_valid(span_of(id, 3)), legal);
		assert_int_equal(id_valid(span_of(id + 1, 1)), legal);
	}
	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++)
		assert_int_equal(id_valid(span_of(text, n)), n >= 1 && n <= ID_MAX);
}

static void made_client_ids_are_20_digits_and_differ(void **state)
{
	char a[CLIENT_ID_SIZE], b[CLIENT_ID_SIZE];
	bool seen[10] = { false };

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		client_id_make(a);
		client_id_make(b);
		assert_int_equal(strlen(a), 20);
		assert_int_equal(strspn(a, "0123456789"), 20);
		assert_true(id_valid(span_str(a)));
		assert_string_not_equal(a, b);
		for (unsigned k = 0; k < 20; k++)
			seen[a[k] - '0'] = true;
	}
	for (unsigned d = 0; d < 10; d++)
		assert_true(seen[d]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_1_to_64_letters_digits_dashes_and_underscores),
		cmocka_unit_test(made_client_ids_are_20_digits_and_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
