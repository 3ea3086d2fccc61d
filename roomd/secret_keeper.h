/* secret_keeper.h - who looks after the fleet's TURN secrets: every roomd, by scripts that only one of them wins.
 *
 *	none in Redis --> what is known is written back (Redis came back empty; a coturn's own are adopted), else a first one is made
 *	secret-rotation is over, or `roomd rotate-secret` --> a new one; the others retire when the last credential minted with
 *		them has expired
 *	one has retired --> it is deleted
 *	coturn's set differs --> it is made equal, so that stock coturns of the fleet take part
 *
 * Owner: fleet.   Thread: the route's loop.
 */
#ifndef ROOMD_SECRET_KEEPER_H
#define ROOMD_SECRET_KEEPER_H

#include "common/redis/secret_feed.h"

struct secret_keeper {			/* embedded; outlives the route */
	struct redis_route *route;
	struct span realm;		/* borrowed */
	msec_t lifetime;		/* of a credential */
	msec_t rotation;		/* 0: by hand only */
	bool working, full;
};

enum { SECRET_ACTIVATION = 5 };		/* seconds from a secret's making to its use: every turnd knows it by then */

void secret_keeper_init(struct secret_keeper *k, struct redis_route *route, struct span realm, msec_t lifetime, msec_t rotation);
/* After each look. known: what the feed goes on with. */
void secret_keeper_looked(struct secret_keeper *k, const struct secret_look *l, const struct turn_secrets *known);

enum rotation {
	ROTATION_DONE,
	ROTATION_EARLY,			/* the newest is younger than `age` */
	ROTATION_FULL,			/* eight are valid: the oldest must retire first */
	ROTATION_ODD			/* the hash holds what is no secret, or Redis failed */
};

/* Makes a new secret unless the newest is younger than age seconds (0: by hand, always; INT64_MAX: only if there is none) and
 * deletes what has retired. id and text of the new one are made here. cb gets what rotation_answer() reads. */
void rotation_start(struct redis_route *r, msec_t lifetime, int64_t age, redis_reply_cb cb, void *ctx);
enum rotation rotation_answer(const struct redis_value *v, int64_t *active_at);	/* DONE: since when it is minted with */

#endif
