/* secret_feed.h - the fleet's TURN secrets, as Redis has them: told by the channel, looked at every second all the same.
 *
 *	rtc:turn:secrets has some --> those that are not retired
 *	it is empty, coturn's set of the realm is not --> those: a coturn's Redis serves as it is
 *	both are empty, or Redis is away --> what was known last, but for what retires meanwhile
 *
 * Owner: the daemon's shell.   Thread: the route's loop.
 */
#ifndef COMMON_REDIS_SECRET_FEED_H
#define COMMON_REDIS_SECRET_FEED_H

#include "common/proto/turn_secret.h"
#include "common/redis/redis_route.h"

struct secret_feed;

enum { COTURN_SECRETS_MAX = 64 };

struct secret_look {		/* one successful look at Redis */
	const struct turn_secrets *ours;	/* the hash, retired ones too */
	const struct span *coturn;		/* the set's members, whatever they are */
	size_t n_coturn;			/* at most COTURN_SECRETS_MAX */
	bool odd;				/* fields of the hash that are no secrets, or more than eight: hands off */
};

struct secret_feed_handler {	/* each may be NULL */
	void (*changed)(void *owner);	/* secret_feed_get() says something new */
	void (*looked)(void *owner, const struct secret_look *l);	/* after `changed`; valid for the call */
};

/* realm: 1 to REDIS_REALM_MAX bytes, copied. poll: 0 for 1 s. NULL: no memory. */
struct secret_feed *secret_feed_new(struct redis_route *route, struct span realm, msec_t poll,
				    const struct secret_feed_handler *h, void *owner);
const struct turn_secrets *secret_feed_get(const struct secret_feed *f);	/* until the loop turns; never NULL */
void secret_feed_look(struct secret_feed *f);	/* now */
void secret_feed_stop(struct secret_feed *f);
void secret_feed_free(struct secret_feed *f);	/* stopped, and the route too; or the loop is empty. NULL is fine */

#endif
