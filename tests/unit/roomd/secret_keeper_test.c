/* TURN secrets are looked after, in a real redis-server, by two keepers at once. */
#include "roomd/secret_keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };
enum { KEEPERS = 2, LIFETIME = 3600 };

struct keeper {
	struct secret_feed *feed;
	struct secret_keeper keeper;
	unsigned looks;
	struct turn_secrets ours;	/* as of the last look */
};

static struct home {
	struct test_loop loop;
	struct redis_server server;
	struct redis_route *route;
	struct keeper k[KEEPERS];
	struct buf heard;
	unsigned stopped;
} *home;

static void on_looked(void *owner, const struct secret_look *l)
{
	struct keeper *k = owner;

	k->looks++;
	k->ours = *l->ours;
	secret_keeper_looked(&k->keeper, l, secret_feed_get(k->feed));
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	home->stopped++;
}

static int set_up(void **state)
{
	char why[160];

	(void)state;
	home = calloc(1, sizeof(*home));
	assert_non_null(home);
	log_setup(LOG_ERROR, LOG_KEY_VALUE, -1);
	buf_init(&home->heard, 1 << 16);
	test_loop_open(&home->loop);
	redis_server_start(&home->server, 0, NULL);
	home->route = redis_route_new(&home->loop.uv, home->server.url, &quick, NULL, home, why);
	assert_non_null(home->route);
	RUN_UNTIL(&home->loop, redis_route_up(home->route));
	return 0;
}

static void employ(msec_t rotation)
{
	static const struct secret_feed_handler handler = { .looked = on_looked };

	for (unsigned i = 0; i < KEEPERS; i++) {
		struct keeper *k = &home->k[i];
		secret_keeper_init(&k->keeper, home->route, SPAN_LIT("r"), SECONDS(LIFETIME), rotation);
		k->feed = secret_feed_new(home->route, SPAN_LIT("r"), 20, &handler, k);
		assert_non_null(k->feed);
	}
}

static int tear_down(void **state)
{
	struct home *h = home;

	(void)state;
	for (unsigned i = 0; i < KEEPERS; i++)
		if (h->k[i].feed != NULL)
			secret_feed_stop(h->k[i].feed);
	redis_route_stop(h->route, on_stopped, h);
	RUN_UNTIL(&h->loop, h->stopped == 1);
	redis_server_remove(&h->server);
	test_loop_close(&h->loop);
	for (unsigned i = 0; i < KEEPERS; i++)
		secret_feed_free(h->k[i].feed);
	buf_close(&h->heard);
	free(h);
	return 0;
}

/* Words are separated by '|'. */
static const char *ask(const char *line)
{
	struct span words[16], rest = span_str(line);
	size_t n = 0;

	while (rest.len > 0)
		words[n++] = text_cut(&rest, '|');
	buf_reset(&home->heard);
	redis_command(home->route, REDIS_ANY_PARTITION, words, n, redis_text_line, &home->heard);
	RUN_UNTIL(&home->loop, home->heard.len > 0 && home->heard.p[home->heard.len - 1] == '\n');
	return buf_cstr(&home->heard);
}

static void look(unsigned n)
{
	unsigned looks[KEEPERS] = { home->k[0].looks, home->k[1].looks };

	RUN_UNTIL(&home->loop, home->k[0].looks >= looks[0] + n && home->k[1].looks >= looks[1] + n);
}

static const struct turn_secrets *ours(void)
{
	return &home->k[0].ours;
}

static void hset(const char *id, int64_t created, int64_t active, int64_t retire)
{
	char line[256];

	snprintf(line, sizeof(line), "HSET|rtc:turn:secrets|%s|1 %lld %lld %lld text-%s", id, (long long)created, (long long)active,
		 (long long)retire, id);
	ask(line);
}

static void without_any_one_is_made_and_serves_at_once(void **state)
{
	(void)state;
	employ(0);
	RUN_UNTIL(&home->loop, ours()->n == 1);
	look(3);
	assert_int_equal(ours()->n, 1);
	assert_true(ours()->v[0].activate_at == ours()->v[0].created && ours()->v[0].retire_at == 0);
	assert_int_equal(strlen(ours()->v[0].text), 48);
	assert_true(turn_secrets_same(ours(), &home->k[1].ours));
	assert_string_equal(ask("SCARD|turn/realm/r/secret"), "1\n");
}

static void when_it_is_time_one_keeper_makes_a_new_one(void **state)
{
	int64_t now = clock_unix();

	(void)state;
	hset("old", now - 700, now - 700, 0);
	employ(SECONDS(600));
	RUN_UNTIL(&home->loop, ours()->n == 2);
	look(5);
	assert_int_equal(ours()->n, 2);
	assert_string_equal(ours()->v[1].id, "old");
	assert_int_equal(ours()->v[0].activate_at - ours()->v[0].created, SECRET_ACTIVATION);
	assert_int_equal(ours()->v[1].retire_at, ours()->v[0].activate_at + LIFETIME + 60);
	assert_int_equal(ours()->v[0].retire_at, 0);
	assert_string_equal(ask("SCARD|turn/realm/r/secret"), "2\n");
}

static void what_has_retired_is_deleted_and_nothing_else(void **state)
{
	int64_t now = clock_unix();

	(void)state;
	hset("gone", now - 900, now - 900, now - 1);
	hset("going", now - 800, now - 800, now + 60);
	hset("here", now - 700, now - 700, 0);
	ask("SADD|turn/realm/r/secret|text-gone");
	employ(0);
	RUN_UNTIL(&home->loop, ours()->n == 2);
	look(2);
	assert_string_equal(ours()->v[0].id, "here");
	assert_string_equal(ask("SISMEMBER|turn/realm/r/secret|text-gone"), "0\n");
	assert_string_equal(ask("SCARD|turn/realm/r/secret"), "2\n");
}

static void eight_valid_ones_are_enough(void **state)
{
	int64_t now = clock_unix();
	char id[2] = "a";

	(void)state;
	for (int i = 0; i < TURN_SECRETS_MAX; i++, id[0]++)
		hset(id, now - 900 + i, now - 900 + i, i == TURN_SECRETS_MAX - 1 ? 0 : now + 60);
	employ(SECONDS(600));
	look(5);
	assert_int_equal(ours()->n, TURN_SECRETS_MAX);
	assert_string_equal(ask("HLEN|rtc:turn:secrets"), "8\n");
}

static void a_redis_that_came_back_empty_gets_them_back(void **state)
{
	struct turn_secrets before;

	(void)state;
	employ(0);
	RUN_UNTIL(&home->loop, ours()->n == 1 && home->k[1].ours.n == 1);
	before = *ours();
	redis_server_kill(&home->server);
	RUN_UNTIL(&home->loop, !redis_route_up(home->route));
	redis_server_again(&home->server);
	RUN_UNTIL(&home->loop, redis_route_up(home->route));
	look(4);
	assert_true(turn_secrets_same(ours(), &before));
}

static void a_coturns_own_are_adopted(void **state)
{
	(void)state;
	ask("SADD|turn/realm/r/secret|one|two");
	employ(0);
	RUN_UNTIL(&home->loop, ours()->n == 2);
	look(2);
	assert_non_null(turn_secrets_find(ours(), SPAN_LIT("one")));
	assert_non_null(turn_secrets_find(ours(), SPAN_LIT("two")));
	assert_string_equal(ask("SCARD|turn/realm/r/secret"), "2\n");
}

static void what_is_not_understood_is_left_alone(void **state)	/* D-R6 */
{
	int64_t now = clock_unix();

	(void)state;
	hset("old", now - 700, now - 700, 0);
	ask("HSET|rtc:turn:secrets|odd|2 something newer");
	ask("SADD|turn/realm/r/secret|other");
	employ(SECONDS(600));
	look(5);
	assert_string_equal(ask("HLEN|rtc:turn:secrets"), "2\n");
	assert_string_equal(ask("SMEMBERS|turn/realm/r/secret"), "[\"other\"]\n");
}

static enum rotation rotated;
static unsigned rotations;

static void on_rotated(void *ctx, const struct redis_value *v)
{
	int64_t active_at;

	(void)ctx;
	rotated = rotation_answer(v, &active_at);
	rotations++;
}

static void by_hand_there_is_always_a_new_one(void **state)
{
	static const enum rotation expected[] = { ROTATION_DONE, ROTATION_DONE, ROTATION_EARLY };
	static const int64_t age[] = { 0, 0, 60 };

	(void)state;
	rotations = 0;
	for (unsigned i = 0; i < 3; i++) {
		rotation_start(home->route, SECONDS(LIFETIME), age[i], on_rotated, NULL);
		RUN_UNTIL(&home->loop, rotations == i + 1);
		assert_int_equal(rotated, expected[i]);
	}
	assert_string_equal(ask("HLEN|rtc:turn:secrets"), "2\n");
	ask("SET|rtc:turn:secrets|x");
	rotation_start(home->route, SECONDS(LIFETIME), 0, on_rotated, NULL);
	RUN_UNTIL(&home->loop, rotations == 4);
	assert_int_equal(rotated, ROTATION_ODD);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(without_any_one_is_made_and_serves_at_once),
		T(when_it_is_time_one_keeper_makes_a_new_one),
		T(what_has_retired_is_deleted_and_nothing_else),
		T(eight_valid_ones_are_enough),
		T(a_redis_that_came_back_empty_gets_them_back),
		T(a_coturns_own_are_adopted),
		T(what_is_not_understood_is_left_alone),
		T(by_hand_there_is_always_a_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
