#include "signald/http_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/json_text.h"
#include "common/base/text.h"
#include "common/proto/ids.h"
#include "signald/ws_handshake.h"

#define FAILED "Failed to send the message: "

const struct http_header http_api_headers[HTTP_API_HEADERS] = {
	{ { (const uint8_t *)"Access-Control-Allow-Origin", 27 }, { (const uint8_t *)"*", 1 } },
};

struct call {			/* a POST or DELETE at the hub */
	struct hub_op op;
	struct http_api *api;
	struct http_exchange *x;
	struct buf text;	/* of a POST, escaped */
	struct list link;	/* of a DELETE, in `deferred` */
	bool next_turn;
};

/* --- answers ------------------------------------------------------------------------------------------------- */

static void answer(struct http_exchange *x, int status, const char *type, struct span body, const char *methods)
{
	const struct http_header headers[] = {
		{ SPAN_LIT("Access-Control-Allow-Methods"), span_str(methods) },
		{ SPAN_LIT("X-Content-Type-Options"), SPAN_LIT("nosniff") },
		{ SPAN_LIT("Allow"), span_str(methods) },
	};
	const struct http_reply r = {
		.status = status, .content_type = type, .body = body, .headers = headers, .n_headers = status == 405 ? 3 : 2,
	};

	http_reply(x, &r);
}

#define CLIENT_METHODS "POST, DELETE"

static void answer_text(struct http_exchange *x, int status, const char *text)
{
	answer(x, status, "text/plain; charset=utf-8", span_str(text), CLIENT_METHODS);
}

static void answer_error(struct http_exchange *x, int status, const char *first, struct span second)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s%.*s\n", first, SPAN_ARG(span_first(second, 256)));

	answer(x, status, "text/plain; charset=utf-8", span_of(text, (size_t)n), CLIENT_METHODS);
}

static void on_answered(void *owner, int status)
{
	const struct http_api *a = owner;

	if (status >= 400)
		metric_add(a->metrics, COUNT_HTTP_ERRORS, 1);
}

/* --- POST and DELETE ----------------------------------------------------------------------------------------- */

static void call_free(struct call *c)
{
	list_del(&c->link);
	buf_close(&c->text);
	free(c);
}

static int status_of(enum hub_result r)
{
	return r == HUB_UNAVAILABLE || r == HUB_NOMEM ? 503 : 500;
}

static void on_done(struct hub_op *op, enum hub_result r)
{
	struct call *c = container_of(op, struct call, op);
	struct http_exchange *x = c->x;

	if (op->kind == HUB_POST)
		metric_add(c->api->metrics, r == HUB_DELIVERED ? COUNT_DELIVERED : r == HUB_QUEUED ? COUNT_QUEUED : COUNT_DROPPED, 1);
	call_free(c);
	if (hub_refused(r))
		answer_error(x, status_of(r), FAILED, span_str(client_error_text(client_error_of(r))));
	else
		answer_text(x, 200, "OK\n");
}

static struct call *call_new(struct http_api *a, struct http_exchange *x, enum hub_kind kind, struct span room, struct span client)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		answer_error(x, 503, "", span_str(client_error_text(ERROR_NO_MEMORY)));
		return NULL;
	}
	c->api = a;
	c->x = x;
	c->op = (struct hub_op){ .kind = kind, .room = room, .client = client, .done = on_done };
	buf_init(&c->text, config_max_escaped(a->cfg));
	http_exchange_set_context(x, c);
	return c;
}

static void post(struct http_api *a, struct http_exchange *x, struct span room, struct span client, struct span body)
{
	struct call *c;

	if (body.len == 0) {
		answer_error(x, 500, "Empty request body", SPAN_LIT(""));
		return;
	}
	if (!utf8_valid(body)) {
		answer_error(x, 400, FAILED, SPAN_LIT("not UTF-8"));
		return;
	}
	c = call_new(a, x, HUB_POST, room, client);
	if (c == NULL)
		return;
	if (!json_escape(body, &c->text)) {
		call_free(c);
		answer_error(x, 413, FAILED, SPAN_LIT("too long in JSON"));
		return;
	}
	c->op.message = buf_span(&c->text);
	hub_submit(a->hub, &c->op, uv_now(a->loop));
}

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static void delete(struct http_api *a, struct http_exchange *x, struct span room, struct span client)
{
	struct call *c = call_new(a, x, HUB_REMOVE, room, client);

	if (c == NULL)
		return;
	list_add_tail(&a->deferred, &c->link);
	(void)uv_idle_start(&a->idle, on_idle);
}

/* Every socket that was readable when a DELETE came is read in the turn that follows. */
static void on_check(uv_check_t *h)
{
	struct http_api *a = h->data;

	list_each_safe(l, next, &a->deferred) {
		struct call *c = container_of(l, struct call, link);
		if (!c->next_turn) {
			c->next_turn = true;
			continue;
		}
		list_del(&c->link);
		hub_submit(a->hub, &c->op, uv_now(a->loop));
	}
	if (list_empty(&a->deferred))
		(void)uv_idle_stop(&a->idle);
}

static void on_gone(void *owner, struct http_exchange *x)
{
	struct http_api *a = owner;
	struct call *c = http_exchange_context(x);

	hub_cancel(a->hub, &c->op, uv_now(a->loop));
	call_free(c);
}

/* --- routes -------------------------------------------------------------------------------------------------- */

void http_api_status(const struct http_api *a, struct buf *out)
{
	const struct metrics *const all[] = { a->metrics };
	msec_t up = uv_now(a->loop) - a->started;
	uint64_t errors = 0;

	for (unsigned e = 0; e < ERROR_N; e++)
		errors += metrics_sum(all, 1, COUNT_ERROR + e);
	buf_addf(out, "{\"upsec\":%" PRIu64 ".%03u,\"openws\":%" PRIu64 ",\"totalws\":%" PRIu64 ",\"wserrors\":%" PRIu64
		 ",\"httperrors\":%" PRIu64 "}", up / 1000, (unsigned)(up % 1000), metrics_sum(all, 1, COUNT_REGISTERED),
		 metrics_sum(all, 1, COUNT_REGISTRATIONS), errors, metrics_sum(all, 1, COUNT_HTTP_ERRORS));
}

static void answer_status(const struct http_api *a, struct http_exchange *x)
{
	struct buf out;

	buf_init(&out, 1024);
	http_api_status(a, &out);
	if (out.failed)
		answer_error(x, 503, "", span_str(client_error_text(ERROR_NO_MEMORY)));
	else
		answer(x, 200, "application/json", buf_span(&out), "GET");
	buf_close(&out);
}

static void upgrade(struct http_api *a, struct http_exchange *x, const struct http_request *r)
{
	static const struct { int status; const char *text; } refusals[] = {
		[WS_HANDSHAKE_METHOD] = { 405, "WebSocket handshakes are GET requests" },
		[WS_HANDSHAKE_NONE] = { 400, "Not a WebSocket handshake" },
		[WS_HANDSHAKE_VERSION] = { 426, "Only version 13 of WebSocket" },
		[WS_HANDSHAKE_KEY] = { 400, "Invalid Sec-WebSocket-Key" },
		[WS_HANDSHAKE_ORIGIN] = { 403, "Origin not allowed" },
		[WS_HANDSHAKE_NOMEM] = { 503, "Out of memory" },
	};
	char accept[WS_ACCEPT_SIZE];
	enum ws_handshake_result v = ws_handshake_check(r, &a->cfg->allowed_origin, accept);

	if (v == WS_HANDSHAKE_OK && a->clients->draining) {
		answer_error(x, 503, "Shutting down", SPAN_LIT(""));
	} else if (v == WS_HANDSHAKE_OK) {
		client_open(a->clients, x, accept);
	} else if (v == WS_HANDSHAKE_VERSION) {
		const struct http_header headers[] = { { SPAN_LIT("Sec-WebSocket-Version"), SPAN_LIT(WS_VERSION) },
						       { SPAN_LIT("Upgrade"), SPAN_LIT("websocket") } };
		http_reply(x, &(struct http_reply){ .status = 426, .content_type = "text/plain", .headers = headers, .n_headers = 2,
						    .body = span_str(refusals[v].text), .close = true });
	} else {
		answer(x, refusals[v].status, "text/plain", span_str(refusals[v].text), "GET");
	}
}

/* "/<room>/<client>", exactly. */
static bool split_path(struct span path, struct span *room, struct span *client)
{
	struct span rest = span_skip(path, 1);

	*room = text_cut(&rest, '/');
	*client = rest;
	return id_valid(*room) && id_valid(*client);
}

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	struct http_api *a = owner;
	struct span room, client;
	bool is_get = span_eq_str(r->method, "GET") || span_eq_str(r->method, "HEAD");

	if (span_eq_str(r->method, "OPTIONS"))
		answer(x, 200, NULL, (struct span){ NULL, 0 }, span_eq_str(r->path, "/status") ? "GET" : CLIENT_METHODS);
	else if (span_eq_str(r->path, WS_PATH))
		upgrade(a, x, r);
	else if (span_eq_str(r->path, "/status") && is_get)
		answer_status(a, x);
	else if (span_eq_str(r->path, "/status"))
		answer(x, 405, NULL, (struct span){ NULL, 0 }, "GET");
	else if (!split_path(r->path, &room, &client))
		answer_error(x, 500, "Invalid path: ", r->raw_path);
	else if (span_eq_str(r->method, "POST"))
		post(a, x, room, client, r->body);
	else if (span_eq_str(r->method, "DELETE"))
		delete(a, x, room, client);
	else
		answer(x, 405, NULL, (struct span){ NULL, 0 }, CLIENT_METHODS);
}

const struct http_server_ops http_api_ops = { .request = on_request, .gone = on_gone, .answered = on_answered };

/* --- life ---------------------------------------------------------------------------------------------------- */

void http_api_init(struct http_api *a)
{
	a->started = uv_now(a->loop);
	list_init(&a->deferred);
	(void)uv_idle_init(a->loop, &a->idle);
	(void)uv_check_init(a->loop, &a->check);
	a->check.data = a;
	(void)uv_check_start(&a->check, on_check);
	uv_unref((uv_handle_t *)&a->check);
}

void http_api_close(struct http_api *a)
{
	uv_close((uv_handle_t *)&a->idle, NULL);
	uv_close((uv_handle_t *)&a->check, NULL);
}
