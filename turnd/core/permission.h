/* permission.h - the peers one allocation may exchange data with (RFC 8656 section 9).
 *
 * A permission names an address; ports do not matter. It lapses five minutes after it was last granted. Lapsed entries
 * are thrown away when room is needed, so there is no timer here.
 *
 * Owner: embedded in its allocation.   Thread: that allocation's worker.
 * Time:  `now` is the loop's clock in ms and must never run backwards.
 */
#ifndef TURND_CORE_PERMISSION_H
#define TURND_CORE_PERMISSION_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/map.h"

#define PERMISSION_LIFETIME MINUTES(5)

struct perm_table {		/* only permission.c looks inside */
	struct map by_ip;
	unsigned made;		/* entries ever made */
};

enum perm_result { PERM_OK, PERM_FULL, PERM_NOMEM };

void perm_init(struct perm_table *t);		/* allocates nothing, cannot fail */
void perm_close(struct perm_table *t);		/* frees what t holds; fine on a zeroed t */

/* Makes room for one peer and permits nothing: after PERM_OK, perm_grant() of the same peer cannot fail at this `now`.
 * So a request for many peers is granted whole or not at all. limit: entries. */
enum perm_result perm_reserve(struct perm_table *t, const struct ip_addr *peer, unsigned limit, msec_t now);
void perm_grant(struct perm_table *t, const struct ip_addr *peer, msec_t now);	/* or refreshes; reserved before */

bool perm_allows(const struct perm_table *t, const struct ip_addr *peer, msec_t now);

#endif
