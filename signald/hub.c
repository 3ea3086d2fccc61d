/* A room is worked on between room_enter() and room_exit(). Both nest: only the outermost exit begins the next
 * operation or frees the room, so a callback may come back into the hub at any point.
 */
#include "signald/hub.h"

#include "signald/room.h"

/* --- the order of a room ------------------------------------------------------------------------------------ */

static void begin(struct hub_op *op);

static void room_enter(struct hub_room *r)
{
	r->held++;
}

static void room_exit(struct hub_room *r)
{
	if (r->held > 1) {
		r->held--;
		return;
	}
	if (r->place == PLACE_NEW && !list_empty(&r->waiting)) {
		r->place = PLACE_ASKED;
		r->hub->bus->ops->locate(r->hub->bus, r);
	}
	while (r->place < PLACE_NEW && r->current == NULL && !list_empty(&r->waiting)) {
		struct hub_op *op = container_of(r->waiting.next, struct hub_op, link);
		list_del(&op->link);
		r->current = op;
		begin(op);
	}
	r->held--;
	if (r->n == 0 && r->current == NULL && list_empty(&r->waiting) && r->place != PLACE_ASKED)
		room_free(r);
	else if (r->place == BUS_NOWHERE)
		r->place = PLACE_NEW;
}

static void finish(struct hub_op *op, enum hub_result result)
{
	if (op->in->current == op)
		op->in->current = NULL;
	op->in = NULL;
	op->slot = NULL;
	op->done(op, result);
}

/* --- members come and go ------------------------------------------------------------------------------------ */

static void note(struct hub_slot *s, enum bus_note what)
{
	s->room->hub->bus->ops->note(s->room->hub->bus, s->room, slot_id(s), what);
}

/* The rival's REGISTER begins anew, before all that waits. */
static void rival_retry(struct hub_slot *s)
{
	struct hub_op *op = s->rival;

	if (op == NULL)
		return;
	s->rival = NULL;
	op->slot = NULL;
	list_add_tail(s->room->waiting.next, &op->link);	/* in front of the first */
}

static void detach(struct hub_slot *s)
{
	struct hub *h = s->room->hub;

	s->conn->slot = NULL;
	s->conn = NULL;
	rival_retry(s);
	note(s, BUS_LOST);
	if (s->room->place == BUS_ELSEWHERE)	/* the grace is its sequencer's */
		slot_free(s);
	else
		wheel_set(h->wheel, &s->timer, h->now + h->settings.grace);
}

static void evict(struct hub_slot *s, enum hub_evict why)
{
	struct hub_conn *c = s->conn;

	c->ops->evict(c, why);
	if (c->slot != NULL)
		detach(s);
}

static void slot_remove(struct hub_slot *s, enum hub_gone why)
{
	struct hub *h = s->room->hub;

	if (s->conn != NULL)
		evict(s, HUB_EVICT_DELETED);
	note(s, BUS_REMOVED);
	if (h->events != NULL)
		h->events->removed(h->ctx, hub_room_id(s->room), slot_id(s), why);
	slot_free(s);
}

static void on_timer(struct wheel_timer *t)
{
	struct hub_slot *s = container_of(t, struct hub_slot, timer);
	struct hub_room *r = s->room;

	r->hub->now = r->hub->wheel->now;
	room_enter(r);
	if (s->conn != NULL)
		evict(s, HUB_EVICT_SUPERSEDED);		/* silent; its rival takes the slot */
	else
		slot_remove(s, HUB_GONE_GRACE);
	room_exit(r);
}

void hub_leave(struct hub *h, struct hub_conn *c, msec_t now)
{
	struct hub_room *r;

	if (c->slot == NULL)
		return;
	h->now = now;
	r = c->slot->room;
	room_enter(r);
	detach(c->slot);
	room_exit(r);
}

void hub_alive(struct hub *h, struct hub_conn *c, msec_t now)
{
	struct hub_op *op = c->slot != NULL ? c->slot->rival : NULL;
	struct hub_room *r;

	if (op == NULL)
		return;
	h->now = now;
	r = c->slot->room;
	c->slot->rival = NULL;
	wheel_clear(h->wheel, &c->slot->timer);
	room_enter(r);
	finish(op, HUB_DUPLICATE);
	room_exit(r);
}

/* --- messages ------------------------------------------------------------------------------------------------ */

/* A connection that cannot take it is lost; its rival may have taken its place meanwhile. */
static bool reach(struct hub_slot *to, struct span text)
{
	struct hub_conn *c;

	while ((c = to->conn) != NULL) {
		if (c->ops->deliver(c, text))
			return true;
		if (c->slot == to)
			detach(to);
	}
	return false;
}

static bool reach_others(const struct hub_slot *from, struct span text)
{
	const struct hub_room *r = from->room;
	bool reached = false;

	for (unsigned i = 0; i < r->n; i++)
		if (r->slot[i] != from && reach(r->slot[i], text))
			reached = true;
	return reached;
}

/* What the others have sent while nobody was there. */
static void hand_over(struct hub_slot *to)
{
	const struct hub_room *r = to->room;

	for (unsigned i = 0; i < r->n; i++) {
		struct hub_slot *from = r->slot[i];
		if (from == to || from->first == NULL)
			continue;
		while (from->first != NULL && reach(to, span_of(from->first->text, from->first->len)))
			queue_pop(from);
		if (from->first == NULL)
			note(from, BUS_TAKEN);
	}
}

static void begin_message(struct hub_op *op, struct hub_slot *from)
{
	struct hub *h = op->in->hub;

	op->slot = from;
	if (reach_others(from, op->message))
		finish(op, HUB_DELIVERED);
	else if (!queue_has_room(from, op->message.len))
		finish(op, HUB_TOO_MANY);
	else
		h->bus->ops->keep(h->bus, op);
}

static void begin_post(struct hub_op *op)
{
	struct hub *h = op->in->hub;
	enum hub_result why;
	bool made;
	struct hub_slot *from = slot_get(op->in, op->client, &made, &why);

	if (from == NULL) {
		finish(op, why);
		return;
	}
	if (made)
		wheel_set(h->wheel, &from->timer, h->now + h->settings.grace);
	begin_message(op, from);
}

static void kept(struct hub_op *op, enum hub_result result)
{
	if (result == HUB_OK)		/* without a slot: its grace ended meanwhile, and the message with it */
		result = op->slot == NULL || queue_add(op->slot, op->message) ? HUB_QUEUED : HUB_NOMEM;
	finish(op, result);
}

/* --- register ------------------------------------------------------------------------------------------------ */

static void challenge(struct hub_slot *s, struct hub_op *op)
{
	struct hub *h = s->room->hub;

	s->rival = op;
	op->slot = s;
	s->room->current = NULL;	/* the room goes on meanwhile */
	wheel_set(h->wheel, &s->timer, h->now + h->settings.probe);
	s->conn->ops->probe(s->conn);
}

static void begin_register(struct hub_op *op)
{
	struct hub *h = op->in->hub;
	enum hub_result why;
	struct hub_slot *s = slot_get(op->in, op->client, &op->made_slot, &why);

	if (s == NULL) {
		finish(op, why);
	} else if (s->conn != NULL) {
		if (s->rival != NULL)
			finish(op, HUB_DUPLICATE);
		else
			challenge(s, op);
	} else {
		op->slot = s;
		wheel_clear(h->wheel, &s->timer);
		h->bus->ops->attach(h->bus, op);
	}
}

/* The slot of a REGISTER that came to nothing. */
static void register_undo(struct hub_op *op)
{
	struct hub *h = op->in->hub;

	if (op->made_slot)
		slot_free(op->slot);
	else
		wheel_set(h->wheel, &op->slot->timer, h->now + h->settings.grace);
}

static void attached(struct hub_op *op, enum hub_result result)
{
	struct hub_slot *s = op->slot;

	if (result != HUB_OK) {
		register_undo(op);
		finish(op, result);
		return;
	}
	s->conn = op->conn;
	s->conn->slot = s;
	finish(op, HUB_OK);
	hand_over(s);
}

/* Ordered elsewhere and allowed there: what is here is where to deliver. */
static enum hub_result bind(struct hub_op *op)
{
	struct hub_slot *s = slot_find(op->in, op->client);
	enum hub_result why;
	bool made;

	if (s != NULL)
		evict(s, HUB_EVICT_SUPERSEDED);		/* which frees it */
	s = slot_get(op->in, op->client, &made, &why);
	if (s == NULL)
		return why;
	s->conn = op->conn;
	s->conn->slot = s;
	return HUB_OK;
}

/* --- operations ---------------------------------------------------------------------------------------------- */

static void begin_here(struct hub_op *op)
{
	struct hub_slot *s;

	switch (op->kind) {
	case HUB_REGISTER:
		begin_register(op);
		break;
	case HUB_SEND:
		begin_message(op, op->conn->slot);
		break;
	case HUB_POST:
		begin_post(op);
		break;
	case HUB_REMOVE:
		s = slot_find(op->in, op->client);
		if (s != NULL)
			slot_remove(s, HUB_GONE_DELETED);
		finish(op, HUB_OK);
	}
}

static void begin(struct hub_op *op)
{
	struct bus *b = op->in->hub->bus;

	if (op->kind == HUB_SEND && op->conn->slot == NULL)	/* it lost its place while it waited */
		finish(op, HUB_NOT_MEMBER);
	else if (op->in->place == BUS_HERE)
		begin_here(op);
	else if (op->in->place == BUS_ELSEWHERE)
		b->ops->forward(b, op);
	else
		finish(op, HUB_UNAVAILABLE);
}

void hub_submit(struct hub *h, struct hub_op *op, msec_t now)
{
	struct hub_room *r;

	h->now = now;
	op->slot = NULL;
	if (op->kind != HUB_SEND) {
		r = room_get(h, op->room);
	} else if (op->conn->slot != NULL) {
		r = op->conn->slot->room;
	} else {
		op->done(op, HUB_NOT_MEMBER);
		return;
	}
	if (r == NULL) {
		op->done(op, HUB_NOMEM);
		return;
	}
	op->in = r;
	room_enter(r);
	list_add_tail(&r->waiting, &op->link);
	room_exit(r);
}

void hub_cancel(struct hub *h, struct hub_op *op, msec_t now)
{
	struct hub_room *r = op->in;

	if (r == NULL)
		return;
	h->now = now;
	room_enter(r);
	if (list_linked(&op->link)) {
		list_del(&op->link);
	} else if (r->current == op) {
		h->bus->ops->cancel(h->bus, op);
		if (op->kind == HUB_REGISTER && r->place == BUS_HERE)
			register_undo(op);
		r->current = NULL;
	} else {		/* a rival */
		op->slot->rival = NULL;
		wheel_clear(h->wheel, &op->slot->timer);
	}
	op->in = NULL;
	room_exit(r);
}

void hub_answer(struct hub_op *op, enum hub_result result)
{
	struct hub_room *r = op->in;

	room_enter(r);
	if (r->place == BUS_ELSEWHERE)
		finish(op, op->kind == HUB_REGISTER && result == HUB_OK ? bind(op) : result);
	else if (op->kind == HUB_REGISTER)
		attached(op, result);
	else
		kept(op, result);
	room_exit(r);
}

void hub_placed(struct hub_room *r, enum bus_place where)
{
	r->place = (uint8_t)where;
	room_enter(r);
	room_exit(r);
}

static struct hub_slot *member_here(const struct hub *h, struct span room, struct span client)
{
	struct hub_room *r = room_find(h, room, map_hash(room));
	struct hub_slot *s = r != NULL ? slot_find(r, client) : NULL;

	return s != NULL && s->conn != NULL ? s : NULL;
}

bool hub_deliver(struct hub *h, struct span room, struct span client, struct span text, msec_t now)
{
	struct hub_slot *s = member_here(h, room, client);
	struct hub_conn *c;
	struct hub_room *r;
	bool reached;

	if (s == NULL)
		return false;
	h->now = now;
	c = s->conn;
	r = s->room;
	room_enter(r);
	reached = c->ops->deliver(c, text);
	if (!reached && c->slot != NULL)
		detach(c->slot);
	room_exit(r);
	return reached;
}

void hub_evict(struct hub *h, struct span room, struct span client, enum hub_evict why, msec_t now)
{
	struct hub_slot *s = member_here(h, room, client);
	struct hub_room *r;

	if (s == NULL)
		return;
	h->now = now;
	r = s->room;
	room_enter(r);
	evict(s, why);
	room_exit(r);
}

/* --- the rest ------------------------------------------------------------------------------------------------ */

void hub_each_other(struct hub_conn *c, void (*fn)(struct hub_conn *other, void *ctx), void *ctx)
{
	struct hub_room *r;

	if (c->slot == NULL)
		return;
	r = c->slot->room;
	room_enter(r);
	for (unsigned i = 0; i < r->n; i++)
		if (r->slot[i]->conn != NULL && r->slot[i]->conn != c)
			fn(r->slot[i]->conn, ctx);
	room_exit(r);
}

struct span hub_conn_room(const struct hub_conn *c)
{
	return hub_room_id(c->slot->room);
}

struct span hub_conn_client(const struct hub_conn *c)
{
	return slot_id(c->slot);
}

void hub_init(struct hub *h, const struct hub_settings *s, struct wheel *w, struct bus *b,
	      const struct hub_events *e, void *ctx)
{
	*h = (struct hub){ .settings = *s, .wheel = w, .bus = b, .events = e, .ctx = ctx, .now = w->now,
			   .on_slot_timer = on_timer };
	map_init(&h->rooms);
}

static void close_room(struct map_node *n, void *ctx)
{
	struct hub_room *r = container_of(n, struct hub_room, node);
	(void)ctx;

	while (r->n > 0)
		slot_free(r->slot[0]);
	room_free(r);
}

void hub_close(struct hub *h)
{
	map_each(&h->rooms, close_room, NULL);
	map_close(&h->rooms);
}
