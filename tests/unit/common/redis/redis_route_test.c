/* A route to a real redis-server. What needs a server that misbehaves at a chosen moment is in redis_link_test.c. */
#include "common/redis/redis_route.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/text.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

struct home {
	struct test_loop loop;
	struct redis_server server;
	struct redis_route *route;
	struct buf heard, messages;
	unsigned ups, downs, subscribed;
	bool stopped;
};

static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };

static void on_state(void *owner, bool up)
{
	struct home *h = owner;

	h->ups += up;
	h->downs += !up;
}

static void on_stopped(void *ctx)
{
	struct home *h = ctx;

	h->stopped = true;
}

static void dial(struct home *h, const char *url, const struct redis_timing *timing)
{
	char why[160];

	h->route = redis_route_new(&h->loop.uv, url, timing, on_state, h, why);
	assert_non_null(h->route);
	assert_false(redis_route_up(h->route));
}

static void hang_up(struct home *h)
{
	h->stopped = false;
	redis_route_stop(h->route, on_stopped, h);
	RUN_UNTIL(&h->loop, h->stopped);
	h->route = NULL;
}

static struct home *move_in(bool tcp, const char *password)
{
	struct home *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	buf_init(&h->heard, (size_t)1 << 24);
	buf_init(&h->messages, 1 << 16);
	test_loop_open(&h->loop);
	redis_server_start(&h->server, tcp, password);
	return h;
}

static int set_up(void **state)
{
	struct home *h = move_in(false, NULL);

	dial(h, h->server.url, &quick);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct home *h = *state;

	if (h->route != NULL)
		hang_up(h);
	redis_server_remove(&h->server);
	test_loop_close(&h->loop);
	buf_close(&h->heard);
	buf_close(&h->messages);
	free(h);
	return 0;
}

/* A command of blank-separated words; its answer becomes a line in h->heard. */
static void say(struct home *h, const char *line)
{
	struct span words[16], rest = span_str(line);
	size_t n = 0;

	while (rest.len > 0)
		words[n++] = text_cut(&rest, ' ');
	redis_command(h->route, REDIS_ANY_PARTITION, words, n, redis_text_line, &h->heard);
}

static size_t lines(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == '\n';
	return n;
}

static const char *hear(struct home *h, size_t n)
{
	RUN_UNTIL(&h->loop, lines(&h->heard) >= n);
	return buf_cstr(&h->heard);
}

static void every_kind_of_answer_arrives(void **state)
{
	struct home *h = *state;

	say(h, "SET k v");
	say(h, "GET k");
	say(h, "GET none");
	say(h, "INCR n");
	say(h, "RPUSH l a b");
	say(h, "LRANGE l 0 -1");
	say(h, "LRANGE none 0 -1");
	say(h, "INCR k");
	say(h, "NONSENSE");
	assert_string_equal(hear(h, 9),
			    "status OK\n\"v\"\nnil\n1\n2\n[\"a\" \"b\"]\n[]\n"
			    "error ERR value is not an integer or out of range\n"
			    "error ERR unknown command 'NONSENSE', with args beginning with: \n");
	assert_int_equal(redis_route_counts(h->route).commands, 9);
	assert_int_equal(redis_route_counts(h->route).errors, 2);
	assert_true(redis_route_counts(h->route).last_success > 0);
	assert_int_equal(h->ups, 1);
}

static void large_values_come_back_whole_again_and_again(void **state)
{
	struct home *h = *state;
	const size_t size = 3 << 20;
	char *big = malloc(size);
	struct span set[] = { SPAN_LIT("SET"), SPAN_LIT("big"), span_of(big, size) };

	assert_non_null(big);
	for (size_t i = 0; i < size; i++)
		big[i] = (char)('a' + i % 26);
	for (unsigned n = 0; n < 7; n++) {	/* more than may be outstanding at once */
		buf_reset(&h->heard);
		redis_command(h->route, 0, set, 3, redis_text_line, &h->heard);
		say(h, "GET big");
		hear(h, 2);
		assert_int_equal(h->heard.len, strlen("status OK\n") + size + 3);
		assert_memory_equal(h->heard.p + strlen("status OK\n\""), big, size);
	}
	free(big);
}

struct counting {
	int64_t last;
	unsigned wrong;
};

static void on_counted(void *ctx, const struct redis_value *v)
{
	struct counting *c = ctx;

	c->wrong += v->kind != REDIS_INTEGER || v->integer != c->last + 1;
	c->last++;
}

static void fifty_thousand_commands_of_one_turn_are_answered_in_order(void **state)
{
	struct home *h = *state;
	struct span incr[] = { SPAN_LIT("INCR"), SPAN_LIT("n") };
	struct counting c = { 0 };

	for (int64_t turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 50000; i++)
			redis_command(h->route, i, incr, 2, on_counted, &c);
		assert_int_equal(c.last, turn * 50000);
		RUN_UNTIL(&h->loop, c.last == (turn + 1) * 50000);
	}
	assert_int_equal(c.wrong, 0);
}

static void tcp_with_user_password_and_database_works(void **state)
{
	struct home *h = move_in(true, "s3cr:t");
	char url[128];

	*state = h;
	snprintf(url, sizeof(url), "redis://:s3cr%%3At@127.0.0.1:%u/7", h->server.port);
	dial(h, url, &quick);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	say(h, "SET k v");
	say(h, "ACL SETUSER app on >pw ~* +@all");
	say(h, "CLIENT INFO");
	assert_non_null(strstr(hear(h, 4), " db=7 "));
	hang_up(h);

	snprintf(url, sizeof(url), "redis://app:pw@127.0.0.1:%u/7", h->server.port);
	dial(h, url, &quick);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	buf_reset(&h->heard);
	say(h, "ACL WHOAMI");
	say(h, "GET k");
	assert_string_equal(hear(h, 2), "\"app\"\n\"v\"\n");
}

/* --- scripts ----------------------------------------------------------------------------------------------- */

static void eval(struct home *h, struct redis_script *script, const char *key, const char *arg)
{
	struct span k = span_str(key), a = span_str(arg);

	redis_eval(h->route, 0, script, &k, 1, &a, 1, redis_text_line, &h->heard);
}

static void a_script_runs_and_is_sent_again_when_redis_forgot_it(void **state)
{
	struct home *h = *state;
	struct redis_script script = { .lua = "return {KEYS[1], ARGV[1], redis.call('INCR', 'runs')}" };
	struct span exists[] = { SPAN_LIT("SCRIPT"), SPAN_LIT("EXISTS"), span_str(script.sha) };

	eval(h, &script, "k", "a");
	eval(h, &script, "k", "b");
	assert_string_equal(hear(h, 2), "[\"k\" \"a\" 1]\n[\"k\" \"b\" 2]\n");
	buf_reset(&h->heard);
	redis_command(h->route, 0, exists, 3, redis_text_line, &h->heard);
	say(h, "SCRIPT FLUSH");
	exists[2] = span_str(script.sha);
	redis_command(h->route, 0, exists, 3, redis_text_line, &h->heard);
	eval(h, &script, "k", "c");
	assert_string_equal(hear(h, 4), "[0]\nstatus OK\n[0]\n[\"k\" \"c\" 3]\n");
}

static void answers_keep_their_order_when_redis_forgets_a_script_in_between(void **state)
{
	struct home *h = *state;
	struct redis_script script = { .lua = "return tonumber(ARGV[1])" };
	char text[16];
	struct counting c = { 0 };

	eval(h, &script, "k", "0");
	hear(h, 1);
	for (unsigned i = 1; i <= 3000; i++) {
		struct span arg = span_of(text, (size_t)snprintf(text, sizeof(text), "%u", i));

		if (i % 1000 == 500)
			say(h, "SCRIPT FLUSH");
		redis_eval(h->route, 0, &script, NULL, 0, &arg, 1, on_counted, &c);
	}
	RUN_UNTIL(&h->loop, c.last == 3000);
	assert_int_equal(c.wrong, 0);
	assert_string_equal(buf_cstr(&h->heard), "0\nstatus OK\nstatus OK\nstatus OK\n");
}

/* --- trouble ----------------------------------------------------------------------------------------------- */

static void on_message(void *ctx, struct span channel, struct span body)
{
	struct home *h = ctx;

	buf_addf(&h->messages, "%.*s %.*s\n", SPAN_ARG(channel), SPAN_ARG(body));
}

static void on_subscribed(void *ctx)
{
	struct home *h = ctx;

	h->subscribed++;
}

static void messages_arrive_by_channel(void **state)
{
	struct home *h = *state;

	assert_int_equal(redis_subscribe(h->route, 0, SPAN_LIT("a"), on_message, on_subscribed, h), 0);
	assert_int_equal(redis_subscribe(h->route, 0, SPAN_LIT("b"), on_message, NULL, h), 0);
	RUN_UNTIL(&h->loop, h->subscribed == 1);
	assert_int_equal(redis_subscribe(h->route, 0, SPAN_LIT("a"), on_message, on_subscribed, h), 0);
	RUN_UNTIL(&h->loop, h->subscribed == 2);
	say(h, "PUBLISH a one");
	say(h, "PUBLISH b two");
	say(h, "PUBLISH c three");
	RUN_UNTIL(&h->loop, lines(&h->messages) == 3 && lines(&h->heard) == 3);
	assert_string_equal(buf_cstr(&h->messages), "a one\na one\nb two\n");
	assert_string_equal(buf_cstr(&h->heard), "1\n1\n0\n");
}

static void after_a_kill_and_a_restart_commands_and_subscriptions_go_on(void **state)
{
	struct home *h = *state;
	struct redis_script script = { .lua = "return redis.call('INCR', KEYS[1])" };

	assert_int_equal(redis_subscribe(h->route, 0, SPAN_LIT("a"), on_message, on_subscribed, h), 0);
	RUN_UNTIL(&h->loop, h->subscribed == 1);
	eval(h, &script, "n", "");
	assert_string_equal(hear(h, 1), "1\n");

	redis_server_kill(&h->server);
	RUN_UNTIL(&h->loop, h->downs == 1);
	assert_false(redis_route_up(h->route));
	say(h, "GET n");
	assert_string_equal(hear(h, 2), "1\ndown\n");

	redis_server_again(&h->server);
	RUN_UNTIL(&h->loop, h->ups == 2 && h->subscribed == 2);
	eval(h, &script, "n", "");
	say(h, "PUBLISH a again");
	assert_string_equal(hear(h, 4), "1\ndown\n1\n1\n");
	RUN_UNTIL(&h->loop, h->messages.len > 0);
	assert_string_equal(buf_cstr(&h->messages), "a again\n");
	assert_int_equal(redis_route_counts(h->route).reconnects, 1);
}

static void a_server_that_stops_answering_times_out_and_is_used_again_when_it_goes_on(void **state)
{
	static const struct redis_timing impatient = { .command = 60, .backoff_min = 5, .backoff_max = 20 };
	struct home *h = move_in(false, NULL);

	*state = h;
	dial(h, h->server.url, &impatient);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	kill(h->server.pid, SIGSTOP);
	say(h, "INCR n");
	assert_string_equal(hear(h, 1), "timeout\n");
	assert_false(redis_route_up(h->route));
	kill(h->server.pid, SIGCONT);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	say(h, "PING");
	assert_string_equal(hear(h, 2), "timeout\nstatus PONG\n");
	assert_int_equal(redis_route_counts(h->route).timeouts, 1);
}

static void a_route_without_a_server_waits_for_it(void **state)
{
	struct home *h = move_in(false, NULL);

	*state = h;
	redis_server_kill(&h->server);
	dial(h, h->server.url, &quick);
	say(h, "PING");
	assert_int_equal(h->heard.len, 0);	/* never from inside */
	assert_string_equal(hear(h, 1), "down\n");
	redis_server_again(&h->server);
	RUN_UNTIL(&h->loop, h->ups == 1);
	assert_int_equal(h->downs, 0);
}

struct once {
	unsigned given, answered, values;
};

static void count_answer(void *ctx, const struct redis_value *v)
{
	struct once *o = ctx;

	o->answered++;
	o->values += !redis_failed(v);
}

static void ask(struct home *h, struct once *o)
{
	static struct redis_script script = { .lua = "return {KEYS[1], ARGV[1]}" };
	struct span argv[] = { SPAN_LIT("GET"), SPAN_LIT("k") };

	redis_command(h->route, 0, argv, 2, count_answer, o);
	redis_eval(h->route, 0, &script, argv, 1, argv, 1, count_answer, o);
	o->given += 2;
}

/* The life of a route whose n-th allocation fails. False if that many were not made. */
static bool live(struct home *h, unsigned n)
{
	struct once o = { 0 };
	char why[160];

	h->subscribed = 0;
	alloc_fail_at(n);
	h->route = redis_route_new(&h->loop.uv, h->server.url, &quick, NULL, NULL, why);
	if (h->route == NULL) {
		alloc_fail_never();
		return alloc_failed();
	}
	while (redis_subscribe(h->route, 0, SPAN_LIT("a"), on_message, on_subscribed, h) < 0)
		assert_true(alloc_failed());
	for (unsigned i = 0; i < 20; i++)
		ask(h, &o);
	RUN_UNTIL(&h->loop, redis_route_up(h->route) && h->subscribed > 0);
	for (unsigned i = 0; i < 100; i++)
		ask(h, &o);
	RUN_UNTIL(&h->loop, o.answered == o.given);
	alloc_fail_never();
	assert_true(alloc_failed() || o.values >= 200);
	RUN_UNTIL(&h->loop, redis_route_up(h->route));
	o.values = 0;
	ask(h, &o);
	RUN_UNTIL(&h->loop, o.answered == o.given);
	assert_int_equal(o.values, 2);		/* whatever failed, everything works again */
	hang_up(h);
	assert_int_equal(o.answered, o.given);
	return alloc_failed();
}

static void a_failing_allocation_loses_no_answer_and_is_recovered_from(void **state)
{
	struct home *h = *state;
	unsigned n = 0;

	hang_up(h);
	while (live(h, n))
		n++;
	assert_true(n > 10);
}

static void a_bad_url_is_refused_with_a_sentence(void **state)
{
	struct test_loop loop;
	char why[160];
	(void)state;

	test_loop_open(&loop);
	assert_null(redis_route_new(&loop.uv, "redis://u:hidden@h:0", NULL, NULL, NULL, why));
	assert_non_null(strstr(why, "1 to 65535"));
	test_loop_close(&loop);
}

#define ON_A_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BY_ITSELF(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_SERVER(every_kind_of_answer_arrives),
		ON_A_SERVER(large_values_come_back_whole_again_and_again),
		ON_A_SERVER(fifty_thousand_commands_of_one_turn_are_answered_in_order),
		BY_ITSELF(tcp_with_user_password_and_database_works),
		ON_A_SERVER(a_script_runs_and_is_sent_again_when_redis_forgot_it),
		ON_A_SERVER(answers_keep_their_order_when_redis_forgets_a_script_in_between),
		ON_A_SERVER(messages_arrive_by_channel),
		ON_A_SERVER(after_a_kill_and_a_restart_commands_and_subscriptions_go_on),
		BY_ITSELF(a_server_that_stops_answering_times_out_and_is_used_again_when_it_goes_on),
		BY_ITSELF(a_route_without_a_server_waits_for_it),
		ON_A_SERVER(a_failing_allocation_loses_no_answer_and_is_recovered_from),
		cmocka_unit_test(a_bad_url_is_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
