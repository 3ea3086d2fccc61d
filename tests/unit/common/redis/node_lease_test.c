/* Leases of nodes and the feed that reads them, over a real redis-server. */
#include "common/redis/node_lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/redis_schema.h"
#include "common/redis/node_feed.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

enum { LIFE = 400, RENEW = 100 };	/* a tenth of the real ones */

static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };
static const struct node_feed_timing often = { .poll = 50, .settle = 300 };

struct home {
	struct test_loop loop;
	struct redis_server server;
	struct redis_route *route;
	struct node_feed *feed;
	struct node_lease *lease;
	struct buf heard;
	uint32_t load;
	unsigned looks, drains, gone, stopped;
};

static struct home *home;

static void on_stopped(void *ctx)
{
	(void)ctx;
	home->stopped++;
}

static void on_look(void *owner)
{
	(void)owner;
	home->looks++;
}

static uint32_t load(void *owner)
{
	(void)owner;
	return home->load;
}

static void drain_asked(void *owner)
{
	(void)owner;
	home->drains++;
}

static void lease_gone(void *owner)
{
	(void)owner;
	home->gone++;
}

static int set_up(void **state)
{
	char why[160];
	struct home *h = home = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	log_setup(LOG_ERROR, LOG_KEY_VALUE, -1);
	buf_init(&h->heard, 1 << 20);
	test_loop_open(&h->loop);
	redis_server_start(&h->server, 0, NULL);
	h->route = redis_route_new(&h->loop.uv, h->server.url, &quick, NULL, h, why);
	assert_non_null(h->route);
	h->feed = node_feed_new(h->route, &often, on_look, h);
	assert_non_null(h->feed);
	RUN_UNTIL(&h->loop, node_feed_loaded(h->feed));
	return 0;
}

static void lease_stop(void)
{
	unsigned before = home->gone;

	node_lease_stop(home->lease, lease_gone);
	RUN_UNTIL(&home->loop, home->gone == before + 1);
}

static int tear_down(void **state)
{
	struct home *h = home;

	(void)state;
	if (h->lease != NULL && h->gone == 0)
		lease_stop();
	node_feed_stop(h->feed);
	redis_route_stop(h->route, on_stopped, h);
	RUN_UNTIL(&h->loop, h->stopped == 1);
	redis_server_remove(&h->server);
	test_loop_close(&h->loop);
	node_lease_free(h->lease);
	node_feed_free(h->feed);
	buf_close(&h->heard);
	free(h);
	return 0;
}

static void announce(enum node_kind kind)
{
	static const struct span turn[] = { SPAN_INIT("turn:192.0.2.1:3478?transport=udp"), SPAN_INIT("turns:t.example.org") };
	static const struct span signal[] = { SPAN_INIT("wss://s.example.org"), SPAN_INIT("http://10.0.0.1:8089") };
	const struct node_lease_options o = {
		.kind = kind, .urls = kind == NODE_TURN ? turn : signal, .n_urls = 2, .zone = SPAN_LIT("north"),
		.load = load, .drain_asked = drain_asked, .life = LIFE, .renew = RENEW,
	};

	home->lease = node_lease_new(home->route, &o, home);
	assert_non_null(home->lease);
}

static const char *ask(const char *line)
{
	struct span words[16], rest = span_str(line);
	size_t n = 0;

	while (rest.len > 0)
		words[n++] = text_cut(&rest, ' ');
	buf_reset(&home->heard);
	redis_command(home->route, REDIS_ANY_PARTITION, words, n, redis_text_line, &home->heard);
	RUN_UNTIL(&home->loop, home->heard.len > 0 && home->heard.p[home->heard.len - 1] == '\n');
	home->heard.p[home->heard.len - 1] = '\0';
	return (const char *)home->heard.p;
}

static const struct node *only_node(void)
{
	struct node_set s = node_feed_nodes(home->feed);

	return s.n == 1 ? s.v[0] : NULL;
}

static size_t nodes(void)
{
	return node_feed_nodes(home->feed).n;
}

static void a_node_that_announced_itself_is_seen_with_all_it_says(void **state)
{
	const struct node *n;

	(void)state;
	home->load = 7;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	n = only_node();
	assert_string_equal(n->id, node_lease_node(home->lease));
	assert_true(node_lease_held(home->lease));
	assert_int_equal(n->r.kind, NODE_TURN);
	assert_int_equal(n->r.load, 7);
	assert_false(n->r.draining);
	assert_true(span_eq_str(n->r.zone, "north"));
	assert_int_equal(n->r.n_urls, 2);
	assert_true(span_eq_str(n->r.url[1], "turns:t.example.org"));
	home->load = 8;
	RUN_UNTIL(&home->loop, only_node()->r.load == 8);
}

static void a_signald_is_in_the_set_of_every_partition_and_a_turnd_in_one(void **state)
{
	char line[64];

	(void)state;
	announce(NODE_SIGNAL);
	RUN_UNTIL(&home->loop, nodes() == 1);
	for (unsigned p = 0; p < REDIS_PARTITIONS; p++) {
		snprintf(line, sizeof(line), "ZCARD rtc:{p%02u}:nodes", p);
		assert_string_equal(ask(line), "1");
		snprintf(line, sizeof(line), "PTTL rtc:{p%02u}:nodes", p);
		assert_int_not_equal(atoi(ask(line)), -1);	/* nothing of ours stays for ever: D-R3 */
	}
	lease_stop();
	assert_string_equal(ask("DBSIZE"), "0");
	node_lease_free(home->lease);
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1 && only_node()->r.kind == NODE_TURN);
	assert_string_equal(ask("KEYS rtc:*nodes"), "[\"rtc:{p00}:nodes\"]");
	home->gone = 0;
}

static void the_end_of_the_lease_is_told_in_redis_time(void **state)
{
	int64_t seconds, end;
	char line[96];

	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	seconds = atoll(ask("TIME") + 2);
	snprintf(line, sizeof(line), "ZSCORE rtc:{p00}:nodes %s", node_lease_node(home->lease));
	end = atoll(ask(line) + 1);
	assert_in_range(end, seconds * 1000 - 1000, seconds * 1000 + LIFE + 2000);
}

static void one_that_drains_says_so_at_once(void **state)
{
	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	node_lease_drain(home->lease);
	RUN_UNTIL(&home->loop, only_node()->r.draining);
}

static void the_drain_flag_is_heard_once(void **state)
{
	char line[96];

	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	snprintf(line, sizeof(line), "SET rtc:drain:%s 1", node_lease_node(home->lease));
	ask(line);
	RUN_UNTIL(&home->loop, home->drains == 1);
	for (unsigned looks = home->looks; home->looks < looks + 6;)
		assert_true(test_loop_turn(&home->loop));
	assert_int_equal(home->drains, 1);
}

static void one_that_stops_is_gone_at_once_and_one_that_was_killed_after_its_lease(void **state)
{
	uint64_t begin;

	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	lease_stop();
	RUN_UNTIL(&home->loop, nodes() == 0);
	ask("ZADD rtc:{p00}:nodes 1 turn-dead");
	ask("SET rtc:node:turn-dead x");
	ask("PEXPIRE rtc:node:turn-dead 1");
	begin = home->looks;
	while (home->looks < begin + 3)
		assert_true(test_loop_turn(&home->loop));
	assert_int_equal(nodes(), 0);
}

static void what_is_no_record_harms_nobody_else(void **state)		/* D-R6 */
{
	(void)state;
	ask("ZADD rtc:{p00}:nodes 1 bad 2 list 3 none 4 x/y");
	ask("SET rtc:node:bad turn");
	ask("RPUSH rtc:node:list x");
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	assert_string_equal(only_node()->id, node_lease_node(home->lease));
}

static void a_set_of_another_type_keeps_what_was_known(void **state)	/* D-R6 */
{
	unsigned looks;

	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	ask("SET rtc:{p00}:nodes x");
	looks = home->looks;
	for (int i = 0; i < 20; i++)
		assert_true(test_loop_turn(&home->loop));
	assert_true(home->looks <= looks + 1);
	assert_int_equal(nodes(), 1);
	assert_true(node_lease_held(home->lease));
}

static void redis_that_is_away_loses_nobody_and_comes_back_to_all(void **state)
{
	char id[ID_MAX + 1];
	unsigned looks;

	(void)state;
	announce(NODE_SIGNAL);
	RUN_UNTIL(&home->loop, nodes() == 1);
	strcpy(id, only_node()->id);
	redis_server_kill(&home->server);
	RUN_UNTIL(&home->loop, !node_lease_held(home->lease));
	assert_int_equal(nodes(), 1);
	looks = home->looks;
	redis_server_again(&home->server);		/* with nothing in it */
	while (!node_lease_held(home->lease) || home->looks < looks + 10) {
		assert_true(test_loop_turn(&home->loop));
		assert_int_equal(nodes(), 1);
	}
	assert_string_equal(only_node()->id, id);
}

static void one_that_does_not_come_back_with_redis_is_missed_after_a_while(void **state)
{
	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	redis_server_kill(&home->server);
	RUN_UNTIL(&home->loop, !redis_route_up(home->route));
	lease_stop();		/* nobody to tell it to */
	assert_int_equal(nodes(), 1);
	redis_server_again(&home->server);
	RUN_UNTIL(&home->loop, nodes() == 0);
}

static void without_memory_nothing_is_made(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		const struct span url = SPAN_LIT("turn:h");
		const struct node_lease_options o = { .kind = NODE_TURN, .urls = &url, .n_urls = 1, .load = load };
		alloc_fail_at(n);
		if (n < 2)
			assert_null(node_lease_new(home->route, &o, home));
		if (n < 1) {
			alloc_fail_at(n);
			assert_null(node_feed_new(home->route, NULL, NULL, home));
		}
		alloc_fail_never();
	}
}

static void a_look_without_memory_keeps_what_was_known(void **state)
{
	(void)state;
	announce(NODE_TURN);
	RUN_UNTIL(&home->loop, nodes() == 1);
	for (unsigned n = 0; n < 12; n++) {
		unsigned looks = home->looks;
		alloc_fail_at(n);
		RUN_UNTIL(&home->loop, alloc_failed());
		alloc_fail_never();
		RUN_UNTIL(&home->loop, home->looks > looks + 1);
		RUN_UNTIL(&home->loop, nodes() == 1);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_node_that_announced_itself_is_seen_with_all_it_says),
		T(a_signald_is_in_the_set_of_every_partition_and_a_turnd_in_one),
		T(the_end_of_the_lease_is_told_in_redis_time),
		T(one_that_drains_says_so_at_once),
		T(the_drain_flag_is_heard_once),
		T(one_that_stops_is_gone_at_once_and_one_that_was_killed_after_its_lease),
		T(what_is_no_record_harms_nobody_else),
		T(a_set_of_another_type_keeps_what_was_known),
		T(redis_that_is_away_loses_nobody_and_comes_back_to_all),
		T(one_that_does_not_come_back_with_redis_is_missed_after_a_while),
		T(without_memory_nothing_is_made),
		T(a_look_without_memory_keeps_what_was_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
