#include "signald/room.h"

#include <stdlib.h>

static char *room_text(const struct hub_room *r)
{
	return (char *)(uintptr_t)&r->slot[r->capacity];
}

struct span hub_room_id(const struct hub_room *r)
{
	return span_of(room_text(r), r->id_len);
}

struct span slot_id(const struct hub_slot *s)
{
	return span_of(s->id, s->id_len);
}

struct hub_room *room_find(const struct hub *h, struct span id, uint64_t hash)
{
	for (struct map_node *n = map_first(&h->rooms, hash); n != NULL; n = map_next(n)) {
		struct hub_room *r = container_of(n, struct hub_room, node);
		if (span_eq(hub_room_id(r), id))
			return r;
	}
	return NULL;
}

struct hub_room *room_get(struct hub *h, struct span id)
{
	uint64_t hash = map_hash(id);
	struct hub_room *r = room_find(h, id, hash);
	unsigned capacity = h->settings.room_capacity;

	if (r != NULL)
		return r;
	r = calloc(1, sizeof(*r) + capacity * sizeof(struct hub_slot *) + id.len);
	if (r == NULL)
		return NULL;
	r->hub = h;
	r->place = PLACE_NEW;
	r->capacity = (uint8_t)capacity;
	r->id_len = (uint8_t)id.len;
	memcpy(room_text(r), id.p, id.len);
	list_init(&r->waiting);
	if (!map_add(&h->rooms, &r->node, hash)) {
		free(r);
		return NULL;
	}
	return r;
}

struct hub_slot *slot_find(const struct hub_room *r, struct span client)
{
	for (unsigned i = 0; i < r->n; i++)
		if (span_eq(slot_id(r->slot[i]), client))
			return r->slot[i];
	return NULL;
}

struct hub_slot *slot_get(struct hub_room *r, struct span client, bool *made, enum hub_result *why)
{
	struct hub_slot *s = slot_find(r, client);

	*made = s == NULL;
	if (s != NULL)
		return s;
	if (r->n == r->capacity) {
		*why = HUB_FULL;
		return NULL;
	}
	s = calloc(1, sizeof(*s) + client.len);
	if (s == NULL) {
		*why = HUB_NOMEM;
		return NULL;
	}
	s->room = r;
	s->last = &s->first;
	s->timer.fire = r->hub->on_slot_timer;
	s->id_len = (uint8_t)client.len;
	memcpy(s->id, client.p, client.len);
	r->slot[r->n++] = s;
	return s;
}

void queue_pop(struct hub_slot *s)
{
	struct waiting *m = s->first;

	s->first = m->next;
	if (s->first == NULL)
		s->last = &s->first;
	s->n--;
	s->bytes -= m->len + HUB_MESSAGE_COST;
	s->room->bytes -= m->len + HUB_MESSAGE_COST;
	free(m);
}

bool queue_add(struct hub_slot *s, struct span text)
{
	struct waiting *m = malloc(sizeof(*m) + text.len);

	if (m == NULL)
		return false;
	*m = (struct waiting){ .len = text.len };
	memcpy(m->text, text.p, text.len);
	*s->last = m;
	s->last = &m->next;
	s->n++;
	s->bytes += text.len + HUB_MESSAGE_COST;
	s->room->bytes += text.len + HUB_MESSAGE_COST;
	return true;
}

bool queue_has_room(const struct hub_slot *s, size_t len)
{
	const struct hub_settings *limit = &s->room->hub->settings;
	size_t more = len + HUB_MESSAGE_COST;

	return s->n < limit->queue_messages && s->bytes + more <= limit->queue_bytes &&
		s->room->bytes + more <= limit->room_bytes;
}

void slot_free(struct hub_slot *s)
{
	struct hub_room *r = s->room;

	while (s->first != NULL)
		queue_pop(s);
	wheel_clear(r->hub->wheel, &s->timer);
	for (unsigned i = 0; i < r->n; i++)
		if (r->slot[i] == s)
			r->slot[i] = r->slot[--r->n];
	if (r->current != NULL && r->current->slot == s)
		r->current->slot = NULL;
	free(s);
}

void room_free(struct hub_room *r)
{
	if (r->place <= BUS_ELSEWHERE)
		r->hub->bus->ops->release(r->hub->bus, r);
	map_remove(&r->hub->rooms, &r->node);
	free(r);
}
