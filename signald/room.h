/* room.h - the hub's memory: rooms, their slots, their queues. What happens to them is decided in hub.c. Pure.
 *
 * Owner: the hub owns rooms (by its map), a room its slots, a slot its queue.
 */
#ifndef SIGNALD_ROOM_H
#define SIGNALD_ROOM_H

#include "signald/hub.h"

struct waiting {		/* one message in a queue */
	struct waiting *next;
	size_t len;
	uint8_t text[];
};

struct hub_slot {
	struct hub_room *room;
	struct hub_conn *conn;		/* NULL: WAITING */
	struct hub_op *rival;		/* a REGISTER that waits until conn has answered a probe or was silent */
	struct wheel_timer timer;	/* WAITING: grace; with a rival: probe */
	struct waiting *first, **last;	/* sent by this member */
	size_t bytes;
	unsigned n;
	uint8_t id_len;
	char id[];
};

enum { PLACE_NEW = BUS_NOWHERE + 1, PLACE_ASKED };	/* before the bus has said where */

struct hub_room {
	struct map_node node;
	struct hub *hub;
	struct list waiting;		/* operations, in order */
	struct hub_op *current;		/* asked about at the bus */
	size_t bytes;			/* of all queues */
	unsigned held;			/* entered so many times */
	uint8_t place, capacity, n, id_len;
	struct hub_slot *slot[];	/* n of capacity; the id's text stands behind them */
};

struct hub_room *room_find(const struct hub *h, struct span id, uint64_t hash);	/* NULL: none; hash: map_hash(id) */
struct hub_room *room_get(struct hub *h, struct span id);	/* finds or makes it; NULL: no memory */
void room_free(struct hub_room *r);				/* without slots; tells the bus */

struct span slot_id(const struct hub_slot *s);
struct hub_slot *slot_find(const struct hub_room *r, struct span client);
/* Finds or makes it. NULL: *why says it. */
struct hub_slot *slot_get(struct hub_room *r, struct span client, bool *made, enum hub_result *why);
void slot_free(struct hub_slot *s);		/* with its queue; without a connection or a rival */

bool queue_has_room(const struct hub_slot *s, size_t len);
bool queue_add(struct hub_slot *s, struct span text);	/* false: no memory */
void queue_pop(struct hub_slot *s);		/* drops the first */

#endif
