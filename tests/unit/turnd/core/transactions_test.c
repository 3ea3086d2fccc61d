#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/core/transactions.h"

static int setup(void **state)
{
	static struct transactions t;
	*state = &t;
	return transactions_init(&t) ? 0 : -1;
}

static int teardown(void **state)
{
	transactions_close(*state);
	return 0;
}

static void an_answer_is_remembered_for_forty_seconds(void **state)
{
	struct transactions *t = *state;
	transactions_add(t, 7, (struct outcome){ 508, 0 }, 1000);
	assert_int_equal(transactions_find(t, 7, 1000)->code, 508);
	assert_non_null(transactions_find(t, 7, 1000 + SECONDS(40) - 1));
	assert_null(transactions_find(t, 7, 1000 + SECONDS(40)));
	assert_null(transactions_find(t, 8, 1000));
	transactions_add(t, 7, (struct outcome){ 0, 600 }, 1000 + SECONDS(40));
	assert_int_equal(transactions_find(t, 7, 1000 + SECONDS(40))->lifetime, 600);
}

static void the_oldest_answers_make_room(void **state)
{
	struct transactions *t = *state;
	for (unsigned i = 0; i < 3 * TRANSACTIONS_KEPT; i++)
		transactions_add(t, i, (struct outcome){ 0, i }, 1000);
	assert_null(transactions_find(t, 2 * TRANSACTIONS_KEPT - 1, 1000));
	for (unsigned i = 2 * TRANSACTIONS_KEPT; i < 3 * TRANSACTIONS_KEPT; i++)
		assert_int_equal(transactions_find(t, i, 1000)->lifetime, i);
}

static void method_transaction_and_path_tell_requests_apart(void **state)
{
	static const uint8_t tid[12] = { 1 }, other[12] = { 2 };
	struct client_path p = { .client = { { 4, { 7, 7, 7, 7 } }, 5 }, .server = { { 4, { 9, 9, 9, 9 } }, 3478 } }, q = p;
	uint64_t key = transaction_key(&p, tid, 3);
	(void)state;
	assert_true(key == transaction_key(&q, tid, 3));
	assert_true(key != transaction_key(&q, tid, 4));
	assert_true(key != transaction_key(&q, other, 3));
	q.client.port++;
	assert_true(key != transaction_key(&q, tid, 3));
	q = p;
	q.transport = TRANSPORT_TCP;
	assert_true(key != transaction_key(&q, tid, 3));
	assert_false(path_equal(&p, &q));
}

static void without_memory_an_answer_is_forgotten(void **state)
{
	struct transactions *t = *state, other;
	alloc_fail_at(0);
	transactions_add(t, 7, (struct outcome){ 0, 0 }, 1000);
	alloc_fail_at(0);
	assert_false(transactions_init(&other));
	alloc_fail_never();
	assert_null(transactions_find(t, 7, 1000));
	transactions_add(t, 7, (struct outcome){ 0, 0 }, 1000);
	assert_non_null(transactions_find(t, 7, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_answer_is_remembered_for_forty_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_answers_make_room, setup, teardown),
		cmocka_unit_test_setup_teardown(method_transaction_and_path_tell_requests_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_an_answer_is_forgotten, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
