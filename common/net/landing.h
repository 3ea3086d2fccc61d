/* landing.h - where connections arrive that landers have made ready (lander.h): a place on a serving loop.
 *
 * Owner: a place is embedded in the server, which must live until `closed`; landers that use it are stopped before.
 * Thread: open, close and the callbacks on the serving loop; landing_put() on any.
 */
#ifndef COMMON_NET_LANDING_H
#define COMMON_NET_LANDING_H

#include <uv.h>

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/net/admission.h"
#include "common/net/stream.h"

/* A connection between two loops. */
struct landing {
	struct list link;
	int fd;				/* -1 once adopted */
	struct tls_engine *tls;		/* NULL: plain */
	struct buf unread;		/* what has come already, decrypted */
	struct endpoint peer;		/* the client: behind a trusted proxy whom that named */
	struct admission *admission;	/* in which it is counted as peer.ip; NULL: in none */
};

struct landing_place {
	uv_async_t wake;
	uv_mutex_t lock;
	struct list waiting;		/* under lock */
	unsigned n_waiting;
	void (*landed)(void *owner, struct landing *l);
	void *owner;
	void (*closed)(struct landing_place *p);
};

enum { LANDING_WAITING_MAX = 1024 };

/* landed: a connection has come. Call landing_adopt() inside to own it, or do nothing and it is closed; l and its
 * unread bytes are valid for the call. Returns 0 or libuv's error. */
int landing_place_open(struct landing_place *p, uv_loop_t *loop, void (*landed)(void *owner, struct landing *l), void *owner);
void landing_place_close(struct landing_place *p, void (*closed)(struct landing_place *p));	/* what waits is closed */

/* The stream's first bytes are l->unread, which the caller feeds itself. NULL: no memory. */
struct stream *landing_adopt(struct landing *l, uv_loop_t *loop, const struct stream_handler *h, void *owner);

/* For landers. Takes l, from malloc. False: too many wait there, and l is the caller's still. */
bool landing_put(struct landing_place *p, struct landing *l);
void landing_drop(struct landing *l);	/* closes what was not adopted, and frees; NULL is fine */

#endif
