#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/core/permission.h"

static struct ip_addr peer(unsigned i)
{
	return (struct ip_addr){ 4, { 5, 6, (uint8_t)(i >> 8), (uint8_t)i } };
}

static void reserving_permits_nothing(void **state)
{
	struct perm_table t;
	struct ip_addr a = peer(1);
	(void)state;
	perm_init(&t);
	assert_int_equal(perm_reserve(&t, &a, 8, 1000), PERM_OK);
	assert_false(perm_allows(&t, &a, 1000));
	perm_grant(&t, &a, 1000);
	assert_true(perm_allows(&t, &a, 1000));
	perm_close(&t);
}

static void granting_what_was_not_reserved_permits_nothing(void **state)
{
	struct perm_table t;
	struct ip_addr a = peer(1);
	(void)state;
	perm_init(&t);
	perm_grant(&t, &a, 0);
	assert_false(perm_allows(&t, &a, 0));
	perm_close(&t);
}

static void a_permission_ends_at_its_very_millisecond(void **state)
{
	struct perm_table t;
	struct ip_addr a = peer(1), b = peer(2);
	(void)state;
	perm_init(&t);
	assert_int_equal(perm_reserve(&t, &a, 8, 7), PERM_OK);
	perm_grant(&t, &a, 7);
	assert_true(perm_allows(&t, &a, 7 + MINUTES(5) - 1));
	assert_false(perm_allows(&t, &a, 7 + MINUTES(5)));
	assert_false(perm_allows(&t, &b, 7));
	perm_close(&t);
}

static void a_mapped_and_a_plain_address_of_the_same_bytes_are_two_peers(void **state)
{
	struct perm_table t;
	struct ip_addr v4 = { 4, { 0 } }, v6 = { 6, { 0 } };
	(void)state;
	perm_init(&t);
	assert_int_equal(perm_reserve(&t, &v4, 8, 0), PERM_OK);
	perm_grant(&t, &v4, 0);
	assert_false(perm_allows(&t, &v6, 0));
	perm_close(&t);
}

static void a_full_table_makes_room_from_lapsed_entries_only(void **state)	/* D-T14 */
{
	enum { LIMIT = 100 };
	struct perm_table t;
	(void)state;
	perm_init(&t);
	for (unsigned i = 0; i < LIMIT; i++) {
		struct ip_addr a = peer(i);
		assert_int_equal(perm_reserve(&t, &a, LIMIT, i), PERM_OK);
		perm_grant(&t, &a, i);
	}
	struct ip_addr first = peer(0), one_more = peer(LIMIT), another = peer(LIMIT + 1);
	assert_int_equal(perm_reserve(&t, &one_more, LIMIT, 500), PERM_FULL);
	assert_int_equal(perm_reserve(&t, &first, LIMIT, 500), PERM_OK);	/* it is there already */
	/* At this moment exactly the first two have lapsed; the first is spared, as it was asked for just now. */
	msec_t now = MINUTES(5) + 2;
	assert_int_equal(perm_reserve(&t, &first, LIMIT, now), PERM_OK);
	assert_int_equal(perm_reserve(&t, &one_more, LIMIT, now), PERM_OK);
	assert_int_equal(perm_reserve(&t, &another, LIMIT, now), PERM_FULL);
	perm_grant(&t, &first, now);
	assert_true(perm_allows(&t, &first, now));
	assert_int_equal(t.made, LIMIT + 1);
	perm_close(&t);
}

static void no_memory_leaves_the_table_as_it_was(void **state)			/* D-A3 */
{
	struct ip_addr a = peer(1);
	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		struct perm_table t;
		perm_init(&t);
		alloc_fail_at(n);
		assert_int_equal(perm_reserve(&t, &a, 8, 0), PERM_NOMEM);
		alloc_fail_never();
		assert_false(perm_allows(&t, &a, 0));
		assert_int_equal(perm_reserve(&t, &a, 8, 0), PERM_OK);
		perm_close(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserving_permits_nothing),
		cmocka_unit_test(granting_what_was_not_reserved_permits_nothing),
		cmocka_unit_test(a_permission_ends_at_its_very_millisecond),
		cmocka_unit_test(a_mapped_and_a_plain_address_of_the_same_bytes_are_two_peers),
		cmocka_unit_test(a_full_table_makes_room_from_lapsed_entries_only),
		cmocka_unit_test(no_memory_leaves_the_table_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
