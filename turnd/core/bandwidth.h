/* bandwidth.h - how many bytes a second may be relayed: by one allocation in one direction, and by the whole server.
 *
 * Token buckets that hold a second's worth. A packet passes while anything is left and may overdraw, so that one that is
 * longer than the bucket is not refused for ever.
 *
 * struct bucket: its allocation's, and of its thread. struct capacity is process-wide: workers lease from it some 20 ms' worth at
 * a time by one atomic operation, so that no packet waits for another worker.
 * Time: ms of the monotonic clock, which must never run backwards (capacity: of any thread's loop; a lag of one is no harm).
 */
#ifndef TURND_CORE_BANDWIDTH_H
#define TURND_CORE_BANDWIDTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clock.h"

struct bucket {			/* a zeroed one is full */
	msec_t at;
	int64_t spent;		/* of a second's worth, in thousandths of a byte */
};

bool bucket_take(struct bucket *b, uint64_t bytes_per_second, size_t n, msec_t now);

enum { CAPACITY_DIRECTIONS = 2 };

struct capacity {		/* main's; workers borrow it */
	_Atomic uint64_t bytes_per_second;	/* in each direction; 0: no limit */
	_Atomic uint64_t used_until[CAPACITY_DIRECTIONS];	/* microseconds: what was leased lasts until then */
};

struct capacity_lease {		/* one worker's; a zeroed one is empty */
	int64_t left[CAPACITY_DIRECTIONS];	/* bytes */
};

bool capacity_take(struct capacity *c, struct capacity_lease *l, unsigned direction, size_t n, msec_t now);

#endif
