#include "roomd/store_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/redis_schema.h"
#include "roomd/room_scripts.h"

enum { HELD_MAX = 4096, HELD_BYTES = 16 * 1024 * 1024 };
/* PATIENCE: for a lost connection to come back; after that, all steps are refused at once. */
static const msec_t PATIENCE = SECONDS(1), SCHEMA_RETRY = SECONDS(1);

/*	DOWN --schema is ours--> READY --connection lost--> HOLDING --schema is ours--> READY
 *	  ^-----------------------------PATIENCE is over------'
 */
enum phase { DOWN, HOLDING, READY };

enum op { JOIN, MESSAGE, LEAVE, OCCUPANCY, SCHEMA };

/* A step from being asked for to its callback: in `sent`, or in `held` while there is no connection. Whoever sent a step
 * that got no answer sends it again, once, in the old order; the scripts know it by its request id. */
struct step {
	struct list link;
	struct store_redis *store;	/* NULL: the store stopped; nobody waits for this any more */
	enum op op;
	bool repeated;
	room_store_cb cb;
	void *ctx;
	struct span room, client, rejoin, signal, body;		/* in bytes[] */
	char request[ROOM_REQUEST_TEXT + 1], capacity[12];
	bool loopback;
	size_t size;			/* of bytes[] */
	uint8_t bytes[];
};

struct store_redis {
	struct room_store base;
	struct redis_route *route;
	char life[24], most_messages[12], most_of_sender[12], most_of_room[12];	/* as the scripts want them */
	enum phase phase;
	const char *why_not;		/* while not READY */
	uv_timer_t timer;		/* HOLDING: the end of patience; DOWN: looks at the schema again */
	struct list sent, held;
	size_t n_held, held_bytes;
	bool checking;			/* the schema */
	bool complained;		/* an error of Redis was logged, and no success since */
	void (*done)(void *ctx);
	void *done_ctx;
};

static struct redis_script scripts[] = {
	[JOIN] = { .lua = room_script_join },
	[MESSAGE] = { .lua = room_script_message },
	[LEAVE] = { .lua = room_script_leave },
	[SCHEMA] = { .lua = room_script_schema },
};

static struct store_redis *self(struct room_store *s)
{
	return container_of(s, struct store_redis, base);
}

static struct step *of_link(struct list *l)
{
	return container_of(l, struct step, link);
}

/* --- answers ----------------------------------------------------------------------------------------------- */

static void finish(struct step *p, const struct room_answer *a)
{
	list_del(&p->link);
	if (p->cb != NULL)
		p->cb(p->ctx, a);
	free(p);
}

static void finish_with(struct step *p, enum room_result result)
{
	finish(p, &(struct room_answer){ .result = result });
}

static void finish_script(struct step *p, const struct redis_value *v)
{
	struct room_answer a;
	struct span *messages;

	if (!room_script_answer(v, &a, &messages)) {
		LOG(LOG_ERROR, "redis_answer", LOG_STR("msg", "no memory, or a script answered what it never does"));
		a.result = ROOM_UNAVAILABLE;
	}
	finish(p, &a);
	free(messages);
}

static void finish_occupancy(struct step *p, const struct redis_value *v)
{
	struct room_answer a = { .result = ROOM_SUCCESS };

	for (size_t i = 0; i < v->n; i++)
		a.members += text_has_prefix(v->item[i].str, "s:");
	finish(p, &a);
}

/* --- sending, and what comes back -------------------------------------------------------------------------- */

static void send_step(struct store_redis *s, struct step *p);
static void finish_schema(struct step *p, const struct redis_value *v);

static void hold(struct store_redis *s, struct step *p)
{
	if (s->phase == DOWN || s->n_held == HELD_MAX || p->size > HELD_BYTES - s->held_bytes) {
		finish_with(p, ROOM_UNAVAILABLE);
		return;
	}
	list_del(&p->link);
	list_add_tail(&s->held, &p->link);
	s->n_held++;
	s->held_bytes += p->size;
}

/* The held ones, in their order: sent, if that is possible, or given up. */
static void release_held(struct store_redis *s)
{
	struct list *last = s->held.prev;

	while (!list_empty(&s->held)) {
		struct list *first = s->held.next;
		struct step *p = of_link(first);
		s->n_held--;
		s->held_bytes -= p->size;
		if (s->phase == READY)
			send_step(s, p);
		else
			finish_with(p, ROOM_UNAVAILABLE);
		if (first == last)
			break;
	}
}

static void complain(struct store_redis *s, struct span error)
{
	if (!s->complained)
		LOG(LOG_WARNING, "redis_error", LOG_SPAN("msg", error));
	s->complained = true;
}

static void no_answer(struct store_redis *s, struct step *p, const struct redis_value *v)
{
	bool unknown = v->kind == REDIS_LOST || v->kind == REDIS_TIMEOUT;
	bool waits = unknown || redis_unserved(v) || (v->kind == REDIS_DOWN && !redis_route_up(s->route));

	if (v->kind == REDIS_ERROR)
		complain(s, v->str);
	if (waits && !p->repeated) {
		p->repeated = unknown;
		hold(s, p);
	} else {
		finish_with(p, v->kind == REDIS_NOMEM && !p->repeated ? ROOM_ERROR : ROOM_UNAVAILABLE);
	}
}

static void on_reply(void *ctx, const struct redis_value *v)
{
	struct step *p = ctx;
	struct store_redis *s = p->store;

	if (s == NULL) {
		free(p);
		return;
	}
	if (p->op == SCHEMA) {
		finish_schema(p, v);
		return;
	}
	if (redis_failed(v)) {
		no_answer(s, p, v);
		return;
	}
	s->complained = false;
	if (p->op == OCCUPANCY)
		finish_occupancy(p, v);
	else
		finish_script(p, v);
}

static size_t step_args(const struct store_redis *s, const struct step *p, struct span args[8])
{
	struct span request = span_of(p->request, ROOM_REQUEST_TEXT);
	size_t n = 0;

	args[n++] = span_str(s->life);
	args[n++] = p->client;
	if (p->op == JOIN) {
		args[n++] = p->rejoin;
		args[n++] = request;
		args[n++] = p->signal;
		args[n++] = span_str(p->capacity);
		args[n++] = span_str(p->loopback ? "1" : "0");
	} else if (p->op == MESSAGE) {
		args[n++] = request;
		args[n++] = p->body;
		args[n++] = span_str(p->repeated ? "1" : "0");
		args[n++] = span_str(s->most_messages);
		args[n++] = span_str(s->most_of_sender);
		args[n++] = span_str(s->most_of_room);
	}
	return n;
}

static void send_step(struct store_redis *s, struct step *p)
{
	char room[REDIS_KEY_SIZE], waiting[REDIS_KEY_SIZE], given[REDIS_KEY_SIZE];
	unsigned partition = redis_partition(p->room);
	struct span args[8], keys[] = {
		span_of(room, redis_key_room(room, p->room)),
		span_of(waiting, redis_key_messages(waiting, p->room)),
		span_of(given, redis_key_given(given, p->room)),
	};

	list_del(&p->link);
	list_add_tail(&s->sent, &p->link);
	if (p->op == OCCUPANCY)
		redis_command(s->route, partition, (struct span[]){ SPAN_LIT("HKEYS"), keys[0] }, 2, on_reply, p);
	else
		redis_eval(s->route, partition, &scripts[p->op], keys, 3, args, step_args(s, p, args), on_reply, p);
}

/* --- the schema -------------------------------------------------------------------------------------------- */

static void check_schema(struct store_redis *s)
{
	struct step *p;
	char version[12], partitions[12];
	struct span key = SPAN_LIT(REDIS_KEY_CFG), args[3] = { SPAN_LIT("0") };

	if (s->checking || !redis_route_up(s->route))
		return;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return;		/* the timer tries again */
	p->op = SCHEMA;
	p->store = s;
	list_add_tail(&s->sent, &p->link);
	s->checking = true;
	args[1] = span_of(version, (size_t)snprintf(version, sizeof(version), "%d", REDIS_SCHEMA_VERSION));
	args[2] = span_of(partitions, (size_t)snprintf(partitions, sizeof(partitions), "%d", REDIS_PARTITIONS));
	redis_eval(s->route, REDIS_ANY_PARTITION, &scripts[SCHEMA], &key, 1, args, 3, on_reply, p);
}

static bool schema_is_ours(const struct redis_value *v)
{
	uint64_t version, partitions;

	return v->kind == REDIS_ARRAY && v->n == 2 && parse_u64(v->item[0].str, &version) &&
		parse_u64(v->item[1].str, &partitions) && version == REDIS_SCHEMA_VERSION && partitions == REDIS_PARTITIONS;
}

static void finish_schema(struct step *p, const struct redis_value *v)
{
	static const char other[] = "Redis holds data of another version of the suite (rtc:cfg)";
	struct store_redis *s = p->store;

	list_del(&p->link);
	free(p);
	s->checking = false;
	if (redis_failed(v)) {
		if (v->kind == REDIS_ERROR) {
			s->why_not = "Redis answers with errors";
			complain(s, v->str);
		}
	} else if (!schema_is_ours(v)) {
		if (s->why_not != other)
			LOG(LOG_ERROR, "redis_schema", LOG_STR("msg", other));
		s->why_not = other;
	} else {
		s->phase = READY;
		s->complained = false;
		uv_timer_stop(&s->timer);
		release_held(s);
	}
}

static void on_timer(uv_timer_t *t)
{
	struct store_redis *s = t->data;

	if (s->phase == HOLDING) {
		s->phase = DOWN;
		release_held(s);
	}
	check_schema(s);
	uv_timer_start(t, on_timer, SCHEMA_RETRY, 0);
}

void store_redis_state(struct room_store *store, bool up)
{
	struct store_redis *s = self(store);

	if (up) {
		check_schema(s);
	} else if (s->phase == READY) {
		s->phase = HOLDING;
		s->why_not = "Redis cannot be reached";
		uv_timer_start(&s->timer, on_timer, PATIENCE, 0);
	}
}

/* --- the steps --------------------------------------------------------------------------------------------- */

static struct span keep(struct step *p, struct span s)
{
	struct span copy = span_of(p->bytes + p->size, s.len);

	if (s.len > 0)
		memcpy(p->bytes + p->size, s.p, s.len);
	p->size += s.len;
	return copy;
}

/* Room for `bytes` of spans to keep. NULL: no memory, and that was the answer. */
static struct step *step_new(struct room_store *s, enum op op, size_t bytes, room_store_cb cb, void *ctx)
{
	struct step *p = malloc(sizeof(*p) + bytes);

	if (p == NULL) {
		cb(ctx, &(struct room_answer){ .result = ROOM_ERROR });
		return NULL;
	}
	*p = (struct step){ .store = self(s), .op = op, .cb = cb, .ctx = ctx };
	return p;
}

static void keep_request(struct step *p, struct span request)
{
	for (size_t i = 0; i < ROOM_REQUEST_SIZE; i++)
		snprintf(p->request + 2 * i, 3, "%02x", request.p[i]);
}

static void begin(struct step *p)
{
	if (p->store->phase == READY)
		send_step(p->store, p);
	else
		hold(p->store, p);
}

static void redis_join(struct room_store *s, const struct room_join *j, room_store_cb cb, void *ctx)
{
	struct step *p = step_new(s, JOIN, j->room.len + j->client.len + j->rejoin.len + j->signal.len, cb, ctx);

	if (p == NULL)
		return;
	p->room = keep(p, j->room);
	p->client = keep(p, j->client);
	p->rejoin = keep(p, j->rejoin);
	p->signal = keep(p, j->signal);
	p->loopback = j->loopback;
	snprintf(p->capacity, sizeof(p->capacity), "%u", j->capacity);
	keep_request(p, j->request);
	begin(p);
}

static void redis_message(struct room_store *s, const struct room_message *m, room_store_cb cb, void *ctx)
{
	struct step *p = step_new(s, MESSAGE, m->room.len + m->client.len + m->body.len, cb, ctx);

	if (p == NULL)
		return;
	p->room = keep(p, m->room);
	p->client = keep(p, m->client);
	p->body = keep(p, m->body);
	keep_request(p, m->request);
	begin(p);
}

static void redis_leave(struct room_store *s, struct span room, struct span client, room_store_cb cb, void *ctx)
{
	struct step *p = step_new(s, LEAVE, room.len + client.len, cb, ctx);

	if (p == NULL)
		return;
	p->room = keep(p, room);
	p->client = keep(p, client);
	begin(p);
}

static void redis_occupancy(struct room_store *s, struct span room, room_store_cb cb, void *ctx)
{
	struct step *p = step_new(s, OCCUPANCY, room.len, cb, ctx);

	if (p == NULL)
		return;
	p->room = keep(p, room);
	begin(p);
}

static bool redis_ready(const struct room_store *store, const char **why_not)
{
	const struct store_redis *s = (const struct store_redis *)(const void *)store;

	if (s->phase == READY)
		return true;
	*why_not = s->why_not;
	return false;
}

/* --- life -------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *h)
{
	struct store_redis *s = h->data;
	void (*done)(void *) = s->done;
	void *ctx = s->done_ctx;

	free(s);
	if (done != NULL)
		done(ctx);
}

/* What was sent is answered here, and freed when Redis' answer, or the end of the route, comes. */
static void abandon(struct step *p)
{
	room_store_cb cb = p->cb;

	list_del(&p->link);
	p->store = NULL;
	p->cb = NULL;
	if (cb != NULL)
		cb(p->ctx, &(struct room_answer){ .result = ROOM_UNAVAILABLE });
}

static void redis_stop(struct room_store *store, void (*done)(void *ctx), void *ctx)
{
	struct store_redis *s = self(store);

	s->phase = DOWN;
	s->done = done;
	s->done_ctx = ctx;
	while (!list_empty(&s->sent))
		abandon(of_link(s->sent.next));
	release_held(s);
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static const struct room_store_ops redis_ops = {
	.join = redis_join,
	.message = redis_message,
	.leave = redis_leave,
	.occupancy = redis_occupancy,
	.ready = redis_ready,
	.stop = redis_stop,
};

struct room_store *store_redis_new(struct redis_route *route, msec_t life)
{
	struct store_redis *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->base.ops = &redis_ops;
	s->route = route;
	s->why_not = "Redis cannot be reached";
	s->timer.data = s;
	list_init(&s->sent);
	list_init(&s->held);
	snprintf(s->life, sizeof(s->life), "%" PRIu64, life);
	snprintf(s->most_messages, sizeof(s->most_messages), "%d", ROOM_SENDER_MESSAGES);
	snprintf(s->most_of_sender, sizeof(s->most_of_sender), "%d", ROOM_SENDER_BYTES);
	snprintf(s->most_of_room, sizeof(s->most_of_room), "%d", ROOM_BYTES);
	uv_timer_init(redis_route_loop(route), &s->timer);
	uv_timer_start(&s->timer, on_timer, SCHEMA_RETRY, 0);
	check_schema(s);
	return &s->base;
}
