/* signal_link.h - messages of room members, forwarded to signald as Collider takes them: POST /<room>/<client>.
 *
 * The forwards of one client are never in parallel: each waits for signald's answer to the one before (B10), so they
 * arrive in the order in which they were given here. Those of different clients share a few kept connections.
 * A server that cannot be connected to (nothing was sent) is replaced once by the next one that is known; everything else
 * that fails is final, for a message must not arrive twice (B11).
 *
 *	forward --> lane of (room, client): one at signald, the rest waits --> http_client of that server
 *
 * Owner: the shell.   Thread: the loop's.
 */
#ifndef ROOMD_SIGNAL_LINK_H
#define ROOMD_SIGNAL_LINK_H

#include <uv.h>

#include "roomd/site.h"

struct signal_link;

enum { SIGNAL_LANE_WAITING = 256, SIGNAL_BYTES_WAITING = 64 * 1024 * 1024 };	/* per client; in all */

/* signald took it, or not. Exactly once. */
typedef void (*signal_link_cb)(void *ctx, bool taken);

/* site is borrowed. deadline: for signald to take a message. NULL: no memory. */
struct signal_link *signal_link_new(uv_loop_t *loop, const struct site *site, msec_t deadline);

/* The spans and what is needed of `to` are copied. Not taken (too much waits, no memory) is told from inside this call. */
void signal_link_forward(struct signal_link *l, const struct signal_server *to, struct span room, struct span client,
			 struct span body, signal_link_cb cb, void *ctx);

/* The site's servers have changed: lets go of connections to those that are no more. */
void signal_link_prune(struct signal_link *l);

struct signal_counts { uint64_t taken, failed, elsewhere; size_t waiting; };	/* waiting: bytes, now */
struct signal_counts signal_link_counts(const struct signal_link *l);

/* What waits is not taken. l is freed before done is called; it may be called at once. */
void signal_link_stop(struct signal_link *l, void (*done)(void *ctx), void *ctx);

#endif
