/* redis_route.h - the only way in to Redis: every command names its partition.
 *
 * Kinds of route: fixed (see redis_url.h), with TLS too; redis-sentinel:// and redis-cluster:// are recognised and refused
 * with a sentence until they exist.
 *
 * A reply comes exactly once for each command, in order within a partition, never from inside redis_command():
 * a value, or an error of ours. REDIS_DOWN: not sent, because there is no connection or too much is outstanding (65536
 * commands, 16 MiB; this refusal may overtake earlier answers). REDIS_NOMEM: not sent. REDIS_TIMEOUT and REDIS_LOST (the
 * connection ended with the answer outstanding): unknown whether it took effect.
 * One exception: when not even a refusal can be queued (no memory, or 65536 of them in one turn), REDIS_NOMEM comes at once.
 *
 * Owner: the daemon's shell.   Thread: the loop's.
 */
#ifndef COMMON_REDIS_REDIS_ROUTE_H
#define COMMON_REDIS_REDIS_ROUTE_H

#include <uv.h>

#include "common/redis/redis_value.h"

struct redis_route;

enum { REDIS_ANY_PARTITION = 0 };	/* for keys without a partition tag */

/* NULL with a sentence in why[]: what is wrong with the URL or its ca, and what would be right. The password never appears in it.
 * Connecting starts at once and never blocks; `state` (may be NULL) tells of up and down. */
struct redis_route *redis_route_new(uv_loop_t *loop, const char *url, const struct redis_timing *timing,
				    void (*state)(void *owner, bool up), void *owner, char why[160]);

/* argv is copied. cb may be NULL. */
void redis_command(struct redis_route *r, unsigned partition, const struct span *argv, size_t argc,
		   redis_reply_cb cb, void *ctx);
/* EVALSHA, and EVAL when the node does not know the script. */
void redis_eval(struct redis_route *r, unsigned partition, struct redis_script *script,
		const struct span *keys, size_t n_keys, const struct span *args, size_t n_args,
		redis_reply_cb cb, void *ctx);
/* On a connection of its own, for the life of the route; renewed after every reconnect. `resubscribed` (may be NULL) is
 * called whenever the subscription has become active, the first time included: what was published before did not
 * arrive, so read now what it would have told. */
int redis_subscribe(struct redis_route *r, unsigned partition, struct span channel, redis_message_cb cb,
		    void (*resubscribed)(void *ctx), void *ctx);	/* -1: no memory */

uv_loop_t *redis_route_loop(const struct redis_route *r);	/* for what its users have to time */
bool redis_route_up(const struct redis_route *r);
struct redis_counts redis_route_counts(const struct redis_route *r);

/* Outstanding commands end with REDIS_STOPPED; r is freed before done. */
void redis_route_stop(struct redis_route *r, void (*done)(void *ctx), void *ctx);

#endif
