#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "tests/lib/world.h"
#include "turnd/wire/stun_attr.h"

/* The relay of this family got such an error; what the client is told of it: the attribute's eight bytes, or nothing. */
static bool told(struct player *p, const char *peer, uint8_t type, uint8_t code, uint32_t mtu, uint32_t value[2])
{
	struct icmp_error e = { .peer = ep(peer), .type = type, .code = code, .mtu = mtu };
	unsigned answers = p->answers;
	struct endpoint about;
	struct span v;

	turn_server_icmp(p->w->server, p->w->relays[0].owner, &e, p->w->now);
	if (p->answers == answers)
		return false;
	assert_int_equal(stun_type(p->m.method, p->m.cls), stun_type(STUN_DATA, STUN_INDICATION));
	assert_true(stun_find(&p->m, ATTR_XOR_PEER_ADDRESS, &v));
	assert_true(attr_read_xor_address(v, p->m.tid, &about));
	assert_true(endpoint_equal(&about, &e.peer));
	assert_false(answer_has(p, ATTR_DATA));
	assert_true(stun_find(&p->m, ATTR_ICMP, &v));
	assert_int_equal(v.len, 8);
	value[0] = load_u32(v.p);
	value[1] = load_u32(v.p + 4);
	return true;
}

static struct player *alice_with_permissions(struct world *w)
{
	struct player *alice = world_player(w, "alice");
	assert_int_equal(player_allocate_both(alice), 0);
	assert_int_equal(player_permit(alice, PEER), 0);
	assert_int_equal(player_permit(alice, PEER_IPV6), 0);
	return alice;
}

static void an_error_is_told_with_type_code_and_mtu(void **state)
{
	static const struct { const char *peer; uint8_t type, code; uint32_t mtu, first, second; } rows[] = {
		{ PEER, 3, 3, 0, 3 << 9 | 3, 0 },
		{ PEER, 3, 4, 1280, 3 << 9 | 4, 1280 },
		{ PEER, 3, 1, 77, 3 << 9 | 1, 0 },		/* only where the number is an MTU */
		{ PEER, 11, 0, 0, 11 << 9, 0 },
		{ PEER_IPV6, 1, 4, 0, 1 << 9 | 4, 0 },
		{ PEER_IPV6, 2, 0, 1300, 2 << 9, 1300 },
		{ PEER_IPV6, 3, 1, 9, 3 << 9 | 1, 0 },
	};
	struct player *alice = alice_with_permissions(*state);
	uint32_t value[2];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(told(alice, rows[i].peer, rows[i].type, rows[i].code, rows[i].mtu, value));
		assert_int_equal(value[0], rows[i].first);
		assert_int_equal(value[1], rows[i].second);
	}
}

static void other_types_are_not_told(void **state)
{
	struct player *alice = alice_with_permissions(*state);
	uint32_t value[2];
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(told(alice, PEER, (uint8_t)type, 0, 0, value), type == 3 || type == 11);
		assert_int_equal(told(alice, PEER_IPV6, (uint8_t)type, 0, 0, value), type >= 1 && type <= 3);
	}
}

static void only_permitted_peers_are_heard(void **state)
{
	struct world *w = *state;
	struct player *alice = alice_with_permissions(w);
	uint32_t value[2];
	assert_false(told(alice, "5.6.7.9:4000", 3, 3, 0, value));
	assert_int_equal(world_drops(w, DROP_NO_PERMISSION), 1);
	world_pass(w, MINUTES(5));
	assert_false(told(alice, PEER, 3, 3, 0, value));
}

static void ten_a_second_are_told(void **state)
{
	struct world *w = *state;
	struct player *alice = alice_with_permissions(w);
	uint32_t value[2];
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(told(alice, PEER, 3, 3, 0, value), i < 10);
	assert_int_equal(world_drops(w, DROP_RATE_LIMIT), 20);
	world_pass(w, 999);
	assert_false(told(alice, PEER, 3, 3, 0, value));
	world_pass(w, 1);
	assert_true(told(alice, PEER, 3, 3, 0, value));
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(an_error_is_told_with_type_code_and_mtu),
		STORY(other_types_are_not_told),
		STORY(only_permitted_peers_are_heard),
		STORY(ten_a_second_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
