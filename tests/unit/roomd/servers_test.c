/* Which servers of the fleet a client is sent to. */
#include "roomd/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "roomd/ice_config.h"
#include "tests/lib/failing_alloc.h"
#include "tests/unit/roomd/a_site.h"

enum { NODES = 8 };

static struct servers servers;

/* "kind zone load draining url [url]", one node a line. */
static bool fleet(const char *const *lines, size_t n)
{
	static _Alignas(struct node) uint8_t memory[NODES][sizeof(struct node)];
	static const struct node *v[NODES];
	static char text[NODES][512];

	assert_true(n <= NODES);
	for (size_t i = 0; i < n; i++) {
		struct node *node = (struct node *)(void *)memory[i];
		char kind[16], zone[32], url[2][128] = { "", "" };
		unsigned load, draining;
		assert_true(sscanf(lines[i], "%15s %31s %u %u %127s %127s", kind, zone, &load, &draining, url[0], url[1]) >= 5);
		snprintf(text[i], sizeof(text[i]), "%s 1\nstarted 1\nzone %s\nload %u\ndraining %u\nurl %s\n%s%s%s", kind, zone, load,
			 draining, url[0], url[1][0] != '\0' ? "url " : "", url[1], url[1][0] != '\0' ? "\n" : "");
		assert_true(node_record_parse(span_str(text[i]), &node->r));
		v[i] = node;
	}
	return servers_init(&servers, &(struct node_set){ n, v }, SPAN_LIT("north"));
}
#define FLEET(...) assert_true(fleet((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)))

static int end(void **state)
{
	(void)state;
	servers_close(&servers);
	return 0;
}

static const char *turns(void)
{
	static char out[256];
	const struct live_turn *t[TURN_PER_ANSWER];
	size_t n = servers_pick_turn(&servers, t);

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%.*s ", SPAN_ARG(t[i]->uri[0]));
	return out;
}

static void the_zones_own_come_first_then_the_least_loaded(void **state)
{
	(void)state;
	FLEET("turn south 0 0 turn:a", "turn north 9 0 turn:b", "turn south 5 0 turn:c", "turn north 90 0 turn:d");
	assert_string_equal(turns(), "turn:b turn:d ");
	servers_close(&servers);
	FLEET("turn south 7 0 turn:a", "turn north 9 0 turn:b", "turn south 5 0 turn:c");
	assert_string_equal(turns(), "turn:b turn:c ");
}

static void one_that_drains_is_given_to_nobody(void **state)
{
	(void)state;
	FLEET("turn north 0 1 turn:a", "turn south 9 0 turn:b", "signal north 0 1 ws://a", "signal south 5 0 ws://b");
	assert_string_equal(turns(), "turn:b ");
	assert_string_equal(servers_best_signal(&servers)->name, "ws://b");
	assert_null(servers_signal(&servers, SPAN_LIT("ws://a")));
}

static void a_rush_between_two_looks_spreads(void **state)
{
	(void)state;
	FLEET("turn north 1 0 turn:a", "turn north 1 0 turn:b", "turn north 2 0 turn:c", "signal north 0 0 ws://a", "signal north 1 0 ws://b");
	assert_string_equal(turns(), "turn:a turn:b ");
	assert_string_equal(turns(), "turn:a turn:b ");		/* three with two each */
	assert_string_equal(turns(), "turn:c turn:a ");
	for (int i = 0; i < 2; i++)
		servers_signal_used(&servers, SPAN_LIT("ws://a"));
	assert_string_equal(servers_best_signal(&servers)->name, "ws://b");
	servers_signal_used(&servers, SPAN_LIT("ws://nobody"));
}

static void an_empty_fleet_gives_nothing(void **state)
{
	(void)state;
	assert_true(servers_init(&servers, &(struct node_set){ .n = 0 }, SPAN_LIT("")));
	assert_string_equal(turns(), "");
	assert_null(servers_best_signal(&servers));
	assert_null(servers_signal_instead(&servers, SPAN_LIT("room")));
}

static void a_signald_says_where_we_reach_it(void **state)
{
	const struct signal_server *s;

	(void)state;
	FLEET("signal north 0 0 wss://s.example.org http://10.0.0.2:8089", "signal north 0 0 ws://t:81 wss://t",
	      "signal north 0 0 wss://s.example.org http://10.0.0.3:8089");
	s = servers_signal(&servers, SPAN_LIT("wss://s.example.org"));
	assert_string_equal(s->inner.host, "10.0.0.2");		/* replicas behind one URL are one server */
	assert_int_equal(servers.n_signal, 2);
	s = servers_signal(&servers, SPAN_LIT("ws://t:81"));
	assert_string_equal(s->inner.host, "t");
	assert_int_equal(s->inner.port, 81);
}

/* In whatever order the nodes are seen; and few rooms move when one goes. */
static void all_roomd_choose_the_same_instead_of_one_that_is_gone(void **state)
{
	char room[24], chosen[100][ORIGIN_TEXT_SIZE];
	unsigned n[3] = { 0 };

	(void)state;
	FLEET("signal north 0 0 ws://a", "signal north 9 0 ws://b", "signal south 5 0 ws://c");
	for (int i = 0; i < 100; i++) {
		snprintf(room, sizeof(room), "room-%d", i);
		strcpy(chosen[i], servers_signal_instead(&servers, span_str(room))->name);
		n[chosen[i][5] - 'a']++;
	}
	assert_true(n[0] > 15 && n[1] > 15 && n[2] > 15);
	servers_close(&servers);
	FLEET("signal south 0 0 ws://c", "signal south 3 0 ws://b");
	for (int i = 0; i < 100; i++) {
		snprintf(room, sizeof(room), "room-%d", i);
		if (chosen[i][5] != 'a')
			assert_string_equal(servers_signal_instead(&servers, span_str(room))->name, chosen[i]);
	}
}

static void without_memory_there_are_no_servers(void **state)
{
	static const char *const lines[] = { "turn north 0 0 turn:a turn:b", "signal north 0 0 ws://a" };
	unsigned n = 0;

	(void)state;
	for (bool made = false; !made; n++) {
		alloc_fail_at(n);
		made = fleet(lines, 2);
		alloc_fail_never();
		if (!made)
			assert_true(servers.turn == NULL && servers.n_turn == 0);
	}
	assert_int_equal(n, 4);
}

/* --- the site, which puts them before what is configured ------------------------------------------------------- */

static struct site_options options;
static struct site site;

static void open_site(void)
{
	int complaints = 0;

	options = a_site_options();
	assert_true(site_init(&site, &options, a_complaint, &complaints));
}

static void settle(void)		/* the servers are the site's */
{
	servers_close(&site.servers);
	site.servers = servers;
	servers = (struct servers){ .n_turn = 0 };
}

static void a_room_keeps_its_signald_while_it_lives(void **state)
{
	static const struct span room = SPAN_INIT("room");

	(void)state;
	open_site();
	assert_ptr_equal(site_best_signal(&site), &site.signals[0]);
	FLEET("signal north 5 0 ws://a:1", "signal north 0 0 ws://b:2");
	settle();
	assert_string_equal(site_best_signal(&site)->name, "ws://b:2");
	assert_string_equal(site_signal(&site, SPAN_LIT("ws://a:1"), room)->name, "ws://a:1");
	assert_string_equal(site_signal(&site, SPAN_LIT("ws://localhost:8089"), room)->name, "ws://localhost:8089");
	assert_ptr_equal(site_signal(&site, SPAN_LIT("ws://gone"), room), servers_signal_instead(&site.servers, room));
	assert_string_equal(site_signal_at(&site, SPAN_LIT("b:2"))->name, "ws://b:2");
	assert_true(site_has_inner(&site, &site.signals[0].inner));
	assert_true(site_has_inner(&site, &site.servers.signal[1].server.inner));
	site_close(&site);
}

static void a_server_that_cannot_be_reached_is_replaced_by_one_of_its_kind(void **state)
{
	struct origin gone = { .port = 1, .host = "gone" };

	(void)state;
	open_site();
	assert_ptr_equal(site_signal_besides(&site, &site.signals[0].inner), &site.signals[1]);
	assert_ptr_equal(site_signal_besides(&site, &site.signals[1].inner), &site.signals[0]);
	FLEET("signal north 5 0 ws://a:1");
	settle();
	assert_null(site_signal_besides(&site, &site.servers.signal[0].server.inner));
	assert_string_equal(site_signal_besides(&site, &gone)->name, "ws://a:1");
	assert_false(site_has_inner(&site, &gone));
	site_close(&site);
}

static void the_fleets_secret_is_for_its_servers_and_ours_for_the_configured(void **state)
{
	struct turn_secrets secrets = { .n = 2, .v = { { .id = "b", .text = "new", .created = 100, .activate_at = 105 },
						       { .id = "a", .text = "old", .created = 50, .activate_at = 50 } } };

	(void)state;
	open_site();
	assert_string_equal(site_secret(&site, true, 104), "north");
	site.secrets = &secrets;
	assert_string_equal(site_secret(&site, true, 104), "old");	/* not before every turnd knows it */
	assert_string_equal(site_secret(&site, true, 105), "new");
	assert_string_equal(site_secret(&site, false, 105), "north");
	options.static_auth_secret = NULL;
	assert_string_equal(site_secret(&site, false, 105), "new");
	site.secrets = NULL;
	assert_null(site_secret(&site, false, 105));
	site_close(&site);
}

static const char *turn_answer(void)
{
	static char text[1024];
	struct buf out;

	buf_init(&out, sizeof(text) - 1);
	assert_true(ice_write_config(&site, 1000, &out));
	strcpy(text, buf_cstr(&out));
	buf_close(&out);
	return text;
}

static void live_servers_are_given_by_transport_with_their_own_as_stun(void **state)
{
	(void)state;
	open_site();
	options.stun_server.n = 0;
	FLEET("turn north 1 0 turns:a turn:a?transport=udp", "turn north 2 0 turn:b?transport=tcp turn:b:3?transport=udp");
	settle();
	assert_true(site_gives_ice(&site));
	assert_non_null(strstr(turn_answer(), "\"urls\":[\"turn:a?transport=udp\",\"turn:b:3?transport=udp\",\"turn:b?transport=tcp\",\"turns:a\"]"));
	assert_non_null(strstr(turn_answer(), "\"urls\":[\"stun:a\",\"stun:b:3\"]"));
	options.static_auth_secret = NULL;		/* and no other: nothing that nobody could use */
	assert_null(strstr(turn_answer(), "turn:"));
	site_close(&site);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, end)
	const struct CMUnitTest tests[] = {
		T(the_zones_own_come_first_then_the_least_loaded),
		T(one_that_drains_is_given_to_nobody),
		T(a_rush_between_two_looks_spreads),
		T(an_empty_fleet_gives_nothing),
		T(a_signald_says_where_we_reach_it),
		T(all_roomd_choose_the_same_instead_of_one_that_is_gone),
		T(without_memory_there_are_no_servers),
		T(a_room_keeps_its_signald_while_it_lives),
		T(a_server_that_cannot_be_reached_is_replaced_by_one_of_its_kind),
		T(the_fleets_secret_is_for_its_servers_and_ours_for_the_configured),
		T(live_servers_are_given_by_transport_with_their_own_as_stun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
