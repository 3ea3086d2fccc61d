/* Forwards to signald, over loopback, to a server of ours that says what the test tells it to. */
#include "roomd/signal_link.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/net/http_server.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"
#include "tests/unit/roomd/a_site.h"

enum { HOLDS = 8 };

struct world {
	struct test_loop loop;
	struct http_server *server;
	struct site_options options;
	struct site site;
	struct signal_link *link;
	char heard[4096];		/* "<path> <body>\n" for each */
	unsigned n_heard, gone;
	bool hold;			/* answers are kept back in held[] */
	struct http_exchange *held[HOLDS];
	unsigned n_held;
	int status;
	unsigned taken, failed, stopped;
	char order[256];		/* of the callbacks: one letter each, upper case when taken */
};

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	struct world *w = owner;
	size_t at = strlen(w->heard);

	snprintf(w->heard + at, sizeof(w->heard) - at, "%.*s %.*s\n", SPAN_ARG(r->path), SPAN_ARG(r->body));
	w->n_heard++;
	if (w->hold)
		w->held[w->n_held++ % HOLDS] = x;
	else
		http_reply_text(x, w->status, "OK\n");
}

static void on_gone(void *owner, struct http_exchange *x)
{
	struct world *w = owner;

	(void)x;
	w->gone++;
}

static void answer_held(struct world *w)
{
	for (unsigned i = 0; i < w->n_held; i++)
		http_reply_text(w->held[i], w->status, "OK\n");
	w->n_held = 0;
}

/* Two servers are configured; nobody listens at the first if `first_away`. */
static void open_world(struct world *w, bool first_away)
{
	static const struct http_server_ops ops = { .request = on_request, .gone = on_gone };
	static char text[2][64];
	static char *signals[] = { text[0], text[1] };
	char why[128];
	int complaints = 0;

	*w = (struct world){ .status = 200 };
	test_loop_open(&w->loop);
	w->server = http_server_new(&w->loop.uv, NULL, &ops, w);
	assert_int_equal(http_server_listen(w->server, &(struct listener_options){ .at = loopback(0) }, why), 0);
	snprintf(text[first_away], sizeof(text[0]), "ws://127.0.0.1:%u", http_server_at(w->server, 0).port);
	snprintf(text[!first_away], sizeof(text[0]), "ws://127.0.0.1:1");
	w->options = a_site_options();
	w->options.signal_server = (struct string_list){ signals, 2 };
	assert_true(site_init(&w->site, &w->options, a_complaint, &complaints));
	w->link = signal_link_new(&w->loop.uv, &w->site, SECONDS(5));
	assert_non_null(w->link);
}

static void on_stopped(void *ctx)
{
	((struct world *)ctx)->stopped++;
}

static void stop(struct world *w)
{
	signal_link_stop(w->link, on_stopped, w);
	RUN_UNTIL(&w->loop, w->stopped == 1);
	w->link = NULL;
}

static void close_world(struct world *w)
{
	if (w->link != NULL)
		stop(w);
	http_server_stop(w->server, NULL);
	test_loop_close(&w->loop);
	site_close(&w->site);
}

struct letter { struct world *w; char c; };

static void on_told(void *ctx, bool taken)
{
	struct letter *l = ctx;
	size_t n = strlen(l->w->order);

	l->w->order[n] = (char)(taken ? l->c - 'a' + 'A' : l->c);
	if (taken)
		l->w->taken++;
	else
		l->w->failed++;
	free(l);
}

static void forward(struct world *w, const char *client, char c)
{
	struct letter *l = malloc(sizeof(*l));

	*l = (struct letter){ w, c };
	signal_link_forward(w->link, &w->site.signals[0], SPAN_LIT("room"), span_str(client), span_of(&c, 1), on_told, l);
}

static void the_forwards_of_one_client_wait_for_each_other(void **state)	/* B10 */
{
	struct world w;

	(void)state;
	open_world(&w, false);
	w.hold = true;
	for (char c = 'a'; c <= 'd'; c++)
		forward(&w, "x", c);
	for (unsigned i = 1; i <= 4; i++) {
		RUN_UNTIL(&w.loop, w.n_heard == i);
		for (int turns = 0; turns < 3; turns++)
			test_loop_turn(&w.loop);
		assert_int_equal(w.n_heard, i);
		answer_held(&w);
	}
	RUN_UNTIL(&w.loop, w.taken == 4);
	assert_string_equal(w.order, "ABCD");
	assert_string_equal(w.heard, "/room/x a\n/room/x b\n/room/x c\n/room/x d\n");
	assert_int_equal(signal_link_counts(w.link).taken, 4);
	assert_int_equal(signal_link_counts(w.link).waiting, 0);
	close_world(&w);
}

static void those_of_two_clients_do_not(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	w.hold = true;
	forward(&w, "x", 'a');
	forward(&w, "y", 'b');
	RUN_UNTIL(&w.loop, w.n_heard == 2);
	answer_held(&w);
	RUN_UNTIL(&w.loop, w.taken == 2);
	close_world(&w);
}

static void an_answer_other_than_200_is_not_taken_and_the_next_one_goes_on(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	w.status = 500;
	forward(&w, "x", 'a');
	RUN_UNTIL(&w.loop, w.failed == 1);
	w.status = 200;
	forward(&w, "x", 'b');
	RUN_UNTIL(&w.loop, w.taken == 1);
	assert_string_equal(w.order, "aB");
	assert_int_equal(w.n_heard, 2);		/* an answer is an answer: nothing is sent twice */
	close_world(&w);
}

static void a_server_that_is_away_is_replaced_by_the_next(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, true);
	forward(&w, "x", 'a');
	forward(&w, "x", 'b');
	RUN_UNTIL(&w.loop, w.taken == 2);
	assert_string_equal(w.order, "AB");
	assert_int_equal(signal_link_counts(w.link).elsewhere, 2);
	close_world(&w);
}

static void without_any_server_nothing_is_taken(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, true);
	http_server_drain(w.server);		/* its listener closes */
	forward(&w, "x", 'a');
	RUN_UNTIL(&w.loop, w.failed == 1);
	assert_int_equal(signal_link_counts(w.link).failed, 1);
	close_world(&w);
}

static void what_waits_has_a_limit(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	w.hold = true;
	for (unsigned i = 0; i < SIGNAL_LANE_WAITING; i++)
		forward(&w, "x", 'a');
	assert_int_equal(w.failed, 0);
	forward(&w, "x", 'z');
	assert_int_equal(w.failed, 1);
	forward(&w, "y", 'b');
	assert_int_equal(w.failed, 1);
	close_world(&w);
	assert_int_equal(w.failed, SIGNAL_LANE_WAITING + 2);
}

static void connections_to_a_server_that_is_no_more_are_let_go(void **state)
{
	struct world w;
	struct node node = { .id = "signal-1" };
	const struct node *nodes[] = { &node };
	char text[128];

	(void)state;
	open_world(&w, false);
	snprintf(text, sizeof(text), "signal 1\nstarted 1\nzone \nload 0\ndraining 0\nurl ws://localhost:%u\n",
		 http_server_at(w.server, 0).port);
	assert_true(node_record_parse(span_str(text), &node.r));
	assert_true(servers_init(&w.site.servers, &(struct node_set){ 1, nodes }, SPAN_LIT("")));
	for (int i = 0; i < 2; i++) {
		struct letter *l = malloc(sizeof(*l));
		*l = (struct letter){ &w, 'a' };
		signal_link_forward(w.link, &w.site.servers.signal[0].server, SPAN_LIT("room"), SPAN_LIT("x"), SPAN_LIT("m"), on_told, l);
		servers_close(&w.site.servers);
		signal_link_prune(w.link);			/* in work: it stays */
		RUN_UNTIL(&w.loop, w.taken == 1u + (unsigned)i);
		assert_int_equal(http_server_connections(w.server), 1);
		signal_link_prune(w.link);
		RUN_UNTIL(&w.loop, http_server_connections(w.server) == 0);
		assert_true(servers_init(&w.site.servers, &(struct node_set){ 1, nodes }, SPAN_LIT("")));
	}
	close_world(&w);
}

static void stopping_tells_each_one_once(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, false);
	w.hold = true;
	forward(&w, "x", 'a');
	forward(&w, "x", 'b');
	forward(&w, "y", 'c');
	RUN_UNTIL(&w.loop, w.n_heard == 2);
	stop(&w);
	assert_int_equal(w.taken, 0);
	assert_int_equal(w.failed, 3);
	close_world(&w);
}

static void without_memory_it_is_told_at_once_and_the_lane_goes_on(void **state)
{
	struct world w;
	unsigned n;

	(void)state;
	open_world(&w, false);
	for (n = 0; w.taken == 0; n++) {
		struct letter *l = malloc(sizeof(*l));
		unsigned failed = w.failed;
		*l = (struct letter){ &w, 'a' };
		alloc_fail_at(n);
		signal_link_forward(w.link, &w.site.signals[0], SPAN_LIT("room"), SPAN_LIT("x"), SPAN_LIT("m"), on_told, l);
		alloc_fail_never();
		RUN_UNTIL(&w.loop, w.taken > 0 || w.failed > failed);
	}
	assert_true(n > 3);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_forwards_of_one_client_wait_for_each_other),
		cmocka_unit_test(those_of_two_clients_do_not),
		cmocka_unit_test(an_answer_other_than_200_is_not_taken_and_the_next_one_goes_on),
		cmocka_unit_test(a_server_that_is_away_is_replaced_by_the_next),
		cmocka_unit_test(without_any_server_nothing_is_taken),
		cmocka_unit_test(what_waits_has_a_limit),
		cmocka_unit_test(connections_to_a_server_that_is_no_more_are_let_go),
		cmocka_unit_test(stopping_tells_each_one_once),
		cmocka_unit_test(without_memory_it_is_told_at_once_and_the_lane_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
