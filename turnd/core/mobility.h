/* mobility.h - an allocation that may move to another 5-tuple (RFC 8016, turn-contract section 8).
 *
 *	SETTLED --Refresh with the ticket from a new path--> MOVING --data from the new path, or 30 s--> SETTLED
 *	SETTLED --its stream is lost--> ADRIFT --Refresh with the ticket--> SETTLED; after 30 s the allocation ends
 *
 * While MOVING both paths lead to the allocation; what peers send goes to the old one. A ticket is used once: every success
 * brings a new one. Its first byte is the number of the worker that holds the allocation, so that any worker can
 * ask for it.
 *
 * Private to turnd/core. Owner: its allocation.   Thread: that allocation's worker.
 */
#ifndef TURND_CORE_MOBILITY_H
#define TURND_CORE_MOBILITY_H

#include "turnd/core/allocation.h"

enum { TICKET_SIZE = 16 };
#define MOBILITY_PATIENCE SECONDS(30)

enum mobility_state { MOBILITY_SETTLED, MOBILITY_MOVING, MOBILITY_ADRIFT };

struct mobility {
	struct map_node ticket_node, old_node;	/* alloc_table; old_node while MOVING */
	struct wheel_timer timer;		/* of MOVING and ADRIFT */
	struct allocation *allocation;
	uint8_t state;				/* enum mobility_state */
	uint8_t ticket[TICKET_SIZE];
	struct client_path old_path;
};

bool mobility_begin(struct allocation *a);	/* false: no memory */
void mobility_end(struct allocation *a);	/* fine without one */
void mobility_settle(struct allocation *a);	/* if it is MOVING: the old path is gone; fine without one */

void mobility_renew(struct allocation *a);	/* a new ticket; the one before is worth nothing */
void mobility_move(struct allocation *a, const struct client_path *to, msec_t now);
void mobility_heard(struct allocation *a, const struct client_path *from);	/* a packet came from there */
/* A stream has ended. True: the allocation lives on without it. */
bool mobility_path_lost(struct allocation *a, const struct client_path *path, msec_t now);

/* Where to send what peers say; NULL: nowhere, for the moment. */
static inline const struct client_path *allocation_client(const struct allocation *a)
{
	if (a->mobility == NULL || a->mobility->state == MOBILITY_SETTLED)
		return &a->path;
	return a->mobility->state == MOBILITY_MOVING ? &a->mobility->old_path : NULL;
}

#endif
