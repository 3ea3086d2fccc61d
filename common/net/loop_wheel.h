/* loop_wheel.h - a timing wheel driven by one uv_timer: however many deadlines, the loop knows one.
 *
 * Owner: embedded in a server or client, which must live until `closed` was called.   Thread: the loop's.
 */
#ifndef COMMON_NET_LOOP_WHEEL_H
#define COMMON_NET_LOOP_WHEEL_H

#include <uv.h>

#include "common/base/wheel.h"

struct loop_wheel {
	struct wheel wheel;
	uv_timer_t timer;
	msec_t due;			/* when the timer fires; NEVER: it does not run */
	void (*closed)(struct loop_wheel *w);
};

void loop_wheel_init(struct loop_wheel *w, uv_loop_t *loop);
void loop_wheel_set(struct loop_wheel *w, struct wheel_timer *t, msec_t from_now);	/* 0: at the loop's next turn */
void loop_wheel_arm(struct loop_wheel *w);	/* after timers were set by code that knows w->wheel alone (a pure core) */
static inline void loop_wheel_clear(struct loop_wheel *w, struct wheel_timer *t) { wheel_clear(&w->wheel, t); }
void loop_wheel_close(struct loop_wheel *w, void (*closed)(struct loop_wheel *w));	/* nothing fires any more */

#endif
