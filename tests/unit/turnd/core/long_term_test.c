#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/core/long_term.h"

#define MATRIX "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"

static void the_hash_of_a_user_is_that_of_rfc8489_b1(void **state)
{
	static const uint8_t want[SHA256_SIZE] = {
		0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52, 0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f,
		0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2, 0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04
	};
	uint8_t hash[SHA256_SIZE];
	(void)state;
	assert_true(long_term_userhash(SPAN_LIT(MATRIX), SPAN_LIT("example.org"), hash));
	assert_memory_equal(hash, want, sizeof(want));
}

static void a_key_is_the_digest_of_user_realm_and_password(void **state)
{
	struct long_term_key key;
	uint8_t want[SHA256_SIZE];
	(void)state;
	assert_true(long_term_key_make(&key, ALGORITHM_MD5, SPAN_LIT("user"), SPAN_LIT("realm"), SPAN_LIT("pass")));
	assert_int_equal(key.len, MD5_SIZE);		/* the example of RFC 8489 section 9.2.2 */
	assert_memory_equal(key.bytes, "\x84\x93\xfb\xc5\x3b\xa5\x82\xfb\x4c\x04\x4c\x45\x6b\xdc\x40\xeb", 16);
	assert_true(long_term_key_make(&key, ALGORITHM_SHA256, SPAN_LIT("user"), SPAN_LIT("realm"), SPAN_LIT("pass")));
	assert_int_equal(key.len, SHA256_SIZE);
	assert_int_equal(digest_sha256(SPAN_LIT("user:realm:pass"), want), 0);
	assert_memory_equal(key.bytes, want, SHA256_SIZE);
	assert_true(long_term_key_make(&key, ALGORITHM_SHA256, SPAN_LIT(""), SPAN_LIT("realm"), SPAN_LIT("")));
	assert_int_equal(digest_sha256(SPAN_LIT(":realm:"), want), 0);
	assert_memory_equal(key.bytes, want, SHA256_SIZE);
}

static void what_is_too_long_has_no_key(void **state)
{
	static uint8_t text[5000];
	struct long_term_key key = { .len = 1 };
	uint8_t hash[SHA256_SIZE];
	size_t longest = 4000;
	(void)state;
	while (longest < sizeof(text) && long_term_key_make(&key, ALGORITHM_MD5, SPAN_LIT("user"), SPAN_LIT("realm"), span_of(text, longest)))
		longest++;
	assert_in_range(longest, 4080, 4096);
	assert_int_equal(key.len, 0);
	assert_false(long_term_key_make(&key, ALGORITHM_MD5, span_of(text, 4096), SPAN_LIT("realm"), SPAN_LIT("pass")));
	assert_false(long_term_userhash(span_of(text, 4091), SPAN_LIT("realm"), hash));
}

static void algorithms_are_listed_the_stronger_first(void **state)
{
	uint8_t out[ALGORITHMS_VALUE];
	(void)state;
	assert_int_equal(password_algorithms_write(0, out), 0);
	assert_int_equal(password_algorithms_write(ALGORITHM_MD5, out), 4);
	assert_memory_equal(out, "\0\1\0\0", 4);
	assert_int_equal(password_algorithms_write(ALGORITHM_SHA256, out), 4);
	assert_memory_equal(out, "\0\2\0\0", 4);
	assert_int_equal(password_algorithms_write(ALGORITHMS_ALL, out), 8);
	assert_memory_equal(out, "\0\2\0\0\0\1\0\0", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_of_a_user_is_that_of_rfc8489_b1),
		cmocka_unit_test(a_key_is_the_digest_of_user_realm_and_password),
		cmocka_unit_test(what_is_too_long_has_no_key),
		cmocka_unit_test(algorithms_are_listed_the_stronger_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
