/* A link to a server that is played by the test: what it says, and when, is up to each story. */
#include "common/redis/redis_link.h"

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
#include "common/net/listener.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_text.h"

enum { CONNECTIONS = 16 };

struct stage {
	struct test_loop loop;
	struct listener *listener;
	struct party peer[CONNECTIONS];	/* the server's ends, in the order they came */
	unsigned n_peers;
	const char *greeting;		/* the answer to the hello; NULL: none */
	const char *greeting_end;	/* what the hello must contain before it is answered */
	struct redis_node node;
	struct redis_link *link;
	struct buf heard, messages;
	unsigned ups, downs, subscribed;
	bool stopped;
};

static const struct redis_timing quick = { .command = 50, .backoff_min = 2, .backoff_max = 8 };
static const struct redis_timing patient = { .command = SECONDS(5), .backoff_min = 2, .backoff_max = 8 };

static struct stage *stage;	/* of the test that runs */

static void greet(struct party *p)
{
	if (p->drained > 0 || stage->greeting == NULL || !party_heard(p, stage->greeting_end))
		return;
	p->drained = 1;		/* greeted: once a connection */
	buf_reset(&p->in);
	party_say(p, stage->greeting);
}

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct party *p;
	(void)owner;
	(void)peer;

	if (stage->n_peers == CONNECTIONS)
		return;		/* closed at once */
	p = &stage->peer[stage->n_peers++];
	party_init(p);
	p->on_data = greet;
	p->stream = listener_accept(l, &party_handler, p);
	assert_non_null(p->stream);
}

static void on_state(void *owner, bool up)
{
	(void)owner;
	stage->ups += up;
	stage->downs += !up;
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	stage->stopped = true;
}

static void dial(const struct redis_timing *timing)
{
	stage->link = redis_link_new(&stage->loop.uv, &stage->node, timing, on_state, NULL);
	assert_non_null(stage->link);
}

static void stop(void)
{
	if (stage->link == NULL)
		return;
	redis_link_stop(stage->link, on_stopped, NULL);
	RUN_UNTIL(&stage->loop, stage->stopped);
	stage->link = NULL;
}

static int set_up(void **state)
{
	struct listener_options o = { .at = loopback(0) };
	char why[128];
	(void)state;

	stage = calloc(1, sizeof(*stage));
	assert_non_null(stage);
	test_loop_open(&stage->loop);
	buf_init(&stage->heard, (size_t)1 << 24);
	buf_init(&stage->messages, 1 << 16);
	stage->greeting = "+PONG\r\n";
	stage->greeting_end = "PING";
	stage->listener = listener_open(&stage->loop.uv, &o, on_connection, NULL, why);
	assert_non_null(stage->listener);
	strcpy(stage->node.host, "127.0.0.1");
	stage->node.port = listener_at(stage->listener).port;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop();
	listener_close(stage->listener);
	for (unsigned i = 0; i < stage->n_peers; i++)
		if (stage->peer[i].stream != NULL)
			stream_close(stage->peer[i].stream);
	test_loop_close(&stage->loop);
	for (unsigned i = 0; i < stage->n_peers; i++)
		party_forget(&stage->peer[i]);
	buf_close(&stage->heard);
	buf_close(&stage->messages);
	free(stage);
	return 0;
}

static void say(const char *line)
{
	struct span words[8], rest = span_str(line);
	size_t n = 0;

	while (rest.len > 0)
		words[n++] = text_cut(&rest, ' ');
	redis_link_command(stage->link, words, n, redis_text_line, &stage->heard);
}

static const char *hear(const char *what)
{
	RUN_UNTIL(&stage->loop, stage->heard.len >= strlen(what));
	return buf_cstr(&stage->heard);
}

#define ASSERT_HEARS(text) assert_string_equal(hear(text), text)

/* Up, with the server's end of the connection. */
static struct party *up(const struct redis_timing *timing)
{
	unsigned ups = stage->ups;

	if (stage->link == NULL)
		dial(timing);
	RUN_UNTIL(&stage->loop, stage->ups > ups && redis_link_up(stage->link));
	return &stage->peer[stage->n_peers - 1];
}

static struct party *up_again(unsigned ups)
{
	RUN_UNTIL(&stage->loop, stage->ups == ups && redis_link_up(stage->link));
	return &stage->peer[stage->n_peers - 1];
}

/* --- sending and answering --------------------------------------------------------------------------------- */

static void commands_of_one_turn_leave_in_one_write(void **state)
{
	struct party *p = up(&patient);
	unsigned before = p->pieces;
	(void)state;

	for (unsigned i = 0; i < 100; i++)
		say("INCR n");
	RUN_UNTIL(&stage->loop, p->in.len == 100 * strlen("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"));
	assert_int_equal(p->pieces, before + 1);
	assert_int_not_equal(uv_backend_timeout(&stage->loop.uv), 0);	/* and then the loop sleeps */
}

static void an_answer_may_arrive_byte_by_byte(void **state)
{
	struct party *p = up(&patient);
	const char *wire = "*2\r\n$5\r\nhello\r\n:7\r\n+OK\r\n";
	(void)state;

	say("A");
	say("B");
	RUN_UNTIL(&stage->loop, party_heard(p, "B"));
	for (size_t i = 0; i < strlen(wire); i++) {
		struct span byte = span_of(wire + i, 1);
		assert_true(stream_write(p->stream, &byte, 1));
		test_loop_turn(&stage->loop);
	}
	ASSERT_HEARS("[\"hello\" 7]\nstatus OK\n");
}

static void ask_more(void *ctx, const struct redis_value *v)
{
	(void)ctx;
	redis_text_line(&stage->heard, v);
	say("NEXT");
}

static void a_callback_may_give_the_next_command(void **state)
{
	struct party *p = up(&patient);
	struct span first = SPAN_LIT("FIRST");
	(void)state;

	redis_link_command(stage->link, &first, 1, ask_more, NULL);
	RUN_UNTIL(&stage->loop, party_heard(p, "FIRST"));
	party_say(p, "+1\r\n");
	RUN_UNTIL(&stage->loop, party_heard(p, "NEXT"));
	party_say(p, "+2\r\n");
	ASSERT_HEARS("status 1\nstatus 2\n");
}

static void a_command_needs_no_callback(void **state)
{
	struct party *p = up(&patient);
	struct span quiet = SPAN_LIT("QUIET");
	(void)state;

	redis_link_command(stage->link, &quiet, 1, NULL, NULL);
	say("LOUD");
	RUN_UNTIL(&stage->loop, party_heard(p, "LOUD"));
	party_say(p, "+1\r\n+2\r\n");
	ASSERT_HEARS("status 2\n");
}

static void too_many_outstanding_commands_are_refused(void **state)
{
	struct span argv[] = { SPAN_LIT("GET"), SPAN_LIT("k") };
	(void)state;

	up(&patient);
	for (unsigned i = 0; i < 65536; i++)
		redis_link_command(stage->link, argv, 2, NULL, NULL);
	say("ONE MORE");
	assert_int_equal(stage->heard.len, 0);
	ASSERT_HEARS("down\n");
	assert_true(redis_link_up(stage->link));
}

static void too_many_outstanding_bytes_are_refused(void **state)
{
	const size_t size = 5 << 20;
	char *big = calloc(1, size);
	struct span argv[] = { SPAN_LIT("SET"), SPAN_LIT("k"), span_of(big, size) };
	(void)state;

	assert_non_null(big);
	up(&patient);
	for (unsigned i = 0; i < 4; i++)
		redis_link_command(stage->link, argv, 3, redis_text_line, &stage->heard);
	ASSERT_HEARS("down\n");
	assert_true(redis_link_up(stage->link));
	assert_int_equal(redis_link_counts(stage->link).commands, 3);
	free(big);
}

/* --- the hello --------------------------------------------------------------------------------------------- */

static void the_hello_authenticates_selects_and_pings_in_one_write(void **state)
{
	(void)state;
	stage->node.auth = true;
	strcpy(stage->node.user, "app");
	strcpy(stage->node.password, "pw");
	stage->node.db = 3;
	stage->greeting = NULL;
	dial(&patient);
	RUN_UNTIL(&stage->loop, stage->n_peers == 1 && party_heard(&stage->peer[0], "PING\r\n"));
	assert_int_equal(stage->peer[0].pieces, 1);
	assert_string_equal(party_text(&stage->peer[0]),
			    "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$2\r\npw\r\n"
			    "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n");
	party_say(&stage->peer[0], "+OK\r\n+OK\r\n");
	say("EARLY");
	ASSERT_HEARS("down\n");
	party_say(&stage->peer[0], "+PONG\r\n");
	RUN_UNTIL(&stage->loop, stage->ups == 1);
}

static void the_default_user_authenticates_by_password_alone(void **state)
{
	(void)state;
	stage->node.auth = true;
	strcpy(stage->node.password, "pw");
	stage->greeting = "+OK\r\n+PONG\r\n";
	up(&patient);
	stage->greeting = NULL;
}

static void a_server_that_is_loading_is_not_up(void **state)
{
	(void)state;
	stage->greeting = "-LOADING Redis is loading the dataset in memory\r\n";
	dial(&quick);
	RUN_UNTIL(&stage->loop, stage->n_peers == 3);
	assert_int_equal(stage->ups, 0);
	stage->greeting = "+PONG\r\n";
	RUN_UNTIL(&stage->loop, stage->ups == 1);
}

static void a_hello_that_is_not_answered_is_given_up(void **state)
{
	(void)state;
	stage->greeting = NULL;
	dial(&quick);
	RUN_UNTIL(&stage->loop, stage->n_peers == 2);
	assert_int_equal(stage->ups, 0);
}

/* What was logged while fn ran. */
static char *logged(void (*fn)(void))
{
	static char text[4096];
	FILE *f = tmpfile();
	ssize_t n;

	assert_non_null(f);
	log_setup(LOG_INFO, LOG_KEY_VALUE, fileno(f));
	fn();
	log_setup(LOG_INFO, LOG_KEY_VALUE, -1);
	n = pread(fileno(f), text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = 0;
	fclose(f);
	return text;
}

static unsigned occurrences(const char *text, const char *of)
{
	unsigned n = 0;

	for (text = strstr(text, of); text != NULL; text = strstr(text + 1, of))
		n++;
	return n;
}

static void be_refused_and_then_welcome(void)
{
	stage->greeting = "-WRONGPASS invalid username-password pair or user is disabled.\r\n+OK\r\n";
	dial(&quick);
	RUN_UNTIL(&stage->loop, stage->n_peers == 5);
	stage->greeting = "+OK\r\n+PONG\r\n";
	RUN_UNTIL(&stage->loop, stage->ups == 1);
	stream_close(stage->peer[stage->n_peers - 1].stream);
	RUN_UNTIL(&stage->loop, stage->ups == 2);
}

static void every_change_is_logged_once_and_the_password_never(void **state)
{
	char *text;
	(void)state;

	stage->node.auth = true;
	strcpy(stage->node.password, "dontlogme");
	text = logged(be_refused_and_then_welcome);
	assert_int_equal(occurrences(text, "event=redis_refused"), 1);
	assert_int_equal(occurrences(text, "WRONGPASS"), 1);
	assert_int_equal(occurrences(text, "event=redis_up"), 2);
	assert_int_equal(occurrences(text, "event=redis_lost"), 1);
	assert_int_equal(occurrences(text, "address=127.0.0.1:"), 4);
	assert_null(strstr(text, "dontlogme"));
}

/* --- trouble ----------------------------------------------------------------------------------------------- */

static void a_command_without_a_connection_is_refused_in_the_next_turn(void **state)
{
	(void)state;
	stage->greeting = NULL;
	dial(&patient);
	say("PING");
	assert_int_equal(stage->heard.len, 0);
	ASSERT_HEARS("down\n");
	assert_int_equal(redis_link_counts(stage->link).commands, 0);
	assert_int_equal(redis_link_counts(stage->link).errors, 1);
}

static void a_hung_server_is_left_at_the_deadline(void **state)
{
	struct party *p = up(&quick);
	(void)state;

	say("A");
	say("B");
	ASSERT_HEARS("timeout\ntimeout\n");
	assert_false(redis_link_up(stage->link));
	p = up_again(2);
	say("C");
	RUN_UNTIL(&stage->loop, party_heard(p, "C"));
	party_say(p, "+OK\r\n");
	ASSERT_HEARS("timeout\ntimeout\nstatus OK\n");
	assert_int_equal(redis_link_counts(stage->link).timeouts, 2);
	assert_int_equal(redis_link_counts(stage->link).reconnects, 1);
}

static void an_answer_that_waits_while_our_loop_stands_still_is_not_late(void **state)
{
	struct party *p = up(&quick);
	(void)state;

	for (unsigned n = 0; n < 2; n++) {
		buf_reset(&stage->heard);
		buf_reset(&p->in);
		say("A");
		RUN_UNTIL(&stage->loop, party_heard(p, "A"));
		party_say(p, "+OK\r\n");
		usleep(2 * 50 * 1000);		/* the loop stands still */
		ASSERT_HEARS("status OK\n");
	}
}

static void what_is_outstanding_when_the_connection_ends_is_lost_in_order(void **state)
{
	struct party *p = up(&patient);
	(void)state;

	say("A");
	say("B");
	say("C");
	RUN_UNTIL(&stage->loop, party_heard(p, "C"));
	party_say(p, "+1\r\n");
	ASSERT_HEARS("status 1\n");
	stream_close(p->stream);
	RUN_UNTIL(&stage->loop, stage->downs == 1);
	say("D");
	ASSERT_HEARS("status 1\nlost\nlost\ndown\n");
	up_again(2);
}

static void an_answer_that_is_no_redis_ends_the_connection(void **state)
{
	struct party *p = up(&patient);
	(void)state;

	say("A");
	RUN_UNTIL(&stage->loop, party_heard(p, "A"));
	party_say(p, "HTTP/1.1 400 Bad Request\r\n\r\n");
	ASSERT_HEARS("lost\n");
	p = up_again(2);
	party_say(p, "+nobody asked\r\n");
	up_again(3);
}

static void a_node_that_turned_replica_is_left_after_its_answer(void **state)
{
	struct party *p = up(&patient);
	(void)state;

	say("SET k v");
	say("GET k");
	RUN_UNTIL(&stage->loop, party_heard(p, "GET"));
	party_say(p, "-READONLY You can't write against a read only replica.\r\n");
	ASSERT_HEARS("error READONLY You can't write against a read only replica.\nlost\n");
	up_again(2);
}

static void answers_wait_for_a_script_that_had_to_be_sent_again(void **state)
{
	struct redis_script script = { .lua = "return 1" };
	struct span key = SPAN_LIT("k");
	struct party *p = up(&patient);
	(void)state;

	redis_link_eval(stage->link, &script, &key, 1, NULL, 0, redis_text_line, &stage->heard);
	RUN_UNTIL(&stage->loop, party_heard(p, "return 1"));
	party_say(p, "+first\r\n");
	ASSERT_HEARS("status first\n");

	buf_reset(&p->in);
	redis_link_eval(stage->link, &script, &key, 1, NULL, 0, redis_text_line, &stage->heard);
	redis_link_eval(stage->link, &script, &key, 1, NULL, 0, redis_text_line, &stage->heard);
	say("LAST");
	RUN_UNTIL(&stage->loop, party_heard(p, "LAST"));
	assert_int_equal(occurrences(party_text(p), "EVALSHA"), 2);
	assert_false(party_heard(p, "return 1"));
	buf_reset(&p->in);
	party_say(p, "-NOSCRIPT No matching script. Please use EVAL.\r\n"
		     "-NOSCRIPT No matching script. Please use EVAL.\r\n$4\r\nlast\r\n");
	RUN_UNTIL(&stage->loop, party_heard(p, "EVALSHA"));
	assert_int_equal(occurrences(party_text(p), "return 1"), 1);	/* the text only once */
	assert_string_equal(buf_cstr(&stage->heard), "status first\n");
	party_say(p, "+second\r\n");
	ASSERT_HEARS("status first\nstatus second\n");
	party_say(p, "+third\r\n");
	ASSERT_HEARS("status first\nstatus second\nstatus third\n\"last\"\n");
}

static void a_new_connection_is_sent_the_script_whole(void **state)
{
	struct redis_script script = { .lua = "return 1" };
	struct party *p = up(&patient);
	(void)state;

	for (unsigned connection = 1; connection <= 2; connection++) {
		for (unsigned i = 0; i < 3; i++)
			redis_link_eval(stage->link, &script, NULL, 0, NULL, 0, NULL, NULL);
		say("END");
		RUN_UNTIL(&stage->loop, party_heard(p, "END"));
		assert_int_equal(occurrences(party_text(p), "return 1"), 1);
		assert_int_equal(occurrences(party_text(p), "EVALSHA"), 2);
		stream_close(p->stream);
		p = up_again(connection + 1);
	}
}

static void what_waited_for_a_script_is_told_even_if_the_script_is_lost(void **state)
{
	struct redis_script script = { .lua = "return 1" };
	struct party *p = up(&patient);
	(void)state;

	redis_link_eval(stage->link, &script, NULL, 0, NULL, 0, redis_text_line, &stage->heard);
	RUN_UNTIL(&stage->loop, party_heard(p, "return 1"));
	party_say(p, "+1\r\n");
	ASSERT_HEARS("status 1\n");
	redis_link_eval(stage->link, &script, NULL, 0, NULL, 0, redis_text_line, &stage->heard);
	say("NEXT");
	RUN_UNTIL(&stage->loop, party_heard(p, "NEXT"));
	buf_reset(&p->in);
	party_say(p, "-NOSCRIPT No matching script. Please use EVAL.\r\n+next\r\n");
	RUN_UNTIL(&stage->loop, party_heard(p, "return 1"));
	stream_close(p->stream);
	ASSERT_HEARS("status 1\nlost\nstatus next\n");
}

/* --- subscriptions ----------------------------------------------------------------------------------------- */

static void on_message(void *ctx, struct span channel, struct span body)
{
	(void)ctx;
	buf_addf(&stage->messages, "%.*s %.*s\n", SPAN_ARG(channel), SPAN_ARG(body));
}

static void on_subscribed(void *ctx)
{
	(void)ctx;
	stage->subscribed++;
}

static void subscribe(const char *channel)
{
	assert_int_equal(redis_link_subscribe(stage->link, span_str(channel), on_message, on_subscribed, NULL), 0);
}

/* The server's end of the subscribing connection, once it has asked for the channel. */
static struct party *subscriber(unsigned nth, const char *channel)
{
	RUN_UNTIL(&stage->loop, stage->n_peers > nth && party_heard(&stage->peer[nth], channel));
	return &stage->peer[nth];
}

static void a_silent_subscription_is_renewed(void **state)
{
	struct party *p;
	(void)state;

	up(&quick);
	subscribe("ch");
	p = subscriber(1, "ch");
	party_say(p, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nhi\r\n");
	RUN_UNTIL(&stage->loop, stage->messages.len > 0 && stage->subscribed == 1);
	RUN_UNTIL(&stage->loop, party_heard(p, "PING"));
	p = subscriber(2, "ch");		/* the PINGs were not answered */
	party_say(p, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nho\r\n");
	RUN_UNTIL(&stage->loop, stage->subscribed == 2);
	RUN_UNTIL(&stage->loop, strcmp(buf_cstr(&stage->messages), "ch hi\nch ho\n") == 0);
	assert_true(redis_link_up(stage->link));	/* the commands' connection is another matter */
	assert_int_equal(stage->downs, 0);
}

static void answered_pings_keep_a_subscription(void **state)
{
	struct party *p;
	(void)state;

	up(&quick);
	subscribe("ch");
	p = subscriber(1, "ch");
	party_say(p, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
	for (unsigned i = 0; i < 6; i++) {
		buf_reset(&p->in);
		RUN_UNTIL(&stage->loop, party_heard(p, "PING"));
		party_say(p, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
	}
	assert_int_equal(stage->n_peers, 2);
	assert_int_equal(stage->subscribed, 1);
}

static void a_refused_subscription_is_asked_for_again(void **state)
{
	struct party *p;
	(void)state;

	up(&patient);
	subscribe("ch");
	p = subscriber(1, "ch");
	party_say(p, "-NOPERM this user has no permissions to access the channel\r\n");
	p = subscriber(2, "ch");
	party_say(p, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
	RUN_UNTIL(&stage->loop, stage->subscribed == 1);
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void stopping_ends_what_is_outstanding(void **state)
{
	(void)state;
	up(&patient);
	subscribe("ch");
	say("A");
	say("B");
	redis_link_stop(stage->link, on_stopped, NULL);
	say("C");
	assert_int_equal(stage->heard.len, 0);
	RUN_UNTIL(&stage->loop, stage->stopped);
	stage->link = NULL;
	assert_string_equal(buf_cstr(&stage->heard), "stopped\nstopped\nstopped\n");
}

static void stop_inside(void *ctx, const struct redis_value *v)
{
	redis_text_line(&stage->heard, v);
	redis_link_stop(ctx, on_stopped, NULL);
	say("AFTER");
}

static void a_callback_may_stop_the_link(void **state)
{
	struct party *p = up(&patient);
	struct span a = SPAN_LIT("A");
	(void)state;

	redis_link_command(stage->link, &a, 1, stop_inside, stage->link);
	say("B");
	RUN_UNTIL(&stage->loop, party_heard(p, "B"));
	party_say(p, "+1\r\n+2\r\n");
	RUN_UNTIL(&stage->loop, stage->stopped);
	stage->link = NULL;
	assert_string_equal(buf_cstr(&stage->heard), "status 1\nstopped\nstopped\n");
}

static void a_link_can_be_stopped_at_every_moment(void **state)
{
	(void)state;
	for (unsigned turns = 0; turns < 30; turns++) {
		stage->stopped = false;
		stage->greeting = turns % 3 == 2 ? "-LOADING\r\n" : "+PONG\r\n";
		dial(&quick);
		subscribe("ch");
		say("A");
		for (unsigned i = 0; i < turns; i++)
			uv_run(&stage->loop.uv, UV_RUN_NOWAIT);
		say("B");
		stop();
	}
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(commands_of_one_turn_leave_in_one_write),
		STORY(an_answer_may_arrive_byte_by_byte),
		STORY(a_callback_may_give_the_next_command),
		STORY(a_command_needs_no_callback),
		STORY(too_many_outstanding_commands_are_refused),
		STORY(too_many_outstanding_bytes_are_refused),
		STORY(the_hello_authenticates_selects_and_pings_in_one_write),
		STORY(the_default_user_authenticates_by_password_alone),
		STORY(a_server_that_is_loading_is_not_up),
		STORY(a_hello_that_is_not_answered_is_given_up),
		STORY(every_change_is_logged_once_and_the_password_never),
		STORY(a_command_without_a_connection_is_refused_in_the_next_turn),
		STORY(a_hung_server_is_left_at_the_deadline),
		STORY(an_answer_that_waits_while_our_loop_stands_still_is_not_late),
		STORY(what_is_outstanding_when_the_connection_ends_is_lost_in_order),
		STORY(an_answer_that_is_no_redis_ends_the_connection),
		STORY(a_node_that_turned_replica_is_left_after_its_answer),
		STORY(answers_wait_for_a_script_that_had_to_be_sent_again),
		STORY(a_new_connection_is_sent_the_script_whole),
		STORY(what_waited_for_a_script_is_told_even_if_the_script_is_lost),
		STORY(a_silent_subscription_is_renewed),
		STORY(answered_pings_keep_a_subscription),
		STORY(a_refused_subscription_is_asked_for_again),
		STORY(stopping_ends_what_is_outstanding),
		STORY(a_callback_may_stop_the_link),
		STORY(a_link_can_be_stopped_at_every_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
