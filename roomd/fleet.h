/* fleet.h - roomd conducts: it learns from Redis who lives and with which secrets credentials are minted, and tells site.
 *
 * Owner: roomd.   Thread: the route's loop.
 */
#ifndef ROOMD_FLEET_H
#define ROOMD_FLEET_H

#include "common/proto/redis_schema.h"
#include "common/redis/node_feed.h"
#include "roomd/config.h"
#include "roomd/secret_keeper.h"

struct fleet;

/* changed: site->servers is another one; after every look. site is borrowed, and written. NULL: no memory;
 * so is one that is not complete, which is to be stopped and freed. */
struct fleet *fleet_new(struct redis_route *route, const struct roomd_config *c, struct site *site,
			void (*changed)(void *owner), void *owner);
bool fleet_complete(const struct fleet *f);
bool fleet_loaded(const struct fleet *f);	/* has anything been heard of who lives? */
void fleet_stop(struct fleet *f);
void fleet_free(struct fleet *f);		/* stopped, and the route too; or the loop is empty. NULL is fine */

/* GET /fleet. f may be NULL: nobody is known. */
void fleet_print(const struct fleet *f, int64_t now_ms, struct buf *out);
/* `roomd fleet`: the same for people. */
void fleet_print_table(const struct node_set *nodes, int64_t now_ms, struct buf *out);

/* The realm of the TURN servers, as turnd chooses it. */
struct span fleet_realm(const struct roomd_config *c, char host[REDIS_REALM_MAX + 1]);

#endif
