/* fleet.h - turnd among others: its lease in Redis, and the secrets that Redis has for it.
 *
 * Owner: main.   Thread: the main loop's.
 */
#ifndef TURND_FLEET_H
#define TURND_FLEET_H

#include <uv.h>

#include "turnd/config.h"

struct fleet;

struct fleet_handler {
	void (*secrets_changed)(void *owner);
	uint32_t (*load)(void *owner);		/* allocations now */
	void (*drain_asked)(void *owner);	/* as by SIGTERM */
};

/* realm is copied. NULL with a sentence in why[]. Redis need not be there. */
struct fleet *fleet_new(uv_loop_t *loop, const struct turnd_config *c, struct span realm, const struct fleet_handler *h,
			void *owner, char why[256]);
const struct turn_secrets *fleet_secrets(const struct fleet *f);	/* until the loop turns; none before Redis answered */
void fleet_drain(struct fleet *f);
void fleet_metrics(const struct fleet *f, struct buf *out);
void fleet_stop(struct fleet *f);		/* leaves Redis, in two seconds at most */
void fleet_free(struct fleet *f);		/* the loop is empty; NULL is fine */

#endif
