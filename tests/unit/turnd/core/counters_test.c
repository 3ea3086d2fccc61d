#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/core/counters.h"

#include <stdlib.h>

static void every_code_finds_its_own_label(void **state)
{
	(void)state;
	assert_int_equal(turn_code_of(0), CODE_SUCCESS);
	for (unsigned i = CODE_SUCCESS + 1; i < CODE_N; i++)
		assert_int_equal(turn_code_of((unsigned)atoi(turn_code_names[i])), i);
	assert_int_equal(turn_code_of(599), CODE_500);
}

static void a_counter_adds_up_and_a_gauge_comes_down_again(void **state)
{
	count_t c = 0;
	(void)state;
	count_add(&c, 3);
	count_add(&c, 4);
	count_add(&c, (uint64_t)-1);
	assert_int_equal(count_read(&c), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_finds_its_own_label),
		cmocka_unit_test(a_counter_adds_up_and_a_gauge_comes_down_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
