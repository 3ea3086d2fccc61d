#include "common/net/http_server.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"

enum { BIG = 48 << 20 };		/* more than the kernel takes at once: tcp_wmem and tcp_rmem allow 36 MiB */

/* A server whose handler answers by path, and clients. */
struct shop {
	struct test_loop loop;
	struct http_server *server;
	struct http_limits limits;
	struct party client, other;
	struct http_exchange *later;	/* asked for /later, not answered yet */
	struct party upgraded;
	struct buf unread;
	unsigned requests, gone, stopped;
	unsigned answered[600];
	char last_path[64];
};

static void serve_big(struct http_exchange *x)
{
	static const uint8_t big[BIG];

	http_reply(x, &(struct http_reply){ .status = 200, .body = span_of(big, BIG) });
}

static void serve_upgrade(struct shop *s, struct http_exchange *x)
{
	const struct http_header h = { SPAN_LIT("Sec-WebSocket-Accept"), SPAN_LIT("yes") };

	assert_true(http_exchange_request(x)->upgrade);
	s->upgraded.stream = http_upgrade(x, "websocket", &h, 1, &party_handler, &s->upgraded, &s->unread);
}

static void serve_drain(struct shop *s, struct http_exchange *x)
{
	http_reply_text(x, 200, "draining");
	http_server_drain(s->server);
}

static void serve_stop(struct shop *s, struct http_exchange *x, bool answer)
{
	if (answer)
		http_reply_text(x, 200, "stopping");
	else
		s->later = x;
	http_server_stop(s->server, NULL);
	s->server = NULL;
}

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	struct shop *s = owner;

	s->requests++;
	snprintf(s->last_path, sizeof s->last_path, "%.*s", SPAN_ARG(r->path));
	assert_true(ip_is_loopback(&r->peer.ip));
	if (span_eq_str(r->path, "/hello"))
		http_reply_text(x, 200, "hello");
	else if (span_eq_str(r->path, "/echo"))
		http_reply(x, &(struct http_reply){ .status = 200, .body = r->body });
	else if (span_eq_str(r->path, "/close"))
		http_reply(x, &(struct http_reply){ .status = 200, .body = SPAN_LIT("bye"), .close = true });
	else if (span_eq_str(r->path, "/later"))
		s->later = x;
	else if (span_eq_str(r->path, "/big"))
		serve_big(x);
	else if (span_eq_str(r->path, "/up"))
		serve_upgrade(s, x);
	else if (span_eq_str(r->path, "/drain"))
		serve_drain(s, x);
	else if (span_eq_str(r->path, "/stop"))
		serve_stop(s, x, true);
	else if (span_eq_str(r->path, "/abandon"))
		serve_stop(s, x, false);
	else
		http_reply_text(x, 404, "no such thing");
}

static void on_gone(void *owner, struct http_exchange *x)
{
	struct shop *s = owner;

	assert_ptr_equal(x, s->later);
	s->later = NULL;
	s->gone++;
}

static void on_answered(void *owner, int status)
{
	struct shop *s = owner;

	s->answered[status]++;
}

static void on_stopped(void *owner)
{
	struct shop *s = owner;

	s->stopped++;
}

static const struct http_server_ops ops = { .request = on_request, .gone = on_gone, .answered = on_answered };

static void open_shop(struct shop *s)
{
	struct listener_options o = { .at = loopback(0) };
	char why[128];

	s->server = http_server_new(&s->loop.uv, &s->limits, &ops, s);
	assert_non_null(s->server);
	assert_int_equal(http_server_listen(s->server, &o, why), 0);
	party_dial(&s->client, &s->loop, http_server_at(s->server, 0));
	RUN_UNTIL(&s->loop, s->client.connected && http_server_connections(s->server) == 1);
}

static int set_up(void **state)
{
	struct shop *s = calloc(1, sizeof *s);

	test_loop_open(&s->loop);
	party_init(&s->upgraded);
	buf_init(&s->unread, 1 << 20);
	*state = s;
	return 0;
}

static int set_up_open(void **state)
{
	set_up(state);
	open_shop(*state);
	return 0;
}

static int tear_down(void **state)
{
	struct shop *s = *state;

	alloc_fail_never();
	if (s->client.stream != NULL)
		stream_close(s->client.stream);
	if (s->other.stream != NULL)
		stream_close(s->other.stream);
	if (s->upgraded.stream != NULL)
		stream_close(s->upgraded.stream);
	if (s->server != NULL) {
		http_server_stop(s->server, on_stopped);
		RUN_UNTIL(&s->loop, s->stopped == 1);
	}
	test_loop_close(&s->loop);
	party_forget(&s->client);
	party_forget(&s->other);
	party_forget(&s->upgraded);
	buf_close(&s->unread);
	free(s);
	return 0;
}

static unsigned times_heard(const struct party *p, const char *text)
{
	unsigned n = 0;
	const uint8_t *at = p->in.p, *end = p->in.p + p->in.len;

	while (at != NULL && (at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL) {
		n++;
		at += strlen(text);
	}
	return n;
}

static void forget(struct party *p)
{
	buf_reset(&p->in);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

/* --- answers ----------------------------------------------------------------------------------------------- */

static void a_request_is_answered_and_the_connection_kept(void **state)
{
	struct shop *s = *state;

	for (unsigned i = 1; i <= 3; i++) {
		party_say(&s->client, GET("/hello"));
		RUN_UNTIL(&s->loop, times_heard(&s->client, "\r\n\r\nhello") == i);
	}
	assert_true(party_heard(&s->client, "HTTP/1.1 200 OK\r\nDate: "));
	assert_true(party_heard(&s->client, "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"));
	assert_false(party_heard(&s->client, "Connection:"));
	assert_int_equal(http_server_connections(s->server), 1);
	assert_int_equal(s->answered[200], 3);
}

static void a_request_may_come_byte_by_byte(void **state)
{
	struct shop *s = *state;
	const char *text = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" GET("/hello");

	for (size_t i = 0; text[i] != '\0'; i++) {
		party_say(&s->client, (char[]){ text[i], '\0' });
		uv_run(&s->loop.uv, UV_RUN_NOWAIT);
	}
	RUN_UNTIL(&s->loop, party_heard(&s->client, "\r\n\r\nhello"));
	assert_true(party_heard(&s->client, "Content-Length: 5\r\n\r\nabcdeHTTP/1.1 200 OK"));
}

static void head_is_answered_without_its_body(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n" GET("/nothing"));
	RUN_UNTIL(&s->loop, party_heard(&s->client, "no such thing"));
	assert_true(party_heard(&s->client, "Content-Length: 5\r\n\r\nHTTP/1.1 404 Not Found"));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/hello") GET("/later") GET("/nothing") GET("/later") GET("/hello"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	assert_int_equal(s->requests, 2);	/* one at a time */
	http_reply_text(s->later, 200, "first");
	s->later = NULL;
	RUN_UNTIL(&s->loop, s->later != NULL);
	assert_int_equal(s->requests, 4);
	http_reply_text(s->later, 200, "second");
	s->later = NULL;
	RUN_UNTIL(&s->loop, times_heard(&s->client, "HTTP/1.1") == 5);
	assert_non_null(strstr(strstr(strstr(strstr(party_text(&s->client), "hello"), "first"), "no such thing"),
			       "second"));
}

static void answer_now(uv_prepare_t *p)
{
	struct shop *s = p->data;

	http_reply_text(s->later, 200, "first");
	s->later = NULL;
	uv_close((uv_handle_t *)p, NULL);
}

/* Half a request waits, its other half is in the socket, and the answer is given right before the loop reads that. */
static void what_waits_is_handled_before_what_comes(void **state)
{
	struct shop *s = *state;
	uv_prepare_t before_reading;

	party_say(&s->client, GET("/later") "GET /hel");
	RUN_UNTIL(&s->loop, s->later != NULL);
	party_say(&s->client, "lo HTTP/1.1\r\nHost: x\r\n\r\n");
	uv_prepare_init(&s->loop.uv, &before_reading);
	before_reading.data = s;
	uv_prepare_start(&before_reading, answer_now);
	RUN_UNTIL(&s->loop, s->requests == 2);
	assert_string_equal(s->last_path, "/hello");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "\r\n\r\nhello"));
}

static void while_a_request_is_unanswered_only_so_much_is_read(void **state)
{
	struct shop *s = *state;
	unsigned sent = 0;

	stream_set_limit(s->client.stream, (size_t)64 << 20);
	party_say(&s->client, GET("/later"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	while (stream_pending(s->client.stream) < 1000000) {	/* the server has stopped to take it */
		party_say(&s->client, GET("/hello"));
		sent++;
		if (sent % 1000 == 0)
			uv_run(&s->loop.uv, UV_RUN_NOWAIT);
	}
	assert_int_equal(s->requests, 1);
	http_reply_text(s->later, 200, "at last");
	s->later = NULL;
	RUN_UNTIL(&s->loop, s->requests == 1000);	/* as many as one connection may have */
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_int_equal(times_heard(&s->client, "HTTP/1.1 200 OK"), 1000);
	assert_int_equal(times_heard(&s->client, "Connection: close"), 1);
}

static void a_large_answer_goes_out_before_the_next_request_is_handled(void **state)
{
	struct shop *s = *state;

	stream_read_stop(s->client.stream);
	party_say(&s->client, GET("/big") GET("/hello"));
	RUN_UNTIL(&s->loop, s->requests == 1);
	for (unsigned i = 0; i < 20; i++)
		uv_run(&s->loop.uv, UV_RUN_NOWAIT);
	assert_int_equal(s->requests, 1);
	stream_read_start(s->client.stream);
	RUN_UNTIL(&s->loop, s->requests == 2);
	RUN_UNTIL(&s->loop, s->client.in.len > BIG && party_heard(&s->client, "hello"));
}

static void the_client_asks_to_close(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "Connection: close\r\n"));
	assert_int_equal(s->requests, 1);
	assert_int_equal(s->client.why, STREAM_END_PEER);
}

static void the_handler_asks_to_close(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/close"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "Connection: close\r\n\r\nbye"));
}

static void http_1_0_is_closed_unless_it_asks_otherwise(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "hello"));
	assert_true(party_heard(&s->client, "Connection: keep-alive\r\n"));
	forget(&s->client);
	party_say(&s->client, "GET /hello HTTP/1.0\r\n\r\n");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "Connection: close\r\n"));
}

static void every_answer_carries_the_servers_headers(void **state)
{
	struct shop *s = *state;
	static const struct http_header h = { { (const uint8_t *)"X-Frame-Options", 15 }, { (const uint8_t *)"DENY", 4 } };

	http_server_set_headers(s->server, &h, 1);
	party_say(&s->client, GET("/hello") "broken\r\n\r\n");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_int_equal(times_heard(&s->client, "\r\nX-Frame-Options: DENY\r\n"), 2);
}

static void blank_lines_between_requests_are_skipped(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "\r\n\r\n" GET("/hello") "\r\n");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "hello"));
	party_say(&s->client, GET("/hello"));
	RUN_UNTIL(&s->loop, times_heard(&s->client, "\r\n\r\nhello") == 2);
}

/* --- refusals ---------------------------------------------------------------------------------------------- */

static void what_is_broken_is_answered_and_the_connection_closed(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "GET /hello HTTP/1.1\r\n\r\n" GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "HTTP/1.1 400 Bad Request\r\n"));
	assert_true(party_heard(&s->client, "Connection: close\r\n"));
	assert_true(party_heard(&s->client, "400 Bad Request: exactly one Host is needed\n"));
	assert_int_equal(s->requests, 0);
	assert_int_equal(s->answered[400], 1);
}

static void a_body_too_large_is_refused_before_it_is_read(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 262145\r\n\r\nfirst bytes");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "HTTP/1.1 413 Content Too Large\r\n"));
	assert_int_equal(s->client.why, STREAM_END_PEER);
}

static void go_on_is_said_once_to_who_waits_for_it(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "HTTP/1.1 100 Continue\r\n\r\n"));
	party_say(&s->client, "bo");
	uv_run(&s->loop.uv, UV_RUN_NOWAIT);
	party_say(&s->client, "dy");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "\r\n\r\nbody"));
	assert_int_equal(times_heard(&s->client, "100 Continue"), 1);
	forget(&s->client);
	party_say(&s->client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "\r\n\r\nbody"));
	assert_false(party_heard(&s->client, "100 Continue"));
}

/* --- deadlines --------------------------------------------------------------------------------------------- */

static void a_slow_header_is_a_408(void **state)
{
	struct shop *s = *state;

	s->limits.head_time = 30;
	open_shop(s);
	party_say(&s->client, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_true(party_heard(&s->client, "Connection: close\r\n"));
	assert_int_equal(s->answered[408], 1);
}

/* A byte now and then does not help: the time is for the whole header. */
static void a_trickling_header_is_a_408(void **state)
{
	struct shop *s = *state;
	msec_t start, last;

	s->limits.head_time = 60;
	open_shop(s);
	start = last = uv_now(&s->loop.uv);
	party_say(&s->client, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: ");
	while (!s->client.closed && s->client.in.len == 0) {
		uv_run(&s->loop.uv, UV_RUN_NOWAIT);
		if (uv_now(&s->loop.uv) > last) {
			party_say(&s->client, "z");
			last = uv_now(&s->loop.uv);
		}
	}
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_in_range(uv_now(&s->loop.uv) - start, 60, 2000);
}

static void a_slow_body_is_a_408(void **state)
{
	struct shop *s = *state;

	s->limits.body_time = 30;
	open_shop(s);
	party_say(&s->client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nbod");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "HTTP/1.1 408 Request Timeout\r\n"));
	assert_int_equal(s->requests, 0);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
	struct shop *s = *state;

	s->limits.idle_time = 30;
	open_shop(s);
	party_say(&s->client, GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_int_equal(times_heard(&s->client, "HTTP/1.1"), 1);
	assert_int_equal(s->client.why, STREAM_END_PEER);
}

static void who_does_not_take_its_answer_is_closed(void **state)
{
	struct shop *s = *state;

	s->limits.stall_time = 30;
	open_shop(s);
	stream_read_stop(s->client.stream);
	party_say(&s->client, GET("/big"));
	RUN_UNTIL(&s->loop, s->requests == 1);
	RUN_UNTIL(&s->loop, http_server_connections(s->server) == 0);
	assert_int_equal(s->client.in.len, 0);
}

static void a_handler_may_take_longer_than_any_of_these(void **state)
{
	struct shop *s = *state;
	msec_t until;

	s->limits.idle_time = s->limits.head_time = s->limits.body_time = 10;
	open_shop(s);
	party_say(&s->client, GET("/later"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	until = uv_now(&s->loop.uv) + 50;
	while (uv_now(&s->loop.uv) < until)
		uv_run(&s->loop.uv, UV_RUN_NOWAIT);
	http_reply_text(s->later, 200, "done");
	s->later = NULL;
	RUN_UNTIL(&s->loop, party_heard(&s->client, "done"));
}

/* --- answers given later ------------------------------------------------------------------------------------ */

static void the_handler_keeps_what_it_needs_for_later(void **state)
{
	struct shop *s = *state;
	int mine;

	party_say(&s->client, "POST /later?a=b HTTP/1.1\r\nHost: h:80\r\nX-One: 1\r\nContent-Length: 3\r\n\r\nabc");
	RUN_UNTIL(&s->loop, s->later != NULL);
	http_exchange_set_context(s->later, &mine);
	assert_ptr_equal(http_exchange_context(s->later), &mine);
	const struct http_request *r = http_exchange_request(s->later);
	assert_true(span_eq_str(r->method, "POST"));
	assert_true(span_eq_str(r->query, "a=b"));
	assert_true(span_eq_str(r->host, "h:80"));
	assert_true(span_eq_str(r->body, "abc"));
	assert_true(span_eq_str(http_header_get(r, "x-one"), "1"));
	assert_null(http_header_get(r, "x-two").p);
	http_reply_text(s->later, 200, "later");
	s->later = NULL;
	RUN_UNTIL(&s->loop, party_heard(&s->client, "later"));
}

static void the_handler_is_told_when_its_client_has_gone(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/later"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	stream_close(s->client.stream);
	RUN_UNTIL(&s->loop, s->gone == 1);
	assert_int_equal(http_server_connections(s->server), 0);
}

static void an_answer_to_a_stopped_server_is_lost_quietly(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/later"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	http_server_stop(s->server, on_stopped);
	http_reply_text(s->later, 200, "too late");
	RUN_UNTIL(&s->loop, s->stopped == 1 && s->client.closed);
	assert_int_equal(s->gone, 0);
	s->server = NULL;
}

/* --- upgrade ------------------------------------------------------------------------------------------------ */

#define UPGRADE "GET /up HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void an_upgrade_gives_the_connection_away_with_what_was_unread(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/hello") UPGRADE "first frame");
	RUN_UNTIL(&s->loop, s->upgraded.stream != NULL);
	assert_string_equal(buf_cstr(&s->unread), "first frame");
	assert_int_equal(http_server_connections(s->server), 0);
	party_say(&s->client, "second");
	RUN_UNTIL(&s->loop, party_heard(&s->upgraded, "second"));
	party_say(&s->upgraded, "from the other side");
	RUN_UNTIL(&s->loop, party_heard(&s->client, "from the other side"));
	assert_true(party_heard(&s->client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\nSec-WebSocket-Accept: yes\r\n\r\nfrom"));
	assert_int_equal(s->answered[101], 1);
}

static void an_upgrade_may_wait_behind_another_request(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/later") UPGRADE "frame");
	RUN_UNTIL(&s->loop, s->later != NULL);
	http_reply_text(s->later, 200, "ok");
	s->later = NULL;
	RUN_UNTIL(&s->loop, s->upgraded.stream != NULL);
	assert_string_equal(buf_cstr(&s->unread), "frame");
}

static void an_upgrade_may_be_granted_later(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, "GET /later HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly ");
	RUN_UNTIL(&s->loop, s->later != NULL);
	party_say(&s->client, "bird");
	serve_upgrade(s, s->later);
	s->later = NULL;
	assert_non_null(s->upgraded.stream);
	RUN_UNTIL(&s->loop, party_heard(&s->upgraded, "bird"));
	assert_string_equal(buf_cstr(&s->unread), "early ");
	assert_int_equal(http_server_connections(s->server), 0);
}

static void an_upgraded_connection_outlives_the_server(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, UPGRADE);
	RUN_UNTIL(&s->loop, s->upgraded.stream != NULL);
	http_server_stop(s->server, on_stopped);
	RUN_UNTIL(&s->loop, s->stopped == 1);
	s->server = NULL;
	party_say(&s->client, "still here");
	RUN_UNTIL(&s->loop, party_heard(&s->upgraded, "still here"));
}

/* --- drain and stop ------------------------------------------------------------------------------------------ */

static void drain_closes_what_is_idle_and_lets_the_busy_finish(void **state)
{
	struct shop *s = *state;
	struct endpoint at = http_server_at(s->server, 0);
	struct party late;

	party_dial(&s->other, &s->loop, at);
	RUN_UNTIL(&s->loop, http_server_connections(s->server) == 2);
	party_say(&s->client, GET("/later"));
	RUN_UNTIL(&s->loop, s->later != NULL);
	http_server_drain(s->server);
	RUN_UNTIL(&s->loop, s->other.closed);
	assert_int_equal(s->client.closed, 0);
	party_dial(&late, &s->loop, at);
	RUN_UNTIL(&s->loop, late.closed);
	assert_int_equal(late.why, STREAM_END_CONNECT);
	http_reply_text(s->later, 200, "finished");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "Connection: close\r\n\r\nfinished"));
	RUN_UNTIL(&s->loop, http_server_connections(s->server) == 0);
	s->later = NULL;
}

static void drain_may_be_called_by_a_handler(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/drain") GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_true(party_heard(&s->client, "draining"));
	assert_int_equal(s->requests, 1);
}

static void stop_may_be_called_by_a_handler(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/stop") GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_int_equal(s->requests, 1);
	assert_int_equal(s->gone, 0);
	assert_true(party_heard(&s->client, "stopping"));
}

static void a_request_that_stop_left_unanswered_is_gone(void **state)
{
	struct shop *s = *state;

	party_say(&s->client, GET("/abandon") GET("/hello"));
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_int_equal(s->requests, 1);
	assert_int_equal(s->gone, 1);
}

static void a_port_in_use_is_told(void **state)
{
	struct shop *s = *state;
	struct listener_options o = { .at = http_server_at(s->server, 0) };
	char why[128];

	assert_int_equal(http_server_listen(s->server, &o, why), -1);
	assert_non_null(strstr(why, "address already in use"));
	assert_int_equal(http_server_at(s->server, 1).port, 0);
	o.at.port = 0;
	for (unsigned i = 1; i < 16; i++)
		assert_int_equal(http_server_listen(s->server, &o, why), 0);
	assert_int_equal(http_server_listen(s->server, &o, why), -1);
	assert_non_null(strstr(why, "more than 16"));
}

/* Whatever allocation fails: an answer of some kind or a closed connection, and nothing leaks. */
static void without_memory_the_connection_ends_and_the_server_lives(void **state)
{
	struct shop *s = *state;
	unsigned n = 0;

	for (bool failed = true; failed; n++) {
		party_dial(&s->other, &s->loop, http_server_at(s->server, 0));
		RUN_UNTIL(&s->loop, s->other.connected);
		assert_non_null(buf_reserve(&s->other.in, 4096));
		party_say(&s->other, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" GET("/close"));
		alloc_fail_at(n);
		RUN_UNTIL(&s->loop, s->other.closed);
		failed = alloc_failed();
		alloc_fail_never();
		if (!failed)
			assert_true(party_heard(&s->other, "bye"));
		party_forget(&s->other);
	}
	assert_in_range(n, 5, 200);
	party_say(&s->client, GET("/hello"));
	RUN_UNTIL(&s->loop, party_heard(&s->client, "hello"));
	alloc_fail_at(0);
	assert_null(http_server_new(&s->loop.uv, NULL, &ops, NULL));
}

static void without_memory_an_upgrade_fails_and_closes(void **state)
{
	struct shop *s = *state;

	buf_close(&s->unread);
	buf_init(&s->unread, 3);
	party_say(&s->client, UPGRADE "too much");
	RUN_UNTIL(&s->loop, s->client.closed);
	assert_null(s->upgraded.stream);
	assert_int_equal(http_server_connections(s->server), 0);
}

#define IN_THE_SHOP(f) cmocka_unit_test_setup_teardown(f, set_up_open, tear_down)
#define WITH_LIMITS(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_THE_SHOP(a_request_is_answered_and_the_connection_kept),
		IN_THE_SHOP(a_request_may_come_byte_by_byte),
		IN_THE_SHOP(head_is_answered_without_its_body),
		IN_THE_SHOP(pipelined_requests_are_answered_in_order),
		IN_THE_SHOP(what_waits_is_handled_before_what_comes),
		IN_THE_SHOP(while_a_request_is_unanswered_only_so_much_is_read),
		IN_THE_SHOP(a_large_answer_goes_out_before_the_next_request_is_handled),
		IN_THE_SHOP(the_client_asks_to_close),
		IN_THE_SHOP(the_handler_asks_to_close),
		IN_THE_SHOP(http_1_0_is_closed_unless_it_asks_otherwise),
		IN_THE_SHOP(every_answer_carries_the_servers_headers),
		IN_THE_SHOP(blank_lines_between_requests_are_skipped),
		IN_THE_SHOP(what_is_broken_is_answered_and_the_connection_closed),
		IN_THE_SHOP(a_body_too_large_is_refused_before_it_is_read),
		IN_THE_SHOP(go_on_is_said_once_to_who_waits_for_it),
		WITH_LIMITS(a_slow_header_is_a_408),
		WITH_LIMITS(a_trickling_header_is_a_408),
		WITH_LIMITS(a_slow_body_is_a_408),
		WITH_LIMITS(an_idle_connection_is_closed_without_a_word),
		WITH_LIMITS(who_does_not_take_its_answer_is_closed),
		WITH_LIMITS(a_handler_may_take_longer_than_any_of_these),
		IN_THE_SHOP(the_handler_keeps_what_it_needs_for_later),
		IN_THE_SHOP(the_handler_is_told_when_its_client_has_gone),
		IN_THE_SHOP(an_answer_to_a_stopped_server_is_lost_quietly),
		IN_THE_SHOP(an_upgrade_gives_the_connection_away_with_what_was_unread),
		IN_THE_SHOP(an_upgrade_may_wait_behind_another_request),
		IN_THE_SHOP(an_upgrade_may_be_granted_later),
		IN_THE_SHOP(an_upgraded_connection_outlives_the_server),
		IN_THE_SHOP(drain_closes_what_is_idle_and_lets_the_busy_finish),
		IN_THE_SHOP(drain_may_be_called_by_a_handler),
		IN_THE_SHOP(stop_may_be_called_by_a_handler),
		IN_THE_SHOP(a_request_that_stop_left_unanswered_is_gone),
		IN_THE_SHOP(a_port_in_use_is_told),
		IN_THE_SHOP(without_memory_the_connection_ends_and_the_server_lives),
		IN_THE_SHOP(without_memory_an_upgrade_fails_and_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
