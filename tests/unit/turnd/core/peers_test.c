#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>

static struct player *allocated(struct world *w, const char *user)
{
	struct player *p = world_player(w, user);
	assert_int_equal(player_allocate(p), 0);
	return p;
}

/* --- CreatePermission ------------------------------------------------------------------------------------------------ */

static void permission_lapses_five_minutes_after_the_last_grant(void **state)		/* D-T13 */
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	assert_int_equal(player_permit(alice, PEER), 0);
	world_pass(w, MINUTES(3));
	assert_int_equal(player_permit(alice, PEER), 0);
	world_pass(w, MINUTES(5) - 1);
	world_peer_says(w, PEER, alice, "still here");
	assert_hears(alice, "still here");
	world_pass(w, 1);
	world_peer_says(w, PEER, alice, "too late");
	assert_hears_nothing(alice);
	assert_int_equal(w->last_drop, DROP_NO_PERMISSION);
}

static void traffic_does_not_renew_a_permission(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	player_permit(alice, PEER);
	for (unsigned i = 0; i < 4; i++) {
		world_pass(w, SECONDS(74));
		player_says(alice, PEER, "ping");
		assert_peer_hears(w, PEER, "ping");
		world_peer_says(w, PEER, alice, "pong");
		assert_hears(alice, "pong");
	}
	world_pass(w, SECONDS(4));
	player_says(alice, PEER, "ping");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_NO_PERMISSION);
}

static void a_permission_is_for_an_address_and_every_port_of_it(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	player_permit(alice, "5.6.7.8:0");
	world_peer_says(w, "5.6.7.8:1", alice, "one");
	assert_hears(alice, "one");
	world_peer_says(w, "5.6.7.9:4000", alice, "stranger");
	assert_hears_nothing(alice);
}

static void permissions_of_one_client_are_not_anothers(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice"), *bob = allocated(w, "bob");
	player_permit(alice, PEER);
	world_peer_says(w, PEER, bob, "hello");
	assert_hears_nothing(bob);
	player_says(bob, PEER, "hello");
	assert_peers_hear_nothing(w);
}

static void a_permission_needs_an_allocation(void **state)				/* D-T7 */
{
	struct player *alice = world_player(*state, "alice");
	player_challenge(alice);
	assert_int_equal(player_permit(alice, PEER), 437);
	assert_int_equal(player_bind(alice, 0x4000, PEER), 437);
}

static void a_permission_without_a_peer_is_a_bad_request(void **state)
{
	struct player *alice = allocated(*state, "alice");
	player_begin(alice, STUN_CREATE_PERMISSION, STUN_REQUEST);
	assert_int_equal(player_send_signed(alice), 400);
	stun_add(player_begin(alice, STUN_CREATE_PERMISSION, STUN_REQUEST), ATTR_XOR_PEER_ADDRESS, span_of("\0\1\0\0", 4));
	assert_int_equal(player_send_signed(alice), 400);
}

static unsigned permit_three(struct player *p, const char *a, const char *b, const char *c)
{
	player_begin(p, STUN_CREATE_PERMISSION, STUN_REQUEST);
	add_peer(p, a);
	add_peer(p, b);
	add_peer(p, c);
	return player_send_signed(p);
}

static void many_peers_are_permitted_together_or_not_at_all(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	assert_int_equal(permit_three(alice, PEER, "5.6.7.9:1", "10.0.0.1:1"), 403);
	world_peer_says(w, PEER, alice, "hello");
	assert_int_equal(permit_three(alice, PEER, "5.6.7.9:1", PEER_IPV6), 443);
	world_peer_says(w, PEER, alice, "hello");
	assert_hears_nothing(alice);
	w->settings.max_permissions = 2;
	assert_int_equal(permit_three(alice, PEER, "5.6.7.9:1", "5.6.7.10:1"), 508);
	world_peer_says(w, PEER, alice, "hello");
	assert_hears_nothing(alice);
	player_begin(alice, STUN_CREATE_PERMISSION, STUN_REQUEST);
	add_peer(alice, PEER);
	stun_add(&alice->b, ATTR_XOR_PEER_ADDRESS, span_of("\0\1\0\0", 4));
	assert_int_equal(player_send_signed(alice), 400);
	world_peer_says(w, PEER, alice, "hello");
	assert_hears_nothing(alice);
	w->settings.max_permissions = 3;
	world_pass(w, 1);					/* what was set aside before has lapsed */
	assert_int_equal(permit_three(alice, PEER, "5.6.7.9:1", "5.6.7.10:1"), 0);
	world_peer_says(w, PEER, alice, "hello");
	assert_hears(alice, "hello");
	world_peer_says(w, "5.6.7.10:9", alice, "hello");
	assert_hears(alice, "hello");
}

static void a_full_table_refuses_new_peers_and_renews_old_ones(void **state)		/* D-T14 */
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	w->settings.max_permissions = 2;
	assert_int_equal(player_permit(alice, "5.6.7.1:1"), 0);
	assert_int_equal(player_permit(alice, "5.6.7.2:1"), 0);
	assert_int_equal(player_permit(alice, "5.6.7.3:1"), 508);
	assert_int_equal(player_permit(alice, "5.6.7.1:1"), 0);
	assert_int_equal(player_bind(alice, 0x4000, "5.6.7.3:1"), 508);
	world_pass(w, MINUTES(5) + 1);
	assert_int_equal(player_permit(alice, "5.6.7.3:1"), 0);
}

static void the_policy_is_asked_and_its_rule_counted(void **state)			/* D-T9 */
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	assert_int_equal(player_permit(alice, "192.168.1.1:1"), 403);
	assert_int_equal(player_permit(alice, "127.0.0.1:1"), 403);
	assert_int_equal(player_permit(alice, "127.0.0.1:1"), 403);
	assert_int_equal(count_read(&world_counters(w)->policy[POLICY_PRIVATE]), 1);
	assert_int_equal(count_read(&world_counters(w)->policy[POLICY_LOOPBACK]), 2);
	assert_int_equal(count_read(&world_counters(w)->responses[METHOD_CREATE_PERMISSION][CODE_403]), 3);
}

static void a_mapped_spelling_of_a_private_peer_is_denied_too(void **state)		/* D-T8 */
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(player_allocate_both(alice), 0);
	struct endpoint mapped = { { 6, { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } }, 1 };
	player_begin(alice, STUN_CREATE_PERMISSION, STUN_REQUEST);
	stun_add_xor_address(&alice->b, ATTR_XOR_PEER_ADDRESS, &mapped);
	assert_int_equal(player_send_signed(alice), 403);
	assert_int_equal(player_bind(alice, 0x4000, "[64:ff9b::a00:1]:1"), 403);
	assert_int_equal(player_permit(alice, "[64:ff9b::808:808]:1"), 0);
}

static void a_repeated_permission_request_gets_the_same_answer_and_renews_nothing(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	player_permit(alice, PEER);
	world_pass(w, SECONDS(39));
	assert_int_equal(player_again(alice), 0);
	world_pass(w, MINUTES(5) - SECONDS(39));
	world_peer_says(w, PEER, alice, "too late");
	assert_hears_nothing(alice);
}

/* --- ChannelBind ------------------------------------------------------------------------------------------------------ */

static void a_channel_carries_data_both_ways(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	player_says_on(alice, 0x4000, "ping");
	assert_peer_hears(w, PEER, "ping");
	world_peer_says(w, PEER, alice, "pong");
	assert_hears_on(alice, 0x4000, "pong");
}

static void a_channel_number_lies_in_its_range(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	static const uint16_t outside[] = { 0, 0x3FFF, 0x5000, 0x7FFF, 0x8000, 0xFFFF };
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(player_bind(alice, outside[i], PEER), 400);
	assert_int_equal(player_bind(alice, 0x4FFF, PEER), 0);
	w->settings.rfc5766_channel_numbers = true;
	assert_int_equal(player_bind(alice, 0x5000, "5.6.7.8:2"), 0);
	assert_int_equal(player_bind(alice, 0x7FFF, "5.6.7.8:3"), 0);
	assert_int_equal(player_bind(alice, 0x8000, "5.6.7.8:4"), 400);
	player_says_on(alice, 0x7FFF, "high");
	assert_peer_hears(w, "5.6.7.8:3", "high");
}

static void a_bind_needs_number_and_peer_of_the_right_form(void **state)
{
	struct player *alice = allocated(*state, "alice");
	player_begin(alice, STUN_CHANNEL_BIND, STUN_REQUEST);
	add_peer(alice, PEER);
	assert_int_equal(player_send_signed(alice), 400);
	stun_add_u32(player_begin(alice, STUN_CHANNEL_BIND, STUN_REQUEST), ATTR_CHANNEL_NUMBER, 0x4000u << 16);
	assert_int_equal(player_send_signed(alice), 400);
	stun_add(player_begin(alice, STUN_CHANNEL_BIND, STUN_REQUEST), ATTR_CHANNEL_NUMBER, span_of("\100\0", 2));
	add_peer(alice, PEER);
	assert_int_equal(player_send_signed(alice), 400);
	stun_add_u32(player_begin(alice, STUN_CHANNEL_BIND, STUN_REQUEST), ATTR_CHANNEL_NUMBER, 0x4000u << 16);
	stun_add(&alice->b, ATTR_XOR_PEER_ADDRESS, span_of("\0\1\0\0", 4));
	assert_int_equal(player_send_signed(alice), 400);
}

static void a_number_or_peer_already_bound_otherwise_is_a_bad_request(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	player_refresh(alice, 3600);
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	assert_int_equal(player_bind(alice, 0x4000, "5.6.7.8:4001"), 400);
	assert_int_equal(player_bind(alice, 0x4001, PEER), 400);
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	world_pass(w, MINUTES(10));
	assert_int_equal(player_bind(alice, 0x4001, PEER), 438);
	assert_int_equal(player_bind(alice, 0x4001, PEER), 0);
}

static void a_channel_dies_after_ten_minutes_and_its_permission_after_five(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	player_refresh(alice, 3600);
	player_bind(alice, 0x4000, PEER);
	world_pass(w, MINUTES(5) - 1);
	world_peer_says(w, PEER, alice, "permitted");
	assert_hears_on(alice, 0x4000, "permitted");
	world_pass(w, 1);
	world_peer_says(w, PEER, alice, "no more");
	assert_hears_nothing(alice);
	player_says_on(alice, 0x4000, "still bound");		/* what the client sends needs the binding only */
	assert_peer_hears(w, PEER, "still bound");
	player_permit(alice, PEER);
	world_peer_says(w, PEER, alice, "again");
	assert_hears_on(alice, 0x4000, "again");
	world_pass(w, MINUTES(5));
	player_says_on(alice, 0x4000, "unbound");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_NO_CHANNEL);
}

static void a_bind_is_refused_by_family_policy_and_a_full_table(void **state)		/* D-T11, D-T14 */
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice");
	assert_int_equal(player_bind(alice, 0x4000, PEER_IPV6), 443);
	assert_int_equal(player_bind(alice, 0x4000, "10.0.0.1:1"), 403);
	assert_int_equal(player_bind(alice, 0x4000, "5.6.7.8:0"), 403);
	w->settings.max_channels = 1;
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	assert_int_equal(player_bind(alice, 0x4001, "5.6.7.8:1"), 508);
}

static void our_own_listener_is_nobodys_peer(void **state)				/* D-T12 */
{
	struct world *w = *state;
	const struct endpoint own[] = { ep("9.9.9.9:3478") };
	struct player *alice = allocated(w, "alice");
	w->settings.policy.own_services = own;
	w->settings.policy.n_own_services = 1;
	assert_int_equal(player_bind(alice, 0x4000, "9.9.9.9:3478"), 403);
	assert_int_equal(player_permit(alice, "9.9.9.9:50000"), 0);
	player_says(alice, "9.9.9.9:3478", "loop");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_POLICY);
}

static void two_clients_of_this_server_may_meet(void **state)
{
	struct world *w = *state;
	struct player *alice = allocated(w, "alice"), *bob = allocated(w, "bob");
	const struct ip_range own[] = { { ep("9.9.9.9:0").ip, ep("9.9.9.9:0").ip } };
	char relayed[ENDPOINT_TEXT];
	endpoint_format(&bob->relayed, relayed);
	w->settings.policy.denied = own;			/* an operator who denies his own address */
	w->settings.policy.n_denied = 1;
	assert_int_equal(player_bind(alice, 0x4000, relayed), 0);
	player_says_on(alice, 0x4000, "hello");
	assert_peer_hears(w, relayed, "hello");
	player_refresh(bob, 0);
	assert_int_equal(player_bind(alice, 0x4001, relayed), 400);
	assert_int_equal(player_permit(alice, relayed), 403);	/* no relay of ours any more */
}

static void a_repeated_bind_succeeds(void **state)
{
	struct player *alice = allocated(*state, "alice");
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	assert_int_equal(player_again(alice), 0);
	assert_int_equal(player_bind(alice, 0x4000, PEER), 0);
	assert_int_equal(count_read(&world_counters(*state)->channels), 1);
	assert_int_equal(count_read(&world_counters(*state)->permissions), 1);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(permission_lapses_five_minutes_after_the_last_grant),
		STORY(traffic_does_not_renew_a_permission),
		STORY(a_permission_is_for_an_address_and_every_port_of_it),
		STORY(permissions_of_one_client_are_not_anothers),
		STORY(a_permission_needs_an_allocation),
		STORY(a_permission_without_a_peer_is_a_bad_request),
		STORY(many_peers_are_permitted_together_or_not_at_all),
		STORY(a_full_table_refuses_new_peers_and_renews_old_ones),
		STORY(the_policy_is_asked_and_its_rule_counted),
		STORY(a_mapped_spelling_of_a_private_peer_is_denied_too),
		STORY(a_repeated_permission_request_gets_the_same_answer_and_renews_nothing),
		STORY(a_channel_carries_data_both_ways),
		STORY(a_channel_number_lies_in_its_range),
		STORY(a_bind_needs_number_and_peer_of_the_right_form),
		STORY(a_number_or_peer_already_bound_otherwise_is_a_bad_request),
		STORY(a_channel_dies_after_ten_minutes_and_its_permission_after_five),
		STORY(a_bind_is_refused_by_family_policy_and_a_full_table),
		STORY(our_own_listener_is_nobodys_peer),
		STORY(two_clients_of_this_server_may_meet),
		STORY(a_repeated_bind_succeeds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
