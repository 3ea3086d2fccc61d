#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "tests/lib/world.h"
#include "turnd/core/quota.h"
#include "turnd/wire/stun_attr.h"

struct ticket { uint8_t b[16]; };

static int setup(void **state)
{
	struct world *w = world_new();
	w->settings.mobility = true;
	*state = w;
	return 0;
}

static unsigned allocate_mobile(struct player *p, const char *ticket, size_t len)
{
	begin_allocate(p);
	stun_add(&p->b, ATTR_MOBILITY_TICKET, span_of(ticket, len));
	return player_send_signed(p);
}

static struct ticket ticket_of(const struct player *p)
{
	struct ticket t;
	struct span value;
	assert_true(stun_find(&p->m, ATTR_MOBILITY_TICKET, &value));
	assert_int_equal(value.len, sizeof(t.b));
	memcpy(t.b, value.p, sizeof(t.b));
	return t;
}

static unsigned refresh_with(struct player *p, struct ticket t, uint32_t lifetime)
{
	if (p->nonce[0] == '\0')
		player_challenge(p);
	stun_add_u32(player_begin(p, STUN_REFRESH, STUN_REQUEST), ATTR_LIFETIME, lifetime);
	stun_add(&p->b, ATTR_MOBILITY_TICKET, span_of(t.b, sizeof(t.b)));
	return player_send_signed(p);
}

/* Alice at home with an allocation that may move; and the same user elsewhere. */
static struct player *at_home(struct world *w, struct ticket *t)
{
	struct player *home = world_player(w, "alice");
	assert_int_equal(allocate_mobile(home, "", 0), 0);
	*t = ticket_of(home);
	assert_int_equal(player_permit(home, PEER), 0);
	return home;
}

static struct player *away(struct world *w, const struct player *home)
{
	struct player *p = world_player(w, "alice");
	p->relayed = home->relayed;
	return p;
}

static void a_ticket_is_given_only_where_it_was_asked_for(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	assert_int_equal(player_allocate(bob), 0);
	assert_false(answer_has(bob, ATTR_MOBILITY_TICKET));
	assert_int_equal(allocate_mobile(alice, "x", 1), 400);
	w->settings.mobility = false;
	assert_int_equal(allocate_mobile(alice, "", 0), 405);
	w->settings.mobility = true;
	assert_int_equal(allocate_mobile(alice, "", 0), 0);
	struct ticket first = ticket_of(alice);
	assert_int_equal(player_again(alice), 0);		/* the same answer, not another ticket */
	struct ticket again = ticket_of(alice);
	assert_memory_equal(&first, &again, sizeof(first));
	assert_int_equal(player_refresh(alice, 600), 0);
	assert_false(answer_has(alice, ATTR_MOBILITY_TICKET));
}

static void data_goes_to_the_old_path_until_the_new_one_speaks(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	assert_int_equal(refresh_with(car, t, 600), 0);
	assert_int_equal(w->n_relays, 1);
	world_peer_says(w, PEER, home, "one");
	assert_hears(home, "one");
	player_says(home, PEER, "from home");			/* what was on its way still counts */
	assert_peer_hears(w, PEER, "from home");
	world_peer_says(w, PEER, home, "two");
	assert_hears(home, "two");
	assert_int_equal(w->n_left, 0);
	player_says(car, PEER, "from the car");
	assert_peer_hears(w, PEER, "from the car");
	world_peer_says(w, PEER, home, "three");
	assert_hears(car, "three");
	assert_hears_nothing(home);
	assert_int_equal(w->n_left, 1);
	assert_true(path_equal(&w->left, &home->path));
	player_says(home, PEER, "too late");
	assert_peers_hear_nothing(w);
	assert_int_equal(player_refresh(home, 600), 437);
	assert_int_equal(player_refresh(car, 600), 0);
	assert_int_equal(world_counters(w)->allocations_total[TRANSPORT_UDP], 1);
}

static void after_thirty_seconds_the_old_path_is_gone_anyhow(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	assert_int_equal(refresh_with(car, t, 600), 0);
	world_pass(w, SECONDS(30) - 1);
	world_peer_says(w, PEER, home, "old");
	assert_hears(home, "old");
	world_pass(w, 1);
	world_peer_says(w, PEER, home, "new");
	assert_hears(car, "new");
	assert_int_equal(w->n_left, 1);
}

static void a_request_on_the_new_path_counts_as_its_first_packet(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	assert_int_equal(refresh_with(car, t, 600), 0);
	assert_int_equal(player_again(car), 0);			/* a repetition says only that the answer was lost */
	world_peer_says(w, PEER, home, "old");
	assert_hears(home, "old");
	assert_int_equal(player_permit(car, PEER), 0);
	world_peer_says(w, PEER, home, "new");
	assert_hears(car, "new");
}

static void a_ticket_is_good_once(void **state)
{
	struct world *w = *state;
	struct ticket first, second;
	struct player *home = at_home(w, &first), *car = away(w, home), *train = away(w, home);
	assert_int_equal(refresh_with(car, first, 600), 0);
	second = ticket_of(car);
	assert_memory_not_equal(&first, &second, sizeof(first));
	assert_int_equal(player_again(car), 0);
	struct ticket again = ticket_of(car);
	assert_memory_equal(&second, &again, sizeof(second));
	assert_int_equal(refresh_with(train, first, 600), 437);
	assert_int_equal(refresh_with(train, second, 600), 0);	/* before anything came from the car */
	world_peer_says(w, PEER, home, "old");
	assert_hears(home, "old");
	assert_int_equal(player_refresh(car, 600), 437);
	player_says(train, PEER, "here");
	assert_peer_hears(w, PEER, "here");
	world_peer_says(w, PEER, home, "new");
	assert_hears(train, "new");
}

static void strangers_and_other_users_get_nothing_for_it(void **state)
{
	struct world *w = *state;
	struct ticket t, wrong;
	struct player *home = at_home(w, &t), *bob = world_player(w, "bob"), *car = away(w, home);
	wrong = t;
	wrong.b[9] ^= 1;
	assert_int_equal(refresh_with(car, wrong, 600), 437);
	player_begin(car, STUN_REFRESH, STUN_REQUEST);
	stun_add(&car->b, ATTR_MOBILITY_TICKET, span_of(t.b, 15));
	assert_int_equal(player_send_signed(car), 437);
	assert_int_equal(refresh_with(bob, t, 600), 441);
	assert_int_equal(player_allocate(bob), 0);
	assert_int_equal(refresh_with(bob, t, 600), 437);	/* as for whoever has an allocation already */
	assert_int_equal(player_allocate(car), 0);
	assert_int_equal(refresh_with(car, t, 600), 437);	/* there is another allocation here */
	w->settings.mobility = false;
	assert_int_equal(refresh_with(home, t, 600), 405);
	w->settings.mobility = true;
	assert_int_equal(refresh_with(home, t, 600), 0);	/* none of these spent it */
	world_peer_says(w, PEER, home, "still here");
	assert_hears(home, "still here");
	assert_int_equal(w->n_left, 0);
}

static void a_bad_refresh_moves_nothing(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	player_challenge(car);
	stun_add(player_begin(car, STUN_REFRESH, STUN_REQUEST), ATTR_MOBILITY_TICKET, span_of(t.b, sizeof(t.b)));
	stun_add_u32(&car->b, ATTR_REQUESTED_ADDRESS_FAMILY, 2u << 24);
	assert_int_equal(player_send_signed(car), 443);
	assert_int_equal(player_refresh(home, 600), 0);
	assert_int_equal(refresh_with(car, t, 600), 0);
}

static void it_can_be_ended_from_elsewhere(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	assert_int_equal(refresh_with(car, t, 0), 0);
	assert_int_equal(car->lifetime, 0);
	assert_false(answer_has(car, ATTR_MOBILITY_TICKET));
	assert_int_equal(turn_server_allocations(w->server), 0);
	assert_int_equal(player_refresh(home, 600), 437);
}

static void a_move_is_no_second_allocation_for_the_quota(void **state)
{
	struct world *w = *state;
	struct quota *q = quota_new(1, 1);
	struct ticket t;
	w->settings.quota = q;
	struct player *home = at_home(w, &t), *car = away(w, home);
	assert_int_equal(refresh_with(car, t, 600), 0);
	assert_int_equal(player_allocate(home), 437);		/* it is still home's, too */
	player_says(car, PEER, "here");
	assert_int_equal(player_allocate(home), 486);
	assert_int_equal(player_refresh(car, 0), 0);
	assert_int_equal(player_allocate(home), 0);
	turn_server_free(w->server);
	w->server = NULL;
	quota_free(q);
}

static void a_lost_stream_is_waited_for(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = world_player(w, "alice"), *car;
	home->path.transport = TRANSPORT_TLS;
	assert_int_equal(allocate_mobile(home, "", 0), 0);
	t = ticket_of(home);
	assert_int_equal(player_permit(home, PEER), 0);
	assert_int_equal(count_read(&world_counters(w)->allocations_current[TRANSPORT_TLS]), 1);
	turn_server_client_gone(w->server, &home->path, w->now);
	world_peer_says(w, PEER, home, "lost");			/* to nobody */
	assert_int_equal(w->last_drop, DROP_NO_ALLOCATION);
	world_pass(w, SECONDS(29));
	car = away(w, home);
	assert_int_equal(refresh_with(car, t, 600), 0);
	world_pass(w, SECONDS(31));
	world_peer_says(w, PEER, home, "found");
	assert_hears(car, "found");
	assert_int_equal(count_read(&world_counters(w)->allocations_current[TRANSPORT_TLS]), 0);
	assert_int_equal(count_read(&world_counters(w)->allocations_current[TRANSPORT_UDP]), 1);
}

static void a_lost_stream_is_not_waited_for_longer_than_that(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = world_player(w, "alice"), *plain = world_player(w, "bob");
	home->path.transport = plain->path.transport = TRANSPORT_TCP;
	assert_int_equal(allocate_mobile(home, "", 0), 0);
	t = ticket_of(home);
	assert_int_equal(player_allocate(plain), 0);
	turn_server_client_gone(w->server, &plain->path, w->now);
	turn_server_client_gone(w->server, &home->path, w->now);
	assert_int_equal(turn_server_allocations(w->server), 1);
	world_pass(w, SECONDS(30));
	assert_int_equal(turn_server_allocations(w->server), 0);
	assert_int_equal(w->record.why, TURN_END_CLIENT_GONE);
	assert_int_equal(refresh_with(away(w, home), t, 600), 437);
}

static void either_path_may_be_lost_while_it_moves(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = world_player(w, "alice"), *car, *train;
	home->path.transport = TRANSPORT_TCP;
	assert_int_equal(allocate_mobile(home, "", 0), 0);
	t = ticket_of(home);
	assert_int_equal(player_permit(home, PEER), 0);
	car = away(w, home);
	car->path.transport = TRANSPORT_TCP;
	assert_int_equal(refresh_with(car, t, 600), 0);
	t = ticket_of(car);
	turn_server_client_gone(w->server, &car->path, w->now);		/* the new one: back to the old one */
	world_peer_says(w, PEER, home, "old");
	assert_hears(home, "old");
	assert_int_equal(player_refresh(home, 600), 0);
	train = away(w, home);
	assert_int_equal(refresh_with(train, t, 600), 0);
	turn_server_client_gone(w->server, &home->path, w->now);	/* the old one: the new one it is */
	world_peer_says(w, PEER, home, "new");
	assert_hears(train, "new");
	world_pass(w, SECONDS(60));
	assert_int_equal(turn_server_allocations(w->server), 1);
}

static void it_ends_at_any_moment(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	world_pass(w, SECONDS(590));
	player_challenge(car);
	assert_int_equal(refresh_with(car, t, 600), 0);
	assert_int_equal(player_refresh(home, 0), 0);		/* by the old path, in the middle of the move */
	assert_int_equal(w->n_left, 1);
	assert_int_equal(turn_server_allocations(w->server), 0);
	assert_int_equal(allocate_mobile(home, "", 0), 0);
	t = ticket_of(home);
	assert_int_equal(refresh_with(car, t, 600), 0);		/* and the server itself: world_teardown */
}

static void without_memory_there_is_no_allocation(void **state)
{
	struct world *w = *state;
	struct player *home = world_player(w, "alice");
	unsigned code;
	player_challenge(home);
	for (unsigned n = 0;; n++) {
		alloc_fail_at(n);
		code = allocate_mobile(home, "", 0);
		alloc_fail_never();
		if (code == 0)
			break;
		assert_int_equal(turn_server_allocations(w->server), 0);
		assert_int_equal(w->n_relays, 0);
		assert_true(n < 100 && (code == 508 || code == 401 || code == NO_ANSWER));
	}
	(void)ticket_of(home);
}

static void without_memory_the_old_path_ends_at_once(void **state)
{
	struct world *w = *state;
	struct ticket t;
	struct player *home = at_home(w, &t), *car = away(w, home);
	unsigned code = NO_ANSWER;
	player_challenge(car);
	for (unsigned n = 0; code != 0; n++) {
		alloc_fail_at(n);
		code = refresh_with(car, t, 600);
		alloc_fail_never();
		assert_true(n < 100 && turn_server_allocations(w->server) == 1);
		if (code == NO_ANSWER && player_again(car) == 0)	/* it was done, but could not be said */
			code = 0;
	}
	player_says(car, PEER, "here");
	assert_peer_hears(w, PEER, "here");
	world_peer_says(w, PEER, home, "new");
	assert_hears(car, "new");
	assert_int_equal(w->n_left, 1);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(a_ticket_is_given_only_where_it_was_asked_for),
		STORY(data_goes_to_the_old_path_until_the_new_one_speaks),
		STORY(after_thirty_seconds_the_old_path_is_gone_anyhow),
		STORY(a_request_on_the_new_path_counts_as_its_first_packet),
		STORY(a_ticket_is_good_once),
		STORY(strangers_and_other_users_get_nothing_for_it),
		STORY(a_bad_refresh_moves_nothing),
		STORY(it_can_be_ended_from_elsewhere),
		STORY(a_move_is_no_second_allocation_for_the_quota),
		STORY(a_lost_stream_is_waited_for),
		STORY(a_lost_stream_is_not_waited_for_longer_than_that),
		STORY(either_path_may_be_lost_while_it_moves),
		STORY(it_ends_at_any_moment),
		STORY(without_memory_there_is_no_allocation),
		STORY(without_memory_the_old_path_ends_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
