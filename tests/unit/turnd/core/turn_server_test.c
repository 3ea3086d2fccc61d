#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/world.h"
#include "turnd/core/quota.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Binding -------------------------------------------------------------------------------------------------------- */

static void binding_tells_the_address_in_32_bytes_and_needs_no_user(void **state)	/* D-T2 */
{
	struct player *alice = world_player(*state, "alice");
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	assert_int_equal(player_send(alice), 0);
	assert_int_equal(alice->answer_len, 32);
	assert_true(endpoint_equal(&alice->mapped, &alice->path.client));
}

static void binding_over_ipv6_is_answered_in_44_bytes(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_from(alice, "[2a00::7]:6000", "[2a00::9]:3478");
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	assert_int_equal(player_send(alice), 0);
	assert_int_equal(alice->answer_len, 44);
	assert_true(endpoint_equal(&alice->mapped, &alice->path.client));
}

static void a_fingerprint_is_answered_with_a_fingerprint(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	stun_add_fingerprint(player_begin(alice, STUN_BINDING, STUN_REQUEST));
	assert_int_equal(player_send(alice), 0);
	assert_true(alice->m.fingerprint);
	assert_int_equal(alice->answer_len, 40);
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	player_send(alice);
	assert_false(alice->m.fingerprint);
	w->settings.fingerprint = true;
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	player_send(alice);
	assert_true(alice->m.fingerprint);
}

static void secure_stun_asks_for_a_user_before_binding(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.secure_stun = true;
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	assert_int_equal(player_send(alice), 401);
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	assert_int_equal(player_send_signed(alice), 0);
	assert_int_equal(alice->m.integrity.len, 20);
}

static void software_and_reasons_are_told_only_if_configured(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	size_t bare;
	player_challenge(alice);
	bare = alice->answer_len;
	w->settings.include_reason_string = w->settings.software_attribute = true;
	player_challenge(alice);
	assert_int_equal(alice->answer_len, bare + 12);		/* "Unauthorized", and no SOFTWARE to a stranger */
	assert_int_equal(player_allocate(alice), 0);
	assert_true(answer_has(alice, ATTR_SOFTWARE));
}

/* --- what is dropped ------------------------------------------------------------------------------------------------ */

static void silent(struct player *p, struct span bytes, enum turn_drop reason)
{
	uint64_t before;
	world_start(p->w);
	before = world_drops(p->w, reason);
	assert_int_equal(player_send_bytes(p, bytes), NO_ANSWER);
	assert_int_equal(world_drops(p->w, reason), before + 1);
}

static void a_message_cut_at_any_length_is_dropped(void **state)			/* D-P2 */
{
	struct player *alice = world_player(*state, "alice");
	struct span message;
	begin_allocate(alice);
	player_sign(alice);
	stun_add_fingerprint(&alice->b);
	message = stun_end(&alice->b);
	for (size_t n = 0; n < message.len; n++) {
		uint8_t *p = malloc(n > 0 ? n : 1);
		assert_non_null(p);
		memcpy(p, message.p, n);
		silent(alice, span_of(p, n), DROP_MALFORMED);
		free(p);
	}
	assert_int_equal(player_send_bytes(alice, message), 0);
}

static void what_is_no_turn_message_is_dropped(void **state)
{
	static const uint8_t dtls[20] = { 22, 254, 253 }, rtp[20] = { 0x80, 96 }, old_channel[8] = { 0x50, 0, 0, 4 },
		classic[20] = { 0, 1 };
	struct player *alice = world_player(*state, "alice");
	silent(alice, span_of(dtls, sizeof(dtls)), DROP_MALFORMED);
	silent(alice, span_of(rtp, sizeof(rtp)), DROP_MALFORMED);
	silent(alice, span_of(old_channel, sizeof(old_channel)), DROP_MALFORMED);
	silent(alice, span_of(classic, sizeof(classic)), DROP_MALFORMED);
}

static void methods_and_classes_of_others_get_no_answer(void **state)
{
	static const struct { uint16_t method; enum stun_class cls; } table[] = {
		{ 0x00A, STUN_REQUEST }, { 0x002, STUN_REQUEST }, { 0x0ff, STUN_REQUEST }, { STUN_SEND, STUN_REQUEST },
		{ STUN_DATA, STUN_INDICATION }, { STUN_ALLOCATE, STUN_INDICATION }, { STUN_BINDING, STUN_SUCCESS },
		{ STUN_ALLOCATE, STUN_ERROR },
	};
	struct player *alice = world_player(*state, "alice");
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		player_begin(alice, table[i].method, table[i].cls);
		silent(alice, stun_end(&alice->b), DROP_METHOD);
	}
	player_begin(alice, STUN_BINDING, STUN_INDICATION);		/* a keepalive */
	assert_int_equal(player_send(alice), NO_ANSWER);
	assert_int_equal(world_drops(*state, DROP_METHOD), sizeof(table) / sizeof(table[0]));
}

/* --- 420 ------------------------------------------------------------------------------------------------------------ */

static void assert_unknown(const struct player *p, const uint8_t *list, size_t len)
{
	struct span value;
	assert_int_equal(p->code, 420);
	assert_true(stun_find(&p->m, ATTR_UNKNOWN_ATTRIBUTES, &value));
	assert_true(span_eq(value, span_of(list, len)));
}

static void unknown_attributes_that_must_be_understood_are_listed(void **state)		/* D-P4 */
{
	struct player *alice = world_player(*state, "alice");
	stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), 0x0003, 4);	/* CHANGE-REQUEST: no RFC 5780 here */
	stun_add_u32(&alice->b, 0x7fff, 0);
	stun_add_u32(&alice->b, 0xC001, 0);			/* comprehension-optional */
	player_send(alice);
	assert_unknown(alice, (const uint8_t[]){ 0, 3, 0x7f, 0xff }, 4);
}

static void a_request_is_authenticated_before_its_attributes_are_looked_at(void **state)
{
	struct player *alice = world_player(*state, "alice");
	stun_add_u32(player_begin(alice, STUN_ALLOCATE, STUN_REQUEST), 0x0003, 4);
	assert_int_equal(player_send(alice), 401);
	begin_allocate(alice);
	stun_add_u32(&alice->b, 0x0003, 4);
	player_send_signed(alice);
	assert_unknown(alice, (const uint8_t[]){ 0, 3 }, 2);
	assert_int_equal(alice->m.integrity.len, 20);
	/* Behind the integrity it is not part of the message. */
	begin_allocate(alice);
	player_sign(alice);
	stun_add_u32(&alice->b, 0x0003, 4);
	assert_int_equal(player_send(alice), 0);
}

static void a_hundred_unknown_attributes_fit_the_answer(void **state)
{
	struct player *alice = world_player(*state, "alice");
	struct span value;
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	for (uint16_t i = 0; i < 100; i++)
		stun_add(&alice->b, (uint16_t)(0x4000 + i), span_of(NULL, 0));
	assert_int_equal(player_send(alice), 420);
	assert_true(stun_find(&alice->m, ATTR_UNKNOWN_ATTRIBUTES, &value));
	assert_int_equal(value.len, 128);
	assert_true(alice->answer_len < alice->out_len);	/* no amplification */
}

static void bandwidth_is_ignored(void **state)
{
	struct player *alice = world_player(*state, "alice");
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_BANDWIDTH, 1000);
	assert_int_equal(player_send_signed(alice), 0);
}

/* --- limits for strangers -------------------------------------------------------------------------------------------- */

static void strangers_are_answered_so_often_and_no_more(void **state)			/* D-T3 */
{
	struct world *w = *state;
	struct player *mallory = world_player(w, "mallory"), *alice = world_player(w, "alice");
	unsigned answered = 0;
	for (unsigned i = 0; i < 2000; i++) {
		player_challenge(mallory);
		answered += mallory->code == 401;
	}
	assert_int_equal(answered, 500);
	assert_int_equal(world_drops(w, DROP_RATE_LIMIT), 1500);
	assert_int_equal(player_allocate(alice), 0);
	world_pass(w, SECONDS(1));
	player_challenge(mallory);
	assert_int_equal(mallory->code, 401);
}

static void who_showed_a_nonce_of_ours_is_no_stranger(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_allocate(alice);
	for (unsigned i = 0; i < 2000; i++) {
		player_challenge(alice);
		assert_int_equal(alice->code, 401);
	}
}

static void streams_are_not_limited_as_their_source_is_no_lie(void **state)
{
	struct player *alice = world_player(*state, "alice");
	alice->path.transport = TRANSPORT_TCP;
	for (unsigned i = 0; i < 2000; i++) {
		player_challenge(alice);
		assert_int_equal(alice->code, 401);
	}
}

static void wrong_passwords_cost_us_no_work_beyond_ten_a_second(void **state)
{
	struct world *w = *state;
	struct player *mallory = world_player(w, "alice"), *alice = world_player(w, "alice");
	alice->path.client.ip = mallory->path.client.ip;	/* behind the same NAT */
	alice->path.client.port = 6001;
	player_allocate(alice);
	snprintf(mallory->password, sizeof(mallory->password), "wrong");
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(player_allocate(mallory), 401);
	snprintf(mallory->password, sizeof(mallory->password), PASSWORD);
	assert_int_equal(player_allocate(mallory), 401);		/* not looked at */
	assert_int_equal(player_refresh(alice, 600), 0);		/* an owner always is */
	world_pass(w, SECONDS(1));
	assert_int_equal(player_allocate(mallory), 0);
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

static void draining_refuses_what_is_new_and_keeps_what_is_there(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	player_allocate(alice);
	turn_server_drain(w->server);
	assert_int_equal(player_allocate(bob), 508);
	assert_int_equal(player_refresh(alice, 600), 0);
	player_begin(bob, STUN_BINDING, STUN_REQUEST);
	assert_int_equal(player_send(bob), 0);
}

static void new_settings_count_from_the_next_message_on(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	struct turn_settings fresh = w->settings;
	player_allocate(alice);
	fresh.n_users = 0;
	fresh.policy.allow_private = true;
	alloc_fail_at(0);
	assert_true(turn_server_settings(w->server, &fresh));		/* no user: nothing to allocate */
	alloc_fail_never();
	assert_int_equal(player_allocate(bob), 401);
	assert_int_equal(player_permit(alice, "10.0.0.1:4000"), 0);
	alloc_fail_at(0);
	assert_false(turn_server_settings(w->server, &w->settings));
	alloc_fail_never();
	assert_int_equal(player_allocate(bob), 401);
	assert_true(turn_server_settings(w->server, &w->settings));
	assert_int_equal(player_allocate(bob), 0);
}

static void ending_the_server_ends_every_allocation(void **state)
{
	struct world *w = *state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(player_allocate(world_player(w, i % 2 ? "alice" : "bob")), 0);
	turn_server_free(w->server);
	w->server = NULL;
	assert_int_equal(w->ended, 10);
	assert_int_equal(w->n_relays, 0);
	assert_int_equal(w->record.why, TURN_END_SHUTDOWN);
}

static void without_allocations_nothing_needs_the_clock(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	world_start(w);
	assert_true(turn_server_next(w->server) == NEVER);
	player_allocate(alice);
	assert_true(turn_server_next(w->server) <= w->now + SECONDS(600));
	player_refresh(alice, 0);
	world_pass(w, HOURS(24));
	assert_true(turn_server_next(w->server) == NEVER);
}

/* --- memory ------------------------------------------------------------------------------------------------------------ */

/* A whole life of two callers; every call may fail as memory is short, and nothing else may happen. */
static void whole_story(struct world *w)
{
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	player_rest(bob, SECRET, "1800000600:bob");
	player_allocate_both(alice);
	player_allocate(bob);
	player_permit(alice, PEER);
	player_permit(alice, PEER_IPV6);
	player_bind(alice, 0x4000, PEER);
	player_bind(bob, 0x4001, PEER);
	player_says_on(alice, 0x4000, "hello");
	player_says(bob, PEER, "hello");
	world_peer_says(w, PEER, alice, "hello");
	player_refresh(alice, 0);
	world_pass(w, MINUTES(11));
}

static void every_failing_allocation_fails_one_request_and_leaks_nothing(void **state)	/* D-A3 */
{
	bool failed = true;
	unsigned n;
	(void)state;
	for (n = 0; failed && n < 1000; n++) {
		struct world *w = world_new();
		struct quota *q = quota_new(5, 10);
		w->settings.quota = q;
		alloc_fail_at(n);
		whole_story(w);
		alloc_fail_never();
		failed = alloc_failed();
		world_free(w);
		quota_free(q);
	}
	assert_in_range(n, 12, 200);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(binding_tells_the_address_in_32_bytes_and_needs_no_user),
		STORY(binding_over_ipv6_is_answered_in_44_bytes),
		STORY(a_fingerprint_is_answered_with_a_fingerprint),
		STORY(secure_stun_asks_for_a_user_before_binding),
		STORY(software_and_reasons_are_told_only_if_configured),
		STORY(a_message_cut_at_any_length_is_dropped),
		STORY(what_is_no_turn_message_is_dropped),
		STORY(methods_and_classes_of_others_get_no_answer),
		STORY(unknown_attributes_that_must_be_understood_are_listed),
		STORY(a_request_is_authenticated_before_its_attributes_are_looked_at),
		STORY(a_hundred_unknown_attributes_fit_the_answer),
		STORY(bandwidth_is_ignored),
		STORY(strangers_are_answered_so_often_and_no_more),
		STORY(who_showed_a_nonce_of_ours_is_no_stranger),
		STORY(streams_are_not_limited_as_their_source_is_no_lie),
		STORY(wrong_passwords_cost_us_no_work_beyond_ten_a_second),
		STORY(draining_refuses_what_is_new_and_keeps_what_is_there),
		STORY(new_settings_count_from_the_next_message_on),
		STORY(ending_the_server_ends_every_allocation),
		STORY(without_allocations_nothing_needs_the_clock),
		cmocka_unit_test(every_failing_allocation_fails_one_request_and_leaks_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
