#include "common/net/loop_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/loop.h"

struct alarm_clock {
	struct wheel_timer timer;
	struct loop_wheel *wheel;
	msec_t at;		/* when it went off */
	unsigned again;		/* times that it shall be set anew */
};

static unsigned n_closed;

static void on_fire(struct wheel_timer *t)
{
	struct alarm_clock *a = container_of(t, struct alarm_clock, timer);

	a->at = uv_now(a->wheel->timer.loop);
	if (a->again-- > 0)
		loop_wheel_set(a->wheel, t, 0);
}

static void on_closed(struct loop_wheel *w)
{
	(void)w;
	n_closed++;
}

static void deadlines_fire_in_their_order_and_never_early(void **state)
{
	struct test_loop loop;
	struct loop_wheel w;
	struct alarm_clock a[4] = { { .again = 0 } };
	msec_t start;

	(void)state;
	n_closed = 0;
	test_loop_open(&loop);
	loop_wheel_init(&w, &loop.uv);
	start = uv_now(&loop.uv);
	for (unsigned i = 0; i < 4; i++) {
		a[i].timer.fire = on_fire;
		a[i].wheel = &w;
	}
	loop_wheel_set(&w, &a[0].timer, 70);
	loop_wheel_set(&w, &a[1].timer, 5);
	loop_wheel_set(&w, &a[2].timer, 0);
	loop_wheel_set(&w, &a[3].timer, 1);
	loop_wheel_clear(&w, &a[3].timer);
	loop_wheel_set(&w, &a[1].timer, 30);	/* moved */
	RUN_UNTIL(&loop, a[0].at != 0);
	assert_in_range(a[2].at, start, a[1].at);
	assert_in_range(a[1].at, start + 30, a[0].at);
	assert_true(a[0].at >= start + 70);
	assert_int_equal(a[3].at, 0);
	assert_int_equal(uv_is_active((uv_handle_t *)&w.timer), 0);
	loop_wheel_close(&w, on_closed);
	RUN_UNTIL(&loop, n_closed == 1);
	test_loop_close(&loop);
}

static void a_deadline_may_be_set_anew_while_it_fires(void **state)
{
	struct test_loop loop;
	struct loop_wheel w;
	struct alarm_clock a = { .timer.fire = on_fire, .wheel = &w, .again = 3 };

	(void)state;
	n_closed = 0;
	test_loop_open(&loop);
	loop_wheel_init(&w, &loop.uv);
	loop_wheel_set(&w, &a.timer, 1);
	RUN_UNTIL(&loop, a.again == UINT32_MAX);
	loop_wheel_set(&w, &a.timer, 0);
	loop_wheel_close(&w, on_closed);
	loop_wheel_set(&w, &a.timer, 0);	/* late, and harmless */
	a.at = 0;
	RUN_UNTIL(&loop, n_closed == 1);
	assert_int_equal(a.at, 0);
	test_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadlines_fire_in_their_order_and_never_early),
		cmocka_unit_test(a_deadline_may_be_set_anew_while_it_fires),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
