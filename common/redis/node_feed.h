/* node_feed.h - who lives: the leases of all turnd and signald, looked at twice a second.
 *
 *	{p00}:nodes --ids--> GET rtc:node:<id> each, in one pipeline --> a new set, whole; a record that is none is left out
 *
 * So a killed node is out 4.5 s after its last renewal, a draining one is seen after half a second. While Redis is away
 * the last set stays. When it is back, perhaps empty, nodes that have not announced themselves again stay for 3 s more.
 *
 * Owner: the daemon's shell.   Thread: the route's loop.
 */
#ifndef COMMON_REDIS_NODE_FEED_H
#define COMMON_REDIS_NODE_FEED_H

#include "common/proto/ids.h"
#include "common/proto/node_record.h"
#include "common/redis/redis_route.h"

enum { NODES_MAX = 1024 };	/* more are not looked at */

struct node {			/* const once made */
	char id[ID_MAX + 1];
	struct node_record r;	/* views text */
	uint8_t text[];
};

struct node_set {
	size_t n;
	const struct node *const *v;	/* by id */
};

struct node_feed;

struct node_feed_timing {	/* a zero takes the default; tests shorten them */
	msec_t poll;		/* 500 ms */
	msec_t settle;		/* 3 s */
};

/* refreshed (may be NULL): after every look that succeeded, whether or not something changed. NULL: no memory. */
struct node_feed *node_feed_new(struct redis_route *route, const struct node_feed_timing *timing,
				void (*refreshed)(void *owner), void *owner);
struct node_set node_feed_nodes(const struct node_feed *f);	/* until the loop turns; empty before the first look */
bool node_feed_loaded(const struct node_feed *f);		/* has a look succeeded since the start? */
void node_feed_stop(struct node_feed *f);
void node_feed_free(struct node_feed *f);	/* stopped, and the route too; or the loop is empty. NULL is fine */

#endif
