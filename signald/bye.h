/* bye.h - tells the room servers which members are gone: POST /bye/<room>/<client>, as Collider does on every removal.
 *
 * Nothing ever waits for it: a room server that is slow or down costs its own bounded queue, and what does not fit
 * there is dropped and counted. (In the original one silent room server stopped all signaling.)
 *
 * Owner: struct signald.   Thread: the loop's.
 */
#ifndef SIGNALD_BYE_H
#define SIGNALD_BYE_H

#include "common/net/http_client.h"
#include "signald/config.h"
#include "signald/counters.h"

struct bye {
	struct http_client **server;	/* n, one for each room-server */
	size_t n;
	struct metrics *metrics;
	unsigned open;			/* calls without an answer yet */
	bool failing;			/* the last one failed: said once in the log */
};

int bye_open(struct bye *b, uv_loop_t *loop, const struct signald_config *cfg, struct metrics *m);	/* -1: no memory */
void bye_tell(struct bye *b, struct span room, struct span client);
void bye_close(struct bye *b);		/* fine on a zeroed one; what is open is given up as the loop turns */

#endif
