/* admission.h - how many connections there are, in all and from one address: from accept to the end, whichever loop
 * they live on meanwhile.
 *
 * Owner: counted references; each connection holds one.   Thread: any, all functions; a lock.
 */
#ifndef COMMON_NET_ADMISSION_H
#define COMMON_NET_ADMISSION_H

#include "common/base/endpoint.h"

struct admission;

enum admission_verdict { ADMITTED, ADMISSION_FULL, ADMISSION_ADDRESS };	/* ADDRESS: that one has enough, or no memory */

struct admission *admission_new(unsigned max, unsigned max_per_address);	/* 0: no limit. NULL: no memory */
void admission_unref(struct admission *a);		/* NULL is fine */

enum admission_verdict admission_enter(struct admission *a, const struct ip_addr *peer);
void admission_leave(void *admission, const struct ip_addr *peer);	/* of one that entered; as stream_on_gone() wants it */

#endif
