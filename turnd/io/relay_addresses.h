/* relay_addresses.h - the addresses of ours on which relay sockets open, and their port pools.
 *
 * Built by main, const while workers run but for the pools, the reservations and the number of open sockets.
 *
 * Thread: any.
 */
#ifndef TURND_IO_RELAY_ADDRESSES_H
#define TURND_IO_RELAY_ADDRESSES_H

#include <stdatomic.h>

#include "turnd/io/relay_ports.h"
#include "turnd/io/reservations.h"

enum { RELAY_ADDRESSES_MAX = 64 };

struct relay_address {
	struct ip_addr ip, advertised;
	struct port_pool *ports;	/* owned */
};

struct relay_addresses {
	struct relay_address v[RELAY_ADDRESSES_MAX];
	size_t n;
	bool translated;		/* some are advertised as something else than they are */
	unsigned max_sockets;		/* how many relay sockets the process may have open: descriptors minus a reserve */
	atomic_uint sockets;
	struct reservations *reserved;	/* owned; NULL until the first address is added */
};

/* Adds one. advertised: what clients are told, `ip` itself without NAT. -1: too many, or no memory. */
int relay_addresses_add(struct relay_addresses *a, const struct ip_addr *ip, const struct ip_addr *advertised,
			uint16_t min_port, uint16_t max_port, unsigned workers);
void relay_addresses_close(struct relay_addresses *a);	/* fine on a zeroed one */

/* Can a socket be bound there? 0, or an errno. */
int relay_address_probe(const struct ip_addr *ip);

/* The address for a client that asked at `server`: the same one if it is a relay address of the family, else in
 * turn by *round. NULL: none of this family. */
struct relay_address *relay_addresses_choose(struct relay_addresses *a, uint8_t family, const struct ip_addr *server,
					     unsigned *round);

/* Is this one of our own relays, by its own or its advertised address, in use now? */
bool relay_addresses_in_use(const struct relay_addresses *a, const struct endpoint *peer);

/* Hairpin: two clients of this server reach each other by advertised addresses, which the NAT in front may not send back
 * to us. A relay in use is so reached by its own address, and seen under the advertised one. Nothing happens to others. */
void relay_addresses_inward(const struct relay_addresses *a, struct endpoint *peer);
void relay_addresses_outward(const struct relay_addresses *a, struct endpoint *peer);

/* Counts one more open socket; false: the descriptors are needed for other things. */
bool relay_addresses_reserve(struct relay_addresses *a);
void relay_addresses_release(struct relay_addresses *a);

#endif
