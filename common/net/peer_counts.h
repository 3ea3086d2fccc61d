/* peer_counts.h - how many connections each address has: an IPv4 address, or an IPv6 /64, which is what one host gets.
 *
 * Owner: embedded in a listener.   Thread: its loop's.   Memory: one entry per address that has any.
 */
#ifndef COMMON_NET_PEER_COUNTS_H
#define COMMON_NET_PEER_COUNTS_H

#include "common/base/endpoint.h"
#include "common/base/map.h"

struct peer_counts {
	struct map addresses;
	unsigned limit;		/* per address; 0: none, and nothing is counted */
};

void peer_counts_init(struct peer_counts *c, unsigned limit);
void peer_counts_close(struct peer_counts *c);	/* all were removed */

bool peer_counts_add(struct peer_counts *c, const struct ip_addr *peer);	/* false: it has enough, or no memory */
void peer_counts_remove(struct peer_counts *c, const struct ip_addr *peer);	/* of one that was added */

#endif
