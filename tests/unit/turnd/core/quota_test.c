#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/core/quota.h"

static void a_user_gets_no_more_than_his_share(void **state)			/* D-T15 */
{
	struct quota *q = quota_new(2, 0);
	struct quota_user *a[2], *b, *none = NULL;
	(void)state;
	assert_int_equal(quota_take(q, span_str("alice"), &a[0]), QUOTA_OK);
	assert_int_equal(quota_take(q, span_str("alice"), &a[1]), QUOTA_OK);
	assert_int_equal(quota_take(q, span_str("alice"), &none), QUOTA_USER_FULL);
	assert_int_equal(quota_take(q, span_str("bob"), &b), QUOTA_OK);
	quota_give(q, a[0]);
	assert_int_equal(quota_take(q, span_str("alice"), &a[0]), QUOTA_OK);
	quota_give(q, a[0]);
	quota_give(q, a[1]);
	quota_give(q, b);
	quota_free(q);
}

static void all_together_get_no_more_than_the_total(void **state)
{
	struct quota *q = quota_new(0, 2);
	struct quota_user *a, *b, *none = NULL;
	(void)state;
	assert_int_equal(quota_take(q, span_str(""), &a), QUOTA_OK);
	assert_int_equal(quota_take(q, span_str("bob"), &b), QUOTA_OK);
	assert_int_equal(quota_take(q, span_str("carol"), &none), QUOTA_TOTAL_FULL);
	quota_limits(q, 0, 3);
	quota_give(q, a);
	assert_int_equal(quota_take(q, span_str("carol"), &a), QUOTA_OK);
	assert_int_equal(quota_take(q, span_str("carol"), &none), QUOTA_OK);
	quota_give(q, none);
	quota_give(q, a);
	quota_give(q, b);
	quota_free(q);
}

static void no_memory_takes_nothing(void **state)				/* D-A3 */
{
	struct quota *q;
	struct quota_user *a;
	(void)state;
	alloc_fail_at(0);
	assert_null(quota_new(1, 1));
	alloc_fail_never();
	q = quota_new(1, 1);
	for (unsigned n = 0; n < 2; n++) {
		alloc_fail_at(n);
		assert_int_equal(quota_take(q, span_str("alice"), &a), QUOTA_NOMEM);
		alloc_fail_never();
	}
	assert_int_equal(quota_take(q, span_str("alice"), &a), QUOTA_OK);
	quota_give(q, a);
	quota_free(q);
	quota_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_gets_no_more_than_his_share),
		cmocka_unit_test(all_together_get_no_more_than_the_total),
		cmocka_unit_test(no_memory_takes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
