/* store_redis.h - rooms in Redis, shared by any number of roomd. A maker of room_store.h.
 *
 * One script for each step; keys in common/proto/redis_schema. Until the schema version in Redis is known to be ours,
 * ready() says so and every step answers ROOM_UNAVAILABLE.
 *
 * Owner: the shell, which also owns the route and stops it after the store.   Thread: the loop's.
 */
#ifndef ROOMD_STORE_REDIS_H
#define ROOMD_STORE_REDIS_H

#include "common/redis/redis_route.h"
#include "roomd/room_store.h"

/* life: of a room without a change, ROOM_LIFE. NULL: no memory. */
struct room_store *store_redis_new(struct redis_route *route, msec_t life);

/* The route's state callback hands it on: on `up` the schema is looked at (again). */
void store_redis_state(struct room_store *s, bool up);

#endif
