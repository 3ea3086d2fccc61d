/* map.h - an intrusive hash map, keyed by bytes that strangers choose.
 *
 * Keys are hashed by SipHash-1-3 under a key that is random per process (threat model D-A6). The map stores
 * nodes that live inside the caller's structures; the caller compares keys:
 *
 *	for (n = map_first(&m, h); n != NULL; n = map_next(n))
 *		if (same key(container_of(n, struct thing, node)))
 *
 * Owner: whoever embeds it; it owns its table of buckets, never the nodes.   Thread: its owner's.
 */
#ifndef COMMON_BASE_MAP_H
#define COMMON_BASE_MAP_H

#include "common/base/span.h"

struct map_node {
	struct map_node *next;	/* in the same bucket */
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t n_buckets;	/* a power of two, or 0 before the first add */
	size_t n;		/* nodes */
};

void map_init(struct map *m);		/* allocates nothing, cannot fail */
void map_close(struct map *m);		/* frees the table, not the nodes; fine on a zeroed one */

uint64_t map_hash(struct span key);	/* the same for all maps of this process */

struct map_node *map_first(const struct map *m, uint64_t hash);	/* first node with exactly this hash, or NULL */
struct map_node *map_next(const struct map_node *n);		/* next with the same hash, or NULL */

/* False only when no table exists and there is no memory for one. A table that cannot grow goes on with
 * longer chains. The node must not be in a map already. */
bool map_add(struct map *m, struct map_node *n, uint64_t hash);
void map_remove(struct map *m, struct map_node *n);	/* the node must be in m */

/* Calls fn for every node; fn may remove and free the node it is given, and no other. */
void map_each(struct map *m, void (*fn)(struct map_node *n, void *ctx), void *ctx);

#endif
