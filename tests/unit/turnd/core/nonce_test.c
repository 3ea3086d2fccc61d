#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/core/nonce.h"

static const uint8_t key[NONCE_KEY_SIZE] = { 1, 2, 3 }, other_key[NONCE_KEY_SIZE] = { 3, 2, 1 };
static const struct ip_addr client = { 4, { 7, 7, 7, 1 } }, neighbour = { 4, { 7, 7, 7, 2 } };
static const int64_t born = 1800000000;

static enum nonce_result check(const char *text, const struct ip_addr *from, uint32_t lifetime, int64_t now)
{
	return nonce_check(key, from, span_of(text, NONCE_SIZE), NULL, lifetime, now);
}

static void a_nonce_is_good_for_its_lifetime(void **state)
{
	char n[NONCE_SIZE];
	(void)state;
	assert_true(nonce_make(key, &client, born, n));
	assert_int_equal(check(n, &client, 600, born), NONCE_OK);
	assert_int_equal(check(n, &client, 600, born + 599), NONCE_OK);
	assert_int_equal(check(n, &client, 600, born + 600), NONCE_STALE);
	assert_int_equal(check(n, &client, 0, born + 1000000), NONCE_OK);
}

static void a_nonce_from_a_clock_slightly_ahead_is_good(void **state)
{
	char n[NONCE_SIZE];
	(void)state;
	assert_true(nonce_make(key, &client, born + 3, n));
	assert_int_equal(check(n, &client, 600, born), NONCE_OK);
}

static void a_nonce_belongs_to_one_address_and_key(void **state)			/* D-T1 */
{
	static const struct ip_addr v6 = { 6, { 7, 7, 7, 1 } };
	char n[NONCE_SIZE];
	(void)state;
	assert_true(nonce_make(key, &client, born, n));
	assert_int_equal(check(n, &neighbour, 600, born), NONCE_FOREIGN);
	assert_int_equal(check(n, &v6, 600, born), NONCE_FOREIGN);
	assert_int_equal(nonce_check(other_key, &client, span_of(n, sizeof(n)), NULL, 600, born), NONCE_FOREIGN);
}

static void any_changed_character_makes_it_foreign(void **state)
{
	char n[NONCE_SIZE];
	(void)state;
	assert_true(nonce_make(key, &client, born, n));
	for (unsigned i = 0; i < NONCE_SIZE; i++) {
		char kept = n[i];
		n[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(check(n, &client, 0, born), NONCE_FOREIGN);
		n[i] = '"';
		assert_int_equal(check(n, &client, 0, born), NONCE_FOREIGN);
		n[i] = kept;
	}
}

static void a_nonce_of_another_length_is_foreign(void **state)
{
	char n[NONCE_SIZE + 4] = { 0 };
	(void)state;
	assert_true(nonce_make(key, &client, born, n));
	memcpy(n + NONCE_SIZE, "AAAA", 4);
	for (size_t len = 0; len <= sizeof(n); len++) {
		enum nonce_result want = len == NONCE_SIZE ? NONCE_OK : NONCE_FOREIGN;
		assert_int_equal(nonce_check(key, &client, span_of(n, len), NULL, 0, born), want);
	}
}

static void a_known_nonce_is_taken_for_ours_but_ages(void **state)
{
	char n[NONCE_SIZE];
	struct span s = { (const uint8_t *)n, NONCE_SIZE };
	(void)state;
	assert_true(nonce_make(key, &client, born, n));
	assert_int_equal(nonce_check(other_key, &client, s, n, 600, born), NONCE_OK);
	assert_int_equal(nonce_check(other_key, &client, s, n, 600, born + 600), NONCE_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nonce_is_good_for_its_lifetime),
		cmocka_unit_test(a_nonce_from_a_clock_slightly_ahead_is_good),
		cmocka_unit_test(a_nonce_belongs_to_one_address_and_key),
		cmocka_unit_test(any_changed_character_makes_it_foreign),
		cmocka_unit_test(a_nonce_of_another_length_is_foreign),
		cmocka_unit_test(a_known_nonce_is_taken_for_ours_but_ages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
