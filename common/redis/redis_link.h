/* redis_link.h - one Redis node: a pipelined connection that repairs itself.
 *
 * Over common/net's stream, with hiredis' redisReader only (0.14 and 1.x alike). Commands answer as redis_route.h says. Every
 * command has a deadline (2 s); one that expires closes the connection, for a hung server answers nothing in order. So does
 * an answer LOADING, READONLY or MASTERDOWN: not the node that we want. Connecting, HELLO, reconnecting: see redis_conn.h.
 *
 * Owner: the route.   Thread: the loop's.   Only common/redis includes hiredis.
 */
#ifndef COMMON_REDIS_REDIS_LINK_H
#define COMMON_REDIS_REDIS_LINK_H

#include <uv.h>

#include "common/redis/redis_url.h"
#include "common/redis/redis_value.h"

struct redis_link;

/* NULL: no memory. timing may be NULL. state may be NULL; it is not called from inside, and not after stop. */
struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				  void (*state)(void *owner, bool up), void *owner);
void redis_link_command(struct redis_link *l, const struct span *argv, size_t argc, redis_reply_cb cb, void *ctx);
void redis_link_eval(struct redis_link *l, struct redis_script *script, const struct span *keys, size_t n_keys,
		     const struct span *args, size_t n_args, redis_reply_cb cb, void *ctx);
int redis_link_subscribe(struct redis_link *l, struct span channel, redis_message_cb cb,
			 void (*resubscribed)(void *ctx), void *ctx);	/* -1: no memory */
bool redis_link_up(const struct redis_link *l);
struct redis_counts redis_link_counts(const struct redis_link *l);

/* Outstanding commands end with REDIS_STOPPED, then l is freed, then done. Once; also from inside a callback of l. */
void redis_link_stop(struct redis_link *l, void (*done)(void *ctx), void *ctx);

#endif
