#include "common/base/wheel.h"

#include "common/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

static struct wheel w;

struct probe {
	struct wheel_timer timer;
	unsigned fired;
	msec_t at;	/* when it fired last */
};

static void fire(struct wheel_timer *t)
{
	struct probe *p = container_of(t, struct probe, timer);

	assert_false(wheel_armed(t));
	assert_true(t->due <= w.now);
	p->fired++;
	p->at = w.now;
}

static void fires_at_its_due_time_and_not_a_millisecond_earlier(void **state)
{
	static const msec_t after[] = {
		1, 2, 63, 64, 65, 4095, 4096, 4097, 262143, 262144, 600000, 16777216, 86400000, 1073741824,
		UINT64_C(68719476735), UINT64_C(68719476736), UINT64_C(100000000000000),
	};
	static const msec_t starts[] = { 0, 1, 63, 64, 1234567, (UINT64_C(1) << 36) - 1, UINT64_C(0xfffffffffff) };

	(void)state;
	for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
		for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
			struct probe p = { .timer.fire = fire };
			msec_t due = starts[s] + after[i];
			wheel_init(&w, starts[s]);
			wheel_set(&w, &p.timer, due);
			assert_true(wheel_next(&w) > starts[s] && wheel_next(&w) <= due);
			wheel_advance(&w, due - 1);
			assert_int_equal(p.fired, 0);
			wheel_advance(&w, due);
			assert_int_equal(p.fired, 1);
			assert_true(wheel_next(&w) == NEVER);
		}
	}
}

static void whoever_sleeps_until_wheel_next_is_woken_in_time_and_seldom(void **state)
{
	struct probe p = { .timer.fire = fire };
	unsigned wakings = 0;

	(void)state;
	wheel_init(&w, 987654321);
	wheel_set(&w, &p.timer, 987654321 + HOURS(1));
	while (p.fired == 0) {
		wheel_advance(&w, wheel_next(&w));
		wakings++;
	}
	assert_true(p.at == 987654321 + HOURS(1));
	assert_true(wakings <= WHEEL_LEVELS);
}

static void a_past_due_fires_at_the_next_advance_even_if_no_time_passes(void **state)
{
	struct probe p = { .timer.fire = fire };

	(void)state;
	wheel_init(&w, 1000);
	wheel_set(&w, &p.timer, 10);
	assert_true(wheel_next(&w) == 1000);
	wheel_advance(&w, 1000);
	assert_int_equal(p.fired, 1);
	wheel_set(&w, &p.timer, 1000);
	wheel_advance(&w, 5000);
	assert_int_equal(p.fired, 2);
}

static void a_cleared_timer_never_fires(void **state)
{
	struct probe p = { .timer.fire = fire };

	(void)state;
	wheel_init(&w, 0);
	wheel_clear(&w, &p.timer);
	wheel_set(&w, &p.timer, 100);
	assert_true(wheel_armed(&p.timer));
	wheel_clear(&w, &p.timer);
	assert_false(wheel_armed(&p.timer));
	wheel_advance(&w, 1000);
	assert_int_equal(p.fired, 0);
	assert_true(wheel_next(&w) == NEVER);
}

static void setting_again_moves_the_timer(void **state)
{
	struct probe p = { .timer.fire = fire };

	(void)state;
	wheel_init(&w, 0);
	wheel_set(&w, &p.timer, 100);
	wheel_set(&w, &p.timer, 70000);
	wheel_advance(&w, 69999);
	assert_int_equal(p.fired, 0);
	wheel_set(&w, &p.timer, NEVER);
	wheel_advance(&w, 80000);
	assert_int_equal(p.fired, 0);
	wheel_set(&w, &p.timer, 80001);
	wheel_advance(&w, 90000);
	assert_int_equal(p.fired, 1);
}

static msec_t last_due;

static void fire_in_order(struct wheel_timer *t)
{
	assert_true(t->due >= last_due);
	last_due = t->due;
}

static void one_advance_fires_in_the_order_of_due_times(void **state)
{
	static struct wheel_timer t[500];

	(void)state;
	wheel_init(&w, 5);
	last_due = 0;
	for (unsigned i = 0; i < 500; i++) {
		t[i].fire = fire_in_order;
		wheel_set(&w, &t[i], 6 + random_below(1000000));
	}
	wheel_advance(&w, 2000000);
	for (unsigned i = 0; i < 500; i++)
		assert_false(wheel_armed(&t[i]));
}

static void fire_and_again_at_once(struct wheel_timer *t)
{
	fire(t);
	wheel_set(&w, t, 0);
}

static void a_timer_that_rearms_itself_in_the_past_fires_once_an_advance(void **state)
{
	struct probe p = { .timer.fire = fire_and_again_at_once };

	(void)state;
	wheel_init(&w, 0);
	wheel_set(&w, &p.timer, 10);
	for (unsigned i = 1; i <= 5; i++) {
		wheel_advance(&w, 100 * i);
		assert_int_equal(p.fired, i);
		assert_true(wheel_armed(&p.timer));
	}
}

static struct probe *victim;

static void fire_and_clear_another(struct wheel_timer *t)
{
	fire(t);
	wheel_clear(&w, &victim->timer);
}

static void fire_and_free(struct wheel_timer *t)
{
	fire(t);
	free(container_of(t, struct probe, timer));
}

static void a_callback_may_clear_what_is_due_with_it_and_free_its_own(void **state)
{
	struct probe first = { .timer.fire = fire_and_clear_another };
	struct probe second = { .timer.fire = fire };
	struct probe *third = calloc(1, sizeof(*third));

	(void)state;
	assert_non_null(third);
	third->timer.fire = fire_and_free;
	victim = &second;
	wheel_init(&w, 0);
	wheel_set(&w, &first.timer, 50);
	wheel_set(&w, &second.timer, 51);
	wheel_set(&w, &third->timer, 52);
	wheel_advance(&w, 60);
	assert_int_equal(first.fired, 1);
	assert_int_equal(second.fired, 0);
}

/* A naive model beside it: an array of due times. */
enum { TIMERS = 300 };
static struct probe probes[TIMERS];
static msec_t model[TIMERS];	/* NEVER: not armed */

static msec_t some_span(void)
{
	unsigned bits = random_below(40);

	return bits == 0 ? 0 : (uint64_t)random_u32() << 8 >> (40 - bits);
}

static void advance_both(msec_t now)
{
	unsigned before[TIMERS];

	for (unsigned i = 0; i < TIMERS; i++)
		before[i] = probes[i].fired;
	wheel_advance(&w, now);
	for (unsigned i = 0; i < TIMERS; i++) {
		bool due = model[i] <= now;
		assert_int_equal(probes[i].fired - before[i], due);
		if (due)
			model[i] = NEVER;
		assert_int_equal(wheel_armed(&probes[i].timer), model[i] != NEVER);
	}
}

static void check_next(msec_t now)
{
	msec_t earliest = NEVER;

	for (unsigned i = 0; i < TIMERS; i++)
		if (model[i] < earliest)
			earliest = model[i];
	if (earliest < now)
		earliest = now;
	assert_true(wheel_next(&w) <= earliest);
	assert_true(wheel_next(&w) >= now);
}

static void does_what_a_naive_model_does(void **state)
{
	msec_t now = (UINT64_C(1) << 36) - 100000;

	(void)state;
	wheel_init(&w, now);
	for (unsigned i = 0; i < TIMERS; i++) {
		probes[i] = (struct probe){ .timer.fire = fire };
		model[i] = NEVER;
	}
	for (unsigned step = 0; step < 30000; step++) {
		unsigned i = random_below(TIMERS);
		switch (random_below(8)) {
		case 0:
			wheel_clear(&w, &probes[i].timer);
			model[i] = NEVER;
			break;
		case 1:
			now += some_span() >> random_below(20);
			advance_both(now);
			break;
		case 2:
			if (wheel_next(&w) != NEVER)
				now = wheel_next(&w);
			advance_both(now);
			break;
		case 3:
			model[i] = now - random_below(1000);
			wheel_set(&w, &probes[i].timer, model[i]);
			break;
		default:
			model[i] = now + some_span();
			wheel_set(&w, &probes[i].timer, model[i]);
			break;
		}
		check_next(now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_at_its_due_time_and_not_a_millisecond_earlier),
		cmocka_unit_test(whoever_sleeps_until_wheel_next_is_woken_in_time_and_seldom),
		cmocka_unit_test(a_past_due_fires_at_the_next_advance_even_if_no_time_passes),
		cmocka_unit_test(a_cleared_timer_never_fires),
		cmocka_unit_test(setting_again_moves_the_timer),
		cmocka_unit_test(one_advance_fires_in_the_order_of_due_times),
		cmocka_unit_test(a_timer_that_rearms_itself_in_the_past_fires_once_an_advance),
		cmocka_unit_test(a_callback_may_clear_what_is_due_with_it_and_free_its_own),
		cmocka_unit_test(does_what_a_naive_model_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
