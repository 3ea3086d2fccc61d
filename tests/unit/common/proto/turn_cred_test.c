#include "common/proto/turn_cred.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct span secret = SPAN_INIT("north");

static void minted_credentials_are_what_turn_rest_servers_expect(void **state)
{
	struct turn_cred c;

	(void)state;
	assert_int_equal(turn_cred_mint(&c, secret, span_str("alice"), 1700000000, 3600), 0);
	assert_string_equal(c.username, "1700003600:alice");
	assert_string_equal(c.password, "wjwSXO2ch1B6VaLTLMy2Avn5O9o=");
	assert_int_equal(turn_cred_mint(&c, secret, span_str(""), 1700000000, 3600), 0);
	assert_string_equal(c.username, "1700003600");
	assert_string_equal(c.password, "xF4I6gruVt/PjGbjajGu2UlidPk=");
}

static void the_password_is_over_the_user_name_as_it_was_sent(void **state)
{
	char password[TURN_PASSWORD_SIZE];

	(void)state;
	assert_int_equal(turn_cred_password(secret, span_str("alice:1700003600"), password), 0);
	assert_string_equal(password, "C0w168Z/3aGAcZF2msbwUNZoOwg=");
	assert_int_equal(turn_cred_password_by(TURN_HASH_SHA1, secret, span_str("alice:1700003600"), password), 0);
	assert_string_equal(password, "C0w168Z/3aGAcZF2msbwUNZoOwg=");
	assert_int_equal(turn_cred_password_by(TURN_HASH_SHA256, secret, span_str("alice:1700003600"), password), 0);
	assert_string_equal(password, "fjFZBRuT9SW07c5xVO7h2iLn5b4IhXwddyTg9EEkf00=");
}

static void a_name_that_could_forge_an_expiry_is_refused(void **state)
{
	static const char *const bad[] = { "9999999999:x", "a b", "a\nb", "a/b", "\xc3\xa4", "a,b" };
	char longest[66];
	struct turn_cred c;

	(void)state;
	assert_true(turn_name_valid(span_str("")));
	assert_true(turn_name_valid(span_str("Az09._@-")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(turn_name_valid(span_str(bad[i])));
		assert_int_equal(turn_cred_mint(&c, secret, span_str(bad[i]), 1, 1), -1);
		assert_string_equal(c.username, "");
		assert_string_equal(c.password, "");
	}
	memset(longest, 'n', sizeof(longest));
	assert_false(turn_name_valid(span_of(longest, 65)));
	assert_int_equal(turn_cred_mint(&c, secret, span_of(longest, 64), INT64_MAX - UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(strlen(c.username), 19 + 1 + 64);
}

static void an_expiry_that_no_clock_will_reach_is_refused(void **state)
{
	struct turn_cred c;

	(void)state;
	assert_int_equal(turn_cred_mint(&c, secret, span_str("a"), INT64_MAX, 1), -1);
	assert_int_equal(turn_cred_mint(&c, secret, span_str("a"), -1, 10), -1);
}

static void user_names_are_split_in_all_three_forms(void **state)
{
	static const struct {
		const char *username;
		char separator;
		int64_t expiry;
		const char *name;
	} table[] = {
		{ "1700003600", ':', 1700003600, "1700003600" },
		{ "1700003600:alice", ':', 1700003600, "alice" },
		{ "alice:1700003600", ':', 1700003600, "alice" },
		{ "1700003600:1800000000", ':', 1700003600, "1800000000" },
		{ "1700003600:a:b", ':', 1700003600, "a:b" },
		{ "1700003600:a:9", ':', 1700003600, "a:9" },
		{ "a:b:1700003600", ':', 1700003600, "a:b" },
		{ "1700003600:", ':', 1700003600, "1700003600:" },
		{ ":1700003600", ':', 1700003600, ":1700003600" },
		{ "1700003600|alice", '|', 1700003600, "alice" },
		{ "1700003600:alice|5", '|', 5, "1700003600:alice" },
		{ "9223372036854775807:x", ':', INT64_MAX, "x" },
		{ "0", ':', 0, "0" },
	};
	struct turn_username u;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(turn_username_parse(span_str(table[i].username), table[i].separator, &u));
		assert_true(u.expiry == table[i].expiry);
		assert_true(span_eq_str(u.name, table[i].name));
	}
}

static void a_user_name_without_an_expiry_is_not_split(void **state)
{
	static const char *const table[] = {
		"", ":", "::", "alice", "alice:", ":alice", "alice:bob", "a:5:b", "a:5:", "-5:alice", "+5", " 5", "5 :alice",
		"0x5:alice", "1.5:alice", "9223372036854775808", "9223372036854775808:alice", "99999999999999999999:alice",
		"alice:99999999999999999999",
	};
	struct turn_username u;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_false(turn_username_parse(span_str(table[i]), ':', &u));
}

static void what_is_minted_is_split_again(void **state)
{
	struct turn_username u;
	struct turn_cred c;

	(void)state;
	assert_int_equal(turn_cred_mint(&c, secret, span_str("42"), 1000, 24), 0);
	assert_true(turn_username_parse(span_str(c.username), ':', &u));
	assert_int_equal(u.expiry, 1024);
	assert_true(span_eq_str(u.name, "42"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minted_credentials_are_what_turn_rest_servers_expect),
		cmocka_unit_test(the_password_is_over_the_user_name_as_it_was_sent),
		cmocka_unit_test(a_name_that_could_forge_an_expiry_is_refused),
		cmocka_unit_test(an_expiry_that_no_clock_will_reach_is_refused),
		cmocka_unit_test(user_names_are_split_in_all_three_forms),
		cmocka_unit_test(a_user_name_without_an_expiry_is_not_split),
		cmocka_unit_test(what_is_minted_is_split_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
