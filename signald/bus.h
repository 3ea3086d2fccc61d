/* bus.h - who orders what the members of a room send: the sequencer (decisions.md, "One sequencer per room").
 *
 * The hub asks, a maker answers: bus_local, where one instance orders every room, answers at once; one over Redis will
 * ask its scripts. The hub asks one question about a room at a time and keeps all later operations on the room waiting,
 * so whatever a maker takes to answer, the order of a room is the order in which its operations came.
 *
 *	locate -> HERE       the hub decides, attach and keep make it lasting, note tells the rest
 *	          ELSEWHERE  each operation is forwarded; what comes back enters by hub_deliver() and hub_evict()
 *	          NOWHERE    the operations fail with HUB_UNAVAILABLE, and the next one asks again
 *
 * A member that is attached to another instance, of a room ordered here, is a hub_conn of the maker's own: it
 * registers, sends and leaves through hub_submit() and hub_leave() like a client of this instance.
 *
 * Owner: the shell, which outlives the hub's use of it.   Thread: the hub's.
 */
#ifndef SIGNALD_BUS_H
#define SIGNALD_BUS_H

#include "common/base/span.h"

struct hub_room;
struct hub_op;
struct bus;

enum bus_place { BUS_HERE, BUS_ELSEWHERE, BUS_NOWHERE };

enum bus_note {
	BUS_LOST,	/* the member's connection is gone: its grace begins */
	BUS_TAKEN,	/* all that this member had waiting was handed over */
	BUS_REMOVED	/* the member's slot and what it had waiting are gone */
};

/* "Answer": exactly once, from inside the call or at any time after it. */
struct bus_ops {
	/* The first operation on a room. Answer with hub_placed(). */
	void (*locate)(struct bus *b, struct hub_room *r);
	/* Nothing of the room is left here; r dies. Not called for NOWHERE. */
	void (*release)(struct bus *b, struct hub_room *r);
	/* HERE: the member of a REGISTER is about to be connected. Answer with hub_answer(), HUB_OK or what forbids it. */
	void (*attach)(struct bus *b, struct hub_op *op);
	/* HERE: the message of a SEND or POST has nobody to go to and is about to be kept. Answer as above. */
	void (*keep)(struct bus *b, struct hub_op *op);
	/* ELSEWHERE: have it done. Answer with hub_answer(), the result there. */
	void (*forward)(struct bus *b, struct hub_op *op);
	/* Whoever submitted op is gone: never answer it, undo an attach. */
	void (*cancel)(struct bus *b, struct hub_op *op);
	/* HERE, and LOST in ELSEWHERE too. */
	void (*note)(struct bus *b, const struct hub_room *r, struct span client, enum bus_note what);
};

struct bus {			/* first member of every maker's own */
	const struct bus_ops *ops;
};

#endif
