/* The fleet's TURN secrets as they are read from a real redis-server. */
#include "common/redis/secret_feed.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };
enum { NEVER_POLLED = 60000 };

struct home {
	struct test_loop loop;
	struct redis_server server;
	struct redis_route *route;
	struct secret_feed *feed;
	struct buf heard;
	unsigned changes, looks, stopped;
	size_t n_coturn;
	bool odd;
};

static struct home *home;

static void on_stopped(void *ctx)
{
	(void)ctx;
	home->stopped++;
}

static void on_changed(void *owner)
{
	(void)owner;
	home->changes++;
}

static void on_looked(void *owner, const struct secret_look *l)
{
	(void)owner;
	home->looks++;
	home->n_coturn = l->n_coturn;
	home->odd = l->odd;
}

static void open_home(msec_t poll)
{
	static const struct secret_feed_handler handler = { on_changed, on_looked };
	char why[160];
	struct home *h = home = calloc(1, sizeof(*h));

	assert_non_null(h);
	log_setup(LOG_ERROR, LOG_KEY_VALUE, -1);
	buf_init(&h->heard, 1 << 20);
	test_loop_open(&h->loop);
	redis_server_start(&h->server, 0, NULL);
	h->route = redis_route_new(&h->loop.uv, h->server.url, &quick, NULL, h, why);
	assert_non_null(h->route);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	h->feed = secret_feed_new(h->route, SPAN_LIT("example.org"), poll, &handler, h);
	assert_non_null(h->feed);
	RUN_UNTIL(&h->loop, h->looks > 0);
}

static int set_up(void **state)
{
	(void)state;
	open_home(20);
	return 0;
}

static int tear_down(void **state)
{
	struct home *h = home;

	(void)state;
	secret_feed_stop(h->feed);
	redis_route_stop(h->route, on_stopped, h);
	RUN_UNTIL(&h->loop, h->stopped == 1);
	redis_server_remove(&h->server);
	test_loop_close(&h->loop);
	secret_feed_free(h->feed);
	buf_close(&h->heard);
	free(h);
	return 0;
}

static const char *command(const struct span *words, size_t n)
{
	buf_reset(&home->heard);
	redis_command(home->route, REDIS_ANY_PARTITION, words, n, redis_text_line, &home->heard);
	RUN_UNTIL(&home->loop, home->heard.len > 0 && home->heard.p[home->heard.len - 1] == '\n');
	return buf_cstr(&home->heard);
}

static void hset(const char *id, const char *value)
{
	command((struct span[]){ SPAN_LIT("HSET"), SPAN_LIT("rtc:turn:secrets"), span_str(id), span_str(value) }, 4);
}

static const struct turn_secrets *known(void)
{
	return secret_feed_get(home->feed);
}

static bool known_is(const char *first, size_t n)
{
	return known()->n == n && strcmp(known()->v[0].text, first) == 0;
}

static void look_again(void)
{
	unsigned looks = home->looks;

	RUN_UNTIL(&home->loop, home->looks > looks + 1);
}

static void a_secret_that_was_written_is_seen_by_the_next_look(void **state)
{
	(void)state;
	assert_int_equal(known()->n, 0);
	hset("a", "1 10 10 0 north");
	RUN_UNTIL(&home->loop, known_is("north", 1));
	hset("b", "1 11 99 0 south");
	RUN_UNTIL(&home->loop, known_is("south", 2));
	assert_string_equal(known()->v[1].id, "a");
	assert_int_equal(home->changes, 2);
	look_again();
	assert_int_equal(home->changes, 2);
}

static void the_channel_is_faster_than_the_look(void **state)
{
	(void)state;
	tear_down(state);
	open_home(NEVER_POLLED);
	hset("a", "1 10 10 0 north");
	while (known()->n == 0) {	/* until the subscription is active nobody hears it */
		command((struct span[]){ SPAN_LIT("PUBLISH"), SPAN_LIT("rtc:turn:secrets"), SPAN_LIT("") }, 3);
		assert_true(test_loop_turn(&home->loop));
	}
	assert_true(known_is("north", 1));
}

static void nothing_never_replaces_something(void **state)
{
	(void)state;
	hset("a", "1 10 10 0 north");
	RUN_UNTIL(&home->loop, known_is("north", 1));
	command((struct span[]){ SPAN_LIT("FLUSHALL") }, 1);
	look_again();
	assert_true(known_is("north", 1));
	redis_server_kill(&home->server);
	RUN_UNTIL(&home->loop, !redis_route_up(home->route));
	assert_true(known_is("north", 1));
	redis_server_again(&home->server);
	RUN_UNTIL(&home->loop, redis_route_up(home->route));
	look_again();
	assert_true(known_is("north", 1));
	hset("b", "1 11 11 0 south");
	RUN_UNTIL(&home->loop, known_is("south", 1));
}

static void what_is_retired_is_gone_also_while_redis_is_away(void **state)
{
	char value[64];

	(void)state;
	hset("a", "1 10 10 20 long-ago");
	hset("b", "1 12 12 0 south");
	snprintf(value, sizeof(value), "1 11 11 %lld north", (long long)clock_unix() + 2);
	hset("c", value);
	RUN_UNTIL(&home->loop, known_is("south", 2));
	redis_server_kill(&home->server);
	RUN_UNTIL(&home->loop, known_is("south", 1));
}

static void a_coturns_own_secrets_serve_until_there_are_ours(void **state)
{
	static const struct span key = SPAN_INIT("turn/realm/example.org/secret");

	(void)state;
	command((struct span[]){ SPAN_LIT("SADD"), key, SPAN_LIT("y"), SPAN_LIT("x"), SPAN_LIT("no secret") }, 5);
	RUN_UNTIL(&home->loop, known_is("x", 2));
	assert_int_equal(home->n_coturn, 3);
	assert_non_null(turn_secrets_minting(known(), 0));
	hset("a", "1 10 10 0 north");
	RUN_UNTIL(&home->loop, known_is("north", 1));
}

static void what_is_no_secret_harms_no_other(void **state)	/* D-R6 */
{
	(void)state;
	hset("odd", "2 x");
	hset("a", "1 10 10 0 north");
	RUN_UNTIL(&home->loop, known_is("north", 1));
	assert_true(home->odd);
	command((struct span[]){ SPAN_LIT("SET"), SPAN_LIT("turn/realm/example.org/secret"), SPAN_LIT("x") }, 3);
	hset("b", "1 11 11 0 south");
	RUN_UNTIL(&home->loop, known_is("south", 2));
	command((struct span[]){ SPAN_LIT("SET"), SPAN_LIT("rtc:turn:secrets"), SPAN_LIT("x") }, 3);
	for (int i = 0; i < 20; i++)
		assert_true(test_loop_turn(&home->loop));
	assert_true(known_is("south", 2));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_secret_that_was_written_is_seen_by_the_next_look),
		T(the_channel_is_faster_than_the_look),
		T(nothing_never_replaces_something),
		T(what_is_retired_is_gone_also_while_redis_is_away),
		T(a_coturns_own_secrets_serve_until_there_are_ours),
		T(what_is_no_secret_harms_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
