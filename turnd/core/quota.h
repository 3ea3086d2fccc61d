/* quota.h - how many allocations one user, and all users together, may hold (turn-contract section 4; 486).
 *
 * Process-wide: the workers share one, behind a mutex of its own that is taken when an allocation is made or ends and at
 * no other time. Users are counted by the name of their credential, without its expiry (threat model D-T15).
 *
 * Owner: main.   Thread: any.
 */
#ifndef TURND_CORE_QUOTA_H
#define TURND_CORE_QUOTA_H

#include "common/base/span.h"

struct quota;
struct quota_user;

enum quota_result { QUOTA_OK, QUOTA_USER_FULL, QUOTA_TOTAL_FULL, QUOTA_NOMEM };

struct quota *quota_new(unsigned per_user, unsigned total);	/* 0: no limit. NULL: no memory */
void quota_free(struct quota *q);				/* all taken ones must be given back */
void quota_limits(struct quota *q, unsigned per_user, unsigned total);	/* after a reload; ends nothing */

/* Takes one for `name`; *taken is then to be given back once, as the allocation ends. */
enum quota_result quota_take(struct quota *q, struct span name, struct quota_user **taken);
void quota_give(struct quota *q, struct quota_user *taken);

#endif
