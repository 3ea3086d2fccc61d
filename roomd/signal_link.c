#include "roomd/signal_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/net/http_client.h"
#include "common/proto/ids.h"

enum { CONNECTIONS = 16, WAITING = 8192 };

struct forward {
	struct list link;		/* in its lane, in order */
	signal_link_cb cb;
	void *ctx;
	size_t server;			/* index; where it goes now */
	bool moved;			/* it has been tried elsewhere */
	size_t len;
	uint8_t body[];
};

struct lane {				/* of one client in one room; exists while something is in it */
	struct map_node node;
	struct signal_link *owner;
	struct list queue;		/* the first one is at signald */
	size_t n;
	size_t path_len;
	char path[];			/* "/<room>/<client>" */
};

struct signal_link {
	const struct site *site;
	struct http_client **clients;	/* one for each of site->signals */
	size_t n_clients;		/* not yet stopped */
	struct map lanes;
	struct signal_counts counts;
	bool stopping;
	void (*stopped)(void *ctx);
	void *stopped_ctx;
};

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body);

struct signal_link *signal_link_new(uv_loop_t *loop, const struct site *site, msec_t deadline)
{
	struct signal_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->site = site;
	map_init(&l->lanes);
	l->clients = calloc(site->n_signals, sizeof(*l->clients));
	if (l->clients == NULL)
		goto stop;
	for (size_t i = 0; i < site->n_signals; i++) {
		char host[ORIGIN_HOST_MAX + 1];
		struct http_client_options o = {
			.host = origin_host(&site->signals[i].inner, host), .port = site->signals[i].inner.port,
			.connections = CONNECTIONS, .waiting = WAITING, .deadline = deadline,
		};
		l->clients[i] = http_client_new(loop, &o);
		if (l->clients[i] == NULL)
			goto stop;
		l->n_clients++;
	}
	return l;

stop:
	signal_link_stop(l, NULL, NULL);
	return NULL;
}

static struct lane *lane_find(struct signal_link *l, struct span path)
{
	for (struct map_node *n = map_first(&l->lanes, map_hash(path)); n != NULL; n = map_next(n)) {
		struct lane *lane = container_of(n, struct lane, node);
		if (span_eq(span_of(lane->path, lane->path_len), path))
			return lane;
	}
	return NULL;
}

static struct lane *lane_new(struct signal_link *l, struct span path)
{
	struct lane *lane = calloc(1, sizeof(*lane) + path.len);

	if (lane == NULL)
		return NULL;
	lane->owner = l;
	lane->path_len = path.len;
	memcpy(lane->path, path.p, path.len);
	list_init(&lane->queue);
	if (!map_add(&l->lanes, &lane->node, map_hash(path))) {
		free(lane);
		return NULL;
	}
	return lane;
}

static struct forward *lane_first(struct lane *lane)
{
	return container_of(lane->queue.next, struct forward, link);
}

static bool lane_send(struct lane *lane)	/* its first */
{
	struct forward *f = lane_first(lane);
	struct signal_link *l = lane->owner;

	return !l->stopping &&
		http_client_call(l->clients[f->server], "POST", span_of(lane->path, lane->path_len),
				 "text/plain; charset=utf-8", span_of(f->body, f->len), false, on_answer, lane) != NULL;
}

static void finish(struct lane *lane, struct forward *f, bool taken)
{
	list_del(&f->link);
	lane->n--;
	lane->owner->counts.waiting -= f->len;
	if (taken)
		lane->owner->counts.taken++;
	else
		lane->owner->counts.failed++;
	f->cb(f->ctx, taken);
	free(f);
}

/* Sends the first one that can be sent; a lane without any goes. */
static void lane_run(struct lane *lane)
{
	while (!list_empty(&lane->queue)) {
		if (lane_send(lane))
			return;
		finish(lane, lane_first(lane), false);
	}
	map_remove(&lane->owner->lanes, &lane->node);
	free(lane);
}

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct lane *lane = ctx;
	struct signal_link *l = lane->owner;
	struct forward *f = lane_first(lane);

	(void)body;
	if (r == HTTP_CALL_CONNECT && !f->moved && l->site->n_signals > 1) {
		f->moved = true;
		f->server = (f->server + 1) % l->site->n_signals;
		l->counts.elsewhere++;
		if (lane_send(lane))
			return;
	}
	finish(lane, f, r == HTTP_CALL_OK && status == 200);
	lane_run(lane);
}

void signal_link_forward(struct signal_link *l, const struct signal_server *to, struct span room, struct span client,
			 struct span body, signal_link_cb cb, void *ctx)
{
	char text[2 * ID_MAX + 3];
	struct span path = span_of(text, (size_t)snprintf(text, sizeof(text), "/%.*s/%.*s", SPAN_ARG(room), SPAN_ARG(client)));
	struct lane *lane = lane_find(l, path);
	struct forward *f = NULL;

	if (!l->stopping && body.len <= SIGNAL_BYTES_WAITING - l->counts.waiting && (lane == NULL || lane->n < SIGNAL_LANE_WAITING))
		f = malloc(sizeof(*f) + body.len);
	if (f != NULL && lane == NULL)
		lane = lane_new(l, path);
	if (f == NULL || lane == NULL) {
		free(f);
		l->counts.failed++;
		cb(ctx, false);
		return;
	}
	*f = (struct forward){ .cb = cb, .ctx = ctx, .server = (size_t)(to - l->site->signals), .len = body.len };
	memcpy(f->body, body.p, body.len);
	list_add_tail(&lane->queue, &f->link);
	l->counts.waiting += f->len;
	if (++lane->n == 1)
		lane_run(lane);
}

struct signal_counts signal_link_counts(const struct signal_link *l)
{
	return l->counts;
}

static void stopped_one(void *ctx)
{
	struct signal_link *l = ctx;

	if (l->n_clients > 0 && --l->n_clients > 0)
		return;
	void (*done)(void *ctx) = l->stopped;
	void *done_ctx = l->stopped_ctx;
	map_close(&l->lanes);	/* every call has ended, and with it every lane */
	free(l->clients);
	free(l);
	if (done != NULL)
		done(done_ctx);
}

void signal_link_stop(struct signal_link *l, void (*done)(void *ctx), void *ctx)
{
	size_t n = l->n_clients;

	l->stopping = true;
	l->stopped = done;
	l->stopped_ctx = ctx;
	if (n == 0)
		stopped_one(l);
	for (size_t i = 0; i < n; i++)
		http_client_stop(l->clients[i], stopped_one, l);
}
