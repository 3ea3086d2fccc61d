#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "tests/lib/world.h"
#include "turnd/core/quota.h"
#include "turnd/core/redirect.h"
#include "turnd/core/turn_server.h"
#include "turnd/wire/stun_attr.h"

enum { PLAIN = 1 << TRANSPORT_UDP | 1 << TRANSPORT_TCP, SECURE = 1 << TRANSPORT_TLS | 1 << TRANSPORT_DTLS };

static struct alternate others[4];

static void know_others(struct world *w)
{
	others[0] = (struct alternate){ .at = ep("198.51.100.1:3478"), .transports = PLAIN, .domain = SPAN_LIT("plain.example.org") };
	others[1] = (struct alternate){ .at = ep("[2001:db8::1]:3479"), .transports = PLAIN };
	others[2] = (struct alternate){ .at = ep("198.51.100.2:5349"), .transports = SECURE, .domain = SPAN_LIT("turn2.example.org") };
	others[3] = (struct alternate){ .at = ep("[2001:db8::2]:5349"), .transports = SECURE };
	w->settings.alternates = others;
	w->settings.n_alternates = 4;
}

/* ALTERNATE-SERVER, plain as MAPPED-ADDRESS is: RFC 8489 section 14.15. */
static void assert_sent_to(const struct player *p, const char *where)
{
	struct endpoint e = ep(where);
	uint8_t want[XOR_ADDRESS_MAX] = { 0, e.ip.family == 6 ? 2 : 1 };
	size_t n = e.ip.family == 6 ? 16 : 4;
	struct long_term_key key = player_key(p);
	struct span value;

	store_u16(want + 2, e.port);
	memcpy(want + 4, e.ip.b, n);
	assert_int_equal(p->code, 300);
	assert_true(stun_find(&p->m, ATTR_ALTERNATE_SERVER, &value) && span_eq(value, span_of(want, 4 + n)));
	assert_true(stun_integrity_ok(&p->m, long_term_key_span(&key)));		/* nobody else can send clients away */
}

static void a_draining_server_sends_new_clients_to_another(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob"), *v6 = world_player(w, "bob");
	know_others(w);
	assert_int_equal(player_allocate(alice), 0);			/* not before */
	turn_server_drain(w->server);
	player_allocate(bob);
	assert_sent_to(bob, "198.51.100.1:3478");
	player_from(v6, "[2a00::7]:6000", "[2a00::1]:3478");
	player_allocate(v6);
	assert_sent_to(v6, "[2001:db8::1]:3479");
	assert_int_equal(player_refresh(alice, 600), 0);		/* who is here may stay */
	assert_int_equal(player_permit(alice, PEER), 0);
	assert_int_equal(turn_server_allocations(w->server), 1);
	assert_int_equal(count_read(&world_counters(w)->responses[METHOD_ALLOCATE][CODE_300]), 2);
}

static void a_draining_server_that_knows_none_of_the_kind_says_508(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	assert_true(world_start(w));
	turn_server_drain(w->server);
	assert_int_equal(player_allocate(alice), 508);
	assert_false(answer_has(alice, ATTR_ALTERNATE_SERVER));
	know_others(w);
	w->settings.alternates = others + 1;				/* IPv6, and TLS */
	w->settings.n_alternates = 3;
	assert_int_equal(player_allocate(bob), 508);
}

static void strangers_are_told_nothing(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	know_others(w);
	assert_true(world_start(w));
	turn_server_drain(w->server);
	player_challenge(alice);
	assert_int_equal(alice->code, 401);
	assert_false(answer_has(alice, ATTR_ALTERNATE_SERVER));
	alice->password[0] = 'x';
	assert_int_equal(player_allocate(alice), 401);
}

static void tls_clients_learn_the_name_in_the_certificate(void **state)
{
	struct world *w = *state;
	struct span value;
	know_others(w);
	w->settings.redirect = true;
	for (unsigned transport = TRANSPORT_UDP; transport <= TRANSPORT_DTLS; transport++) {
		struct player *p = world_player(w, "alice");
		bool secure = transport >= TRANSPORT_TLS;
		p->path.transport = (uint8_t)transport;
		player_allocate(p);
		assert_sent_to(p, secure ? "198.51.100.2:5349" : "198.51.100.1:3478");
		assert_int_equal(stun_find(&p->m, ATTR_ALTERNATE_DOMAIN, &value), secure);
		assert_true(!secure || span_eq_str(value, "turn2.example.org"));
	}
	struct player *v6 = world_player(w, "alice");			/* whose alternate has no name of its own */
	player_from(v6, "[2a00::7]:6000", "[2a00::1]:5349");
	v6->path.transport = TRANSPORT_TLS;
	player_allocate(v6);
	assert_sent_to(v6, "[2001:db8::2]:5349");
	assert_false(answer_has(v6, ATTR_ALTERNATE_DOMAIN));
}

static void redirection_sends_everybody_whom_another_can_serve(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob"), *tls = world_player(w, "bob");
	know_others(w);
	assert_int_equal(player_allocate(alice), 0);
	w->settings.redirect = true;
	w->settings.n_alternates = 1;
	player_allocate(bob);
	assert_sent_to(bob, "198.51.100.1:3478");
	tls->path.transport = TRANSPORT_TLS;
	assert_int_equal(player_allocate(tls), 0);			/* nobody else would have it */
	assert_int_equal(player_refresh(alice, 600), 0);
	assert_int_equal(player_refresh(alice, 0), 0);
}

static void a_request_that_comes_again_is_sent_to_the_same_server(void **state)
{
	struct world *w = *state;
	unsigned went[2] = { 0 };
	know_others(w);
	others[1] = (struct alternate){ .at = ep("198.51.100.3:3478"), .transports = PLAIN };
	w->settings.redirect = true;
	struct player *alice = world_player(w, "alice");
	for (unsigned i = 0; i < 40; i++) {
		struct span first, again;
		uint8_t kept[8];
		assert_int_equal(player_allocate(alice), 300);
		assert_true(stun_find(&alice->m, ATTR_ALTERNATE_SERVER, &first) && first.len == 8);
		memcpy(kept, first.p, 8);
		went[kept[7] == 3]++;
		assert_int_equal(player_again(alice), 300);
		assert_true(stun_find(&alice->m, ATTR_ALTERNATE_SERVER, &again) && span_eq(again, span_of(kept, 8)));
	}
	assert_int_equal(went[0], 20);					/* each as often: the ids of these requests count up */
	assert_int_equal(went[1], 20);
	w->settings.n_alternates = 0;					/* a reload has taken them away */
	assert_int_equal(player_again(alice), 508);
	assert_false(answer_has(alice, ATTR_ALTERNATE_SERVER));
}

static void who_is_over_the_quota_is_not_sent_on(void **state)		/* section 4: 9 before 10 */
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *again = world_player(w, "alice");
	know_others(w);
	w->settings.quota = quota_new(1, 0);
	assert_int_equal(player_allocate(alice), 0);
	w->settings.redirect = true;
	assert_int_equal(player_allocate(again), 486);
	assert_int_equal(player_refresh(alice, 0), 0);
	for (unsigned i = 0; i < 3; i++)				/* and who is sent on is not charged */
		assert_int_equal(player_allocate(again), 300);
	turn_server_free(w->server);
	w->server = NULL;
	quota_free(w->settings.quota);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(a_draining_server_sends_new_clients_to_another),
		STORY(a_draining_server_that_knows_none_of_the_kind_says_508),
		STORY(strangers_are_told_nothing),
		STORY(tls_clients_learn_the_name_in_the_certificate),
		STORY(redirection_sends_everybody_whom_another_can_serve),
		STORY(a_request_that_comes_again_is_sent_to_the_same_server),
		STORY(who_is_over_the_quota_is_not_sent_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
