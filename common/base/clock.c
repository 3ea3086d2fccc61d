#include "common/base/clock.h"

#include <time.h>

msec_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return SECONDS(t.tv_sec) + (msec_t)t.tv_nsec / 1000000;
}

int64_t clock_unix(void)
{
	return time(NULL);
}
