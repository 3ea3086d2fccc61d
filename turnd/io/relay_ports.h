/* relay_ports.h - the relay ports of one address and protocol: which are free, and which worker uses which.
 *
 * One pool for the process. The range is cut into chunks of 256 ports; workers lease chunks from the pool and return
 * those of which nothing is in use. A worker chooses uniformly among its own free ports and those of the chunks
 * that nobody holds; when there are none it borrows single ports from other workers' chunks, so that the last
 * port of the range can be used. Which worker uses a port is a table that any thread may read: what a program
 * that steers packets to workers needs.
 *
 * Choosing is O(1) however full the range is. Nothing is done for a port before its chunk is leased.
 * A port that was given back rests for 2 s, one that another program holds for a minute.
 *
 * Owner: io/relay_addresses.   Thread: any; a mutex, taken when a relay opens or closes, never for a packet.
 */
#ifndef TURND_IO_RELAY_PORTS_H
#define TURND_IO_RELAY_PORTS_H

#include "common/base/clock.h"
#include "turnd/core/relay.h"

enum { PORT_REST_MS = 2000, PORT_FOREIGN_REST_MS = 60000, PORT_CHUNK = 256 };

struct port_pool;

/* min..max inclusive, min > 0. NULL: no memory. */
struct port_pool *port_pool_new(uint16_t min, uint16_t max, unsigned workers);
void port_pool_free(struct port_pool *p);	/* NULL is fine */

/* A free port for `worker` (0 .. workers-1); 0: there is none. With RELAY_EVEN_PORT_RESERVE the one behind it too. */
uint16_t port_pool_take(struct port_pool *p, unsigned worker, enum relay_parity parity, msec_t now);

enum port_verdict {
	PORT_USED,	/* it was ours: rests 2 s */
	PORT_FOREIGN	/* somebody else has it bound: rests a minute */
};
void port_pool_give(struct port_pool *p, uint16_t port, enum port_verdict v, msec_t now);

void port_pool_move(struct port_pool *p, uint16_t port, unsigned worker);	/* a port in use: now by this worker */

int port_pool_user(const struct port_pool *p, uint16_t port);	/* the worker that uses it; -1: nobody, or not in range */
unsigned port_pool_used(const struct port_pool *p);		/* ports in use now */
unsigned port_pool_size(const struct port_pool *p);
unsigned port_pool_leased(struct port_pool *p, unsigned worker);	/* chunks that this worker holds */

#endif
