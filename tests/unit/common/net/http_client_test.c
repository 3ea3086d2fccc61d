#include "common/net/http_client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/net/listener.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"

enum { MAX_LINES = 8 };

/* A client, and a server that says what the test tells it to. */
struct talk {
	struct test_loop loop;
	struct listener *listener;
	struct party lines[MAX_LINES];	/* as the server sees them */
	unsigned n_lines;
	const char *answer;		/* to every piece of input; NULL: none */
	bool close_after_answer;
	struct http_client_options opt;
	struct http_client *client;
	unsigned stopped;
};

struct result {
	unsigned n;
	enum http_call_result r;
	int status;
	char body[64];
};

static struct talk *now_talking;

static void on_line_data(struct party *p)
{
	struct talk *t = now_talking;

	if (t->answer != NULL)
		party_say(p, t->answer);
	if (t->close_after_answer)
		stream_close(p->stream);
}

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct talk *t = owner;
	struct party *p = &t->lines[t->n_lines++];

	(void)peer;
	assert_in_range(t->n_lines, 1, MAX_LINES);
	party_init(p);
	p->on_data = on_line_data;
	if (buf_reserve(&p->in, 1024) != NULL)	/* so that hearing needs no memory */
		p->stream = listener_accept(l, &party_handler, p);
	if (p->stream == NULL)			/* the allocation that was to fail was one of the server's */
		party_forget(&t->lines[--t->n_lines]);
}

static void on_result(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct result *out = ctx;

	out->n++;
	out->r = r;
	out->status = status;
	memcpy(out->body, body.p != NULL ? body.p : (const uint8_t *)"", body.len < 63 ? body.len : 63);
}

static void on_stopped(void *ctx)
{
	((struct talk *)ctx)->stopped++;
}

static int set_up(void **state)
{
	struct talk *t = calloc(1, sizeof *t);
	char why[128];

	test_loop_open(&t->loop);
	t->listener = listener_open(&t->loop.uv, &(struct listener_options){ .at = loopback(0) }, on_connection, t, why);
	assert_non_null(t->listener);
	t->opt = (struct http_client_options){ .host = "127.0.0.1", .port = listener_at(t->listener).port };
	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	now_talking = t;
	*state = t;
	return 0;
}

static void start_client(struct talk *t)
{
	t->client = http_client_new(&t->loop.uv, &t->opt);
	assert_non_null(t->client);
}

static int set_up_client(void **state)
{
	set_up(state);
	start_client(*state);
	return 0;
}

static int tear_down(void **state)
{
	struct talk *t = *state;

	alloc_fail_never();
	if (t->client != NULL) {
		http_client_stop(t->client, on_stopped, t);
		http_client_stop(t->client, on_stopped, t);
		RUN_UNTIL(&t->loop, t->stopped == 1);
	}
	for (unsigned i = 0; i < t->n_lines; i++) {
		if (t->lines[i].stream != NULL)
			stream_close(t->lines[i].stream);
		party_forget(&t->lines[i]);
	}
	listener_close(t->listener);
	test_loop_close(&t->loop);
	free(t);
	return 0;
}

static struct http_call *get(struct talk *t, bool repeatable, struct result *out)
{
	*out = (struct result){ 0 };
	return http_client_call(t->client, "GET", SPAN_LIT("/r/room"), NULL, span_of(NULL, 0), repeatable, on_result, out);
}

#define EXPECT(t, out, result) \
	do { \
		RUN_UNTIL(&(t)->loop, (out)->n == 1); \
		assert_int_equal((out)->r, result); \
	} while (0)

static void a_call_is_sent_and_its_answer_told(void **state)
{
	struct talk *t = *state;
	struct result out = { 0 };

	t->answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno room";
	http_client_call(t->client, "POST", SPAN_LIT("/room/1"), "text/plain", SPAN_LIT("offer"), false, on_result, &out);
	assert_int_equal(out.n, 0);
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_int_equal(out.status, 404);
	assert_string_equal(out.body, "no room");
	assert_true(party_heard(&t->lines[0], "POST /room/1 HTTP/1.1\r\nHost: 127.0.0.1:"));
	assert_true(party_heard(&t->lines[0], "\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\noffer"));
}

static void a_post_without_a_body_says_so(void **state)
{
	struct talk *t = *state;
	struct result out = { 0 };

	http_client_call(t->client, "POST", SPAN_LIT("/bye"), NULL, span_of(NULL, 0), false, on_result, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_true(party_heard(&t->lines[0], "Content-Length: 0\r\n\r\n"));
}

static void connections_are_kept_and_used_again(void **state)
{
	struct talk *t = *state;
	struct result out;

	for (unsigned i = 0; i < 3; i++) {
		get(t, false, &out);
		EXPECT(t, &out, HTTP_CALL_OK);
	}
	assert_int_equal(t->n_lines, 1);
}

static void what_one_connection_cannot_carry_goes_over_others_and_then_waits(void **state)
{
	struct talk *t = *state;
	struct result out[6];

	t->opt.connections = 2;
	start_client(t);
	t->answer = NULL;
	for (unsigned i = 0; i < 6; i++)
		get(t, false, &out[i]);
	RUN_UNTIL(&t->loop, t->n_lines == 2 && t->lines[0].pieces == 1 && t->lines[1].pieces == 1);
	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	on_line_data(&t->lines[0]);
	for (unsigned i = 0; i < 6; i++)
		if (i != 1)
			EXPECT(t, &out[i], HTTP_CALL_OK);
	assert_int_equal(out[1].n, 0);
	on_line_data(&t->lines[1]);
	EXPECT(t, &out[1], HTTP_CALL_OK);
	assert_int_equal(t->n_lines, 2);
}

static void answers_may_come_byte_by_byte_or_end_with_the_connection(void **state)
{
	struct talk *t = *state;
	const char *text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end";
	struct result out;

	t->answer = NULL;
	get(t, false, &out);
	RUN_UNTIL(&t->loop, t->n_lines == 1 && t->lines[0].pieces == 1);
	for (size_t i = 0; text[i] != '\0'; i++) {
		party_say(&t->lines[0], (char[]){ text[i], '\0' });
		uv_run(&t->loop.uv, UV_RUN_NOWAIT);
	}
	assert_int_equal(out.n, 0);
	stream_close(t->lines[0].stream);
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_string_equal(out.body, "until the end");
}

static void head_has_no_body_whatever_it_says(void **state)
{
	struct talk *t = *state;
	struct result out = { 0 };

	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
	http_client_call(t->client, "HEAD", SPAN_LIT("/"), NULL, span_of(NULL, 0), true, on_result, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_string_equal(out.body, "");
}

static void a_server_that_says_close_is_left(void **state)
{
	struct talk *t = *state;
	struct result out;

	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_int_equal(t->n_lines, 2);
}

static void bytes_that_nobody_asked_for_end_the_connection(void **state)
{
	struct talk *t = *state;
	struct result out;

	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n";
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	RUN_UNTIL(&t->loop, t->lines[0].closed);
	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	party_say(&t->lines[1], "more");
	RUN_UNTIL(&t->loop, t->lines[1].closed);
}

static void a_connection_is_not_kept_unused_for_long(void **state)
{
	struct talk *t = *state;
	struct result out;

	t->opt.idle_time = 20;
	start_client(t);
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	RUN_UNTIL(&t->loop, t->lines[0].closed);
	assert_int_equal(t->lines[0].why, STREAM_END_PEER);
}

/* --- failures ---------------------------------------------------------------------------------------------- */

static void a_kept_connection_that_ended_is_no_failure_if_the_call_may_be_repeated(void **state)
{
	struct talk *t = *state;
	struct result out;

	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	t->answer = NULL;
	t->close_after_answer = true;
	get(t, true, &out);
	RUN_UNTIL(&t->loop, t->lines[0].closed);
	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	t->close_after_answer = false;
	EXPECT(t, &out, HTTP_CALL_OK);
	assert_int_equal(t->n_lines, 2);
}

static void it_is_tried_again_once_only(void **state)
{
	struct talk *t = *state;
	struct result out;

	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	t->answer = NULL;
	t->close_after_answer = true;
	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_LOST);
	assert_int_equal(t->n_lines, 2);
}

static void what_may_not_be_repeated_is_lost_with_its_connection(void **state)
{
	struct talk *t = *state;
	struct result out;

	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_OK);
	t->answer = NULL;
	t->close_after_answer = true;
	get(t, false, &out);
	EXPECT(t, &out, HTTP_CALL_LOST);
}

static void half_an_answer_is_lost(void **state)
{
	struct talk *t = *state;
	struct result out;

	t->answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nha";
	t->close_after_answer = true;
	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_LOST);
	assert_int_equal(t->n_lines, 1);
}

static void what_is_not_http_or_too_large_is_broken(void **state)
{
	static const char *const broken[] = {
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	struct talk *t = *state;
	struct result out;

	for (unsigned i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		t->answer = broken[i];
		get(t, true, &out);
		EXPECT(t, &out, HTTP_CALL_BROKEN);
	}
	assert_int_equal(t->n_lines, 4);
}

static void a_server_that_is_not_there_is_told_as_such(void **state)
{
	struct talk *t = *state;
	struct result out;

	listener_close(t->listener);
	t->listener = NULL;
	RUN_UNTIL(&t->loop, true);
	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_CONNECT);
}

static void silence_is_a_time_out(void **state)
{
	struct talk *t = *state;
	struct result out[2];

	t->opt.deadline = 30;
	t->opt.connections = 1;
	start_client(t);
	t->answer = NULL;
	get(t, true, &out[0]);
	get(t, true, &out[1]);	/* it never was sent */
	EXPECT(t, &out[0], HTTP_CALL_TIMEOUT);
	EXPECT(t, &out[1], HTTP_CALL_CONNECT);
}

static void a_connection_that_takes_too_long_was_none(void **state)
{
	struct talk *t = *state;
	struct endpoint at = loopback(0);
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&at, &sa);
	int full = socket(AF_INET, SOCK_STREAM, 0), fd[4];
	struct result out;

	assert_int_equal(bind(full, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(full, 0), 0);
	assert_int_equal(getsockname(full, (struct sockaddr *)&sa, &len), 0);
	for (unsigned i = 0; i < 4; i++) {	/* more than its queue holds: who comes now is not answered */
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fd[i], (struct sockaddr *)&sa, len);
	}
	t->opt.port = endpoint_from_sockaddr((struct sockaddr *)&sa).port;
	t->opt.deadline = 30;
	start_client(t);
	get(t, true, &out);
	EXPECT(t, &out, HTTP_CALL_CONNECT);
	for (unsigned i = 0; i < 4; i++)
		close(fd[i]);
	close(full);
}

static void above_the_limit_calls_do_not_wait(void **state)
{
	struct talk *t = *state;
	struct result out[4];

	t->opt.connections = 1;
	t->opt.waiting = 2;
	start_client(t);
	for (unsigned i = 0; i < 4; i++)
		assert_non_null(get(t, false, &out[i]));
	assert_int_equal(out[3].n, 0);
	EXPECT(t, &out[3], HTTP_CALL_FULL);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(t, &out[i], HTTP_CALL_OK);
}

static void a_path_that_would_break_the_request_is_not_sent(void **state)
{
	static const char *const bad[] = { "", "room", "/a b", "/a\r\nX: y", "/\x7f", "/\xc3\xa4" };
	struct talk *t = *state;

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct result out = { 0 };
		http_client_call(t->client, "GET", span_str(bad[i]), NULL, span_of(NULL, 0), true, on_result, &out);
		EXPECT(t, &out, HTTP_CALL_BROKEN);
	}
	assert_int_equal(t->n_lines, 0);
}

static void a_forgotten_call_is_never_told(void **state)
{
	struct talk *t = *state;
	struct result out[3], last;

	t->opt.connections = 1;
	t->opt.waiting = 1;
	start_client(t);
	for (unsigned i = 0; i < 3; i++)	/* carried, waiting, failing */
		http_call_forget(get(t, true, &out[i]));
	get(t, true, &last);
	EXPECT(t, &last, HTTP_CALL_OK);
	assert_int_equal(out[0].n + out[1].n + out[2].n, 0);
}

static void stop_tells_all_calls(void **state)
{
	struct talk *t = *state;
	struct result out[4];

	t->opt.connections = 1;
	t->opt.waiting = 2;
	start_client(t);
	t->answer = NULL;
	get(t, true, &out[0]);
	RUN_UNTIL(&t->loop, t->n_lines == 1 && t->lines[0].pieces == 1);
	for (unsigned i = 1; i < 4; i++)
		get(t, true, &out[i]);
	http_client_stop(t->client, on_stopped, t);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(out[i].n, 1);
		assert_int_equal(out[i].r, HTTP_CALL_STOPPED);
	}
	assert_null(get(t, true, &out[0]));
	RUN_UNTIL(&t->loop, t->stopped == 1);
	t->client = NULL;
}

static void stop_may_be_called_while_connecting(void **state)
{
	struct talk *t = *state;
	struct result out;

	get(t, true, &out);
	http_client_stop(t->client, NULL, NULL);
	assert_int_equal(out.r, HTTP_CALL_STOPPED);
	t->client = NULL;
}

static void stop_in_a_callback(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct talk *t = ctx;

	(void)r;
	assert_int_equal(status, 200);
	http_client_stop(t->client, on_stopped, t);
	assert_true(span_eq_str(body, "ok"));
	t->client = NULL;
}

static void stop_may_be_called_by_the_callback(void **state)
{
	struct talk *t = *state;

	http_client_call(t->client, "GET", SPAN_LIT("/"), NULL, span_of(NULL, 0), true, stop_in_a_callback, t);
	RUN_UNTIL(&t->loop, t->stopped == 1);
}

static void without_memory_a_call_fails_and_nothing_leaks(void **state)
{
	struct talk *t = *state;
	struct result out;
	bool failed = true;
	unsigned n;

	alloc_fail_at(0);
	assert_null(http_client_new(&t->loop.uv, &t->opt));
	for (n = 0; failed; n++) {
		start_client(t);
		while (t->n_lines > 0)
			party_forget(&t->lines[--t->n_lines]);
		alloc_fail_at(n);
		if (get(t, true, &out) != NULL)
			RUN_UNTIL(&t->loop, out.n == 1);
		failed = alloc_failed();
		alloc_fail_never();
		t->stopped = 0;
		http_client_stop(t->client, on_stopped, t);
		RUN_UNTIL(&t->loop, t->stopped == 1 && (t->n_lines == 0 || t->lines[0].closed));
		t->client = NULL;
	}
	assert_int_equal(out.r, HTTP_CALL_OK);
	assert_in_range(n, 4, 50);
}

#define TALKING(f) cmocka_unit_test_setup_teardown(f, set_up_client, tear_down)
#define ALONE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TALKING(a_call_is_sent_and_its_answer_told),
		TALKING(a_post_without_a_body_says_so),
		TALKING(connections_are_kept_and_used_again),
		ALONE(what_one_connection_cannot_carry_goes_over_others_and_then_waits),
		TALKING(answers_may_come_byte_by_byte_or_end_with_the_connection),
		TALKING(head_has_no_body_whatever_it_says),
		TALKING(a_server_that_says_close_is_left),
		TALKING(bytes_that_nobody_asked_for_end_the_connection),
		ALONE(a_connection_is_not_kept_unused_for_long),
		TALKING(a_kept_connection_that_ended_is_no_failure_if_the_call_may_be_repeated),
		TALKING(it_is_tried_again_once_only),
		TALKING(what_may_not_be_repeated_is_lost_with_its_connection),
		TALKING(half_an_answer_is_lost),
		TALKING(what_is_not_http_or_too_large_is_broken),
		TALKING(a_server_that_is_not_there_is_told_as_such),
		ALONE(silence_is_a_time_out),
		ALONE(a_connection_that_takes_too_long_was_none),
		ALONE(above_the_limit_calls_do_not_wait),
		TALKING(a_path_that_would_break_the_request_is_not_sent),
		ALONE(a_forgotten_call_is_never_told),
		ALONE(stop_tells_all_calls),
		TALKING(stop_may_be_called_while_connecting),
		TALKING(stop_may_be_called_by_the_callback),
		ALONE(without_memory_a_call_fails_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
