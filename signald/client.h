/* client.h - one WebSocket, from its upgrade to its last close callback.
 *
 *	NEW --register--> MEMBER --+-- Close sent --> CLOSING --+--> ENDED --> freed
 *	  \------------------------/                           /
 *	   \--- Close received, or the stream is gone --------/
 *
 * Every state has a deadline, all on one wheel: NEW register-timeout; MEMBER the next ping, and stall-timeout while
 * bytes are unsent; CLOSING close-timeout; ENDED the stream's own.
 * A client is not read while an operation of its own waits for its answer, or another member of its room has more
 * than unsent-hold bytes to take. What was read already waits in `input`.
 *
 * Owner: struct clients, one per loop; each client frees itself.   Thread: the loop's.
 */
#ifndef SIGNALD_CLIENT_H
#define SIGNALD_CLIENT_H

#include "common/base/list.h"
#include "common/net/http_server.h"
#include "signald/config.h"
#include "signald/counters.h"
#include "signald/hub.h"

struct client;

struct clients {		/* all WebSockets of a loop; its owner fills the part above `all` */
	uv_loop_t *loop;
	const struct signald_config *cfg;
	struct hub *hub;
	struct wheel *wheel;	/* runs on the loop's clock */
	struct metrics *metrics;
	struct list all;
	unsigned n;
	bool draining;
	unsigned pumping;		/* clients whose input is at work; more than one where they nest */
	struct client *corked_for;	/* whose frames are in `corked`: many for one peer become one write */
	struct buf corked;		/* empty whenever the loop turns */
};

void clients_init(struct clients *all);
void clients_close(struct clients *all);	/* once n is 0 */

/* Upgrades x, a checked handshake; x is dead afterwards. accept: see ws_handshake.h. */
void client_open(struct clients *all, struct http_exchange *x, const char *accept);

void clients_drain(struct clients *all);	/* closes them (1001), spread over drain-spread */
void clients_stop(struct clients *all);		/* closes them now; all are gone once n is 0 */

#endif
