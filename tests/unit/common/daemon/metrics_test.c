#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "common/daemon/metrics.h"
#include "tests/lib/failing_alloc.h"

enum { CLOSED_PEER, CLOSED_QUOTA, OPEN, N_METRICS };
static const struct metric_desc desc[N_METRICS] = {
	[CLOSED_PEER] = { "closed_total", "reason=\"peer\"", METRIC_COUNTER, "Connections closed." },
	[CLOSED_QUOTA] = { "closed_total", "reason=\"quota\"", METRIC_COUNTER, NULL },
	[OPEN] = { "open", NULL, METRIC_GAUGE, "Connections now." },
};

static void a_page_adds_up_all_threads(void **state)
{
	struct metrics a, b;
	const struct metrics *const sets[] = { &a, &b };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(metrics_init(&a, desc, N_METRICS), 0);
	assert_int_equal(metrics_init(&b, desc, N_METRICS), 0);
	metric_add(&a, CLOSED_PEER, 3);
	metric_add(&b, CLOSED_PEER, UINT64_C(1) << 40);
	metric_add(&a, OPEN, 3);	/* opened here, two of them closed there */
	metric_sub(&b, OPEN, 2);
	metrics_print(sets, 2, &out);
	assert_string_equal(buf_cstr(&out),
			    "# HELP closed_total Connections closed.\n"
			    "# TYPE closed_total counter\n"
			    "closed_total{reason=\"peer\"} 1099511627779\n"
			    "closed_total{reason=\"quota\"} 0\n"
			    "# HELP open Connections now.\n"
			    "# TYPE open gauge\n"
			    "open 1\n");
	metric_set(&a, OPEN, 1);
	assert_int_equal((int64_t)metrics_sum(sets, 2, OPEN), -1);
	metrics_close(&a);
	metrics_close(&b);
	buf_close(&out);
}

static void no_set_prints_nothing(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 16);
	metrics_print(NULL, 0, &out);
	assert_int_equal(out.len, 0);
	assert_false(out.failed);
}

static void without_memory_there_is_no_set(void **state)
{
	struct metrics m;

	(void)state;
	alloc_fail_at(0);
	assert_int_equal(metrics_init(&m, desc, N_METRICS), -1);
	alloc_fail_never();
	metrics_close(&m);
}

enum { ROUNDS = 100000 };

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		metric_add(arg, CLOSED_PEER, 1);
	return NULL;
}

static void a_reader_may_look_while_writers_count(void **state)
{
	struct metrics a, b;
	const struct metrics *const sets[] = { &a, &b };
	pthread_t ta, tb;
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(metrics_init(&a, desc, N_METRICS), 0);
	assert_int_equal(metrics_init(&b, desc, N_METRICS), 0);
	assert_int_equal(pthread_create(&ta, NULL, count, &a), 0);
	assert_int_equal(pthread_create(&tb, NULL, count, &b), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = metrics_sum(sets, 2, CLOSED_PEER);
		assert_true(now >= seen);
		seen = now;
	}
	pthread_join(ta, NULL);
	pthread_join(tb, NULL);
	assert_int_equal(metrics_sum(sets, 2, CLOSED_PEER), 2 * ROUNDS);
	metrics_close(&a);
	metrics_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_adds_up_all_threads),
		cmocka_unit_test(no_set_prints_nothing),
		cmocka_unit_test(without_memory_there_is_no_set),
		cmocka_unit_test(a_reader_may_look_while_writers_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
