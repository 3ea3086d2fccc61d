#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/core/nonce.h"

static const struct span a_secret = SPAN_INIT("north");
static const struct turn_settings set = {
	.nonce_keys = { { 1, 2, 3 } }, .n_nonce_keys = 1, .nonce_lifetime = 600, .algorithms = ALGORITHMS_ALL,
	.secrets = &a_secret, .n_secrets = 1
};
static const struct ip_addr client = { 4, { 7, 7, 7, 1 } }, neighbour = { 4, { 7, 7, 7, 2 } };
static const int64_t born = 1800000000;
static const struct span none = { NULL, 0 };

struct made {
	char text[NONCE_SIZE + 4];
	size_t len;
};

static struct made make(const struct turn_settings *s, int64_t now)
{
	struct made n = { .len = 0 };
	n.len = nonce_make(s, &client, now, n.text);
	assert_int_not_equal(n.len, 0);
	return n;
}

static enum nonce_result check(const struct turn_settings *s, const struct made *n, const struct ip_addr *from, int64_t now)
{
	return nonce_check(s, from, span_of(n->text, n->len), none, now);
}

static void a_nonce_is_good_for_its_lifetime(void **state)
{
	struct made n = make(&set, born);
	struct turn_settings eternal = set;
	(void)state;
	eternal.nonce_lifetime = 0;
	assert_int_equal(check(&set, &n, &client, born), NONCE_OK);
	assert_int_equal(check(&set, &n, &client, born + 599), NONCE_OK);
	assert_int_equal(check(&set, &n, &client, born + 600), NONCE_STALE);
	assert_int_equal(check(&eternal, &n, &client, born + 1000000), NONCE_OK);
}

static void a_nonce_from_a_clock_slightly_ahead_is_good(void **state)
{
	struct made n = make(&set, born + 3);
	(void)state;
	assert_int_equal(check(&set, &n, &client, born), NONCE_OK);
}

static void a_nonce_belongs_to_one_address_and_key(void **state)			/* D-T1 */
{
	static const struct ip_addr v6 = { 6, { 7, 7, 7, 1 } };
	struct made n = make(&set, born);
	struct turn_settings other = set;
	(void)state;
	other.nonce_keys[0][0]++;
	assert_int_equal(check(&set, &n, &neighbour, born), NONCE_FOREIGN);
	assert_int_equal(check(&set, &n, &v6, born), NONCE_FOREIGN);
	assert_int_equal(check(&other, &n, &client, born), NONCE_FOREIGN);
}

static void the_key_before_the_newest_is_good_still_and_makes_none(void **state)	/* D-T1 */
{
	struct turn_settings after = set;
	struct made old = make(&set, born), fresh;
	(void)state;
	memcpy(after.nonce_keys[1], set.nonce_keys[0], NONCE_KEY_SIZE);
	after.nonce_keys[0][0]++;
	after.n_nonce_keys = 2;
	fresh = make(&after, born);
	assert_int_equal(check(&after, &old, &client, born), NONCE_OK);
	assert_int_equal(check(&after, &fresh, &client, born), NONCE_OK);
	assert_int_equal(check(&set, &fresh, &client, born), NONCE_FOREIGN);
	after.n_nonce_keys = 1;
	assert_int_equal(check(&after, &old, &client, born), NONCE_FOREIGN);
}

/* RFC 8489 section 9.2: cookie and security bits, said at both ends. */
static void what_is_offered_stands_in_front(void **state)
{
	struct turn_settings s = set;
	struct made n = make(&s, born);
	(void)state;
	assert_int_equal(n.len, NONCE_SIZE);
	assert_memory_equal(n.text, "obMatJos2gAAB", 13);
	s.n_secrets = 0;
	n = make(&s, born);
	assert_memory_equal(n.text, "obMatJos2wAAD", 13);
	s.algorithms = ALGORITHM_SHA256;
	n = make(&s, born);
	assert_memory_equal(n.text, "obMatJos2wAAD", 13);
	s.algorithms = ALGORITHM_MD5;
	n = make(&s, born);
	assert_int_equal(n.len, NONCE_BODY);
	assert_memory_not_equal(n.text, "obMatJos2", 9);
}

static void a_nonce_given_on_other_terms_is_foreign(void **state)
{
	struct turn_settings terms[5] = { set, set, set, set, set };
	(void)state;
	terms[1].algorithms = ALGORITHM_SHA256;
	terms[2].algorithms = ALGORITHM_MD5;
	terms[3].n_secrets = 0;
	terms[4].n_secrets = 0, terms[4].algorithms = ALGORITHM_SHA256;
	for (unsigned i = 0; i < 5; i++) {
		struct made n = make(&terms[i], born);
		for (unsigned j = 0; j < 5; j++) {
			enum nonce_result want = i == j ? NONCE_OK : NONCE_FOREIGN;
			assert_int_equal(check(&terms[j], &n, &client, born), want);
			assert_int_equal(nonce_check(&terms[j], &client, span_of(n.text, n.len), span_of(n.text, n.len), born), want);
		}
	}
}

static void any_changed_character_makes_it_foreign(void **state)
{
	struct made n = make(&set, born);
	(void)state;
	for (unsigned i = 0; i < n.len; i++) {
		char kept = n.text[i];
		n.text[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(check(&set, &n, &client, born), NONCE_FOREIGN);
		n.text[i] = '"';
		assert_int_equal(check(&set, &n, &client, born), NONCE_FOREIGN);
		n.text[i] = kept;
	}
	assert_int_equal(check(&set, &n, &client, born), NONCE_OK);
}

static void a_nonce_of_another_length_is_foreign(void **state)
{
	struct made n = make(&set, born);
	(void)state;
	memcpy(n.text + NONCE_SIZE, "AAAA", 4);
	for (n.len = 0; n.len <= sizeof(n.text); n.len++)
		assert_int_equal(check(&set, &n, &client, born), n.len == NONCE_SIZE ? NONCE_OK : NONCE_FOREIGN);
}

static void a_known_nonce_is_taken_for_ours_but_ages(void **state)
{
	struct made n = make(&set, born);
	struct span s = { (const uint8_t *)n.text, n.len };
	struct turn_settings other = set;
	(void)state;
	other.nonce_keys[0][0]++;
	assert_int_equal(nonce_check(&other, &client, s, s, born), NONCE_OK);
	assert_int_equal(nonce_check(&other, &client, s, s, born + 600), NONCE_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nonce_is_good_for_its_lifetime),
		cmocka_unit_test(a_nonce_from_a_clock_slightly_ahead_is_good),
		cmocka_unit_test(a_nonce_belongs_to_one_address_and_key),
		cmocka_unit_test(the_key_before_the_newest_is_good_still_and_makes_none),
		cmocka_unit_test(what_is_offered_stands_in_front),
		cmocka_unit_test(a_nonce_given_on_other_terms_is_foreign),
		cmocka_unit_test(any_changed_character_makes_it_foreign),
		cmocka_unit_test(a_nonce_of_another_length_is_foreign),
		cmocka_unit_test(a_known_nonce_is_taken_for_ours_but_ages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
