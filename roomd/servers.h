/* servers.h - the live servers of the fleet, ready to be chosen from. Made anew from every look at the leases. Pure.
 *
 * Nobody new is sent to one that drains. The zone's own come first, then the least loaded. Who has just been chosen counts as
 * more loaded until the next look, so that a rush spreads.
 *
 * Owner: site.   Thread: the loop's.
 */
#ifndef ROOMD_SERVERS_H
#define ROOMD_SERVERS_H

#include "common/base/origin.h"
#include "common/redis/node_feed.h"

enum { TURN_PER_ANSWER = 2 };

struct signal_server {
	struct origin public_at;	/* where clients connect */
	struct origin inner;		/* where we POST; plain HTTP */
	char name[ORIGIN_TEXT_SIZE];	/* its public URL: what a room remembers (room_store.h) */
};

struct live {				/* what choosing looks at */
	bool near;			/* in our zone */
	uint32_t load;
};
struct live_turn {
	struct live at;
	size_t n_uris;
	struct span uri[NODE_URLS_MAX];	/* in `text` */
};
struct live_signal {
	struct live at;
	struct signal_server server;
};

struct servers {			/* a zeroed one is empty */
	struct live_turn *turn;
	struct live_signal *signal;	/* no two of one name: replicas behind one URL are one server */
	size_t n_turn, n_signal;
	struct buf text;
};

bool servers_init(struct servers *s, const struct node_set *nodes, struct span zone);	/* false: no memory; *s is empty */
void servers_close(struct servers *s);

size_t servers_pick_turn(struct servers *s, const struct live_turn *out[TURN_PER_ANSWER]);	/* how many; the best first */
/* For a room that has none yet; NULL if there is none. `used` when it was. */
const struct signal_server *servers_best_signal(const struct servers *s);
void servers_signal_used(struct servers *s, struct span name);
const struct signal_server *servers_signal(const struct servers *s, struct span name);	/* or NULL */
/* For a room whose server is gone: every roomd that sees the same servers answers the same. */
const struct signal_server *servers_signal_instead(const struct servers *s, struct span room);

#endif
