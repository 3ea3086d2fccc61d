#include "common/net/peer_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"

static bool add(struct peer_counts *c, const char *ip)
{
	struct ip_addr a;

	assert_true(ip_parse(&a, span_str(ip)));
	return peer_counts_add(c, &a);
}

static void take(struct peer_counts *c, const char *ip)
{
	struct ip_addr a;

	assert_true(ip_parse(&a, span_str(ip)));
	peer_counts_remove(c, &a);
}

static void each_address_has_its_own_count(void **state)
{
	struct peer_counts c;

	(void)state;
	peer_counts_init(&c, 2);
	assert_true(add(&c, "192.0.2.1"));
	assert_true(add(&c, "192.0.2.1"));
	assert_false(add(&c, "192.0.2.1"));
	assert_true(add(&c, "192.0.2.2"));
	take(&c, "192.0.2.1");
	assert_true(add(&c, "192.0.2.1"));
	take(&c, "192.0.2.1");
	take(&c, "192.0.2.1");
	take(&c, "192.0.2.2");
	assert_int_equal(c.addresses.n, 0);
	peer_counts_close(&c);
}

static void ipv6_is_counted_by_its_64(void **state)
{
	struct peer_counts c;

	(void)state;
	peer_counts_init(&c, 1);
	assert_true(add(&c, "2001:db8:0:1::1"));
	assert_false(add(&c, "2001:db8:0:1:ffff::2"));
	assert_true(add(&c, "2001:db8:0:2::1"));
	take(&c, "2001:db8:0:1::3");
	take(&c, "2001:db8:0:2::3");
	assert_int_equal(c.addresses.n, 0);
	peer_counts_close(&c);
}

static void without_a_limit_nothing_is_counted(void **state)
{
	struct peer_counts c;

	(void)state;
	peer_counts_init(&c, 0);
	assert_true(add(&c, "192.0.2.1"));
	assert_int_equal(c.addresses.n, 0);
	take(&c, "192.0.2.1");
	peer_counts_close(&c);
}

static void what_cannot_be_counted_is_refused(void **state)
{
	struct peer_counts c;

	(void)state;
	peer_counts_init(&c, 2);
	for (unsigned n = 0; n < 2; n++) {	/* the entry, the map's table */
		alloc_fail_at(n);
		assert_false(add(&c, "192.0.2.1"));
		assert_true(alloc_failed());
	}
	alloc_fail_never();
	take(&c, "192.0.2.1");	/* was never added */
	peer_counts_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_has_its_own_count),
		cmocka_unit_test(ipv6_is_counted_by_its_64),
		cmocka_unit_test(without_a_limit_nothing_is_counted),
		cmocka_unit_test(what_cannot_be_counted_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
