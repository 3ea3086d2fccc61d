#include "roomd/store_memory.h"

#include <stdlib.h>

#include "common/base/map.h"
#include "common/base/wheel.h"
#include "roomd/room.h"

struct entry {			/* a room in the table */
	struct map_node node;
	struct wheel_timer timer;
	struct store_memory *store;
	struct room *room;
};

struct store_memory {
	struct room_store base;
	struct store_memory_limits limits;
	struct map rooms;
	struct wheel wheel;
	size_t bytes;
};

static struct store_memory *self(struct room_store *s)
{
	return container_of(s, struct store_memory, base);
}

static struct entry *find(struct store_memory *m, struct span room)
{
	for (struct map_node *n = map_first(&m->rooms, map_hash(room)); n != NULL; n = map_next(n)) {
		struct entry *e = container_of(n, struct entry, node);
		if (span_eq(room_id(e->room), room))
			return e;
	}
	return NULL;
}

static void entry_free(struct entry *e)
{
	e->store->bytes -= room_bytes(e->room);
	map_remove(&e->store->rooms, &e->node);
	wheel_clear(&e->store->wheel, &e->timer);
	room_free(e->room);
	free(e);
}

static void on_life_over(struct wheel_timer *t)
{
	entry_free(container_of(t, struct entry, timer));
}

static struct entry *entry_new(struct store_memory *m, const struct room_join *j)
{
	struct entry *e;

	if (m->rooms.n >= m->limits.rooms)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return NULL;
	e->store = m;
	e->timer.fire = on_life_over;
	e->room = room_new(j->room, j->signal);
	if (e->room == NULL)
		goto free_entry;
	if (!map_add(&m->rooms, &e->node, map_hash(j->room)))
		goto free_room;
	return e;

free_room:
	room_free(e->room);
free_entry:
	free(e);
	return NULL;
}

static void changed(struct entry *e)
{
	wheel_set(&e->store->wheel, &e->timer, e->store->wheel.now + e->store->limits.life);
}

static void memory_join(struct room_store *s, const struct room_join *j, room_store_cb cb, void *ctx)
{
	struct store_memory *m = self(s);
	struct entry *e = find(m, j->room);
	struct room_answer a = { .result = ROOM_ERROR };
	size_t before;

	if (e == NULL)
		e = entry_new(m, j);
	if (e != NULL) {
		before = room_bytes(e->room);
		room_join(e->room, j, &a);
		m->bytes -= before - room_bytes(e->room);	/* a rejoin drops, nothing adds */
		if (a.result == ROOM_SUCCESS)
			changed(e);
	}
	cb(ctx, &a);
}

static void memory_message(struct room_store *s, const struct room_message *msg, room_store_cb cb, void *ctx)
{
	struct store_memory *m = self(s);
	struct entry *e = find(m, msg->room);
	struct room_answer a = { .result = ROOM_UNKNOWN_ROOM };
	size_t before;

	if (e != NULL) {
		before = room_bytes(e->room);
		room_message(e->room, msg, m->limits.bytes - m->bytes, &a);
		m->bytes += room_bytes(e->room) - before;	/* modulo: it may shrink */
		if (a.result == ROOM_SUCCESS || a.result == ROOM_FORWARD)
			changed(e);
	}
	cb(ctx, &a);
}

static void memory_leave(struct room_store *s, struct span room, struct span client, room_store_cb cb, void *ctx)
{
	struct store_memory *m = self(s);
	struct entry *e = find(m, room);
	struct room_answer a = { .result = ROOM_SUCCESS };
	size_t before;

	if (e != NULL) {
		before = room_bytes(e->room);
		if (room_leave(e->room, client)) {
			m->bytes -= before - room_bytes(e->room);
			changed(e);
		}
		a.members = e->room->n;
		if (a.members == 0)
			entry_free(e);
	}
	cb(ctx, &a);
}

static void memory_occupancy(struct room_store *s, struct span room, room_store_cb cb, void *ctx)
{
	struct entry *e = find(self(s), room);

	cb(ctx, &(struct room_answer){ .result = ROOM_SUCCESS, .members = e != NULL ? e->room->n : 0 });
}

static bool memory_ready(const struct room_store *s, const char **why_not)
{
	const struct store_memory *m = (const struct store_memory *)(const void *)s;

	if (m->rooms.n < m->limits.rooms)
		return true;
	*why_not = "the table of rooms is full (max-rooms)";
	return false;
}

static void free_node(struct map_node *n, void *ctx)
{
	(void)ctx;
	entry_free(container_of(n, struct entry, node));
}

static void memory_stop(struct room_store *s, void (*done)(void *ctx), void *ctx)
{
	struct store_memory *m = self(s);

	map_each(&m->rooms, free_node, NULL);
	map_close(&m->rooms);
	free(m);
	if (done != NULL)
		done(ctx);
}

static const struct room_store_ops memory_ops = {
	.join = memory_join,
	.message = memory_message,
	.leave = memory_leave,
	.occupancy = memory_occupancy,
	.ready = memory_ready,
	.stop = memory_stop,
};

struct room_store *store_memory_new(const struct store_memory_limits *limits, msec_t now)
{
	struct store_memory *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->base.ops = &memory_ops;
	m->limits = *limits;
	map_init(&m->rooms);
	wheel_init(&m->wheel, now);
	return &m->base;
}

void store_memory_advance(struct room_store *s, msec_t now)
{
	wheel_advance(&self(s)->wheel, now);
}

size_t store_memory_rooms(const struct room_store *s)
{
	return ((const struct store_memory *)(const void *)s)->rooms.n;
}
