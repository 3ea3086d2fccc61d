#include "common/base/buf.h"

#include "tests/lib/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static void grows_as_bytes_arrive(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_true(buf_add_byte(&b, (uint8_t)(i * 7)));
	assert_int_equal(b.len, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], (uint8_t)(i * 7));
	assert_false(b.failed);
	buf_close(&b);
	assert_null(b.p);
	assert_int_equal(b.limit, 100000);
}

static void an_append_beyond_the_limit_changes_nothing_but_failed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_true(buf_add_str(&b, "12345678"));
	assert_false(buf_add_byte(&b, '9'));
	assert_true(b.failed);
	assert_true(span_eq_str(buf_span(&b), "12345678"));

	buf_reset(&b);
	assert_false(b.failed);
	assert_false(buf_add(&b, "123456789", 9));
	assert_int_equal(b.len, 0);
	buf_close(&b);
}

static void failed_stays_until_reset_so_that_no_answer_has_a_hole(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_true(buf_add_str(&b, "abc"));
	assert_false(buf_add_str(&b, "de"));
	assert_false(buf_add_str(&b, "f"));
	assert_false(buf_add(&b, NULL, 0));
	assert_false(buf_addf(&b, "%s", ""));
	assert_null(buf_reserve(&b, 1));
	assert_true(span_eq_str(buf_span(&b), "abc"));
	buf_reset(&b);
	assert_true(buf_add_str(&b, "wxyz"));
	buf_close(&b);
}

static void formatted_text_is_appended_whole_or_not_at_all(void **state)
{
	char expected[80];
	struct buf b;

	(void)state;
	for (unsigned before = 0; before <= 70; before++) {
		buf_init(&b, 76);
		for (unsigned i = 0; i < before; i++)
			buf_add_byte(&b, 'x');
		if (before + 6 <= 76) {
			assert_true(buf_addf(&b, "%s=%d", "ab", -37));
			snprintf(expected, sizeof(expected), "%.*sab=-37", (int)before,
				"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
			assert_string_equal(buf_cstr(&b), expected);
		}
		buf_close(&b);
	}
	buf_init(&b, 5);
	assert_false(buf_addf(&b, "%s", "123456"));
	assert_int_equal(b.len, 0);
	buf_reset(&b);
	assert_true(buf_addf(&b, "%s", "12345"));
	assert_string_equal(buf_cstr(&b), "12345");
	buf_close(&b);
}

static void reserve_hands_out_room_that_the_caller_fills(void **state)
{
	struct buf b;
	uint8_t *p;

	(void)state;
	buf_init(&b, 1000);
	buf_add_str(&b, "head");
	p = buf_reserve(&b, 996);
	assert_non_null(p);
	assert_int_equal(b.len, 4);
	memset(p, 'z', 996);
	b.len += 996;
	assert_null(buf_reserve(&b, 1));
	assert_true(b.failed);
	buf_close(&b);

	buf_init(&b, 0);
	assert_non_null(buf_reserve(&b, 0));
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_close(&b);
}

static void consume_forgets_from_the_front(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_consume(&b, 5);
	buf_add_str(&b, "hello world");
	buf_consume(&b, 0);
	buf_consume(&b, 6);
	assert_true(span_eq_str(buf_span(&b), "world"));
	buf_consume(&b, 99);
	assert_int_equal(b.len, 0);
	buf_close(&b);
}

static void the_nul_of_cstr_does_not_count_against_the_limit(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_close(&b);
	buf_init(&b, 64);
	for (unsigned i = 0; i < 64; i++)
		buf_add_byte(&b, 'a');
	assert_int_equal(strlen(buf_cstr(&b)), 64);
	assert_int_equal(b.len, 64);
	assert_false(buf_add_byte(&b, 'b'));
	buf_close(&b);
}

static bool build(struct buf *b)
{
	for (unsigned i = 0; i < 40; i++)
		buf_addf(b, "line %u\n", i);
	buf_add_str(b, "end");
	buf_add(b, (char[300]){ 0 }, 300);
	return !b->failed;
}

static void every_failing_allocation_is_noticed(void **state)
{
	struct buf b;
	unsigned n;

	(void)state;
	for (n = 0;; n++) {
		buf_init(&b, 10000);
		alloc_fail_at(n);
		bool done = build(&b);
		alloc_fail_never();
		assert_int_equal(done, !alloc_failed());
		buf_close(&b);
		if (done)
			break;
	}
	assert_true(n >= 3);

	buf_init(&b, 64);
	buf_add(&b, (char[64]){ 0 }, 64);
	alloc_fail_at(0);
	assert_null(buf_cstr(&b));
	alloc_fail_never();
	assert_int_equal(b.len, 64);
	buf_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_as_bytes_arrive),
		cmocka_unit_test(an_append_beyond_the_limit_changes_nothing_but_failed),
		cmocka_unit_test(failed_stays_until_reset_so_that_no_answer_has_a_hole),
		cmocka_unit_test(formatted_text_is_appended_whole_or_not_at_all),
		cmocka_unit_test(reserve_hands_out_room_that_the_caller_fills),
		cmocka_unit_test(consume_forgets_from_the_front),
		cmocka_unit_test(the_nul_of_cstr_does_not_count_against_the_limit),
		cmocka_unit_test(every_failing_allocation_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
