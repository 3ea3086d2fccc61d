/* node_lease.h - a daemon announces itself in Redis, and goes on doing so. See common/proto/node_record.h and redis_schema.h.
 *
 *	LOST --Redis is up: TIME, then the record--> HELD --renewed every second, a little irregularly, in one pipeline--> HELD
 *	  ^-------------------------------not renewed for 3 s (logged)----------------------'
 *
 * The record is Redis' for 4 s, so a killed daemon is gone after that; a stopped one at once. Ends of leases are told in
 * Redis' own time, which each renewal asks for.
 *
 * Owner: the daemon's shell.   Thread: the route's loop.
 */
#ifndef COMMON_REDIS_NODE_LEASE_H
#define COMMON_REDIS_NODE_LEASE_H

#include "common/proto/ids.h"
#include "common/proto/node_record.h"
#include "common/redis/redis_route.h"

struct node_lease;

struct node_lease_options {
	enum node_kind kind;
	const struct span *urls;	/* valid, 1 to NODE_URLS_MAX; copied, as zone */
	size_t n_urls;
	struct span zone;
	uint32_t (*load)(void *owner);
	void (*drain_asked)(void *owner);	/* rtc:drain:<node> was set; once; may be NULL */
	msec_t life, renew;		/* 0: 4 s, 1 s */
};

struct node_lease *node_lease_new(struct redis_route *route, const struct node_lease_options *o, void *owner);	/* NULL: no memory */
const char *node_lease_node(const struct node_lease *l);	/* its id, random for each start */
void node_lease_drain(struct node_lease *l);		/* says so, at once and from now on */
bool node_lease_held(const struct node_lease *l);	/* false: it could not be renewed for 3/4 of its life; roomd may forget us */

/* Removes it from Redis; done when that was answered or failed, exactly once. The route must not be stopped before. */
void node_lease_stop(struct node_lease *l, void (*done)(void *owner));
void node_lease_free(struct node_lease *l);	/* stopped, and the route too; or the loop is empty. NULL is fine */

#endif
