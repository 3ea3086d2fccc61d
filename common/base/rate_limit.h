/* rate_limit.h - how often one source may make us work or answer (turn-contract section 9; threat model D-T3, D-H10).
 *
 * A table of fixed size, keyed by the source's address (IPv4) or /64: whoever spoofs many sources costs us no memory,
 * only pushes others out, and the trusted ones last.
 *
 * Owner: whoever embeds it.   Thread: its owner's.
 * Time:  `now` is the loop's clock in ms and must never run backwards.
 */
#ifndef COMMON_BASE_RATE_LIMIT_H
#define COMMON_BASE_RATE_LIMIT_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"

struct rate {
	unsigned per_second;	/* 0: no limit */
	unsigned burst;		/* how many at once */
};

enum { RATE_KINDS = 3 };	/* what is limited is the owner's matter: 0, 1, 2 do not share */

struct rate_source;
struct rate_limit {		/* only rate_limit.c looks inside */
	struct rate_source *sources;
};

bool rate_limit_init(struct rate_limit *l);		/* false: no memory */
void rate_limit_close(struct rate_limit *l);

/* May it once more? Counts it if so. */
bool rate_limit_take(struct rate_limit *l, const struct ip_addr *from, unsigned kind, struct rate r, msec_t now);
/* Would it? Counts nothing. */
bool rate_limit_allows(struct rate_limit *l, const struct ip_addr *from, unsigned kind, struct rate r, msec_t now);

/* Its address is no lie, as it has shown: for ten minutes. What that allows is the owner's matter. */
void rate_limit_trust(struct rate_limit *l, const struct ip_addr *from, msec_t now);
bool rate_limit_trusted(struct rate_limit *l, const struct ip_addr *from, msec_t now);

#endif
