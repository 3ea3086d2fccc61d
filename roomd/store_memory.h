/* store_memory.h - rooms in this process, for one roomd without Redis. A maker of room_store.h.
 *
 * Calls back at once, from inside each step. Pure: the shell tells the time.
 *
 * Owner: the shell.   Thread: the loop's.
 * Time:  `now` is the loop's clock in ms and must never run backwards; a room's life counts in steps of
 *        store_memory_advance(), so call that every few seconds.
 */
#ifndef ROOMD_STORE_MEMORY_H
#define ROOMD_STORE_MEMORY_H

#include "roomd/room_store.h"

struct store_memory_limits {	/* beyond them the answer is ROOM_ERROR */
	size_t rooms;
	size_t bytes;		/* of all messages in all rooms */
	msec_t life;		/* of a room without a change: ROOM_LIFE */
};

struct room_store *store_memory_new(const struct store_memory_limits *limits, msec_t now);	/* NULL: no memory */
void store_memory_advance(struct room_store *s, msec_t now);
size_t store_memory_rooms(const struct room_store *s);

#endif
