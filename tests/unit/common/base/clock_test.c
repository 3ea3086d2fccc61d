#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

static void the_monotonic_clock_counts_milliseconds_and_never_runs_backwards(void **state)
{
	struct timespec t;
	msec_t last = clock_now(), reference;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		msec_t now = clock_now();
		assert_true(now >= last);
		last = now;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	reference = (msec_t)t.tv_sec * 1000 + (msec_t)t.tv_nsec / 1000000;
	assert_true(reference >= last && clock_now() >= reference);
	assert_true(clock_now() - reference < MINUTES(1));
}

static void unix_time_is_in_seconds(void **state)
{
	int64_t before = time(NULL), now = clock_unix();

	(void)state;
	assert_true(now >= before && now <= before + 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_monotonic_clock_counts_milliseconds_and_never_runs_backwards),
		cmocka_unit_test(unix_time_is_in_seconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
