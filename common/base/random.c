#include "common/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void (*source)(void *out, size_t n);	/* NULL: the kernel */

static _Thread_local struct {
	uint8_t bytes[256];	/* the last `left` are unused, the rest is wiped */
	size_t left;
} pool;

static void fill_from_kernel(uint8_t *out, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);
		if (got < 0 && errno != EINTR)
			abort();
		if (got > 0) {
			out += got;
			n -= (size_t)got;
		}
	}
}

void random_bytes(void *out, size_t n)
{
	uint8_t *from;

	if (source != NULL) {
		source(out, n);
		return;
	}
	if (n > sizeof(pool.bytes) / 4) {
		fill_from_kernel(out, n);
		return;
	}
	if (n > pool.left) {
		fill_from_kernel(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	from = pool.bytes + sizeof(pool.bytes) - pool.left;
	memcpy(out, from, n);
	explicit_bzero(from, n);
	pool.left -= n;
}

uint32_t random_u32(void)
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

uint32_t random_below(uint32_t n)
{
	uint32_t first = -n % n;	/* 2^32 mod n: from there on a multiple of n numbers is left */
	uint32_t v;

	do
		v = random_u32();
	while (v < first);
	return v % n;
}

void random_source_set(void (*fill)(void *out, size_t n))
{
	source = fill;
}
