#include "common/net/http_client.h"
#include "common/net/http_parse.h"
#include "common/net/loop_wheel.h"

#include "common/base/buf.h"
#include "common/base/list.h"

#include <stdio.h>
#include <stdlib.h>

/* A call waits, is carried by one connection, and is over:
 *
 *	waiting --> carried --> over		(carried a second time, if its kept connection had ended)
 *	      \--> failing --/			(over, but the caller hears it at the loop's next turn)
 *
 * A connection carries one call at a time: CONNECTING (with it already) --> BUSY <--> IDLE --> CLOSING. */
enum line_state { CONNECTING, BUSY, IDLE, CLOSING };

struct line {
	struct list link;
	struct http_client *client;
	struct stream *stream;
	struct http_call *call;		/* CONNECTING and BUSY */
	struct http_parse *parse;	/* from the first byte of an answer */
	struct wheel_timer idle;
	enum line_state state;
	bool kept;			/* has carried a call before */
};

struct http_call {
	struct list link;		/* in the client's waiting or failing */
	struct http_client *client;
	struct line *line;		/* that carries it, or NULL */
	struct buf wire;		/* the request */
	bool repeatable, head, waits;
	enum http_call_result late;	/* what it has come to when its deadline fires */
	struct wheel_timer deadline;
	http_call_cb cb;		/* NULL: forgotten */
	void *ctx;
};

struct http_client {
	uv_loop_t *loop;
	char *host;
	struct http_client_options opt;
	struct http_limits limits;
	struct loop_wheel wheel;
	struct list lines, waiting, failing;
	unsigned n_lines, n_waiting;	/* lines: without those that are closing */
	unsigned n_streams;
	bool stopping, wheel_closed;
	void (*done)(void *ctx);
	void *done_ctx;
};

static bool carry(struct http_client *c, struct http_call *call);
static void serve_waiting(struct http_client *c);

/* --- calls ------------------------------------------------------------------------------------------------- */

static void take_off_list(struct http_call *call)
{
	list_del(&call->link);
	call->client->n_waiting -= call->waits;
	call->waits = false;
}

static void call_free(struct http_call *call)
{
	take_off_list(call);
	loop_wheel_clear(&call->client->wheel, &call->deadline);
	buf_close(&call->wire);
	free(call);
}

static void call_over(struct http_call *call, enum http_call_result r, int status, struct span body)
{
	http_call_cb cb = call->cb;
	void *ctx = call->ctx;

	call_free(call);
	if (cb != NULL)
		cb(ctx, r, status, body);
}

static void line_close(struct line *l)
{
	if (l->state == CLOSING)
		return;
	l->state = CLOSING;
	l->client->n_lines--;
	loop_wheel_clear(&l->client->wheel, &l->idle);
	stream_close(l->stream);
}

/* Takes the call off its line, which cannot be used again. */
static void cut(struct line *l, enum http_call_result r)
{
	struct http_call *call = l->call;

	l->call = NULL;
	line_close(l);
	if (call != NULL)
		call_over(call, r, 0, span_of(NULL, 0));
}

static void on_deadline(struct wheel_timer *t)
{
	struct http_call *call = container_of(t, struct http_call, deadline);
	struct http_client *c = call->client;

	if (call->line != NULL)
		cut(call->line, call->late);
	else
		call_over(call, call->late, 0, span_of(NULL, 0));
	serve_waiting(c);
}

/* It is over, but nobody may be told before the loop's next turn. */
static void fail_soon(struct http_call *call, enum http_call_result r)
{
	take_off_list(call);
	list_add_tail(&call->client->failing, &call->link);
	call->late = r;
	loop_wheel_set(&call->client->wheel, &call->deadline, 0);
}

/* --- lines ------------------------------------------------------------------------------------------------- */

static void send_call(struct line *l, struct http_call *call)
{
	struct span wire = buf_span(&call->wire);

	loop_wheel_clear(&l->client->wheel, &l->idle);
	l->call = call;
	call->line = l;
	call->late = HTTP_CALL_TIMEOUT;
	l->state = BUSY;
	if (!stream_write(l->stream, &wire, 1))
		stream_close(l->stream);	/* on_closed() tells what that means for the call */
}

static void on_connected(void *owner)
{
	struct line *l = owner;

	send_call(l, l->call);
}

static void keep_line(struct line *l, bool usable)
{
	http_parse_free(l->parse);
	l->parse = NULL;
	l->call = NULL;
	l->kept = true;
	if (!usable) {
		line_close(l);
		return;
	}
	l->state = IDLE;
	loop_wheel_set(&l->client->wheel, &l->idle, l->client->opt.idle_time);
}

/* A whole answer. The parser lives until the caller has seen it. */
static void answered(struct line *l, bool usable)
{
	struct http_client *c = l->client;
	struct http_call *call = l->call;
	struct http_parse *parse = l->parse;

	l->parse = NULL;
	keep_line(l, usable && http_parse_keep_alive(parse) && !c->stopping);
	call_over(call, HTTP_CALL_OK, http_parse_status(parse), http_parse_body(parse));
	http_parse_free(parse);
	serve_waiting(c);
}

static void on_data(void *owner, struct span in)
{
	struct line *l = owner;
	struct http_client *c = l->client;
	size_t used;

	if (l->state != BUSY) {		/* nobody asked */
		line_close(l);
		return;
	}
	if (l->parse == NULL)
		l->parse = http_parse_response(&c->limits, l->call->head);
	if (l->parse == NULL) {
		cut(l, HTTP_CALL_LOST);
		serve_waiting(c);
		return;
	}
	switch (http_parse_feed(l->parse, in, &used)) {
	case HTTP_MORE:
		break;
	case HTTP_WHOLE:
		answered(l, used == in.len);
		break;
	case HTTP_REFUSED:
		cut(l, HTTP_CALL_BROKEN);
		serve_waiting(c);
		break;
	}
}

/* The line ended under its call: was it answered, may it be tried again, or what is it? */
static void lost(struct line *l, enum stream_end why)
{
	struct http_call *call = l->call;
	bool again = l->kept && l->parse == NULL && call->repeatable && !l->client->stopping;

	l->call = NULL;
	call->line = NULL;
	if (why == STREAM_END_CONNECT) {
		call_over(call, HTTP_CALL_CONNECT, 0, span_of(NULL, 0));
	} else if (l->parse != NULL && why == STREAM_END_PEER && http_parse_end(l->parse) == HTTP_WHOLE) {
		call_over(call, HTTP_CALL_OK, http_parse_status(l->parse), http_parse_body(l->parse));
	} else if (again) {
		if (!carry(l->client, call))
			fail_soon(call, HTTP_CALL_LOST);
	} else {
		call_over(call, HTTP_CALL_LOST, 0, span_of(NULL, 0));
	}
}

static void finish_stop(struct http_client *c)
{
	void (*done)(void *ctx) = c->done;
	void *ctx = c->done_ctx;

	if (!c->stopping || !c->wheel_closed || c->n_streams > 0)
		return;
	free(c->host);
	free(c);
	if (done != NULL)
		done(ctx);
}

static void on_closed(void *owner, enum stream_end why)
{
	struct line *l = owner;
	struct http_client *c = l->client;

	line_close(l);
	list_del(&l->link);
	c->n_streams--;
	if (l->call != NULL)
		lost(l, why);
	http_parse_free(l->parse);
	free(l);
	serve_waiting(c);
	finish_stop(c);
}

static void on_idle_too_long(struct wheel_timer *t)
{
	line_close(container_of(t, struct line, idle));
}

static const struct stream_handler line_handler = { .connected = on_connected, .data = on_data, .closed = on_closed };

/* A new line for this call. False: no memory. */
static bool carry(struct http_client *c, struct http_call *call)
{
	struct line *l = calloc(1, sizeof *l);

	if (l == NULL)
		return false;
	l->client = c;
	l->idle.fire = on_idle_too_long;
	l->stream = c->opt.trust != NULL ?
		stream_connect_host_tls(c->loop, c->host, c->opt.port, c->opt.trust, &line_handler, l) :
		stream_connect_host(c->loop, c->host, c->opt.port, &line_handler, l);
	if (l->stream == NULL) {
		free(l);
		return false;
	}
	stream_set_limit(l->stream, SIZE_MAX);	/* it holds one request at a time */
	list_add_tail(&c->lines, &l->link);
	c->n_lines++;
	c->n_streams++;
	l->call = call;
	call->line = l;
	return true;
}

static struct line *idle_line(struct http_client *c)
{
	list_each(i, &c->lines) {
		struct line *l = container_of(i, struct line, link);
		if (l->state == IDLE)
			return l;
	}
	return NULL;
}

static void serve_waiting(struct http_client *c)
{
	while (!list_empty(&c->waiting) && !c->stopping) {
		struct http_call *call = container_of(c->waiting.next, struct http_call, link);
		struct line *l = idle_line(c);

		if (l == NULL && c->n_lines >= c->opt.connections)
			return;
		take_off_list(call);
		if (l != NULL)
			send_call(l, call);
		else if (!carry(c, call))
			fail_soon(call, HTTP_CALL_FULL);
	}
}

/* --- the door ---------------------------------------------------------------------------------------------- */

static bool sendable(struct span path)		/* one that cannot end its line */
{
	for (size_t i = 0; i < path.len; i++)
		if (path.p[i] <= ' ' || path.p[i] >= 0x7f)
			return false;
	return path.len > 0 && path.p[0] == '/';
}

static bool write_request(struct http_client *c, struct buf *out, const char *method, struct span path,
			  const char *content_type, struct span body)
{
	bool literal = strchr(c->host, ':') != NULL;

	buf_addf(out, "%s ", method);
	buf_add_span(out, path);
	buf_addf(out, " HTTP/1.1\r\nHost: %s%s%s:%u\r\n", literal ? "[" : "", c->host, literal ? "]" : "", c->opt.port);
	if (content_type != NULL)
		buf_addf(out, "Content-Type: %s\r\n", content_type);
	if (body.len > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
		buf_addf(out, "Content-Length: %zu\r\n", body.len);
	buf_add_str(out, "\r\n");
	return buf_add_span(out, body);
}

struct http_call *http_client_call(struct http_client *c, const char *method, struct span path, const char *content_type,
				   struct span body, bool repeatable, http_call_cb cb, void *ctx)
{
	struct http_call *call = c->stopping ? NULL : calloc(1, sizeof *call);

	if (call == NULL)
		return NULL;
	buf_init(&call->wire, SIZE_MAX);
	if (!write_request(c, &call->wire, method, path, content_type, body)) {
		buf_close(&call->wire);
		free(call);
		return NULL;
	}
	call->client = c;
	call->repeatable = repeatable;
	call->head = strcmp(method, "HEAD") == 0;
	call->cb = cb;
	call->ctx = ctx;
	call->deadline.fire = on_deadline;
	if (!sendable(path)) {
		fail_soon(call, HTTP_CALL_BROKEN);
		return call;
	}
	call->late = HTTP_CALL_CONNECT;
	loop_wheel_set(&c->wheel, &call->deadline, c->opt.deadline);
	list_add_tail(&c->waiting, &call->link);
	call->waits = true;
	c->n_waiting++;
	serve_waiting(c);
	if (c->n_waiting > c->opt.waiting)
		fail_soon(call, HTTP_CALL_FULL);
	return call;
}

void http_call_forget(struct http_call *call)
{
	call->cb = NULL;
	if (call->line == NULL)
		call_free(call);
}

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_options *o)
{
	struct http_client *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->host = strdup(o->host);
	if (c->host == NULL) {
		free(c);
		return NULL;
	}
	c->loop = loop;
	c->opt = *o;
	c->opt.host = c->host;
	if (c->opt.connections == 0)
		c->opt.connections = 4;
	if (c->opt.waiting == 0)
		c->opt.waiting = 1024;
	if (c->opt.deadline == 0)
		c->opt.deadline = SECONDS(5);
	if (c->opt.idle_time == 0)
		c->opt.idle_time = SECONDS(10);
	c->limits = (struct http_limits){ .request_line = 8192, .header_block = 16384, .header_fields = 100 };
	c->limits.body = o->body_limit != 0 ? o->body_limit : 65536;
	loop_wheel_init(&c->wheel, loop);
	list_init(&c->lines);
	list_init(&c->waiting);
	list_init(&c->failing);
	return c;
}

static void on_wheel_closed(struct loop_wheel *w)
{
	struct http_client *c = container_of(w, struct http_client, wheel);

	c->wheel_closed = true;
	finish_stop(c);
}

static void stop_all(struct list *calls)
{
	while (!list_empty(calls))
		call_over(container_of(calls->next, struct http_call, link), HTTP_CALL_STOPPED, 0, span_of(NULL, 0));
}

void http_client_stop(struct http_client *c, void (*done)(void *ctx), void *ctx)
{
	if (c->stopping)
		return;
	c->stopping = true;
	c->done = done;
	c->done_ctx = ctx;
	stop_all(&c->waiting);
	stop_all(&c->failing);
	list_each(i, &c->lines)
		cut(container_of(i, struct line, link), HTTP_CALL_STOPPED);
	loop_wheel_close(&c->wheel, on_wheel_closed);
}
