#include "common/base/rate_limit.h"

#include "common/base/map.h"

#include <stdlib.h>

enum { SETS = 2048, WAYS = 4 };		/* a power of two; sources that share a set */
#define TRUST MINUTES(10)

struct rate_source {
	uint64_t hash;			/* of the prefix; 0: free */
	msec_t seen, trusted_until;
	uint64_t full_at[RATE_KINDS];	/* microseconds: when its bucket is full again (GCRA) */
};

bool rate_limit_init(struct rate_limit *l)
{
	l->sources = calloc((size_t)SETS * WAYS, sizeof(struct rate_source));
	return l->sources != NULL;
}

void rate_limit_close(struct rate_limit *l)
{
	free(l->sources);
	l->sources = NULL;
}

/* Trusted ones are older than they look only when their trust has run out. */
static msec_t worth(const struct rate_source *s, msec_t now)
{
	return now < s->trusted_until ? now + s->trusted_until : s->seen;
}

static struct rate_source *find(struct rate_limit *l, const struct ip_addr *from, msec_t now)
{
	uint64_t hash = map_hash(span_of(from->b, from->family == 6 ? 8 : 4)) | 1;
	struct rate_source *set = &l->sources[(hash >> 8 & (SETS - 1)) * WAYS], *least = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].hash == hash) {
			set[i].seen = now;
			return &set[i];
		}
		if (worth(&set[i], now) < worth(least, now))
			least = &set[i];
	}
	*least = (struct rate_source){ .hash = hash, .seen = now };
	return least;
}

static bool check(struct rate_source *s, unsigned kind, struct rate r, msec_t now, bool take)
{
	uint64_t at = now * 1000, step;

	if (r.per_second == 0)
		return true;
	step = 1000000 / r.per_second;
	if (s->full_at[kind] < at)
		s->full_at[kind] = at;
	if (s->full_at[kind] - at + step > step * r.burst)
		return false;
	if (take)
		s->full_at[kind] += step;
	return true;
}

bool rate_limit_take(struct rate_limit *l, const struct ip_addr *from, unsigned kind, struct rate r, msec_t now)
{
	return check(find(l, from, now), kind, r, now, true);
}

bool rate_limit_allows(struct rate_limit *l, const struct ip_addr *from, unsigned kind, struct rate r, msec_t now)
{
	return check(find(l, from, now), kind, r, now, false);
}

void rate_limit_trust(struct rate_limit *l, const struct ip_addr *from, msec_t now)
{
	find(l, from, now)->trusted_until = now + TRUST;
}

bool rate_limit_trusted(struct rate_limit *l, const struct ip_addr *from, msec_t now)
{
	return now < find(l, from, now)->trusted_until;
}
