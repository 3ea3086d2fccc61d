#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/core/channel.h"

static struct endpoint peer(unsigned i)
{
	return (struct endpoint){ { 4, { 5, 6, 7, 8 } }, (uint16_t)i };
}

static int setup(void **state)
{
	static struct channel_table t;
	channel_init(&t);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	channel_close(*state);
	return 0;
}

static void a_binding_is_found_both_ways_until_it_expires(void **state)
{
	struct channel_table *t = *state;
	struct endpoint a = peer(1), b = peer(2);
	assert_null(channel_find_peer(t, &a, 0));
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, 5), CHANNEL_OK);
	assert_true(endpoint_equal(&channel_find(t, 0x4000, 5)->peer, &a));
	assert_int_equal(channel_find_peer(t, &a, 5)->number, 0x4000);
	assert_null(channel_find_peer(t, &b, 5));
	assert_null(channel_find(t, 0x4001, 5));
	assert_non_null(channel_find(t, 0x4000, 5 + MINUTES(10) - 1));
	assert_null(channel_find(t, 0x4000, 5 + MINUTES(10)));
	assert_null(channel_find_peer(t, &a, 5 + MINUTES(10)));
}

static void a_renewed_binding_lasts_ten_minutes_more(void **state)
{
	struct channel_table *t = *state;
	struct endpoint a = peer(1);
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, 0), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, MINUTES(9)), CHANNEL_OK);
	assert_non_null(channel_find(t, 0x4000, MINUTES(19) - 1));
	assert_int_equal(t->made, 1);
}

static void numbers_and_peers_pair_up_only_once(void **state)
{
	struct channel_table *t = *state;
	struct endpoint a = peer(1), b = peer(2);
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, 0), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4000, &b, 8, 0), CHANNEL_CONFLICT);
	assert_int_equal(channel_bind(t, 0x4001, &a, 8, 0), CHANNEL_CONFLICT);
	assert_int_equal(channel_bind(t, 0x4001, &b, 8, 0), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4001, &a, 8, 0), CHANNEL_CONFLICT);	/* both bound, not to each other */
}

static void an_expired_number_or_peer_is_free_again(void **state)
{
	struct channel_table *t = *state;
	struct endpoint a = peer(1), b = peer(2);
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, 0), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4001, &b, 8, 0), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4000, &b, 8, MINUTES(10) - 1), CHANNEL_CONFLICT);
	assert_int_equal(channel_bind(t, 0x4000, &b, 8, MINUTES(10)), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4001, &a, 8, MINUTES(10)), CHANNEL_OK);
	assert_int_equal(channel_find_peer(t, &a, MINUTES(10))->number, 0x4001);
	assert_int_equal(channel_find_peer(t, &b, MINUTES(10))->number, 0x4000);
}

static void a_full_table_makes_room_from_expired_bindings_only(void **state)	/* D-T14 */
{
	enum { LIMIT = 50 };
	struct channel_table *t = *state;
	for (unsigned i = 0; i < LIMIT; i++) {
		struct endpoint e = peer(i);
		assert_int_equal(channel_bind(t, (uint16_t)(0x4000 + i), &e, LIMIT, i), CHANNEL_OK);
	}
	struct endpoint more = peer(LIMIT), first = peer(0);
	assert_int_equal(channel_bind(t, 0x4FFF, &more, LIMIT, 100), CHANNEL_FULL);
	assert_int_equal(channel_bind(t, 0x4000, &first, LIMIT, 100), CHANNEL_OK);
	assert_int_equal(channel_bind(t, 0x4FFF, &more, LIMIT, MINUTES(10) + 1), CHANNEL_OK);
	assert_non_null(channel_find(t, 0x4000, MINUTES(10) + 1));
}

static void no_memory_leaves_the_table_as_it_was(void **state)			/* D-A3 */
{
	struct channel_table *t = *state;
	struct endpoint a = peer(1);
	for (unsigned n = 0; n < 3; n++) {
		alloc_fail_at(n);
		assert_int_equal(channel_bind(t, 0x4000, &a, 8, 0), CHANNEL_NOMEM);
		alloc_fail_never();
		assert_null(channel_find(t, 0x4000, 0));
		assert_null(channel_find_peer(t, &a, 0));
		channel_close(t);
		channel_init(t);
	}
	assert_int_equal(channel_bind(t, 0x4000, &a, 8, 0), CHANNEL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_binding_is_found_both_ways_until_it_expires, setup, teardown),
		cmocka_unit_test_setup_teardown(a_renewed_binding_lasts_ten_minutes_more, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_and_peers_pair_up_only_once, setup, teardown),
		cmocka_unit_test_setup_teardown(an_expired_number_or_peer_is_free_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_table_makes_room_from_expired_bindings_only, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory_leaves_the_table_as_it_was, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
