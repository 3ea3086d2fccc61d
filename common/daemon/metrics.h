/* metrics.h - counters with one writer each, added up when somebody looks.
 *
 * A daemon has one table of metric_desc, indexed by an enum of its own; every thread that counts has a
 * `struct metrics` over that table. Writing is a relaxed store by the owner thread: no lock, no shared cache line.
 */
#ifndef COMMON_DAEMON_METRICS_H
#define COMMON_DAEMON_METRICS_H

#include <stdatomic.h>

#include "common/base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

struct metric_desc {
	const char *name;	/* Prometheus name; rows of one family stand together and share name, type, help */
	const char *labels;	/* "reason=\"quota\"", or NULL: only from fixed sets, never from input */
	enum metric_type type;
	const char *help;	/* on the first row of a family */
};

struct metrics {
	const struct metric_desc *desc;
	size_t n;
	_Atomic uint64_t *v;	/* n of them; gauges may "go below zero" in one thread: only the sum counts */
};

int metrics_init(struct metrics *m, const struct metric_desc *desc, size_t n);	/* -1: no memory */
void metrics_close(struct metrics *m);

static inline void metric_add(struct metrics *m, size_t id, uint64_t delta)	/* the owner thread only */
{
	atomic_store_explicit(&m->v[id], atomic_load_explicit(&m->v[id], memory_order_relaxed) + delta,
			      memory_order_relaxed);
}
static inline void metric_sub(struct metrics *m, size_t id, uint64_t delta) { metric_add(m, id, (uint64_t)0 - delta); }
static inline void metric_set(struct metrics *m, size_t id, uint64_t value)
{
	atomic_store_explicit(&m->v[id], value, memory_order_relaxed);
}
uint64_t metrics_sum(const struct metrics *const *sets, size_t n_sets, size_t id);	/* any thread */

/* Prometheus text format 0.0.4, the sum of all sets. */
void metrics_print(const struct metrics *const *sets, size_t n_sets, struct buf *out);

#endif
