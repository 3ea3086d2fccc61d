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
	struct target *target;		/* where it goes now */
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

struct target {				/* a signald that is or was known */
	struct list link;
	struct signal_link *owner;
	struct origin inner;
	struct http_client *client;
	size_t uses;			/* forwards that go there */
};

struct signal_link {
	uv_loop_t *loop;
	const struct site *site;
	msec_t deadline;
	struct list targets;
	size_t n_targets;		/* of them, and of those that are being stopped */
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
	l->loop = loop;
	l->site = site;
	l->deadline = deadline;
	list_init(&l->targets);
	map_init(&l->lanes);
	return l;
}

/* --- targets ------------------------------------------------------------------------------------------------- */

static struct target *target_new(struct signal_link *l, const struct origin *inner)
{
	char host[ORIGIN_HOST_MAX + 1];
	const struct http_client_options o = {
		.host = origin_host(inner, host), .port = inner->port,
		.connections = CONNECTIONS, .waiting = WAITING, .deadline = l->deadline,
	};
	struct target *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->client = http_client_new(l->loop, &o)) == NULL) {
		free(t);
		return NULL;
	}
	t->owner = l;
	t->inner = *inner;
	list_add_tail(&l->targets, &t->link);
	l->n_targets++;
	return t;
}

static struct target *target_of(struct signal_link *l, const struct origin *inner)	/* NULL: no memory */
{
	list_each(it, &l->targets) {
		struct target *t = container_of(it, struct target, link);
		if (t->inner.port == inner->port && strcmp(t->inner.host, inner->host) == 0)
			return t;
	}
	return target_new(l, inner);
}

static void finish_stop(struct signal_link *l)
{
	void (*done)(void *ctx) = l->stopped;
	void *ctx = l->stopped_ctx;

	map_close(&l->lanes);	/* every call has ended, and with it every lane */
	free(l);
	if (done != NULL)
		done(ctx);
}

static void on_target_stopped(void *ctx)
{
	struct target *t = ctx;
	struct signal_link *l = t->owner;

	free(t);
	if (--l->n_targets == 0 && l->stopping)
		finish_stop(l);
}

static void target_stop(struct target *t)
{
	list_del(&t->link);
	http_client_stop(t->client, on_target_stopped, t);
}

void signal_link_prune(struct signal_link *l)
{
	struct list *next;

	for (struct list *it = l->targets.next; it != &l->targets; it = next) {
		struct target *t = container_of(it, struct target, link);
		next = it->next;
		if (t->uses == 0 && !site_has_inner(l->site, &t->inner))
			target_stop(t);
	}
}

/* --- lanes --------------------------------------------------------------------------------------------------- */

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
		http_client_call(f->target->client, "POST", span_of(lane->path, lane->path_len),
				 "text/plain; charset=utf-8", span_of(f->body, f->len), false, on_answer, lane) != NULL;
}

static void finish(struct lane *lane, struct forward *f, bool taken)
{
	list_del(&f->link);
	f->target->uses--;
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

static bool move(struct signal_link *l, struct forward *f)
{
	const struct signal_server *other = site_signal_besides(l->site, &f->target->inner);
	struct target *t = other != NULL && !l->stopping ? target_of(l, &other->inner) : NULL;

	if (t == NULL)
		return false;
	f->moved = true;
	f->target->uses--;
	f->target = t;
	t->uses++;
	l->counts.elsewhere++;
	return true;
}

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct lane *lane = ctx;
	struct signal_link *l = lane->owner;
	struct forward *f = lane_first(lane);

	(void)body;
	if (r == HTTP_CALL_CONNECT && !f->moved && move(l, f) && lane_send(lane))
		return;
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
	struct target *t = l->stopping ? NULL : target_of(l, &to->inner);

	if (t != NULL && body.len <= SIGNAL_BYTES_WAITING - l->counts.waiting && (lane == NULL || lane->n < SIGNAL_LANE_WAITING))
		f = malloc(sizeof(*f) + body.len);
	if (f != NULL && lane == NULL)
		lane = lane_new(l, path);
	if (f == NULL || lane == NULL) {
		free(f);
		l->counts.failed++;
		cb(ctx, false);
		return;
	}
	*f = (struct forward){ .cb = cb, .ctx = ctx, .target = t, .len = body.len };
	memcpy(f->body, body.p, body.len);
	list_add_tail(&lane->queue, &f->link);
	t->uses++;
	l->counts.waiting += f->len;
	if (++lane->n == 1)
		lane_run(lane);
}

struct signal_counts signal_link_counts(const struct signal_link *l)
{
	return l->counts;
}

void signal_link_stop(struct signal_link *l, void (*done)(void *ctx), void *ctx)
{
	l->stopping = true;
	l->stopped = done;
	l->stopped_ctx = ctx;
	l->n_targets++;		/* ourselves, until all are told */
	while (!list_empty(&l->targets))
		target_stop(container_of(l->targets.next, struct target, link));
	if (--l->n_targets == 0)
		finish_stop(l);
}
