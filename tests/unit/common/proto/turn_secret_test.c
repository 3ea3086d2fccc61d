#include "common/proto/turn_secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct turn_secret secret(const char *id, int64_t created, int64_t activate_at, int64_t retire_at)
{
	struct turn_secret s = { .created = created, .activate_at = activate_at, .retire_at = retire_at };

	snprintf(s.id, sizeof(s.id), "%s", id);
	snprintf(s.text, sizeof(s.text), "text-%s", id);
	return s;
}

static void what_is_written_is_what_is_read(void **state)
{
	struct turn_secret in = secret("a-1", 10, 15, 99), out;
	char value[TURN_SECRET_VALUE_SIZE];

	(void)state;
	assert_int_equal(turn_secret_write(&in, value), strlen("1 10 15 99 text-a-1"));
	assert_string_equal(value, "1 10 15 99 text-a-1");
	assert_true(turn_secret_parse(span_str(in.id), span_str(value), &out));
	assert_memory_equal(&in, &out, sizeof(in));
	in = (struct turn_secret){ .created = INT64_MAX, .activate_at = INT64_MAX, .retire_at = INT64_MAX };
	memset(in.id, 'i', ID_MAX);
	memset(in.text, 't', TURN_SECRET_MAX);
	assert_true(turn_secret_write(&in, value) < sizeof(value));
	assert_true(turn_secret_parse(span_str(in.id), span_str(value), &out));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void only_the_exact_form_is_a_secret(void **state)
{
	static const struct {
		const char *id, *value;
		bool good;
	} rows[] = {
		{ "a", "1 0 0 0 x", true },
		{ "a", "1 9223372036854775807 0 0 !~", true },
		{ "", "1 0 0 0 x", false },
		{ "a b", "1 0 0 0 x", false },
		{ "a", "", false },
		{ "a", "2 0 0 0 x", false },
		{ "a", "1 0 0 0", false },
		{ "a", "1 0 0 0 ", false },
		{ "a", "1 0 0 0 x y", false },
		{ "a", "1 0 0 0 x\n", false },
		{ "a", "1 0 0 0 \xc3\xa9", false },
		{ "a", "1 -1 0 0 x", false },
		{ "a", "1 0 0 9223372036854775808 x", false },
		{ "a", "1 0 x 0 x", false },
	};
	struct turn_secret s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (turn_secret_parse(span_str(rows[i].id), span_str(rows[i].value), &s) != rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].value);
}

static void the_newest_stands_first_and_of_nine_the_oldest_goes(void **state)
{
	struct turn_secrets set = { .n = 0 };
	char id[2] = "a";

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct turn_secret s = secret(id, (i * 5) % 9, 0, 0);	/* 0 5 1 6 2 7 3 8 4 */
		turn_secrets_add(&set, &s);
		id[0]++;
	}
	assert_int_equal(set.n, TURN_SECRETS_MAX);
	for (size_t i = 0; i < set.n; i++)
		assert_int_equal(set.v[i].created, 8 - i);
	struct turn_secret old = secret("z", 0, 0, 0);
	turn_secrets_add(&set, &old);
	assert_null(turn_secrets_find(&set, SPAN_LIT("text-z")));
	assert_ptr_equal(turn_secrets_find(&set, SPAN_LIT("text-h")), &set.v[0]);
}

static void a_new_secret_mints_only_once_it_is_active(void **state)
{
	struct turn_secrets set = { .n = 0 };
	struct turn_secret old = secret("old", 100, 100, 1000), fresh = secret("new", 200, 210, 0);

	(void)state;
	assert_null(turn_secrets_minting(&set, 0));
	turn_secrets_add(&set, &old);
	turn_secrets_add(&set, &fresh);
	assert_null(turn_secrets_minting(&set, 99));
	assert_string_equal(turn_secrets_minting(&set, 209)->id, "old");
	assert_string_equal(turn_secrets_minting(&set, 210)->id, "new");
}

static void of_two_made_in_one_second_the_later_active_is_the_newer(void **state)
{
	(void)state;
	for (int swap = 0; swap < 2; swap++) {
		struct turn_secrets set = { .n = 0 };
		struct turn_secret old = secret(swap ? "a" : "b", 100, 100, 0), fresh = secret(swap ? "b" : "a", 100, 110, 0);
		turn_secrets_add(&set, &old);
		turn_secrets_add(&set, &fresh);
		assert_string_equal(set.v[0].id, fresh.id);
	}
}

static void a_retired_one_is_dropped_and_mints_nothing(void **state)
{
	struct turn_secrets set = { .n = 0 }, before;
	struct turn_secret old = secret("old", 100, 100, 1000), fresh = secret("new", 200, 5000, 0);

	(void)state;
	turn_secrets_add(&set, &old);
	turn_secrets_add(&set, &fresh);
	before = set;
	turn_secrets_drop_retired(&set, 999);
	assert_true(turn_secrets_same(&set, &before));
	assert_null(turn_secrets_minting(&set, 1000));
	turn_secrets_drop_retired(&set, 1000);
	assert_int_equal(set.n, 1);
	assert_string_equal(set.v[0].id, "new");
	assert_false(turn_secrets_same(&set, &before));
	before = set;
	before.v[0].retire_at = 7;
	assert_false(turn_secrets_same(&set, &before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_read),
		cmocka_unit_test(only_the_exact_form_is_a_secret),
		cmocka_unit_test(the_newest_stands_first_and_of_nine_the_oldest_goes),
		cmocka_unit_test(a_new_secret_mints_only_once_it_is_active),
		cmocka_unit_test(of_two_made_in_one_second_the_later_active_is_the_newer),
		cmocka_unit_test(a_retired_one_is_dropped_and_mints_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
