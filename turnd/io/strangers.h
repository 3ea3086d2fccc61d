/* strangers.h - connections whose client holds no allocation: how many in all, and of one address (turn-contract section 9).
 *
 * One for the process: which worker a connection lives on is no business of whoever opens many.
 *
 * Owner: io/workers.   Thread: any; a mutex, taken when a connection comes, allocates or ends.
 */
#ifndef TURND_IO_STRANGERS_H
#define TURND_IO_STRANGERS_H

#include <uv.h>

#include "common/net/peer_counts.h"

enum { STRANGERS_PER_ADDRESS = 64, STRANGERS_MAX = 4096 };

struct strangers {
	uv_mutex_t lock;
	struct peer_counts addresses;
	unsigned n, max;
};

int strangers_init(struct strangers *s, unsigned max);	/* 0 or a libuv error */
void strangers_close(struct strangers *s);

enum strangers_verdict {
	STRANGER_WELCOME,
	STRANGER_CROWD,		/* counted, but there are more than max: the oldest one should go */
	STRANGER_REFUSED	/* not counted: enough of this address, or no memory */
};
enum strangers_verdict strangers_enter(struct strangers *s, const struct ip_addr *ip);
void strangers_leave(struct strangers *s, const struct ip_addr *ip);	/* allocated, or gone */

#endif
