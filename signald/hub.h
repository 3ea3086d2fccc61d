/* hub.h - who is in which room, and what waits for whom: start reading here (apprtc-contract 4.4).
 *
 *	ABSENT --POST--> WAITING(grace) --register--> CONNECTED --lost--> WAITING(grace) --timeout--> ABSENT
 *	ABSENT --register--> CONNECTED --DELETE--> ABSENT        WAITING --DELETE--> ABSENT
 *
 * A room has as many slots as its capacity. A slot is a member; it comes by a register or by a POST in its name, and
 * carries a queue of messages sent BY it while no other member was connected; the next one to register gets them.
 *
 * Everything that happens to a room is an operation. Operations on one room take effect in the order in which they
 * were submitted, one after the other, however long the bus takes to answer for one of them.
 *
 * Pure: connections are reached through struct hub_conn_ops, other instances through the bus.
 * Owner: the shell.   Thread: its loop's.   Time: `now` in ms, never backwards; the wheel runs on the same clock.
 */
#ifndef SIGNALD_HUB_H
#define SIGNALD_HUB_H

#include "common/base/map.h"
#include "common/base/wheel.h"
#include "signald/bus.h"

struct hub_slot;

struct hub_settings {
	unsigned room_capacity;		/* 2 */
	unsigned queue_messages;	/* of one sender, waiting */
	size_t queue_bytes, room_bytes;	/* of one sender; of all senders of a room. A message counts HUB_MESSAGE_COST more */
	msec_t grace;			/* a slot without a connection lives that long */
	msec_t probe;			/* so long may a connection be silent when its client registers again */
};
enum { HUB_MESSAGE_COST = 64 };

enum hub_gone { HUB_GONE_DELETED, HUB_GONE_GRACE };

struct hub_events {		/* may be NULL */
	void (*removed)(void *ctx, struct span room, struct span client, enum hub_gone why);	/* a slot is free again */
};

struct hub {
	struct hub_settings settings;
	struct wheel *wheel;
	struct bus *bus;
	const struct hub_events *events;
	void *ctx;
	struct map rooms;
	msec_t now;
	void (*on_slot_timer)(struct wheel_timer *t);
};

void hub_init(struct hub *h, const struct hub_settings *s, struct wheel *w, struct bus *b,
	      const struct hub_events *e, void *ctx);	/* cannot fail */
void hub_close(struct hub *h);	/* every connection has left, every operation is done or cancelled; tells nobody */

/* --- a connection: embedded in what owns a socket ------------------------------------------------------------ */
enum hub_evict { HUB_EVICT_DELETED, HUB_EVICT_SUPERSEDED };

struct hub_conn {
	const struct hub_conn_ops *ops;
	struct hub_slot *slot;		/* the hub's; NULL: not a member */
};

struct hub_conn_ops {		/* each may come back into the hub, for this connection or another */
	/* One message, in its escaped form. False: it cannot be taken, and the connection is as good as lost. */
	bool (*deliver)(struct hub_conn *c, struct span text);
	/* The member is about to lose its place to somebody else. */
	void (*evict)(struct hub_conn *c, enum hub_evict why);
	/* Does it still answer? Call hub_alive() as soon as anything is heard from it. */
	void (*probe)(struct hub_conn *c);
};

void hub_leave(struct hub *h, struct hub_conn *c, msec_t now);	/* the connection is gone; fine if it is no member */
void hub_alive(struct hub *h, struct hub_conn *c, msec_t now);	/* after probe() */
/* The other connections of its room; fn may come back into the hub. */
void hub_each_other(struct hub_conn *c, void (*fn)(struct hub_conn *other, void *ctx), void *ctx);
struct span hub_conn_room(const struct hub_conn *c);		/* of a member; valid while it is one */
struct span hub_conn_client(const struct hub_conn *c);

/* --- operations ---------------------------------------------------------------------------------------------- */
enum hub_kind {
	HUB_REGISTER,		/* conn becomes the connection of room/client */
	HUB_SEND,		/* conn's member says message */
	HUB_POST,		/* room/client says message, without a connection */
	HUB_REMOVE		/* room/client goes, its connection too */
};

enum hub_result {
	HUB_OK,			/* REGISTER, REMOVE */
	HUB_DELIVERED, HUB_QUEUED,	/* SEND, POST */
	HUB_NOT_MEMBER,		/* SEND: conn is no member (any more) */
	HUB_FULL,		/* REGISTER, POST: all slots are taken by others */
	HUB_DUPLICATE,		/* REGISTER: the client has a connection that answers */
	HUB_TOO_MANY,		/* SEND, POST: the queue is full */
	HUB_UNAVAILABLE,	/* the room's sequencer cannot be reached */
	HUB_NOMEM
};

struct hub_op {			/* the caller's; must not move until done */
	enum hub_kind kind;
	struct hub_conn *conn;		/* REGISTER: no member, and with no other REGISTER open; SEND */
	struct span room, client;	/* REGISTER, POST, REMOVE: id_valid(); valid until done */
	struct span message;		/* SEND, POST: escaped; valid until done */
	void (*done)(struct hub_op *op, enum hub_result r);	/* from inside hub_submit() or later; op may be freed there */

	struct list link;		/* the rest is the hub's; zero it */
	struct hub_room *in;
	struct hub_slot *slot;
	bool made_slot;
};

void hub_submit(struct hub *h, struct hub_op *op, msec_t now);
void hub_cancel(struct hub *h, struct hub_op *op, msec_t now);	/* done will not be called; fine if it was, or never submitted */

/* --- for makers of bus ----------------------------------------------------------------------------------------- */
void hub_placed(struct hub_room *r, enum bus_place where);
void hub_answer(struct hub_op *op, enum hub_result r);
struct span hub_room_id(const struct hub_room *r);
/* Of rooms ordered elsewhere: to a member's connection here. False: there is none, or it could not take it. */
bool hub_deliver(struct hub *h, struct span room, struct span client, struct span text, msec_t now);
void hub_evict(struct hub *h, struct span room, struct span client, enum hub_evict why, msec_t now);

#endif
