/* redis_sub.h - the subscriptions at one node, on a connection of their own. Below redis_link.
 *
 * A silent subscriber is the worst kind of broken: it looks healthy. So a PING goes out every command deadline (2 s),
 * and three of them without a sign of life end the connection. After every reconnect all channels are subscribed again.
 *
 * Owner: redis_link.   Thread: the loop's.
 */
#ifndef COMMON_REDIS_REDIS_SUB_H
#define COMMON_REDIS_REDIS_SUB_H

#include <uv.h>

#include "common/redis/redis_url.h"
#include "common/redis/redis_value.h"

struct redis_sub;

struct redis_sub *redis_sub_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				void *owner);	/* NULL: no memory; owner: for done below */
int redis_sub_add(struct redis_sub *s, struct span channel, redis_message_cb cb,
		  void (*resubscribed)(void *ctx), void *ctx);	/* -1: no memory; nothing changed */
void redis_sub_stop(struct redis_sub *s, void (*done)(void *owner));	/* s is freed before done */

#endif
