#include "roomd/room.h"

#include <stdlib.h>

static void queue_empty(struct room_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		free((void *)(uintptr_t)q->v[i].p);
	free(q->v);
	*q = (struct room_queue){ 0 };
}

static bool queue_add(struct room_queue *q, struct span body)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : 16;
		struct span *v = realloc(q->v, cap * sizeof(*v));
		if (v == NULL)
			return false;
		q->v = v;
		q->cap = cap;
	}
	uint8_t *copy = malloc(body.len);
	if (copy == NULL)
		return false;
	memcpy(copy, body.p, body.len);
	q->v[q->n++] = span_of(copy, body.len);
	q->bytes += body.len;
	return true;
}

struct room *room_new(struct span id, struct span signal)
{
	struct room *r = calloc(1, sizeof(*r) + id.len + signal.len);
	if (r == NULL)
		return NULL;
	r->id_len = (uint8_t)id.len;
	r->signal_len = (uint8_t)signal.len;
	memcpy(r->names, id.p, id.len);
	if (signal.len > 0)
		memcpy(r->names + id.len, signal.p, signal.len);
	return r;
}

void room_free(struct room *r)
{
	if (r == NULL)
		return;
	queue_empty(&r->waiting);
	queue_empty(&r->given);
	free(r);
}

struct span room_id(const struct room *r)
{
	return span_of(r->names, r->id_len);
}

size_t room_bytes(const struct room *r)
{
	return r->waiting.bytes + r->given.bytes;
}

static struct span room_signal(const struct room *r)
{
	return span_of(r->names + r->id_len, r->signal_len);
}

static struct span seat_id(const struct room_seat *s)
{
	return span_of(s->id, s->id_len);
}

static struct room_seat *find(struct room *r, struct span client)
{
	for (unsigned i = 0; i < r->n; i++)
		if (span_eq(seat_id(&r->seat[i]), client))
			return &r->seat[i];
	return NULL;
}

static struct room_seat *take_seat(struct room *r, struct span client)
{
	struct room_seat *s = &r->seat[r->n++];
	*s = (struct room_seat){ .id_len = (uint8_t)client.len };
	memcpy(s->id, client.p, client.len);
	return s;
}

static void answer_inside(struct room *r, const struct room_seat *s, struct room_answer *a)
{
	*a = (struct room_answer){
		.result = ROOM_SUCCESS, .initiator = s == &r->seat[0], .members = r->n,
		.client = seat_id(s), .signal = room_signal(r),
	};
	if (r->given.n > 0 && span_eq(seat_id(&r->given_to), seat_id(s))) {
		a->messages = r->given.v;
		a->n_messages = r->given.n;
	}
}

void room_join(struct room *r, const struct room_join *j, struct room_answer *a)
{
	struct room_seat *s = j->rejoin.len > 0 && !span_eq_str(j->rejoin, LOOPBACK_CLIENT_ID) ? find(r, j->rejoin) : NULL;

	*a = (struct room_answer){ .members = r->n };
	if (s != NULL) {
		queue_empty(&r->waiting);
		answer_inside(r, s, a);
		return;
	}
	if (find(r, j->client) != NULL) {
		a->result = ROOM_DUPLICATE_CLIENT;
		return;
	}
	if (r->loopback || r->n >= j->capacity || r->n == ROOM_CAPACITY_MAX) {
		a->result = ROOM_FULL;
		return;
	}
	s = take_seat(r, j->client);
	if (r->n == 1 && j->loopback) {
		take_seat(r, SPAN_LIT(LOOPBACK_CLIENT_ID));
		r->loopback = true;
	}
	if (r->waiting.n > 0) {
		queue_empty(&r->given);
		r->given = r->waiting;
		r->given_to = *s;
		r->waiting = (struct room_queue){ 0 };
	}
	answer_inside(r, s, a);
}

void room_message(struct room *r, const struct room_message *m, size_t budget, struct room_answer *a)
{
	struct room_seat *s = find(r, m->client);

	*a = (struct room_answer){ .members = r->n, .signal = room_signal(r) };
	if (s == NULL) {
		a->result = ROOM_UNKNOWN_CLIENT;
		return;
	}
	if (r->given.n > 0 && span_eq(seat_id(&r->given_to), m->client))
		queue_empty(&r->given);
	if (r->n > 1) {
		a->result = ROOM_FORWARD;
		return;
	}
	if (r->waiting.n == ROOM_SENDER_MESSAGES || m->body.len > ROOM_SENDER_BYTES - r->waiting.bytes ||
	    m->body.len > budget || !queue_add(&r->waiting, m->body)) {
		a->result = ROOM_ERROR;
		return;
	}
	a->result = ROOM_SUCCESS;
}

bool room_leave(struct room *r, struct span client)
{
	struct room_seat *s = find(r, client);

	if (s == NULL)
		return false;
	queue_empty(&r->waiting);	/* its sender was alone: it is the one who leaves */
	queue_empty(&r->given);
	if (r->loopback) {
		r->n = 0;
		return true;
	}
	memmove(s, s + 1, (size_t)(&r->seat[--r->n] - s) * sizeof(*s));
	return true;
}
