#include "common/redis/node_feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/proto/redis_schema.h"

struct nodes {
	size_t n;
	const struct node **v;		/* both owned */
};

struct node_feed {
	struct redis_route *route;
	struct node_feed_timing timing;
	void (*refreshed)(void *owner);
	void *owner;
	uv_timer_t timer;
	struct nodes now, next;
	/* the look at work */
	bool looking, failed, loaded, stopped;
	size_t n_asked, n_answered;
	char (*ids)[ID_MAX + 1];	/* [n_asked] */
	msec_t settled_at;		/* until then nobody is missed */
	bool complained;
};

static void nodes_clear(struct nodes *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)(uintptr_t)s->v[i]);
	free(s->v);
	*s = (struct nodes){ .n = 0 };
}

static const struct node *nodes_find(const struct nodes *s, const char *id)
{
	for (size_t low = 0, high = s->n; low < high;) {
		size_t mid = (low + high) / 2;
		int c = strcmp(id, s->v[mid]->id);
		if (c == 0)
			return s->v[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static struct node *node_new(const char *id, struct span text)
{
	struct node *n = malloc(sizeof(*n) + text.len);

	if (n == NULL)
		return NULL;
	memcpy(n->id, id, sizeof(n->id));
	memcpy(n->text, text.p, text.len);
	if (node_record_parse(span_of(n->text, text.len), &n->r))
		return n;
	free(n);
	return NULL;
}

static void complain(struct node_feed *f, const char *what, struct span detail)
{
	if (!f->complained)
		LOG(LOG_WARNING, "nodes", LOG_STR("msg", what), LOG_SPAN("detail", detail));
	f->complained = true;
}

/* --- the end of a look ------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;
	return strcmp((*x)->id, (*y)->id);
}

/* Into next, out of now: who was there and is not yet again. next has room. */
static void keep_missed(struct node_feed *f)
{
	size_t n_found = f->next.n, kept = 0;

	for (size_t i = 0; i < f->now.n; i++) {
		struct nodes found = { n_found, f->next.v };
		if (nodes_find(&found, f->now.v[i]->id) == NULL)
			f->next.v[f->next.n++] = f->now.v[i];
		else
			f->now.v[kept++] = f->now.v[i];
	}
	f->now.n = kept;
}

static void finish(struct node_feed *f)
{
	msec_t now = uv_now(redis_route_loop(f->route));

	f->looking = false;
	if (f->failed || f->stopped) {
		nodes_clear(&f->next);
		f->settled_at = now + f->timing.settle;
		return;
	}
	if (f->next.n > 0)
		qsort(f->next.v, f->next.n, sizeof(*f->next.v), by_id);
	if (now < f->settled_at && f->loaded) {
		keep_missed(f);
		if (f->next.n > 0)
			qsort(f->next.v, f->next.n, sizeof(*f->next.v), by_id);
	}
	nodes_clear(&f->now);
	f->now = f->next;
	f->next = (struct nodes){ .n = 0 };
	f->loaded = true;
	if (f->refreshed != NULL)
		f->refreshed(f->owner);
}

/* --- a look ------------------------------------------------------------------------------------------------ */

static void on_record(void *ctx, const struct redis_value *v)
{
	struct node_feed *f = ctx;
	const char *id = f->ids[f->n_answered++];
	const struct node *n;

	if (v->kind == REDIS_STRING) {
		if ((n = node_new(id, v->str)) != NULL)
			f->next.v[f->next.n++] = n;
		else
			complain(f, "no lease, or no memory for it", span_str(id));
	} else if (v->kind != REDIS_NIL) {
		complain(f, "a lease cannot be read", v->str);
		f->failed |= v->kind != REDIS_ERROR;	/* one of another type is one node's matter */
	}
	if (f->n_answered == f->n_asked)
		finish(f);
}

static bool make_room(struct node_feed *f, size_t n)
{
	free(f->ids);
	f->ids = calloc(n + 1, sizeof(*f->ids));
	f->next = (struct nodes){ .v = calloc(n + f->now.n + 1, sizeof(*f->next.v)) };
	return f->ids != NULL && f->next.v != NULL;
}

static void ask_for_each(struct node_feed *f)
{
	char key[REDIS_KEY_SIZE];
	size_t n = f->n_asked;

	for (size_t i = 0; i < n; i++)
		redis_command(f->route, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("GET"),
			span_of(key, redis_key_node(key, span_str(f->ids[i]))) }, 2, on_record, f);
}

static void on_ids(void *ctx, const struct redis_value *v)
{
	struct node_feed *f = ctx;

	f->n_asked = f->n_answered = 0;
	if (v->kind != REDIS_ARRAY || f->stopped || !make_room(f, v->n)) {
		if (v->kind == REDIS_ERROR)
			complain(f, "the nodes cannot be read", v->str);
		f->failed = true;
		finish(f);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		if (id_valid(v->item[i].str))
			memcpy(f->ids[f->n_asked++], v->item[i].str.p, v->item[i].str.len);
	if (f->n_asked > 0)
		ask_for_each(f);
	else
		finish(f);
}

static void look(struct node_feed *f)
{
	char key[REDIS_KEY_SIZE], last[24];

	f->looking = true;
	f->failed = false;
	redis_command(f->route, 0, (struct span[]){ SPAN_LIT("ZREVRANGE"), span_of(key, redis_key_nodes(key, 0)), SPAN_LIT("0"),
		span_of(last, (size_t)snprintf(last, sizeof(last), "%d", NODES_MAX - 1)) }, 4, on_ids, f);
}

static void on_timer(uv_timer_t *t)
{
	struct node_feed *f = t->data;
	bool up = redis_route_up(f->route);

	if (up && !f->looking)
		look(f);
	if (!up)
		f->settled_at = uv_now(t->loop) + f->timing.settle;
	uv_timer_start(t, on_timer, up ? f->timing.poll : f->timing.poll / 10 + 1, 0);
}

/* --- life -------------------------------------------------------------------------------------------------- */

struct node_feed *node_feed_new(struct redis_route *route, const struct node_feed_timing *timing,
				void (*refreshed)(void *owner), void *owner)
{
	struct node_feed *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->route = route;
	f->refreshed = refreshed;
	f->owner = owner;
	if (timing != NULL)
		f->timing = *timing;
	f->timing.poll = f->timing.poll != 0 ? f->timing.poll : 500;
	f->timing.settle = f->timing.settle != 0 ? f->timing.settle : SECONDS(3);
	uv_timer_init(redis_route_loop(route), &f->timer);
	f->timer.data = f;
	uv_timer_start(&f->timer, on_timer, 0, 0);
	return f;
}

struct node_set node_feed_nodes(const struct node_feed *f)
{
	return (struct node_set){ f->now.n, f->now.v };
}

bool node_feed_loaded(const struct node_feed *f)
{
	return f->loaded;
}

void node_feed_stop(struct node_feed *f)
{
	f->stopped = true;
	uv_close((uv_handle_t *)&f->timer, NULL);
}

void node_feed_free(struct node_feed *f)
{
	if (f == NULL)
		return;
	nodes_clear(&f->now);
	nodes_clear(&f->next);
	free(f->ids);
	free(f);
}
