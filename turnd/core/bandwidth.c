#include "turnd/core/bandwidth.h"

enum { LEASES_PER_SECOND = 50, ELAPSED_MAX = 1 << 22 };	/* more than pays any debt; and nothing overflows */

bool bucket_take(struct bucket *b, uint64_t bytes_per_second, size_t n, msec_t now)
{
	msec_t elapsed = now - b->at < ELAPSED_MAX ? now - b->at : ELAPSED_MAX;
	int64_t full = (int64_t)bytes_per_second * 1000;

	b->at = now;
	if (elapsed * bytes_per_second >= (uint64_t)(b->spent > 0 ? b->spent : 0))
		b->spent = 0;
	else
		b->spent -= (int64_t)(elapsed * bytes_per_second);
	if (b->spent >= full)
		return false;
	b->spent += (int64_t)n * 1000;
	return true;
}

/* One theoretical arrival time for all workers: the bucket is full when it lies a second back, empty when it is now. */
static bool lease(struct capacity *c, unsigned direction, uint64_t bytes, uint64_t rate, msec_t now)
{
	uint64_t now_us = now * 1000, cost = bytes * 1000000 / rate, was = atomic_load_explicit(&c->used_until[direction], memory_order_relaxed);
	uint64_t from;

	do {
		uint64_t full = now_us > 1000000 ? now_us - 1000000 : 0;
		from = was > full ? was : full;
		if (from >= now_us)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&c->used_until[direction], &was, from + cost, memory_order_relaxed,
							memory_order_relaxed));
	return true;
}

bool capacity_take(struct capacity *c, struct capacity_lease *l, unsigned direction, size_t n, msec_t now)
{
	uint64_t rate = atomic_load_explicit(&c->bytes_per_second, memory_order_relaxed);
	int64_t *left = &l->left[direction];

	if (rate == 0)
		return true;
	if (*left <= 0) {
		uint64_t bytes = rate / LEASES_PER_SECOND + 1 + (uint64_t)-*left;
		if (!lease(c, direction, bytes, rate, now))
			return false;
		*left += (int64_t)bytes;
	}
	*left -= (int64_t)n;
	return true;
}
