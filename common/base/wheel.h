/* wheel.h - a hierarchical timing wheel: any number of timers, O(1) each.
 *
 * Granularity 1 ms near by, coarser far away; a timer fires at its due time or later, never earlier, and at
 * most once per wheel_set(). Nothing is allocated: a timer is embedded in what it times out.
 *
 * Owner: the loop or table that embeds it.   Thread: that loop's.
 * Time:  `now` is the loop's clock in ms and must never run backwards.
 */
#ifndef COMMON_BASE_WHEEL_H
#define COMMON_BASE_WHEEL_H

#include "common/base/clock.h"
#include "common/base/list.h"

struct wheel_timer {
	struct list link;	/* in no list: not armed */
	msec_t due;
	void (*fire)(struct wheel_timer *t);	/* set by the owner once; may set or clear any timer, may free its own */
};

enum { WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 6 };

struct wheel {
	msec_t now;
	struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
	uint64_t busy[WHEEL_LEVELS];	/* a bit per slot that holds timers */
};

void wheel_init(struct wheel *w, msec_t now);
void wheel_set(struct wheel *w, struct wheel_timer *t, msec_t due);	/* arms or moves; a past due fires at the next advance */
void wheel_clear(struct wheel *w, struct wheel_timer *t);		/* fine if not armed */
static inline int wheel_armed(const struct wheel_timer *t) { return list_linked(&t->link); }
void wheel_advance(struct wheel *w, msec_t now);			/* fires what is due */
msec_t wheel_next(const struct wheel *w);	/* when to call wheel_advance() at the latest: a time, or NEVER; may be early */

#endif
