/* clock.h - time as the suite counts it. Protocol code never calls this: it takes `now` as an argument. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t msec_t;	/* milliseconds: of a monotonic clock, or a span of time */

#define SECONDS(n) ((msec_t)(n) * 1000)
#define MINUTES(n) (SECONDS(n) * 60)
#define HOURS(n) (MINUTES(n) * 60)
#define NEVER UINT64_MAX

msec_t clock_now(void);		/* CLOCK_MONOTONIC; never runs backwards */
int64_t clock_unix(void);	/* seconds since 1970, UTC: for credentials and logs only */

#endif
