#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "common/daemon/runtime.h"

struct world {
	uv_loop_t loop;
	uv_timer_t timer;
	struct runtime runtime;
	struct buf page;
};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	buf_init(&w->page, 1 << 16);
	return uv_loop_init(&w->loop) < 0 || runtime_start(&w->runtime, &w->loop, "turnd") < 0 ||
	       uv_timer_init(&w->loop, &w->timer) < 0 ? -1 : 0;
}

static int end(void **state)
{
	struct world *w = *state;
	int rc;

	runtime_stop(&w->runtime);
	runtime_stop(&w->runtime);
	uv_close((uv_handle_t *)&w->timer, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	rc = uv_loop_close(&w->loop);
	buf_close(&w->page);
	free(w);
	return rc;
}

static double value(struct world *w, const char *name)
{
	char line[128];
	const char *at;

	buf_reset(&w->page);
	runtime_print(&w->runtime, &w->page);
	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(buf_cstr(&w->page), line);
	assert_non_null(at);
	return strtod(at + strlen(line), NULL);
}

static void busy(uv_timer_t *timer)
{
	uint64_t end_of_it = uv_hrtime() + 80 * UINT64_C(1000000);

	(void)timer;
	while (uv_hrtime() < end_of_it)
		;
}

static void nothing(uv_timer_t *timer)
{
	(void)timer;
}

static void waiting_is_not_being_busy(void **state)
{
	struct world *w = *state;

	uv_timer_start(&w->timer, nothing, 200, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_true(value(w, "suite_loop_longest_turn_seconds") < 0.15);
}

static void the_longest_turn_is_remembered_for_a_while(void **state)
{
	struct world *w = *state;

	uv_timer_start(&w->timer, busy, 0, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	uv_timer_start(&w->timer, nothing, 1, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_true(value(w, "suite_loop_longest_turn_seconds") >= 0.08);
	assert_true(value(w, "suite_loop_long_turns_total") >= 1);

	for (int minute = 0; minute < 2; minute++) {
		assert_true(value(w, "suite_loop_longest_turn_seconds") >= 0.08);
		w->runtime.window_began -= 60 * UINT64_C(1000000000);
		uv_timer_start(&w->timer, nothing, 1, 0);
		uv_run(&w->loop, UV_RUN_DEFAULT);
	}
	assert_true(value(w, "suite_loop_longest_turn_seconds") < 0.08);
}

static void the_process_is_described(void **state)
{
	struct world *w = *state;
	double before = value(w, "process_open_fds");
	int fd = dup(0);

	assert_true(fd >= 0);
	assert_true(value(w, "process_open_fds") > before);
	close(fd);
	assert_true(value(w, "process_open_fds") >= before - 0.5 && value(w, "process_open_fds") <= before + 0.5);
	assert_true(value(w, "process_resident_memory_bytes") > 1e5);
	assert_true(value(w, "process_virtual_memory_bytes") >= value(w, "process_resident_memory_bytes"));
	assert_true(value(w, "process_start_time_seconds") > 1.6e9);
	assert_true(value(w, "process_max_fds") > 0);
	assert_true(value(w, "process_cpu_seconds_total") >= 0);
	assert_non_null(strstr(buf_cstr(&w->page), "\nsuite_build_info{daemon=\"turnd\",version=\"" SUITE_VERSION "\"} 1\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waiting_is_not_being_busy, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_turn_is_remembered_for_a_while, begin, end),
		cmocka_unit_test_setup_teardown(the_process_is_described, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
