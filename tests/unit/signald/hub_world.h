/* hub_world.h - a hub in a made-up world: players instead of sockets, a clock that tests turn, a bus that may hesitate. */
#ifndef TESTS_UNIT_SIGNALD_HUB_WORLD_H
#define TESTS_UNIT_SIGNALD_HUB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "signald/bus_local.h"
#include "signald/hub.h"

enum { RESULT_NONE = -1 };

struct world {
	struct hub hub;
	struct wheel wheel;
	msec_t now;
	struct bus local;
	struct slow_bus {
		struct bus bus;
		bool hesitates;			/* answers only when told */
		enum bus_place place;
		struct hub_room *asked;		/* locate is open */
		struct hub_op *op;		/* attach, keep or forward is open */
		struct buf said;		/* one word per call */
	} slow;
	struct buf removed;			/* "room/client why;" */
};

struct player {
	struct hub_conn conn;
	struct world *world;
	struct hub_op op;
	int result;		/* of the last operation, or RESULT_NONE */
	struct buf heard;	/* messages, each with a '|' behind it */
	bool full;		/* takes nothing */
	unsigned probed;
	int evicted;		/* enum hub_evict, or RESULT_NONE */
	char room[65], client[65];
};

/* --- players ---------------------------------------------------------------------------------------------------- */
static inline bool player_deliver(struct hub_conn *c, struct span text)
{
	struct player *p = container_of(c, struct player, conn);

	if (p->full) {
		hub_leave(&p->world->hub, c, p->world->now);	/* as a client does that closes itself */
		return false;
	}
	buf_add_span(&p->heard, text);
	buf_add_str(&p->heard, "|");
	return true;
}

static inline void player_evict(struct hub_conn *c, enum hub_evict why)
{
	struct player *p = container_of(c, struct player, conn);

	p->evicted = why;
	hub_leave(&p->world->hub, c, p->world->now);
}

static inline void player_probe(struct hub_conn *c)
{
	container_of(c, struct player, conn)->probed++;
}

static const struct hub_conn_ops player_ops = { player_deliver, player_evict, player_probe };

static inline void player_done(struct hub_op *op, enum hub_result r)
{
	container_of(op, struct player, op)->result = (int)r;
}

static inline void player_init(struct player *p, struct world *w)
{
	*p = (struct player){ .conn.ops = &player_ops, .world = w, .result = RESULT_NONE, .evicted = RESULT_NONE };
	buf_init(&p->heard, 1 << 22);
}

static inline void player_act(struct player *p, struct hub_op op)
{
	op.done = player_done;
	op.conn = &p->conn;
	p->result = RESULT_NONE;
	p->op = op;
	hub_submit(&p->world->hub, &p->op, p->world->now);
}

static inline int registers(struct player *p, const char *room, const char *client)
{
	strcpy(p->room, room);
	strcpy(p->client, client);
	player_act(p, (struct hub_op){ .kind = HUB_REGISTER, .room = span_str(p->room), .client = span_str(p->client) });
	return p->result;
}

static inline int says(struct player *p, const char *text)
{
	player_act(p, (struct hub_op){ .kind = HUB_SEND, .message = span_str(text) });
	return p->result;
}

static inline void leaves(struct player *p)
{
	hub_cancel(&p->world->hub, &p->op, p->world->now);
	hub_leave(&p->world->hub, &p->conn, p->world->now);
}

#define assert_hears(who, text) do { \
	assert_string_equal(buf_cstr(&(who)->heard), (text)); \
	buf_reset(&(who)->heard); \
} while (0)
#define assert_hears_nothing(who) assert_int_equal((who)->heard.len, 0)

/* --- HTTP ------------------------------------------------------------------------------------------------------- */
struct visitor { struct hub_op op; int result; };

static inline void visitor_done(struct hub_op *op, enum hub_result r)
{
	container_of(op, struct visitor, op)->result = (int)r;
}

static inline int visit(struct world *w, enum hub_kind kind, const char *room, const char *client, struct span text)
{
	struct visitor v = { .op = { .kind = kind, .room = span_str(room), .client = span_str(client), .message = text,
				     .done = visitor_done }, .result = RESULT_NONE };
	hub_submit(&w->hub, &v.op, w->now);
	return v.result;
}

static inline int posts(struct world *w, const char *room, const char *client, const char *text)
{
	return visit(w, HUB_POST, room, client, span_str(text));
}

static inline int removes(struct world *w, const char *room, const char *client)
{
	return visit(w, HUB_REMOVE, room, client, (struct span){ NULL, 0 });
}

/* --- a bus that hesitates ------------------------------------------------------------------------------------------ */
static inline void slow_locate(struct bus *b, struct hub_room *r)
{
	struct slow_bus *s = container_of(b, struct slow_bus, bus);

	buf_add_str(&s->said, "locate ");
	if (s->hesitates)
		s->asked = r;
	else
		hub_placed(r, s->place);
}

static inline void slow_release(struct bus *b, struct hub_room *r)
{
	(void)r;
	buf_add_str(&container_of(b, struct slow_bus, bus)->said, "release ");
}

static inline void slow_question(struct bus *b, struct hub_op *op, const char *word)
{
	struct slow_bus *s = container_of(b, struct slow_bus, bus);

	buf_addf(&s->said, "%s ", word);
	assert_null(s->op);		/* one question at a time: these tests have one room */
	if (s->hesitates)
		s->op = op;
	else
		hub_answer(op, HUB_OK);
}

static inline void slow_attach(struct bus *b, struct hub_op *op) { slow_question(b, op, "attach"); }
static inline void slow_keep(struct bus *b, struct hub_op *op) { slow_question(b, op, "keep"); }
static inline void slow_forward(struct bus *b, struct hub_op *op) { slow_question(b, op, "forward"); }

static inline void slow_cancel(struct bus *b, struct hub_op *op)
{
	struct slow_bus *s = container_of(b, struct slow_bus, bus);

	buf_add_str(&s->said, "cancel ");
	assert_ptr_equal(s->op, op);
	s->op = NULL;
}

static inline void slow_note(struct bus *b, const struct hub_room *r, struct span client, enum bus_note what)
{
	static const char *const words[] = { "lost", "taken", "removed" };
	(void)r;

	buf_addf(&container_of(b, struct slow_bus, bus)->said, "%s:%.*s ", words[what], SPAN_ARG(client));
}

static const struct bus_ops slow_ops = {
	slow_locate, slow_release, slow_attach, slow_keep, slow_forward, slow_cancel, slow_note
};

static inline void bus_places(struct world *w, enum bus_place where)
{
	struct hub_room *r = w->slow.asked;

	assert_non_null(r);
	w->slow.asked = NULL;
	hub_placed(r, where);
}

static inline void bus_answers(struct world *w, enum hub_result r)
{
	struct hub_op *op = w->slow.op;

	assert_non_null(op);
	w->slow.op = NULL;
	hub_answer(op, r);
}

/* --- the world ------------------------------------------------------------------------------------------------------ */
static inline void world_removed(void *ctx, struct span room, struct span client, enum hub_gone why)
{
	struct world *w = ctx;

	buf_addf(&w->removed, "%.*s/%.*s %s;", SPAN_ARG(room), SPAN_ARG(client),
		 why == HUB_GONE_DELETED ? "deleted" : "grace");
}

static inline void world_pass(struct world *w, msec_t time)
{
	w->now += time;
	wheel_advance(&w->wheel, w->now);
}

static inline struct world *world_new(bool slow_bus)
{
	static const struct hub_settings settings = {
		.room_capacity = 2, .queue_messages = 1024, .queue_bytes = 1 << 20, .room_bytes = 2 << 20,
		.grace = SECONDS(10), .probe = SECONDS(3),
	};
	static const struct hub_events events = { world_removed };
	struct world *w = calloc(1, sizeof(*w));

	w->now = 1000000;
	wheel_init(&w->wheel, w->now);
	bus_local_init(&w->local);
	w->slow.bus.ops = &slow_ops;
	w->slow.hesitates = true;
	buf_init(&w->slow.said, 1 << 16);
	buf_init(&w->removed, 1 << 16);
	buf_reserve(&w->slow.said, 4096);	/* so that allocations made to fail are the hub's */
	hub_init(&w->hub, &settings, &w->wheel, slow_bus ? &w->slow.bus : &w->local, &events, w);
	return w;
}

static inline void world_free(struct world *w)
{
	hub_close(&w->hub);
	buf_close(&w->slow.said);
	buf_close(&w->removed);
	free(w);
}

static inline unsigned rooms(const struct world *w)
{
	return (unsigned)w->hub.rooms.n;
}

#endif
