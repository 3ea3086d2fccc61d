#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "turnd/wire/stun_attr.h"

static void a_refresh_starts_the_lifetime_anew(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate(alice);
	world_pass(w, SECONDS(500));
	assert_int_equal(player_refresh(alice, 1000), 0);
	assert_int_equal(alice->lifetime, 1000);
	world_pass(w, SECONDS(1000) - 1);
	assert_int_equal(turn_server_allocations(w->server), 1);
	world_pass(w, 1);
	assert_int_equal(turn_server_allocations(w->server), 0);
}

static void a_refresh_without_lifetime_means_the_default(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_allocate(alice);
	player_begin(alice, STUN_REFRESH, STUN_REQUEST);
	assert_int_equal(player_send_signed(alice), 0);
	assert_int_equal(alice->lifetime, 600);
	stun_add(player_begin(alice, STUN_REFRESH, STUN_REQUEST), ATTR_LIFETIME, span_of("\0", 1));
	assert_int_equal(player_send_signed(alice), 400);
	assert_int_equal(turn_server_allocations(alice->w->server), 1);
}

static void without_allocation_there_is_nothing_to_refresh(void **state)		/* D-T7 */
{
	struct player *alice = world_player(*state, "alice");
	stun_add_u32(player_begin(alice, STUN_REFRESH, STUN_REQUEST), ATTR_LIFETIME, 600);
	assert_int_equal(player_send(alice), 401);		/* a stranger does not learn that */
	assert_int_equal(player_refresh(alice, 600), 437);
	assert_int_equal(player_refresh(alice, 0), 437);
}

static void a_refresh_of_zero_ends_it_at_once(void **state)				/* D-T22 */
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate(alice);
	player_permit(alice, PEER);
	assert_int_equal(player_refresh(alice, 0), 0);
	assert_int_equal(alice->lifetime, 0);
	assert_int_equal(w->n_relays, 0);
	player_says(alice, PEER, "too late");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_NO_ALLOCATION);
}

static void a_repeated_refresh_of_zero_succeeds_for_forty_seconds(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate(alice);
	player_refresh(alice, 0);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(player_again(alice), 0);
		assert_int_equal(alice->lifetime, 0);
		world_pass(w, SECONDS(1));
	}
	assert_int_equal(player_again(alice), 437);
	assert_int_equal(w->ended, 1);
}

static void a_late_refresh_of_zero_does_not_end_the_next_allocation(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	uint8_t late[1024];
	size_t n;
	player_allocate(alice);
	player_refresh(alice, 0);
	n = alice->out_len;
	memcpy(late, alice->out, n);
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(player_send_bytes(alice, span_of(late, n)), 0);
	assert_int_equal(turn_server_allocations(w->server), 1);
}

static void a_late_allocate_does_not_bring_back_what_was_ended(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	uint8_t late[1024];
	size_t n;
	player_allocate(alice);
	n = alice->out_len;
	memcpy(late, alice->out, n);
	player_refresh(alice, 0);
	assert_int_equal(player_send_bytes(alice, span_of(late, n)), NO_ANSWER);
	assert_int_equal(world_drops(w, DROP_REPLAY), 1);
	player_allocate(alice);
	assert_int_equal(player_send_bytes(alice, span_of(late, n)), NO_ANSWER);
	assert_int_equal(turn_server_allocations(w->server), 1);
}

static unsigned refresh_family(struct player *p, uint32_t lifetime, const char *family, size_t len)
{
	stun_add_u32(player_begin(p, STUN_REFRESH, STUN_REQUEST), ATTR_LIFETIME, lifetime);
	stun_add(&p->b, ATTR_REQUESTED_ADDRESS_FAMILY, span_of(family, len));
	return player_send_signed(p);
}

static void one_half_of_a_dual_allocation_can_be_ended_alone(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate_both(alice);
	player_permit(alice, PEER);
	player_permit(alice, PEER_IPV6);
	assert_int_equal(refresh_family(alice, 0, "\1\0\0\0", 4), 0);
	assert_int_equal(w->n_relays, 1);
	player_says(alice, PEER, "gone");
	assert_peers_hear_nothing(w);
	player_says(alice, PEER_IPV6, "here");
	assert_peer_hears(w, PEER_IPV6, "here");
	assert_int_equal(refresh_family(alice, 600, "\1\0\0\0", 4), 443);
	assert_int_equal(player_permit(alice, PEER), 443);
	assert_int_equal(refresh_family(alice, 0, "\2\0\0\0", 4), 0);
	assert_int_equal(turn_server_allocations(w->server), 0);
}

static void the_halves_of_a_dual_allocation_have_lifetimes_of_their_own(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate_both(alice);
	assert_int_equal(refresh_family(alice, 1200, "\2\0\0\0", 4), 0);
	world_pass(w, SECONDS(600));
	assert_int_equal(w->n_relays, 1);
	assert_int_equal(turn_server_allocations(w->server), 1);
	world_pass(w, SECONDS(600));
	assert_int_equal(turn_server_allocations(w->server), 0);
}

static void a_family_that_is_not_held_cannot_be_refreshed(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_allocate(alice);
	assert_int_equal(refresh_family(alice, 600, "\2\0\0\0", 4), 443);
	assert_int_equal(refresh_family(alice, 0, "\3\0\0\0", 4), 443);
	assert_int_equal(refresh_family(alice, 0, "\1", 1), 400);
	assert_int_equal(refresh_family(alice, 600, "\1\0\0\0", 4), 0);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(a_refresh_starts_the_lifetime_anew),
		STORY(a_refresh_without_lifetime_means_the_default),
		STORY(without_allocation_there_is_nothing_to_refresh),
		STORY(a_refresh_of_zero_ends_it_at_once),
		STORY(a_repeated_refresh_of_zero_succeeds_for_forty_seconds),
		STORY(a_late_refresh_of_zero_does_not_end_the_next_allocation),
		STORY(a_late_allocate_does_not_bring_back_what_was_ended),
		STORY(one_half_of_a_dual_allocation_can_be_ended_alone),
		STORY(the_halves_of_a_dual_allocation_have_lifetimes_of_their_own),
		STORY(a_family_that_is_not_held_cannot_be_refreshed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
