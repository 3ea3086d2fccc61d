#include "common/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void bytes_differ_from_call_to_call_at_every_size(void **state)
{
	uint8_t a[300], b[300];

	(void)state;
	for (size_t n = 16; n <= sizeof(a); n++) {
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		random_bytes(a, n);
		random_bytes(b, n);
		assert_memory_not_equal(a, b, n);
		for (size_t i = n; i < sizeof(a); i++)
			assert_int_equal(a[i], 0);
	}
	random_bytes(a, 0);
}

static void every_bit_is_sometimes_set(void **state)
{
	uint32_t ones = 0, zeros = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t v = random_u32();
		ones |= v;
		zeros |= ~v;
	}
	assert_true(ones == UINT32_MAX && zeros == UINT32_MAX);
}

static void below_is_uniform(void **state)
{
	static const uint32_t limits[] = { 1, 2, 3, 10, 64 };

	(void)state;
	for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
		unsigned count[64] = { 0 };
		unsigned expected = 64000 / limits[l];
		for (unsigned i = 0; i < 64000; i++) {
			uint32_t v = random_below(limits[l]);
			assert_true(v < limits[l]);
			count[v]++;
		}
		/* eight standard deviations of the emptiest case: 1000 +- 253 */
		for (uint32_t v = 0; v < limits[l]; v++)
			assert_true(count[v] + expected / 4 >= expected && count[v] <= expected + expected / 4);
	}
	for (unsigned i = 0; i < 100; i++)
		assert_true(random_below(UINT32_MAX) < UINT32_MAX);
}

static unsigned script;

static void scripted(void *out, size_t n)
{
	memset(out, 0, n);
	memcpy(out, &script, n < sizeof(script) ? n : sizeof(script));
	script++;
}

static void a_test_can_say_what_comes(void **state)
{
	(void)state;
	random_source_set(scripted);
	script = 41;
	assert_int_equal(random_u32(), 41);
	assert_int_equal(random_u32(), 42);
	/* 2^32 mod 10 = 6: smaller numbers would favour the small digits and are drawn again */
	script = 3;
	assert_int_equal(random_below(10), 6);
	assert_int_equal(script, 7);
	random_source_set(NULL);
	script = 5;
	random_u32();
	assert_int_equal(script, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_differ_from_call_to_call_at_every_size),
		cmocka_unit_test(every_bit_is_sometimes_set),
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(a_test_can_say_what_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
