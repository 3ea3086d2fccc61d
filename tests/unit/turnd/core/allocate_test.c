#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "turnd/core/quota.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>

/* --- Allocate, in the order of its checks --------------------------------------------------------------------------- */

static void an_allocation_has_a_relayed_address_and_ten_minutes(void **state)
{
	struct player *alice = world_player(*state, "alice");
	static const uint16_t order[] = { ATTR_XOR_RELAYED_ADDRESS, ATTR_XOR_MAPPED_ADDRESS, ATTR_LIFETIME };
	struct span rest;
	struct stun_attr a;
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(alice->relayed.ip.family, 4);
	assert_true(endpoint_equal(&alice->mapped, &alice->path.client));
	assert_int_equal(alice->lifetime, 600);
	rest = alice->m.attrs;
	for (unsigned i = 0; i < 3; i++) {
		assert_true(stun_next(&rest, &a));
		assert_int_equal(a.type, order[i]);
	}
	assert_false(stun_next(&rest, &a));
	assert_int_equal(alice->m.integrity.len, 20);
}

static void a_repeated_allocate_gets_the_same_address_again(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	uint8_t first[2048];
	size_t n;
	player_allocate(alice);
	n = alice->answer_len;
	memcpy(first, alice->answer, n);
	assert_int_equal(player_again(alice), 0);
	assert_int_equal(alice->answer_len, n);
	assert_memory_equal(alice->answer, first, n);
	world_pass(w, SECONDS(41));				/* as long as the allocation lives */
	assert_int_equal(player_again(alice), 0);
	assert_memory_equal(alice->answer, first, n);
	assert_int_equal(w->relays_opened, 1);
}

static void another_allocate_on_the_same_path_is_a_mismatch(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_allocate(alice);
	assert_int_equal(player_allocate(alice), 437);
	alice->path.client.port++;
	assert_int_equal(player_allocate(alice), 0);
}

static unsigned allocate_with(struct player *p, uint16_t type, const void *value, size_t len)
{
	begin_allocate(p);
	stun_add(&p->b, type, span_of(value, len));
	return player_send_signed(p);
}

static unsigned allocate_transport(struct player *p, const void *value, size_t len)
{
	player_challenge(p);
	player_begin(p, STUN_ALLOCATE, STUN_REQUEST);
	if (value != NULL)
		stun_add(&p->b, ATTR_REQUESTED_TRANSPORT, span_of(value, len));
	return player_send_signed(p);
}

static void the_requested_transport_is_udp_or_refused(void **state)
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(allocate_transport(alice, NULL, 0), 400);
	assert_int_equal(allocate_transport(alice, "\21", 1), 400);
	assert_int_equal(allocate_transport(alice, "\21\0\0\0\0\0\0\0", 8), 400);
	assert_int_equal(allocate_transport(alice, "\1\0\0\0", 4), 442);
	assert_int_equal(allocate_transport(alice, "\6\0\0\0", 4), 400);	/* TCP, asked for over UDP */
	assert_int_equal(allocate_transport(alice, "\21\377\377\377", 4), 0);	/* reserved bytes are ignored */
}

static void a_tcp_relay_is_not_to_be_had(void **state)
{
	struct player *alice = world_player(*state, "alice");
	alice->path.transport = TRANSPORT_TCP;
	assert_int_equal(allocate_transport(alice, "\6\0\0\0", 4), 442);
	player_begin(alice, STUN_ALLOCATE, STUN_REQUEST);
	stun_add_u32(&alice->b, ATTR_REQUESTED_TRANSPORT, 6u << 24);
	stun_add(&alice->b, ATTR_DONT_FRAGMENT, span_of(NULL, 0));
	assert_int_equal(player_send_signed(alice), 400);
	player_begin(alice, STUN_ALLOCATE, STUN_REQUEST);
	stun_add_u32(&alice->b, ATTR_REQUESTED_TRANSPORT, 6u << 24);
	stun_add(&alice->b, ATTR_EVEN_PORT, span_of("\0", 1));
	assert_int_equal(player_send_signed(alice), 400);
}

static void a_reservation_token_excludes_others_and_is_unknown(void **state)
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(allocate_with(alice, ATTR_RESERVATION_TOKEN, "12345678", 8), 508);
	assert_int_equal(allocate_with(alice, ATTR_RESERVATION_TOKEN, "1234567", 7), 400);
	begin_allocate(alice);
	stun_add(&alice->b, ATTR_RESERVATION_TOKEN, span_of("12345678", 8));
	stun_add(&alice->b, ATTR_MOBILITY_TICKET, span_of("ticket", 6));
	assert_int_equal(player_send_signed(alice), 508);			/* section 4: 5 before 8 */
	static const struct { uint16_t type; const char *value; size_t len; } others[] = {
		{ ATTR_EVEN_PORT, "\0", 1 }, { ATTR_REQUESTED_ADDRESS_FAMILY, "\1\0\0\0", 4 },
		{ ATTR_ADDITIONAL_ADDRESS_FAMILY, "\2\0\0\0", 4 }, { 0x8032, "\2\0\0\0", 4 },
	};
	for (unsigned i = 0; i < 4; i++) {
		begin_allocate(alice);
		stun_add(&alice->b, ATTR_RESERVATION_TOKEN, span_of("12345678", 8));
		stun_add(&alice->b, others[i].type, span_of(others[i].value, others[i].len));
		assert_int_equal(player_send_signed(alice), 400);
	}
}

static void even_port_gives_an_even_port_and_reserves_none(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 4; i++) {
		struct player *alice = world_player(w, "alice");
		w->next_port = (uint16_t)(50000 + 3 * i);
		assert_int_equal(allocate_with(alice, ATTR_EVEN_PORT, "\0", 1), 0);
		assert_int_equal(alice->relayed.port % 2, 0);
	}
	struct player *bob = world_player(w, "bob");
	assert_int_equal(allocate_with(bob, ATTR_EVEN_PORT, "\0\0", 2), 400);
	assert_int_equal(allocate_with(bob, ATTR_EVEN_PORT, NULL, 0), 400);
}

static unsigned allocate_by_token(struct player *p, const struct player *from)
{
	struct span token;
	assert_true(stun_find(&from->m, ATTR_RESERVATION_TOKEN, &token));
	return allocate_with(p, ATTR_RESERVATION_TOKEN, token.p, token.len);
}

static void even_port_with_r_reserves_the_port_behind_for_the_same_user(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 3; i++) {
		struct player *first = world_player(w, "alice"), *second = world_player(w, "alice");
		w->next_port = (uint16_t)(50000 + 3 * i);
		assert_int_equal(allocate_with(first, ATTR_EVEN_PORT, i == 1 ? "\377" : "\200", 1), 0);
		assert_int_equal(first->relayed.port % 2, 0);
		assert_int_equal(player_again(first), 0);
		assert_true(answer_has(first, ATTR_RESERVATION_TOKEN));			/* the same answer again */
		assert_int_equal(allocate_by_token(second, first), 0);
		assert_int_equal(second->relayed.port, first->relayed.port + 1);
		assert_false(answer_has(second, ATTR_RESERVATION_TOKEN));
	}
	assert_int_equal(w->n_reservations, 3);
	struct player *v6 = world_player(w, "alice"), *next = world_player(w, "alice");
	begin_allocate(v6);
	stun_add(&v6->b, ATTR_EVEN_PORT, span_of("\200", 1));
	stun_add(&v6->b, ATTR_REQUESTED_ADDRESS_FAMILY, span_of("\2\0\0\0", 4));
	assert_int_equal(player_send_signed(v6), 0);
	assert_int_equal(allocate_by_token(next, v6), 0);
	assert_int_equal(next->relayed6.port, v6->relayed6.port + 1);
	assert_int_equal(next->relayed.ip.family, 0);					/* the family is the token's */
	player_permit(next, PEER_IPV6);
	world_peer_says(w, PEER_IPV6, next, "there");
	assert_hears(next, "there");
}

static void a_token_is_good_once_for_its_user_and_for_half_a_minute(void **state)	/* D-T16 */
{
	struct world *w = *state;
	struct player *first = world_player(w, "alice"), *second = world_player(w, "alice"), *third = world_player(w, "alice");
	struct player *bob = world_player(w, "bob");
	assert_int_equal(allocate_with(first, ATTR_EVEN_PORT, "\200", 1), 0);
	assert_int_equal(allocate_by_token(bob, first), 508);
	assert_int_equal(allocate_by_token(second, first), 0);
	assert_int_equal(allocate_by_token(third, first), 508);
	assert_int_equal(player_refresh(first, 0), 0);
	assert_int_equal(allocate_with(first, ATTR_EVEN_PORT, "\200", 1), 0);
	world_pass(w, SECONDS(30));
	assert_int_equal(allocate_by_token(third, first), 508);
}

static void a_port_that_cannot_be_reserved_is_not_given_out_either(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->n_reservations = 8;
	assert_int_equal(allocate_with(alice, ATTR_EVEN_PORT, "\200", 1), 508);
	assert_int_equal(w->n_relays, 0);
	assert_int_equal(player_allocate(alice), 0);
	w->n_reservations = 0;
	w->relay_limit = 2;
	struct player *bob = world_player(w, "bob"), *again = world_player(w, "bob");
	assert_int_equal(allocate_with(bob, ATTR_EVEN_PORT, "\200", 1), 0);
	assert_int_equal(allocate_by_token(again, bob), 508);
	assert_int_equal(turn_server_allocations(w->server), 2);
}

static void the_old_number_of_the_additional_family_is_taken_too(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	assert_int_equal(allocate_with(alice, 0x8032, "\1\0\0\0", 4), 400);
	begin_allocate(alice);
	stun_add(&alice->b, 0x8032, span_of("\2\0\0\0", 4));
	stun_add(&alice->b, ATTR_EVEN_PORT, span_of("\200", 1));
	assert_int_equal(player_send_signed(alice), 400);
	assert_int_equal(allocate_with(alice, 0x8032, "\2\0\0\0", 4), 0);
	assert_int_equal(alice->relayed.ip.family, 4);
	assert_int_equal(alice->relayed6.ip.family, 6);
	begin_allocate(bob);
	stun_add(&bob->b, 0x8032, span_of("\1\0\0\0", 4));				/* the right one counts if both are there */
	stun_add(&bob->b, ATTR_ADDITIONAL_ADDRESS_FAMILY, span_of("\2\0\0\0", 4));
	assert_int_equal(player_send_signed(bob), 0);
}

static void the_requested_family_is_the_family_of_the_relay(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	assert_int_equal(player_allocate_family(alice, 6), 0);
	assert_int_equal(alice->relayed6.ip.family, 6);
	assert_int_equal(alice->relayed.ip.family, 0);
	assert_int_equal(player_allocate_family(bob, 4), 0);
	assert_int_equal(bob->relayed.ip.family, 4);
}

static void a_family_that_is_unknown_or_not_configured_is_refused(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	assert_int_equal(allocate_with(alice, ATTR_REQUESTED_ADDRESS_FAMILY, "\3\0\0\0", 4), 440);
	assert_int_equal(allocate_with(alice, ATTR_REQUESTED_ADDRESS_FAMILY, "\1", 1), 400);
	w->no_ipv6 = true;
	assert_int_equal(player_allocate_family(alice, 6), 440);
	w->no_ipv4 = true;
	assert_int_equal(player_allocate(alice), 440);
	assert_int_equal(turn_server_allocations(w->server), 0);
}

static void a_dual_allocation_has_both_families_ipv4_first(void **state)
{
	struct player *alice = world_player(*state, "alice");
	struct span rest;
	struct stun_attr a;
	assert_int_equal(player_allocate_both(alice), 0);
	assert_int_equal(alice->relayed.ip.family, 4);
	assert_int_equal(alice->relayed6.ip.family, 6);
	rest = alice->m.attrs;
	assert_true(stun_next(&rest, &a));
	assert_int_equal(a.value.len, 8);
	assert_true(stun_next(&rest, &a));
	assert_int_equal(a.value.len, 20);
	assert_false(answer_has(alice, ATTR_ADDRESS_ERROR_CODE));
}

static void half_a_dual_allocation_tells_why_the_other_half_is_missing(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	struct span value;
	w->no_ipv6 = true;
	assert_int_equal(player_allocate_both(alice), 0);
	assert_true(stun_find(&alice->m, ATTR_ADDRESS_ERROR_CODE, &value));
	assert_true(span_eq(value, span_of("\2\0\4\50", 4)));	/* IPv6: 440 */
	assert_int_equal(player_again(alice), 0);
	assert_true(answer_has(alice, ATTR_ADDRESS_ERROR_CODE));
	w->no_ipv6 = false;
	w->relay_limit = 2;
	assert_int_equal(player_allocate_both(bob), 0);
	assert_true(stun_find(&bob->m, ATTR_ADDRESS_ERROR_CODE, &value));
	assert_true(span_eq(value, span_of("\2\0\5\10", 4)));	/* IPv6: 508 */
	w->no_ipv4 = w->no_ipv6 = true;
	assert_int_equal(player_allocate_both(world_player(w, "bob")), 440);
}

static void an_additional_family_is_ipv6_and_alone(void **state)
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(allocate_with(alice, ATTR_ADDITIONAL_ADDRESS_FAMILY, "\1\0\0\0", 4), 400);
	assert_int_equal(allocate_with(alice, ATTR_ADDITIONAL_ADDRESS_FAMILY, "\2", 1), 400);
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_ADDITIONAL_ADDRESS_FAMILY, 2u << 24);
	stun_add_u32(&alice->b, ATTR_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	assert_int_equal(player_send_signed(alice), 400);
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_ADDITIONAL_ADDRESS_FAMILY, 2u << 24);
	stun_add(&alice->b, ATTR_EVEN_PORT, span_of("\200", 1));
	assert_int_equal(player_send_signed(alice), 400);
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_ADDITIONAL_ADDRESS_FAMILY, 2u << 24);
	stun_add(&alice->b, ATTR_EVEN_PORT, span_of("\0", 1));
	assert_int_equal(player_send_signed(alice), 0);
}

static void mobility_is_off(void **state)
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(allocate_with(alice, ATTR_MOBILITY_TICKET, NULL, 0), 405);
	assert_int_equal(allocate_with(alice, ATTR_MOBILITY_TICKET, "t", 1), 400);
	player_allocate(alice);
	stun_add(player_begin(alice, STUN_REFRESH, STUN_REQUEST), ATTR_MOBILITY_TICKET, span_of("t", 1));
	assert_int_equal(player_send_signed(alice), 405);
}

static void quotas_count_names_without_their_expiry(void **state)			/* D-T15 */
{
	struct world *w = *state;
	struct quota *q = quota_new(2, 3);
	struct player *p[5];
	static const char *const names[] = {
		"1800000100:carol", "carol:1800000200", "1800000300:carol", "1800000100:dave", "1800000100:erin"
	};
	static const unsigned want[] = { 0, 0, 486, 0, 486 };
	w->settings.quota = q;
	for (unsigned i = 0; i < 5; i++) {
		p[i] = world_player(w, "");
		player_rest(p[i], SECRET, names[i]);
		assert_int_equal(player_allocate(p[i]), want[i]);
	}
	player_refresh(p[0], 0);
	assert_int_equal(player_allocate(p[2]), 0);
	w->relay_limit = 0;
	player_refresh(p[1], 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(player_allocate(p[4]), 508);	/* what failed is not charged */
	w->relay_limit = 64;
	assert_int_equal(player_allocate(p[4]), 0);
	turn_server_free(w->server);
	w->server = NULL;
	quota_free(q);
}

static void no_port_left_is_508(void **state)
{
	struct world *w = *state;
	w->relay_limit = 1;
	assert_int_equal(player_allocate(world_player(w, "alice")), 0);
	assert_int_equal(player_allocate(world_player(w, "bob")), 508);
}

static void a_refused_allocate_is_refused_again_even_if_it_could_succeed_now(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->relay_limit = 0;
	assert_int_equal(player_allocate(alice), 508);
	w->relay_limit = 1;
	assert_int_equal(player_again(alice), 508);
	world_pass(w, SECONDS(40));
	assert_int_equal(player_again(alice), 0);
}

static void the_lifetime_lies_between_default_and_maximum(void **state)
{
	static const uint32_t table[][2] = { { 0, 600 }, { 1, 600 }, { 600, 600 }, { 601, 601 }, { 3600, 3600 }, { UINT32_MAX, 3600 } };
	for (unsigned i = 0; i < 6; i++) {
		struct player *alice = world_player(*state, "alice");
		begin_allocate(alice);
		stun_add_u32(&alice->b, ATTR_LIFETIME, table[i][0]);
		assert_int_equal(player_send_signed(alice), 0);
		assert_int_equal(alice->lifetime, table[i][1]);
	}
	assert_int_equal(allocate_with(world_player(*state, "alice"), ATTR_LIFETIME, "\0\0", 2), 400);
}

static void a_maximum_below_the_default_wins(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.lifetime_max = 60;
	player_allocate(alice);
	assert_int_equal(alice->lifetime, 60);
}

/* --- its life --------------------------------------------------------------------------------------------------------- */

static void an_allocation_ends_at_its_lifetime(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate(alice);
	world_pass(w, SECONDS(600) - 1);
	assert_int_equal(turn_server_allocations(w->server), 1);
	world_pass(w, 1);
	assert_int_equal(turn_server_allocations(w->server), 0);
	assert_int_equal(w->n_relays, 0);
	assert_int_equal(w->ended, 1);
	assert_int_equal(w->record.why, TURN_END_EXPIRED);
	assert_int_equal(w->record.duration, SECONDS(600));
	assert_int_equal(count_read(&world_counters(w)->allocations_current[TRANSPORT_UDP]), 0);
	assert_int_equal(count_read(&world_counters(w)->allocations_ended[TURN_END_EXPIRED]), 1);
}

static void the_record_of_its_end_tells_what_was_relayed(void **state)
{
	struct world *w = *state;
	struct player *carol = world_player(w, "");
	player_rest(carol, SECRET, "1800000600:carol");
	player_allocate(carol);
	player_permit(carol, PEER);
	player_permit(carol, "5.6.7.9:1");
	player_says(carol, PEER, "12345");
	world_peer_says(w, PEER, carol, "123");
	world_peer_says(w, PEER, carol, "45");
	world_pass(w, SECONDS(2));
	player_refresh(carol, 0);
	assert_int_equal(w->record.why, TURN_END_REFRESH_0);
	assert_string_equal(w->record_user, "1800000600:carol");
	assert_int_equal(w->record.duration, SECONDS(2));
	assert_int_equal(w->record.client_packets_in, 1);
	assert_int_equal(w->record.client_bytes_in, 5);
	assert_int_equal(w->record.client_packets_out, 2);
	assert_int_equal(w->record.client_bytes_out, 5);
	assert_int_equal(w->record.peers, 2);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(an_allocation_has_a_relayed_address_and_ten_minutes),
		STORY(a_repeated_allocate_gets_the_same_address_again),
		STORY(another_allocate_on_the_same_path_is_a_mismatch),
		STORY(the_requested_transport_is_udp_or_refused),
		STORY(a_tcp_relay_is_not_to_be_had),
		STORY(a_reservation_token_excludes_others_and_is_unknown),
		STORY(even_port_gives_an_even_port_and_reserves_none),
		STORY(even_port_with_r_reserves_the_port_behind_for_the_same_user),
		STORY(a_token_is_good_once_for_its_user_and_for_half_a_minute),
		STORY(a_port_that_cannot_be_reserved_is_not_given_out_either),
		STORY(the_old_number_of_the_additional_family_is_taken_too),
		STORY(the_requested_family_is_the_family_of_the_relay),
		STORY(a_family_that_is_unknown_or_not_configured_is_refused),
		STORY(a_dual_allocation_has_both_families_ipv4_first),
		STORY(half_a_dual_allocation_tells_why_the_other_half_is_missing),
		STORY(an_additional_family_is_ipv6_and_alone),
		STORY(mobility_is_off),
		STORY(quotas_count_names_without_their_expiry),
		STORY(no_port_left_is_508),
		STORY(a_refused_allocate_is_refused_again_even_if_it_could_succeed_now),
		STORY(the_lifetime_lies_between_default_and_maximum),
		STORY(a_maximum_below_the_default_wins),
		STORY(an_allocation_ends_at_its_lifetime),
		STORY(the_record_of_its_end_tells_what_was_relayed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
