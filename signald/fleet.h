/* fleet.h - signald's lease in Redis, by which roomd finds it. Rooms stay in this process.
 *
 * Owner: signald.   Thread: the loop's.
 */
#ifndef SIGNALD_FLEET_H
#define SIGNALD_FLEET_H

#include <uv.h>

#include "common/redis/node_lease.h"
#include "signald/client.h"

struct fleet {			/* embedded; all NULL: without Redis */
	const struct clients *clients;
	struct redis_route *route;
	struct node_lease *lease;
};

/* clients: who is counted as load. -1 with a sentence in why[]. Without `redis` there is nothing to do. */
int fleet_join(struct fleet *f, uv_loop_t *loop, const struct signald_config *cfg, const struct clients *clients, char why[256]);
void fleet_drain(struct fleet *f);
void fleet_metrics(const struct fleet *f, struct buf *out);
void fleet_leave(struct fleet *f);		/* asynchronous: two seconds at most */
void fleet_close(struct fleet *f);		/* the loop is empty */

#endif
