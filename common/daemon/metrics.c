#include "common/daemon/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

int metrics_init(struct metrics *m, const struct metric_desc *desc, size_t n)
{
	size_t size = (n * sizeof(m->v[0]) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;

	*m = (struct metrics){ .desc = desc, .n = n };
	/* Whole cache lines: two threads' counters never share one. */
	m->v = aligned_alloc(CACHE_LINE, size > 0 ? size : CACHE_LINE);
	if (m->v == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		atomic_init(&m->v[i], 0);
	return 0;
}

void metrics_close(struct metrics *m)
{
	free(m->v);
	m->v = NULL;
}

uint64_t metrics_sum(const struct metrics *const *sets, size_t n_sets, size_t id)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n_sets; i++)
		sum += atomic_load_explicit(&sets[i]->v[id], memory_order_relaxed);
	return sum;
}

void metrics_print(const struct metrics *const *sets, size_t n_sets, struct buf *out)
{
	const struct metric_desc *d = n_sets > 0 ? sets[0]->desc : NULL;

	for (size_t id = 0; n_sets > 0 && id < sets[0]->n; id++) {
		uint64_t sum = metrics_sum(sets, n_sets, id);
		bool gauge = d[id].type == METRIC_GAUGE;
		if (id == 0 || strcmp(d[id].name, d[id - 1].name) != 0)
			buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", d[id].name, d[id].help, d[id].name,
				 gauge ? "gauge" : "counter");
		if (d[id].labels != NULL)
			buf_addf(out, "%s{%s} ", d[id].name, d[id].labels);
		else
			buf_addf(out, "%s ", d[id].name);
		if (gauge)
			buf_addf(out, "%" PRId64 "\n", (int64_t)sum);
		else
			buf_addf(out, "%" PRIu64 "\n", sum);
	}
}
