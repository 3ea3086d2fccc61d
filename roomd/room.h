/* room.h - one room's rules (apprtc-contract section 3, room_store.h), for the store that keeps rooms in memory.
 *
 * Pure: no clock, no map, no allocation but for messages and the room itself.
 *
 * Messages wait only while their sender is alone, so a room has one queue of waiting ones; the next joiner takes it
 * whole, and it becomes what that member "was given", for its rejoin.
 *
 * Owner: store_memory.   Thread: its.
 */
#ifndef ROOMD_ROOM_H
#define ROOMD_ROOM_H

#include "roomd/room_store.h"

struct room_queue {
	struct span *v;		/* owned, each of them malloc'd */
	size_t n, cap;
	size_t bytes;
};

struct room_seat {
	char id[ID_MAX];
	uint8_t id_len;
};

struct room {
	struct room_seat seat[ROOM_CAPACITY_MAX];	/* in the order of joining; the first is initiator */
	unsigned n;
	bool loopback;
	struct room_queue waiting;	/* stored by the one inside, for the next to join */
	struct room_queue given;	/* what a join took, until given_to acts */
	struct room_seat given_to;
	uint8_t id_len, signal_len;
	char names[];			/* the room's id, then its signaling server */
};

struct room *room_new(struct span id, struct span signal);	/* nobody inside; NULL: no memory */
void room_free(struct room *r);					/* fine on NULL */
struct span room_id(const struct room *r);
size_t room_bytes(const struct room *r);			/* of all messages it holds */

/* Spans in the answer are valid until the next call. */
void room_join(struct room *r, const struct room_join *j, struct room_answer *a);
/* `budget`: bytes that the store can take yet, over all rooms. */
void room_message(struct room *r, const struct room_message *m, size_t budget, struct room_answer *a);
bool room_leave(struct room *r, struct span client);		/* false: not inside, nothing changed. r->n may be 0 then */

#endif
