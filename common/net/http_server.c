#include "common/net/http_server.h"
#include "common/net/doors.h"
#include "common/net/http_parse.h"
#include "common/net/http_reply.h"
#include "common/net/loop_wheel.h"

#include "common/base/list.h"

#include <stdio.h>
#include <stdlib.h>

/* One connection, one request at a time:
 *
 *	IDLE --first byte--> HEAD --> BODY --whole--> HANDLING --answer--> WRITING --drained--> IDLE
 *	                       \________\--refused, late--> CLOSING <--close--/
 *
 * HANDLING is the handler's, whose own deadline it has; every other state has one here. */
enum state { IDLE, HEAD, BODY, HANDLING, WRITING, CLOSING, GIVEN_AWAY };

enum { WAITING_BYTES = 16384, READ_BYTES = 65536 };

struct http_exchange {		/* a connection, and the request it has in work */
	struct list link;
	struct http_server *server;
	struct stream *stream;
	struct wheel_timer deadline;
	enum state state;
	struct http_parse *parse;	/* NULL while IDLE */
	struct buf waiting;		/* what came behind the request in work */
	struct span rest;		/* the same, while it is still in the read buffer */
	unsigned requests;
	bool feeding;			/* inside feed() */
	bool close_after, http10;
	void *context;
};

struct http_server {
	uv_loop_t *loop;
	struct http_limits limits;
	const struct http_server_ops *ops;
	void *owner;
	const struct http_header *headers;
	size_t n_headers;
	struct doors doors;
	struct list connections;
	unsigned n_connections;
	struct loop_wheel wheel;
	bool draining, stopping, wheel_closed, doors_closed;
	void (*done)(void *owner);
};

static void set_state(struct http_exchange *x, enum state state)
{
	struct http_server *s = x->server;
	const msec_t time[] = {
		[IDLE] = s->limits.idle_time, [HEAD] = s->limits.head_time, [BODY] = s->limits.body_time,
		[WRITING] = s->limits.stall_time, [GIVEN_AWAY] = 0	/* 0: none */
	};

	x->state = state;
	if (time[state] > 0)
		loop_wheel_set(&s->wheel, &x->deadline, time[state]);
	else
		loop_wheel_clear(&s->wheel, &x->deadline);
}

/* --- answering --------------------------------------------------------------------------------------------- */

static void end_connection(struct http_exchange *x)	/* what was written still goes out */
{
	set_state(x, CLOSING);
	stream_finish(x->stream);
}

/* The request is over: the next one, if the connection goes on. */
static void next_request(struct http_exchange *x)
{
	http_parse_free(x->parse);
	x->parse = NULL;
	x->context = NULL;
	if (x->close_after || x->server->draining) {
		end_connection(x);
		return;
	}
	set_state(x, stream_pending(x->stream) > 0 ? WRITING : IDLE);
	if (x->state == IDLE && x->waiting.len > 0)	/* not now: no handler is called from inside an answer */
		loop_wheel_set(&x->server->wheel, &x->deadline, 0);
}

static void answer(struct http_exchange *x, const struct http_reply *r)
{
	struct http_server *s = x->server;
	const struct http_request *req = http_parse_get_request(x->parse);
	bool close = x->close_after || r->close || s->draining;
	const struct http_reply_frame frame = {
		.headers = s->headers, .n_headers = s->n_headers, .now = clock_unix(),
		.close = close, .keep_alive = x->http10
	};
	struct buf head;
	bool sent;

	x->close_after = close;
	buf_init(&head, SIZE_MAX);
	sent = http_reply_head(r, &frame, &head);
	if (sent) {
		const struct span parts[] = { buf_span(&head), r->body };
		bool bodyless = span_eq_str(req->method, "HEAD") || r->status == 204 || r->status == 304;
		sent = stream_write(x->stream, parts, bodyless ? 1 : 2);
	}
	buf_close(&head);
	if (!sent) {
		set_state(x, CLOSING);
		stream_close(x->stream);
		return;
	}
	if (s->ops->answered != NULL)
		s->ops->answered(s->owner, r->status);
	next_request(x);
}

static void answer_error(struct http_exchange *x, int status, const char *why)
{
	char text[256];

	snprintf(text, sizeof text, "%d %s: %s\n", status, http_reason(status), why);
	x->close_after = true;
	answer(x, &(struct http_reply){ .status = status, .content_type = "text/plain; charset=utf-8",
					.body = span_str(text) });
}

void http_reply(struct http_exchange *x, const struct http_reply *reply)
{
	answer(x, reply);
}

void http_reply_text(struct http_exchange *x, int status, const char *text)
{
	answer(x, &(struct http_reply){ .status = status, .content_type = "text/plain; charset=utf-8",
					.body = span_str(text) });
}

/* --- requests ---------------------------------------------------------------------------------------------- */

static void connection_free(struct http_exchange *x)
{
	struct http_server *s = x->server;

	loop_wheel_clear(&s->wheel, &x->deadline);
	list_del(&x->link);
	s->n_connections--;
	http_parse_free(x->parse);
	buf_close(&x->waiting);
	free(x);
}

static void handle(struct http_exchange *x)
{
	struct http_server *s = x->server;
	struct http_request *r = http_parse_get_request(x->parse);

	r->peer = stream_peer(x->stream);
	x->http10 = http_parse_minor(x->parse) == 0;
	x->close_after = !http_parse_keep_alive(x->parse) || ++x->requests >= s->limits.requests;
	set_state(x, HANDLING);
	s->ops->request(s->owner, x, r);
}

static void more_is_needed(struct http_exchange *x)
{
	const struct span go_on = SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n");
	bool in_body = http_parse_in_body(x->parse);

	if (http_parse_wants_continue(x->parse) && !stream_write(x->stream, &go_on, 1))
		stream_close(x->stream);
	if (x->state == IDLE || (in_body && x->state == HEAD))
		set_state(x, in_body ? BODY : HEAD);
}

/* Takes bytes off x->rest; true: there may be more to do with what is left of them. */
static bool feed_request(struct http_exchange *x)
{
	size_t used;
	const char *why;
	int status;

	if (x->server->stopping)
		return false;
	if (x->server->draining && x->state == IDLE) {
		end_connection(x);
		return false;
	}
	while (x->state == IDLE && x->rest.len > 0 && (x->rest.p[0] == '\r' || x->rest.p[0] == '\n'))
		x->rest = span_skip(x->rest, 1);	/* RFC 9112 section 2.2: some send one behind a body */
	if (x->rest.len == 0)
		return false;
	if (x->parse == NULL)
		x->parse = http_parse_request(&x->server->limits);
	if (x->parse == NULL) {
		stream_close(x->stream);
		return false;
	}
	switch (http_parse_feed(x->parse, x->rest, &used)) {
	case HTTP_MORE:
		x->rest = span_of(NULL, 0);
		more_is_needed(x);
		return false;
	case HTTP_REFUSED:
		status = http_parse_refusal(x->parse, &why);
		answer_error(x, status, why);
		return false;
	case HTTP_WHOLE:
		break;
	}
	x->rest = span_skip(x->rest, used);
	handle(x);
	return x->state == IDLE;
}

static void keep_waiting(struct http_exchange *x, struct span in)
{
	if (!buf_add_span(&x->waiting, in))
		stream_close(x->stream);
	else if (x->waiting.len >= WAITING_BYTES)
		stream_read_stop(x->stream);
	else
		stream_read_start(x->stream);
}

/* Not entered again from inside: what is answered meanwhile changes the state, and this loop goes on. */
static void feed(struct http_exchange *x, struct span in)
{
	x->feeding = true;
	x->rest = in;
	while (feed_request(x))
		;
	in = x->rest;
	x->rest = span_of(NULL, 0);
	x->feeding = false;
	if (x->state == GIVEN_AWAY)
		connection_free(x);
	else if (x->state <= WRITING)
		keep_waiting(x, in);
}

static void feed_waiting(struct http_exchange *x)
{
	struct buf taken = x->waiting;

	buf_init(&x->waiting, taken.limit);
	feed(x, buf_span(&taken));
	buf_close(&taken);
}

static void on_data(void *owner, struct span in)
{
	struct http_exchange *x = owner;

	if (x->state <= BODY && x->waiting.len == 0)
		feed(x, in);
	else if (x->state <= WRITING)
		keep_waiting(x, in);
}

static void on_drained(void *owner)
{
	struct http_exchange *x = owner;

	if (x->state == WRITING)
		next_request(x);
}

static void finish_stop(struct http_server *s)
{
	void (*done)(void *owner) = s->done;
	void *owner = s->owner;

	if (!s->stopping || !s->wheel_closed || !s->doors_closed || s->n_connections > 0)
		return;
	free(s);
	if (done != NULL)
		done(owner);
}

static void on_stream_closed(void *owner, enum stream_end why)
{
	struct http_exchange *x = owner;
	struct http_server *s = x->server;

	(void)why;
	if (x->state == HANDLING && s->ops->gone != NULL)
		s->ops->gone(s->owner, x);
	connection_free(x);
	finish_stop(s);
}

static const struct stream_handler connection_handler = {
	.data = on_data,
	.drained = on_drained,
	.closed = on_stream_closed
};

static void on_deadline(struct wheel_timer *t)
{
	struct http_exchange *x = container_of(t, struct http_exchange, deadline);
	struct http_server *s = x->server;
	msec_t stalled;

	switch (x->state) {
	case IDLE:
		if (x->waiting.len == 0)
			break;
		feed_waiting(x);
		return;
	case HEAD:
	case BODY:
		answer_error(x, 408, "the request took too long");
		return;
	case WRITING:
		stalled = uv_now(s->loop) - stream_progress(x->stream);
		if (stalled >= s->limits.stall_time)
			break;
		loop_wheel_set(&s->wheel, t, s->limits.stall_time - stalled);
		return;
	default:
		break;
	}
	stream_close(x->stream);
}

static void on_arrived(void *owner, struct arrival *a)
{
	struct http_server *s = owner;
	struct http_exchange *x = calloc(1, sizeof *x);

	if (x == NULL)
		return;
	x->stream = arrival_accept(a, s->loop, &connection_handler, x);
	if (x->stream == NULL) {
		free(x);
		return;
	}
	x->server = s;
	x->deadline.fire = on_deadline;
	buf_init(&x->waiting, WAITING_BYTES + READ_BYTES);
	stream_set_limit(x->stream, SIZE_MAX);	/* it holds one answer at a time, whatever its size */
	list_add_tail(&s->connections, &x->link);
	s->n_connections++;
	set_state(x, IDLE);
	if (arrival_unread(a).len > 0)
		on_data(x, arrival_unread(a));
}

/* --- exchanges --------------------------------------------------------------------------------------------- */

const struct http_request *http_exchange_request(const struct http_exchange *x)
{
	return http_parse_get_request(x->parse);
}

void http_exchange_set_context(struct http_exchange *x, void *ctx)
{
	x->context = ctx;
}

void *http_exchange_context(const struct http_exchange *x)
{
	return x->context;
}

struct stream *http_upgrade(struct http_exchange *x, const char *protocol, const struct http_header *headers,
			    size_t n_headers, const struct stream_handler *h, void *owner, struct buf *unread)
{
	struct http_server *s = x->server;
	struct stream *stream = x->stream;
	struct buf head;
	struct span bytes;
	bool ok;

	buf_init(&head, SIZE_MAX);
	ok = http_upgrade_head(protocol, headers, n_headers, &head) &&
		buf_add_span(unread, buf_span(&x->waiting)) && buf_add_span(unread, x->rest);
	bytes = buf_span(&head);
	ok = ok && stream_write(stream, &bytes, 1);
	buf_close(&head);
	if (!ok) {
		set_state(x, CLOSING);
		stream_close(stream);
		return NULL;
	}
	if (s->ops->answered != NULL)
		s->ops->answered(s->owner, 101);
	stream_set_limit(stream, STREAM_OUTPUT_LIMIT);
	stream_set_handler(stream, h, owner);
	stream_read_start(stream);
	set_state(x, GIVEN_AWAY);
	if (!x->feeding)
		connection_free(x);
	return stream;
}

/* --- the server -------------------------------------------------------------------------------------------- */

static struct http_limits with_defaults(const struct http_limits *l)
{
	struct http_limits r = l != NULL ? *l : (struct http_limits){ 0 };

#define DEFAULT(field, value) r.field = r.field != 0 ? r.field : (value)
	DEFAULT(request_line, 8192);
	DEFAULT(header_block, 16384);
	DEFAULT(header_fields, 100);
	DEFAULT(body, 262144);
	DEFAULT(head_time, SECONDS(10));
	DEFAULT(body_time, SECONDS(15));
	DEFAULT(idle_time, SECONDS(30));
	DEFAULT(stall_time, SECONDS(10));
	DEFAULT(requests, 1000);
#undef DEFAULT
	return r;
}

struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *limits,
				    const struct http_server_ops *ops, void *owner)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->limits = with_defaults(limits);
	s->ops = ops;
	s->owner = owner;
	list_init(&s->connections);
	loop_wheel_init(&s->wheel, loop);
	doors_init(&s->doors, loop, on_arrived, s);
	return s;
}

void http_server_set_headers(struct http_server *s, const struct http_header *h, size_t n)
{
	s->headers = h;
	s->n_headers = n;
}

int http_server_listen(struct http_server *s, const struct listener_options *o, char why[128])
{
	return doors_listen(&s->doors, o, why);
}

int http_server_listen_tls(struct http_server *s, const struct endpoint *at, size_t n, const struct lander_options *o,
			   char why[128])
{
	return doors_listen_tls(&s->doors, at, n, o, why);
}

struct endpoint http_server_at(const struct http_server *s, unsigned i)
{
	return doors_at(&s->doors, i);
}

struct endpoint http_server_tls_at(const struct http_server *s, unsigned i)
{
	return doors_tls_at(&s->doors, i);
}

struct lander_counts http_server_lander_counts(const struct http_server *s)
{
	return doors_lander_counts(&s->doors);
}

unsigned http_server_connections(const struct http_server *s)
{
	return s->n_connections;
}

static void on_doors_closed(struct doors *d)
{
	struct http_server *s = container_of(d, struct http_server, doors);

	s->doors_closed = true;
	finish_stop(s);
}

static void close_doors(struct http_server *s)
{
	if (!s->doors.closing)
		doors_close(&s->doors, on_doors_closed);
}

void http_server_drain(struct http_server *s)
{
	s->draining = true;
	close_doors(s);
	list_each(l, &s->connections) {
		struct http_exchange *x = container_of(l, struct http_exchange, link);
		if (x->state == IDLE && !x->feeding)
			stream_close(x->stream);
	}
}

static void on_wheel_closed(struct loop_wheel *w)
{
	struct http_server *s = container_of(w, struct http_server, wheel);

	s->wheel_closed = true;
	finish_stop(s);
}

void http_server_stop(struct http_server *s, void (*done)(void *owner))
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->done = done;
	close_doors(s);
	list_each(l, &s->connections)
		stream_close(container_of(l, struct http_exchange, link)->stream);
	loop_wheel_close(&s->wheel, on_wheel_closed);
}
