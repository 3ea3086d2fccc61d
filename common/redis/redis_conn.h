/* redis_conn.h - one connection to one node, which comes back for ever. Below redis_link and redis_sub.
 *
 *	WAITING --timer--> CONNECTING --> HELLO (AUTH, SELECT, PING) --PONG--> UP
 *	   ^------------------- closed <------------------------------- lost ---'
 *
 * Everything that is sent in one turn of the loop leaves in one write. Connecting and HELLO have the deadline of a command.
 * The first retry comes after backoff_min, doubling to backoff_max, a random half of it off; a connection that stood
 * for backoff_max starts anew at backoff_min. Logs redis_up, redis_lost (no connection) and redis_refused (Redis answers, but
 * will not have us: wrong password, LOADING, MASTERDOWN, ...), each once when it changes.
 *
 * Owner: redis_link, redis_sub.   Thread: the loop's.
 */
#ifndef COMMON_REDIS_REDIS_CONN_H
#define COMMON_REDIS_REDIS_CONN_H

#include <uv.h>

#include "common/redis/redis_url.h"
#include "common/redis/resp.h"

struct redis_conn;

struct redis_conn_handler {
	const char *use;	/* for the log: "commands" */
	void (*up)(void *owner);
	void (*reply)(void *owner, const struct redis_value *v);	/* while UP, in order; v as resp_reader_next() */
	void (*lost)(void *owner);	/* was UP and is no more; what was sent and not answered never will be */
	void (*turn)(void *owner);	/* after redis_conn_wake(), from the loop, before what was sent is written; may be NULL */
	msec_t (*tick)(void *owner, msec_t now);	/* at redis_conn_tick_at() while UP; returns when next, or NEVER */
};

/* NULL: no memory. Connecting starts at once; no callback comes from inside. node is copied, timing complete. */
struct redis_conn *redis_conn_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				  const struct redis_conn_handler *h, void *owner);

/* Appends a command of argv and of n_tail arguments that are encoded already (resp_bulks). Returns its bytes,
 * 0 if it was not taken: not UP, no memory, or more unsent than 32 MiB. */
size_t redis_conn_send(struct redis_conn *c, const struct span *argv, size_t argc, struct span tail, size_t n_tail);

bool redis_conn_up(const struct redis_conn *c);
bool redis_conn_losing(const struct redis_conn *c);	/* not UP any more, and `lost` has not been called yet */
struct resp_reader *redis_conn_reader(struct redis_conn *c);	/* to take a reply */

void redis_conn_wake(struct redis_conn *c);		/* `turn` in the next turn */
void redis_conn_tick_at(struct redis_conn *c, msec_t due);
void redis_conn_lose(struct redis_conn *c, const char *why);	/* closes and reconnects; from anywhere */
void redis_conn_refuse(struct redis_conn *c, struct span why);	/* the same, because of an answer */

/* c is freed before done; no other callback comes after this call. */
void redis_conn_stop(struct redis_conn *c, void (*done)(void *owner));

#endif
