#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rate_limit.h"
#include "tests/lib/failing_alloc.h"

static const struct rate rate = { .per_second = 100, .burst = 500 };
static const struct ip_addr a = { 4, { 7, 7, 7, 1 } }, b = { 4, { 7, 7, 7, 2 } };

static int setup(void **state)
{
	static struct rate_limit l;
	*state = &l;
	return rate_limit_init(&l) ? 0 : -1;
}

static int teardown(void **state)
{
	rate_limit_close(*state);
	return 0;
}

static unsigned take_all(struct rate_limit *l, const struct ip_addr *from, msec_t now)
{
	unsigned n = 0;
	while (n < 10000 && rate_limit_take(l, from, 0, rate, now))
		n++;
	return n;
}

static void a_source_has_its_burst_and_then_its_rate(void **state)		/* D-T3 */
{
	assert_int_equal(take_all(*state, &a, 1000), 500);
	assert_int_equal(take_all(*state, &a, 1009), 0);
	assert_int_equal(take_all(*state, &a, 1010), 1);
	assert_int_equal(take_all(*state, &a, 2010), 100);
	assert_int_equal(take_all(*state, &a, 100000), 500);
}

static void asking_costs_nothing(void **state)
{
	for (unsigned i = 0; i < 1000; i++)
		assert_true(rate_limit_allows(*state, &a, 0, rate, 1000));
	assert_int_equal(take_all(*state, &a, 1000), 500);
	assert_false(rate_limit_allows(*state, &a, 0, rate, 1000));
}

static void sources_and_kinds_do_not_share(void **state)
{
	assert_int_equal(take_all(*state, &a, 1000), 500);
	assert_int_equal(take_all(*state, &b, 1000), 500);
	assert_true(rate_limit_take(*state, &a, 1, rate, 1000));
}

static void an_ipv6_source_is_its_64(void **state)
{
	static const struct ip_addr x = { 6, { 0x2a, 0, 1, 2, 3, 4, 5, 6, 1 } }, y = { 6, { 0x2a, 0, 1, 2, 3, 4, 5, 6, 2 } },
		z = { 6, { 0x2a, 0, 1, 2, 3, 4, 5, 7, 1 } };
	assert_int_equal(take_all(*state, &x, 1000), 500);
	assert_int_equal(take_all(*state, &y, 1000), 0);
	assert_int_equal(take_all(*state, &z, 1000), 500);
}

static void no_rate_is_no_limit(void **state)
{
	for (unsigned i = 0; i < 10000; i++)
		assert_true(rate_limit_take(*state, &a, 0, (struct rate){ 0, 0 }, 1));
}

static void trust_lasts_ten_minutes(void **state)
{
	assert_false(rate_limit_trusted(*state, &a, 1000));
	rate_limit_trust(*state, &a, 1000);
	assert_true(rate_limit_trusted(*state, &a, 1000 + MINUTES(10) - 1));
	assert_false(rate_limit_trusted(*state, &a, 1000 + MINUTES(10)));
	assert_false(rate_limit_trusted(*state, &b, 1000));
}

static void a_flood_of_sources_does_not_push_out_the_trusted(void **state)
{
	rate_limit_trust(*state, &a, 1000);
	for (unsigned i = 0; i < 100000; i++) {
		struct ip_addr from = { 4, { 8, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
		rate_limit_take(*state, &from, 0, rate, 1001);
	}
	assert_true(rate_limit_trusted(*state, &a, 1002));
}

static void no_memory_is_reported(void **state)
{
	struct rate_limit l;
	(void)state;
	alloc_fail_at(0);
	assert_false(rate_limit_init(&l));
	alloc_fail_never();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_source_has_its_burst_and_then_its_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(asking_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(sources_and_kinds_do_not_share, setup, teardown),
		cmocka_unit_test_setup_teardown(an_ipv6_source_is_its_64, setup, teardown),
		cmocka_unit_test_setup_teardown(no_rate_is_no_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(trust_lasts_ten_minutes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_of_sources_does_not_push_out_the_trusted, setup, teardown),
		cmocka_unit_test(no_memory_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
