#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "tests/lib/world.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"

#include <stdlib.h>

static struct player *permitted(struct world *w, const char *user)
{
	struct player *p = world_player(w, user);
	assert_int_equal(player_allocate(p), 0);
	assert_int_equal(player_permit(p, PEER), 0);
	return p;
}

/* --- Send and Data ------------------------------------------------------------------------------------------------------ */

static void a_send_indication_leaves_from_the_relay(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	struct heard *h;
	player_says(alice, PEER, "hello");
	h = peer_hears(w);
	assert_non_null(h);
	assert_true(endpoint_equal(&h->from, &alice->relayed));
	assert_false(h->dont_fragment);
	assert_memory_equal(h->bytes, "hello", 5);
}

static void what_a_peer_says_arrives_with_its_address_whatever_its_length(void **state)
{
	static const char text[] = "0123456789";
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	struct endpoint peer = ep(PEER);
	for (size_t n = 0; n <= 10; n++) {			/* each padding */
		struct heard *h;
		world_peer_says(w, PEER, alice, text + 10 - n);
		h = player_hears(alice);
		assert_non_null(h);
		assert_int_equal(h->len, n);
		assert_true(endpoint_equal(&h->from, &peer));
	}
}

static void ipv6_peers_are_heard_and_reached(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	struct heard *h;
	struct endpoint peer = ep(PEER_IPV6);
	player_allocate_both(alice);
	player_permit(alice, PEER_IPV6);
	player_says(alice, PEER_IPV6, "ping");
	h = peer_hears(w);
	assert_true(endpoint_equal(&h->from, &alice->relayed6));
	world_peer_says(w, PEER_IPV6, alice, "pong");
	h = player_hears(alice);
	assert_true(endpoint_equal(&h->from, &peer));
	assert_memory_equal(h->bytes, "pong", 4);
}

static void an_empty_payload_is_a_payload(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	player_says(alice, PEER, "");
	assert_peer_hears(w, PEER, "");
	player_bind(alice, 0x4000, PEER);
	player_says_on(alice, 0x4000, "");
	assert_peer_hears(w, PEER, "");
}

static void dont_fragment_is_passed_on(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	player_begin(alice, STUN_SEND, STUN_INDICATION);
	add_peer(alice, PEER);
	stun_add(&alice->b, ATTR_DONT_FRAGMENT, span_of(NULL, 0));
	stun_add(&alice->b, ATTR_DATA, span_str("whole"));
	player_send(alice);
	assert_true(peer_hears(w)->dont_fragment);
}

static void a_defective_send_is_dropped_in_silence(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	for (unsigned i = 0; i < 5; i++) {
		player_begin(alice, STUN_SEND, STUN_INDICATION);
		if (i != 0)
			add_peer(alice, PEER);
		if (i != 1)
			stun_add(&alice->b, ATTR_DATA, span_str("hello"));
		if (i == 2)
			stun_add_u32(&alice->b, 0x7fff, 0);		/* D-P4 */
		if (i == 3)
			alice->out[30] ^= 1;				/* family of the peer */
		if (i == 4) {
			stun_add_fingerprint(&alice->b);
			alice->out[alice->b.len - 1] ^= 1;
		}
		if (i == 3)
			alice->out[25] = 9;
		assert_int_equal(player_send(alice), NO_ANSWER);
		assert_int_equal(w->last_drop, DROP_MALFORMED);
	}
	assert_peers_hear_nothing(w);
}

static void a_send_cut_at_any_length_is_dropped(void **state)				/* D-P2 */
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	size_t len;
	player_says(alice, PEER, "hello");
	assert_peer_hears(w, PEER, "hello");
	len = alice->out_len;
	for (size_t n = 0; n < len; n++) {
		uint8_t *p = malloc(n > 0 ? n : 1);
		assert_non_null(p);
		memcpy(p, alice->out, n);
		assert_int_equal(player_send_bytes(alice, span_of(p, n)), NO_ANSWER);
		free(p);
	}
	assert_peers_hear_nothing(w);
}

static void the_policy_is_asked_for_every_send(void **state)				/* D-T11 */
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	const struct ip_range peer[] = { { ep(PEER).ip, ep(PEER).ip } };
	w->settings.policy.denied = peer;			/* a reload after the permission was granted */
	w->settings.policy.n_denied = 1;
	player_says(alice, PEER, "hello");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_POLICY);
	assert_int_equal(count_read(&world_counters(w)->policy[POLICY_DENIED_LIST]), 1);
}

static void without_allocation_nothing_is_relayed(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_says(alice, PEER, "hello");
	assert_int_equal(w->last_drop, DROP_NO_ALLOCATION);
	player_says_on(alice, 0x4000, "hello");
	assert_int_equal(w->last_drop, DROP_NO_ALLOCATION);
	assert_peers_hear_nothing(w);
	assert_int_equal(world_drops(w, DROP_NO_ALLOCATION), 2);
}

/* --- ChannelData ---------------------------------------------------------------------------------------------------------- */

static void bytes_behind_a_channel_message_are_ignored_and_missing_ones_not_made_up(void **state)
{
	static const uint8_t frame[] = { 0x40, 0, 0, 2, 'h', 'i', 0, 0 };
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	player_bind(alice, 0x4000, PEER);
	for (size_t n = 0; n <= sizeof(frame); n++) {
		player_send_bytes(alice, span_of(frame, n));
		if (n >= 6)
			assert_peer_hears(w, PEER, "hi");
		else
			assert_int_equal(w->last_drop, DROP_MALFORMED);
	}
	assert_peers_hear_nothing(w);
}

static void an_unbound_channel_is_dropped_in_silence(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	player_bind(alice, 0x4000, PEER);
	player_says_on(alice, 0x4001, "hello");
	assert_peers_hear_nothing(w);
	assert_int_equal(w->last_drop, DROP_NO_CHANNEL);
}

static void a_channel_is_for_one_port_and_the_rest_comes_as_indications(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	player_bind(alice, 0x4000, PEER);
	world_peer_says(w, PEER, alice, "bound");
	assert_hears_on(alice, 0x4000, "bound");
	world_peer_says(w, "5.6.7.8:4001", alice, "permitted");
	assert_hears(alice, "permitted");
}

static void the_channels_of_two_clients_do_not_mix(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice"), *bob = permitted(w, "bob");
	player_bind(alice, 0x4000, PEER);
	player_bind(bob, 0x4000, "5.6.7.9:1");
	player_says_on(alice, 0x4000, "from alice");
	assert_peer_hears(w, PEER, "from alice");
	player_says_on(bob, 0x4000, "from bob");
	assert_peer_hears(w, "5.6.7.9:1", "from bob");
}

/* --- sizes ---------------------------------------------------------------------------------------------------------------- */

static enum flow_action peer_sends(struct world *w, struct player *to, size_t n, struct flow_verdict *v)
{
	static uint8_t zeros[66000];
	const struct flow_packet in = { .data = span_of(zeros, n), .allocation = w->relays[0].owner, .peer = ep(PEER) };
	(void)to;
	flow_forward(w->server, &in, v, 1, w->now);
	return v->action;
}

static void data_that_does_not_fit_the_clients_transport_is_dropped(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	struct flow_verdict v;
	size_t head = STUN_HEADER + 4 + 8 + 4, max = (65507 - head) / 4 * 4;
	assert_int_equal(peer_sends(w, alice, max, &v), FLOW_TO_CLIENT);
	assert_int_equal(peer_sends(w, alice, max + 1, &v), FLOW_DROP);	/* with its padding */
	assert_int_equal(v.reason, DROP_TOO_LONG);
	player_bind(alice, 0x4000, PEER);
	assert_int_equal(peer_sends(w, alice, 65503, &v), FLOW_TO_CLIENT);
	assert_int_equal(peer_sends(w, alice, 65504, &v), FLOW_DROP);
}

static void a_stream_client_gets_padded_frames_of_any_length(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	struct flow_verdict v;
	size_t max = 65532 - (4 + 8 + 4);
	alice->path.transport = TRANSPORT_TCP;
	player_allocate(alice);
	player_permit(alice, PEER);
	assert_int_equal(peer_sends(w, alice, max, &v), FLOW_TO_CLIENT);
	assert_int_equal(peer_sends(w, alice, max + 1, &v), FLOW_DROP);
	assert_int_equal(v.reason, DROP_TOO_LONG);
	player_bind(alice, 0x4000, PEER);
	for (size_t n = 65532; n <= 65535; n++) {
		assert_int_equal(peer_sends(w, alice, n, &v), FLOW_TO_CLIENT);
		assert_int_equal((v.head_len + n + v.tail) % 4, 0);
		assert_int_equal(load_u16(v.head + 2), n);
	}
	assert_int_equal(peer_sends(w, alice, 65536, &v), FLOW_DROP);
}

static void a_frame_too_long_for_a_datagram_is_dropped(void **state)
{
	static uint8_t frame[CHANNEL_DATA_HEADER + 65535];
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	alice->path.transport = TRANSPORT_TCP;
	player_allocate(alice);
	player_bind(alice, 0x4000, PEER);
	channel_data_header(frame, 0x4000, 65507);
	player_send_bytes(alice, span_of(frame, sizeof(frame)));
	assert_int_equal(peer_hears(w)->len, 65507);
	channel_data_header(frame, 0x4000, 65508);
	player_send_bytes(alice, span_of(frame, sizeof(frame)));
	assert_int_equal(w->last_drop, DROP_TOO_LONG);
	assert_peers_hear_nothing(w);
}

/* --- batches -------------------------------------------------------------------------------------------------------------- */

static void a_batch_gets_its_verdicts_in_order_and_control_stays_in_its_place(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice"), *bob = permitted(w, "bob");
	uint8_t frame[2][8] = { { 0x40, 0, 0, 1, 'a' }, { 0x40, 0, 0, 1, 'b' } };
	struct flow_verdict v[6];
	player_bind(alice, 0x4000, PEER);
	player_bind(bob, 0x4000, "5.6.7.9:1");
	player_begin(alice, STUN_BINDING, STUN_REQUEST);
	const struct flow_packet in[6] = {
		{ .data = span_of(frame[0], 8), .path = &alice->path },
		{ .data = span_of(frame[1], 8), .path = &bob->path },
		{ .data = stun_end(&alice->b), .path = &alice->path },
		{ .data = span_str("x"), .path = &alice->path },
		{ .data = span_str("hi"), .allocation = w->relays[0].owner, .peer = ep(PEER) },
		{ .data = span_of(frame[0], 8), .path = &alice->path },
	};
	static const enum flow_action want[6] = {
		FLOW_TO_PEER, FLOW_TO_PEER, FLOW_CONTROL, FLOW_DROP, FLOW_TO_CLIENT, FLOW_TO_PEER
	};
	memset(v, 0xa5, sizeof(v));				/* verdicts need no preparation */
	flow_forward(w->server, in, v, 6, w->now);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(v[i].action, want[i]);
	assert_ptr_equal(v[0].payload.p, frame[0] + 4);		/* nothing is copied */
	assert_ptr_equal(v[1].payload.p, frame[1] + 4);
	assert_ptr_equal(v[0].relay, w->relays[0].relay);
	assert_ptr_equal(v[1].relay, w->relays[1].relay);
	assert_true(path_equal(v[4].path, &alice->path));
	assert_int_equal(v[4].path->socket, 3);
	assert_int_equal(v[4].head_len, CHANNEL_DATA_HEADER);
}

static void packets_and_bytes_are_counted_by_leg_and_direction(void **state)
{
	struct world *w = *state;
	struct player *alice = permitted(w, "alice");
	const struct turn_counters *c = world_counters(w);
	uint64_t in, out;
	player_bind(alice, 0x4000, PEER);
	in = count_read(&c->bytes[LEG_CLIENT][DIR_IN]);
	out = count_read(&c->bytes[LEG_CLIENT][DIR_OUT]);
	player_says_on(alice, 0x4000, "12345");
	world_peer_says(w, PEER, alice, "123");
	world_peer_says(w, "5.6.7.9:1", alice, "1234567");
	assert_int_equal(count_read(&c->bytes[LEG_CLIENT][DIR_IN]), in + 9);
	assert_int_equal(count_read(&c->bytes[LEG_CLIENT][DIR_OUT]), out + 7);
	assert_int_equal(count_read(&c->packets[LEG_PEER][DIR_OUT]), 1);
	assert_int_equal(count_read(&c->bytes[LEG_PEER][DIR_OUT]), 5);
	assert_int_equal(count_read(&c->packets[LEG_PEER][DIR_IN]), 2);
	assert_int_equal(count_read(&c->bytes[LEG_PEER][DIR_IN]), 10);
	assert_int_equal(world_drops(w, DROP_NO_PERMISSION), 1);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(a_send_indication_leaves_from_the_relay),
		STORY(what_a_peer_says_arrives_with_its_address_whatever_its_length),
		STORY(ipv6_peers_are_heard_and_reached),
		STORY(an_empty_payload_is_a_payload),
		STORY(dont_fragment_is_passed_on),
		STORY(a_defective_send_is_dropped_in_silence),
		STORY(a_send_cut_at_any_length_is_dropped),
		STORY(the_policy_is_asked_for_every_send),
		STORY(without_allocation_nothing_is_relayed),
		STORY(bytes_behind_a_channel_message_are_ignored_and_missing_ones_not_made_up),
		STORY(an_unbound_channel_is_dropped_in_silence),
		STORY(a_channel_is_for_one_port_and_the_rest_comes_as_indications),
		STORY(the_channels_of_two_clients_do_not_mix),
		STORY(data_that_does_not_fit_the_clients_transport_is_dropped),
		STORY(a_stream_client_gets_padded_frames_of_any_length),
		STORY(a_frame_too_long_for_a_datagram_is_dropped),
		STORY(a_batch_gets_its_verdicts_in_order_and_control_stays_in_its_place),
		STORY(packets_and_bytes_are_counted_by_leg_and_direction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
