/* redis_link.h - one Redis node: a pipelined connection that repairs itself.
 *
 * Over common/net's stream, with hiredis' redisReader and command formatter only (0.14 and 1.x alike). All commands of one loop
 * turn leave in one write. Every command has a deadline (2 s); one that expires closes the connection, for a hung
 * server answers nothing in order. Reconnect: backoff 50 ms to 2 s with jitter, for ever.
 *
 *	DOWN --connect--> HELLO (AUTH, SELECT, PING) --ok--> UP --lost--> DOWN
 *
 * Owner: the route.   Thread: the loop's.   Only common/redis includes hiredis.
 */
#ifndef COMMON_REDIS_REDIS_LINK_H
#define COMMON_REDIS_REDIS_LINK_H

#include "common/redis/redis_route.h"

struct redis_link;

struct redis_node {		/* where it is; strings are copied */
	const char *host;	/* NULL for a unix socket */
	uint16_t port;
	const char *path;	/* unix socket */
	const char *user, *password;	/* NULL: no AUTH */
	unsigned db;
};

struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				  void (*state)(void *owner, bool up), void *owner);	/* NULL: no memory */
void redis_link_command(struct redis_link *l, const struct span *argv, size_t argc, redis_reply_cb cb, void *ctx);
int redis_link_subscribe(struct redis_link *l, struct span channel, redis_message_cb cb, void *ctx);
bool redis_link_up(const struct redis_link *l);
void redis_link_stop(struct redis_link *l, void (*done)(void *ctx), void *ctx);

#endif
