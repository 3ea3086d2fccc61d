#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "tests/lib/world.h"
#include "turnd/wire/stun_attr.h"

/* Two addresses with two ports; the second address is called otherwise outside. */
static int setup(void **state)
{
	static struct discovery_group group;
	struct world *w = world_new();

	group = (struct discovery_group){ {
		{ { ep("9.9.9.9:3478"), ep("9.9.9.9:3478"), 3 }, { ep("9.9.9.9:3479"), ep("9.9.9.9:3479"), 4 } },
		{ { ep("9.9.9.8:3478"), ep("8.8.8.8:3478"), 5 }, { ep("9.9.9.8:3479"), ep("8.8.8.8:3479"), 6 } },
	} };
	w->settings.discovery = &group;
	w->settings.n_discovery = 1;
	*state = w;
	return 0;
}

static struct endpoint plain(const struct player *p, uint16_t type)
{
	struct span value;
	struct endpoint e = { .ip.family = 4 };

	assert_true(stun_find(&p->m, type, &value));
	assert_int_equal(value.len, 8);
	assert_int_equal(load_u16(value.p), 1);
	e.port = load_u16(value.p + 2);
	memcpy(e.ip.b, value.p + 4, 4);
	return e;
}

static void assert_is(struct endpoint e, const char *text)
{
	char is[ENDPOINT_TEXT];
	assert_string_equal(endpoint_format(&e, is), text);
}

static void assert_answered(const struct world *w, const char *from, uint32_t socket, const char *to)
{
	assert_is(w->answered.server, from);
	assert_int_equal(w->answered.socket, socket);
	assert_is(w->answered.client, to);
}

static unsigned binding(struct player *p, uint32_t change)
{
	player_begin(p, STUN_BINDING, STUN_REQUEST);
	if (change != UINT32_MAX)
		stun_add_u32(&p->b, ATTR_CHANGE_REQUEST, change);
	return player_send(p);
}

static void a_plain_binding_tells_origin_and_other_address(void **state)
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(binding(alice, UINT32_MAX), 0);
	assert_answered(*state, "9.9.9.9:3478", 3, "7.7.7.1:6000");
	assert_is(alice->mapped, "7.7.7.1:6000");
	assert_is(plain(alice, ATTR_RESPONSE_ORIGIN), "9.9.9.9:3478");
	assert_is(plain(alice, ATTR_OTHER_ADDRESS), "8.8.8.8:3479");
	assert_int_equal(alice->answer_len, 32 + 12 + 12);
}

static void change_request_picks_the_socket_that_answers(void **state)
{
	static const struct { uint32_t change, socket; const char *from, *origin; } rows[] = {
		{ 0, 3, "9.9.9.9:3478", "9.9.9.9:3478" },
		{ 2, 4, "9.9.9.9:3479", "9.9.9.9:3479" },
		{ 4, 5, "9.9.9.8:3478", "8.8.8.8:3478" },
		{ 6, 6, "9.9.9.8:3479", "8.8.8.8:3479" },
		{ ~6u & ~1u, 3, "9.9.9.9:3478", "9.9.9.9:3478" },	/* other bits mean nothing */
	};
	struct player *alice = world_player(*state, "alice");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(binding(alice, rows[i].change), 0);
		assert_answered(*state, rows[i].from, rows[i].socket, "7.7.7.1:6000");
		assert_is(plain(alice, ATTR_RESPONSE_ORIGIN), rows[i].origin);
		assert_is(plain(alice, ATTR_OTHER_ADDRESS), "8.8.8.8:3479");
	}
}

static void change_is_relative_to_where_the_request_came_in(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_from(alice, "7.7.7.1:6000", "9.9.9.8:3479");
	assert_int_equal(binding(alice, 6), 0);
	assert_answered(*state, "9.9.9.9:3478", 3, "7.7.7.1:6000");
	assert_is(plain(alice, ATTR_OTHER_ADDRESS), "9.9.9.9:3478");
	assert_int_equal(binding(alice, 2), 0);
	assert_answered(*state, "9.9.9.8:3478", 5, "7.7.7.1:6000");
}

static void response_port_picks_the_clients_port(void **state)
{
	struct player *alice = world_player(*state, "alice");
	stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_RESPONSE_PORT, 7001u << 16);
	assert_int_equal(player_send(alice), 0);
	assert_answered(*state, "9.9.9.9:3478", 3, "7.7.7.1:7001");
	assert_is(alice->mapped, "7.7.7.1:6000");
	stun_add(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_RESPONSE_PORT, span_of("\x1b\x5a", 2));
	stun_add_u32(&alice->b, ATTR_CHANGE_REQUEST, 4);
	assert_int_equal(player_send(alice), 0);
	assert_answered(*state, "9.9.9.8:3478", 5, "7.7.7.1:7002");
}

static void padding_is_answered_with_padding(void **state)
{
	struct player *alice = world_player(*state, "alice");
	struct span padding;
	stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_PADDING, 0);
	assert_int_equal(player_send(alice), 0);
	assert_true(stun_find(&alice->m, ATTR_PADDING, &padding));
	assert_int_equal(padding.len, 1500);
}

static void a_defect_is_a_bad_request_from_the_socket_that_was_asked(void **state)
{
	static const struct { uint16_t type; const char *value; size_t len; } bad[] = {
		{ ATTR_CHANGE_REQUEST, "\0\0", 2 }, { ATTR_CHANGE_REQUEST, "\0\0\0\6\0", 5 }, { ATTR_CHANGE_REQUEST, "", 0 },
		{ ATTR_RESPONSE_PORT, "\1", 1 }, { ATTR_RESPONSE_PORT, "\1\1\1", 3 }, { ATTR_RESPONSE_PORT, "\0\0\0\0", 4 },
	};
	struct player *alice = world_player(*state, "alice");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stun_add(player_begin(alice, STUN_BINDING, STUN_REQUEST), bad[i].type, span_of(bad[i].value, bad[i].len));
		assert_int_equal(player_send(alice), 400);
		assert_answered(*state, "9.9.9.9:3478", 3, "7.7.7.1:6000");
	}
	stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_RESPONSE_PORT, 7001u << 16);
	stun_add_u32(&alice->b, ATTR_PADDING, 0);
	assert_int_equal(player_send(alice), 400);
}

static void an_unknown_attribute_is_still_unknown(void **state)
{
	struct player *alice = world_player(*state, "alice");
	struct span list;
	stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_CHANGE_REQUEST, 6);
	stun_add_u32(&alice->b, 0x7777, 0);
	assert_int_equal(player_send(alice), 420);
	assert_answered(*state, "9.9.9.9:3478", 3, "7.7.7.1:6000");
	assert_true(stun_find(&alice->m, ATTR_UNKNOWN_ATTRIBUTES, &list));
	assert_int_equal(list.len, 2);
	assert_int_equal(load_u16(list.p), 0x7777);
}

static void assert_unknown(struct player *p, const char *what)
{
	static const uint16_t types[] = { ATTR_CHANGE_REQUEST, ATTR_RESPONSE_PORT, ATTR_PADDING };
	for (size_t i = 0; i < 3; i++) {
		stun_add_u32(player_begin(p, STUN_BINDING, STUN_REQUEST), types[i], 2u << 16);
		if (player_send(p) != 420)
			fail_msg("%s: attribute %zu", what, i);
	}
	assert_int_equal(binding(p, UINT32_MAX), 0);
	assert_int_equal(p->answer_len, 32);
}

static void elsewhere_its_attributes_are_unknown(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	alice->path.transport = TRANSPORT_TCP;
	assert_unknown(alice, "on a stream");
	alice->path.transport = TRANSPORT_UDP;
	player_from(alice, "7.7.7.1:6000", "9.9.9.7:3478");
	assert_unknown(alice, "at a third address");
	player_from(alice, "7.7.7.1:6000", "9.9.9.9:3478");
	w->settings.n_discovery = 0;
	assert_unknown(alice, "switched off");
	w->settings.n_discovery = 1;
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_CHANGE_REQUEST, 2);
	assert_int_equal(player_send_signed(alice), 420);
	assert_int_equal(turn_server_allocations(w->server), 0);
}

static void padding_for_strangers_is_as_rare_as_refusals(void **state)		/* D-T3: 1.5 kB for 28 bytes */
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.rates[RATE_REFUSAL] = (struct rate){ 1, 2 };
	for (unsigned i = 0; i < 4; i++) {
		stun_add_u32(player_begin(alice, STUN_BINDING, STUN_REQUEST), ATTR_PADDING, 0);
		assert_int_equal(player_send(alice), i < 2 ? 0 : NO_ANSWER);
	}
	assert_int_equal(binding(alice, 6), 0);
	assert_int_equal(world_drops(w, DROP_RATE_LIMIT), 2);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(a_plain_binding_tells_origin_and_other_address),
		STORY(change_request_picks_the_socket_that_answers),
		STORY(change_is_relative_to_where_the_request_came_in),
		STORY(response_port_picks_the_clients_port),
		STORY(padding_is_answered_with_padding),
		STORY(a_defect_is_a_bad_request_from_the_socket_that_was_asked),
		STORY(an_unknown_attribute_is_still_unknown),
		STORY(elsewhere_its_attributes_are_unknown),
		STORY(padding_for_strangers_is_as_rare_as_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
