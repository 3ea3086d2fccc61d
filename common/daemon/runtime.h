/* runtime.h - what every /metrics page says about its process and its main loop.
 *
 * suite_build_info, process_* as Prometheus' client libraries name them, and how long the loop was busy between two
 * looks at its sockets: a turn above 50 ms is too long (threat model D-A7).
 *
 * Owner: service.   Thread: the main loop's.
 */
#ifndef COMMON_DAEMON_RUNTIME_H
#define COMMON_DAEMON_RUNTIME_H

#include <uv.h>

#include "common/base/buf.h"

struct runtime {
	const char *daemon;
	uv_prepare_t turn;		/* called once a turn of the loop */
	uint64_t began, idle;		/* ns: last turn's begin; time spent waiting up to then */
	uint64_t window_began;		/* ns */
	uint64_t longest[2];		/* ns: in this window and in the one before */
	uint64_t long_turns;
	int64_t started;		/* seconds since 1970 */
};

/* Before the loop runs. Does not keep the loop alive. 0, or libuv's error. */
int runtime_start(struct runtime *r, uv_loop_t *loop, const char *daemon);
void runtime_stop(struct runtime *r);	/* its handle closes; fine on a zeroed one, and twice */
void runtime_print(const struct runtime *r, struct buf *out);

#endif
