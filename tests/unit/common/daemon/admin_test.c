#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/daemon/admin.h"
#include "tests/lib/failing_alloc.h"

static bool never_ready(void *ctx, const char **why_not)
{
	(void)ctx, (void)why_not;
	return false;
}

static void no_metrics(void *ctx, struct buf *out)
{
	(void)ctx, (void)out;
}

static const struct admin_ops ops = { .ready = never_ready, .metrics = no_metrics };
static const struct endpoint anywhere = { .ip = { .family = 4, .b = { 127, 0, 0, 1 } } };

static void assert_loop_ends_empty(uv_loop_t *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void every_failing_allocation_of_a_start_is_a_sentence(void **state)
{
	struct admin a;
	uv_loop_t loop;
	char why[128];
	unsigned n = 0;
	bool started = false;

	(void)state;
	for (; !started; n++) {
		assert_int_equal(uv_loop_init(&loop), 0);
		why[0] = '\0';
		alloc_fail_at(n);
		started = admin_start(&a, &loop, &anywhere, &ops, NULL, why) == 0;
		alloc_fail_never();
		if (!started)
			assert_string_not_equal(why, "");
		admin_stop(&a);
		admin_stop(&a);
		assert_loop_ends_empty(&loop);
	}
	assert_true(n > 1);
}

static void two_cannot_have_one_address(void **state)
{
	struct admin a, b;
	struct endpoint at;
	uv_loop_t loop;
	char why[128];

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(admin_start(&a, &loop, &anywhere, &ops, NULL, why), 0);
	at = http_server_at(a.http, 0);
	assert_int_equal(admin_start(&b, &loop, &at, &ops, NULL, why), -1);
	assert_non_null(strstr(why, "address already in use"));
	admin_stop(&a);
	assert_loop_ends_empty(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failing_allocation_of_a_start_is_a_sentence),
		cmocka_unit_test(two_cannot_have_one_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
