/* room_store.h - the atomic steps of a room, as roomd's handlers ask for them (apprtc-contract section 3).
 *
 * Two makers: store_memory (this process only) and store_redis (one script per step, any number of roomd). Every step
 * is one indivisible change of one room; whoever races is ordered by the store.
 *
 *	(no room) --join--> ONE{A: initiator} --join--> TWO{A, B}: A's stored messages move into B's answer
 *	ONE --message(A)--> stored        TWO or more --message(x)--> FORWARD, nothing stored
 *	TWO --leave(x)--> ONE{y: initiator}       ONE --leave--> (no room)
 *
 * Rules beyond the picture, the same for all makers:
 * - Full: as many members as `capacity`, or a loopback room (whatever the capacity).
 * - A loopback join into no room makes two members, the client and LOOPBACK_CLIENT_ID; into a room it is an ordinary join.
 *   When the client leaves, both are gone. Nobody can be LOOPBACK_CLIENT_ID by asking for it.
 * - Initiator is who has been inside longest, so after a leave the one who stays is.
 * - rejoin: if that client is a member, the answer is ROOM_SUCCESS with `client` = it, the role it has, and the messages
 *   that its join had been given (again, however often it asks); what it stored itself for a later joiner is dropped: the
 *   page behind it starts anew and will offer anew. Otherwise it is an ordinary join of `client`.
 *   What a join was given is forgotten when that member sends a message, and when any member leaves.
 * - A room ends when its last member leaves, or `life` (24 h) after its last change: join, rejoin, message, leave.
 *   Time is the store's own (Redis: TIME or expiry), never the caller's.
 * - `signal` names the signaling server of a room: the first joiner's proposal stays until the room ends.
 *
 * The callback comes exactly once for each step, and it may come before the call returns: touch nothing of yours after the
 * call that the callback may have freed. Steps that were asked for in one order for one room take effect, and call back, in
 * that order. There is no cancelling: ctx lives until the callback. A maker that cannot know whether a step took effect
 * (connection lost) repeats it under the same `request`, by which the second attempt answers as the first did and changes
 * nothing; if that fails too the answer is ROOM_UNAVAILABLE.
 *
 * Spans given in are copied before the call returns; spans handed out are valid for the callback.
 * Ids are legal (common/proto/ids.h: the caller has checked). Thread: the loop's.
 */
#ifndef ROOMD_ROOM_STORE_H
#define ROOMD_ROOM_STORE_H

#include "common/base/clock.h"
#include "common/base/span.h"
#include "common/proto/ids.h"

enum {
	ROOM_CAPACITY_MIN = 2, ROOM_CAPACITY_MAX = 8,	/* members */
	ROOM_MESSAGE_MAX = 256 * 1024,			/* bytes of one message; the caller refuses longer ones */
	ROOM_SENDER_MESSAGES = 1024,			/* waiting from one sender, */
	ROOM_SENDER_BYTES = 1024 * 1024,		/* and their bytes */
	ROOM_BYTES = 2 * 1024 * 1024,			/* per room: waiting, and given but not yet forgotten */
	ROOM_SIGNAL_MAX = 255,				/* bytes of a signaling server's name */
	ROOM_REQUEST_SIZE = 16				/* bytes of a request id */
};

#define ROOM_LIFE HOURS(24)

enum room_result {
	ROOM_SUCCESS,		/* join: inside. message: stored. leave, occupancy: done */
	ROOM_FORWARD,		/* message: not stored, its sender is not alone: give it to the room's signaling server */
	ROOM_FULL,		/* join */
	ROOM_DUPLICATE_CLIENT,	/* join: that client is inside already, by another request */
	ROOM_UNKNOWN_ROOM,	/* message */
	ROOM_UNKNOWN_CLIENT,	/* message */
	ROOM_ERROR,		/* over a limit, or no memory: nothing changed */
	ROOM_UNAVAILABLE	/* the store cannot be reached, or is stopping: unknown whether it took effect */
};

struct room_answer {
	enum room_result result;
	bool initiator;			/* join: the role */
	unsigned members;		/* in the room after the step; not set for ROOM_ERROR and ROOM_UNAVAILABLE */
	struct span client;		/* join: who is inside now: j->client, or j->rejoin */
	struct span signal;		/* join, FORWARD: the room's signaling server */
	const struct span *messages;	/* join: for the joiner, in the order they were stored */
	size_t n_messages;
};

typedef void (*room_store_cb)(void *ctx, const struct room_answer *a);

struct room_join {
	struct span room;
	struct span client;		/* a fresh id */
	struct span rejoin;		/* empty: an ordinary join */
	struct span request;		/* ROOM_REQUEST_SIZE bytes that name this step, never used before */
	struct span signal;		/* proposal; at most ROOM_SIGNAL_MAX bytes, may be empty */
	unsigned capacity;
	bool loopback;
};

struct room_message {
	struct span room, client;
	struct span request;		/* as above */
	struct span body;		/* 1..ROOM_MESSAGE_MAX bytes of valid UTF-8 */
};

struct room_store;

struct room_store_ops {
	void (*join)(struct room_store *s, const struct room_join *j, room_store_cb cb, void *ctx);
	void (*message)(struct room_store *s, const struct room_message *m, room_store_cb cb, void *ctx);
	/* Idempotent: unknown room or client is ROOM_SUCCESS. The change is made when the answer comes. */
	void (*leave)(struct room_store *s, struct span room, struct span client, room_store_cb cb, void *ctx);
	/* Only looks: `members` is 0 for no room. May be slightly old. */
	void (*occupancy)(struct room_store *s, struct span room, room_store_cb cb, void *ctx);
	/* May new rooms come? If not, *why_not is a sentence that stays valid. */
	bool (*ready)(const struct room_store *s, const char **why_not);
	/* Outstanding steps end with ROOM_UNAVAILABLE; s is freed, then done is called (perhaps before this returns). */
	void (*stop)(struct room_store *s, void (*done)(void *ctx), void *ctx);
};

struct room_store {			/* the first member of a maker's own structure */
	const struct room_store_ops *ops;
};

#endif
