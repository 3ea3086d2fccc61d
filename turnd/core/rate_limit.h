/* rate_limit.h - how often one source may make us work or answer before it has proved itself (turn-contract section 9).
 *
 * A table of fixed size, keyed by the source's address (IPv4) or /64: whoever spoofs many sources costs us no memory,
 * only pushes others out, and those who showed a nonce of ours last. Each worker has one of its own.
 *
 * Owner: embedded in its turn_server.   Thread: that server's.
 * Time:  `now` is the loop's clock in ms and must never run backwards.
 */
#ifndef TURND_CORE_RATE_LIMIT_H
#define TURND_CORE_RATE_LIMIT_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"

struct rate {
	unsigned per_second;	/* 0: no limit */
	unsigned burst;		/* how many at once */
};

enum rate_kind {
	RATE_REFUSAL,		/* 400, 401, 420, 438 to somebody unknown */
	RATE_BINDING,
	RATE_BAD_INTEGRITY,	/* wrong credentials */
	RATE_N
};

/* What turn-contract section 9 names; an initialiser of struct rate[RATE_N]. */
#define RATES_DEFAULT { [RATE_REFUSAL] = { 100, 500 }, [RATE_BINDING] = { 2000, 2000 }, [RATE_BAD_INTEGRITY] = { 10, 10 } }

struct rate_source;
struct rate_limit {		/* only rate_limit.c looks inside */
	struct rate_source *sources;
};

bool rate_limit_init(struct rate_limit *l);		/* false: no memory */
void rate_limit_close(struct rate_limit *l);

/* May it once more? Counts it if so. */
bool rate_limit_take(struct rate_limit *l, const struct ip_addr *from, enum rate_kind kind, struct rate r, msec_t now);
/* Would it? Counts nothing. */
bool rate_limit_allows(struct rate_limit *l, const struct ip_addr *from, enum rate_kind kind, struct rate r, msec_t now);

/* It showed a nonce of ours, so its address is no lie: refusals are not counted for ten minutes. */
void rate_limit_trust(struct rate_limit *l, const struct ip_addr *from, msec_t now);

#endif
