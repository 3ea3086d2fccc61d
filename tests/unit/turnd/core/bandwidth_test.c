#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "turnd/core/bandwidth.h"

static void a_bucket_holds_a_second_and_fills_at_its_rate(void **state)
{
	struct bucket b = { 0 };
	unsigned passed = 0;
	(void)state;
	while (bucket_take(&b, 1000, 100, 50000))
		passed++;
	assert_int_equal(passed, 10);
	assert_false(bucket_take(&b, 1000, 1, 50000));
	assert_true(bucket_take(&b, 1000, 100, 50001));		/* a byte is left: it may overdraw, */
	assert_false(bucket_take(&b, 1000, 1, 50099));		/* and pays that back */
	assert_false(bucket_take(&b, 1000, 1, 50100));
	assert_true(bucket_take(&b, 1000, 1, 50101));
	for (passed = 0; bucket_take(&b, 1000, 100, 500000000); passed++)
		;
	assert_int_equal(passed, 10);				/* no more, however long it rested */
}

static void what_is_longer_than_a_second_passes_now_and_then(void **state)
{
	struct bucket b = { 0 };
	unsigned passed = 0;
	(void)state;
	for (msec_t now = 1000; now < 61000; now += 10)
		passed += bucket_take(&b, 100, 1000, now);
	assert_in_range(passed, 6, 8);
}

static void no_rate_and_no_time_overflows(void **state)
{
	struct bucket b = { 0 };
	const uint64_t most = UINT64_C(1) << 40;
	(void)state;
	assert_true(bucket_take(&b, most, 65507, NEVER - 1));
	b = (struct bucket){ .at = 1 };
	for (unsigned i = 0; i < 1000; i++)
		assert_true(bucket_take(&b, most, 65507, 1));
	assert_true(bucket_take(&b, most, 65507, MINUTES(60 * 24 * 365)));
	assert_int_equal(b.spent, 65507000);
}

static unsigned drain(struct capacity *c, struct capacity_lease *l, unsigned direction, msec_t now)
{
	unsigned passed = 0;
	while (capacity_take(c, l, direction, 100, now))
		passed++;
	return passed;
}

static void workers_share_the_capacity_and_waste_little(void **state)
{
	struct capacity c = { .bytes_per_second = 100000 };
	struct capacity_lease a = { { 0 } }, b = { { 0 } };
	unsigned first = drain(&c, &a, 0, 50000);
	(void)state;
	assert_in_range(first, 1000, 1020);			/* one lease more at the most */
	assert_int_equal(drain(&c, &b, 0, 50000), 0);
	assert_in_range(drain(&c, &b, 1, 50000), 1000, 1020);	/* each way has its own */
	assert_in_range(drain(&c, &b, 0, 50500), 480, 520);
	assert_int_equal(drain(&c, &a, 0, 50500), 0);
	c.bytes_per_second = 0;
	assert_true(capacity_take(&c, &a, 0, 65507, 50500));
}

static void a_tiny_capacity_lets_a_long_packet_through(void **state)
{
	struct capacity c = { .bytes_per_second = 10 };
	struct capacity_lease l = { { 0 } };
	unsigned passed = 0;
	(void)state;
	for (msec_t now = 1000; now < 101000; now += 10)
		passed += capacity_take(&c, &l, 0, 100, now);
	assert_in_range(passed, 9, 12);
}

/* --- in the server -------------------------------------------------------------------------------------------------- */

static void an_allocation_is_held_to_its_rate_each_way(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	w->settings.max_bps = 10;
	player_allocate(alice);
	player_allocate(bob);
	player_permit(alice, PEER);
	player_permit(bob, PEER);
	player_says(alice, PEER, "0123456789");
	assert_peer_hears(w, PEER, "0123456789");
	player_says(alice, PEER, "too much");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_BANDWIDTH);
	world_peer_says(w, PEER, alice, "0123456789");		/* the other direction */
	assert_hears(alice, "0123456789");
	world_peer_says(w, PEER, alice, "too much");
	assert_hears_nothing(alice);
	player_says(bob, PEER, "mine");				/* somebody else */
	assert_peer_hears(w, PEER, "mine");
	assert_int_equal(world_drops(w, DROP_BANDWIDTH), 2);
	world_pass(w, SECONDS(1));
	player_says(alice, PEER, "again");
	assert_peer_hears(w, PEER, "again");
}

static void all_together_are_held_to_the_capacity(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	struct capacity capacity = { .bytes_per_second = 10 };
	w->settings.capacity = &capacity;
	player_allocate(alice);
	player_allocate(bob);
	player_permit(alice, PEER);
	player_permit(bob, PEER);
	player_says(alice, PEER, "01234567890123");
	assert_peer_hears(w, PEER, "01234567890123");
	player_says(bob, PEER, "0123456789");		/* overdraws what was leased */
	assert_peer_hears(w, PEER, "0123456789");
	player_says(bob, PEER, "too much");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_BANDWIDTH);
	player_says(alice, PEER, "too much");
	assert_int_equal(w->last_drop, DROP_BANDWIDTH);
	assert_int_equal(player_refresh(bob, 600), 0);		/* answers are not data */
	world_pass(w, SECONDS(3));
	player_says(bob, PEER, "now");
	assert_peer_hears(w, PEER, "now");
}

static void the_bandwidth_attribute_is_passed_over(void **state)
{
	struct player *alice = world_player(*state, "alice");
	begin_allocate(alice);
	stun_add_u32(&alice->b, 0x0010, 64);
	assert_int_equal(player_send_signed(alice), 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_holds_a_second_and_fills_at_its_rate),
		cmocka_unit_test(what_is_longer_than_a_second_passes_now_and_then),
		cmocka_unit_test(no_rate_and_no_time_overflows),
		cmocka_unit_test(workers_share_the_capacity_and_waste_little),
		cmocka_unit_test(a_tiny_capacity_lets_a_long_packet_through),
		STORY(an_allocation_is_held_to_its_rate_each_way),
		STORY(all_together_are_held_to_the_capacity),
		STORY(the_bandwidth_attribute_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
