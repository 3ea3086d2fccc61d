#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/daemon/option_value.h"
#include "tests/lib/failing_alloc.h"

struct fields {
	bool on;
	unsigned number;
	uint16_t port;
	msec_t time;
	size_t size;
	char *string, *secret;
	struct string_list strings, secrets;
	int choice;
};

static const char *const colours[] = { "red", "green", "blue", NULL };
#define FIELD(f) offsetof(struct fields, f)
static const struct option row_switch = { .name = "on", .kind = OPT_SWITCH, .offset = FIELD(on) };
static const struct option row_number = { .name = "number", .kind = OPT_UINT, .offset = FIELD(number) };
static const struct option row_port = { .name = "port", .kind = OPT_PORT, .offset = FIELD(port) };
static const struct option row_any_port = { .name = "port", .kind = OPT_PORT, .offset = FIELD(port), .min = "0" };
static const struct option row_high_port = { .name = "port", .kind = OPT_PORT, .offset = FIELD(port), .min = "1024" };
static const struct option row_time = { .name = "time", .kind = OPT_MSEC, .offset = FIELD(time) };
static const struct option row_short = { .name = "time", .kind = OPT_MSEC, .offset = FIELD(time), .min = "500ms", .max = "1m" };
static const struct option row_long = { .name = "time", .kind = OPT_MSEC, .offset = FIELD(time), .min = "1h" };
static const struct option row_size = { .name = "size", .kind = OPT_SIZE, .offset = FIELD(size), .max = "1g" };
static const struct option row_string = { .name = "string", .kind = OPT_STRING, .offset = FIELD(string) };
static const struct option row_secret = { .name = "secret", .kind = OPT_SECRET, .offset = FIELD(secret) };
static const struct option row_strings = { .name = "strings", .kind = OPT_STRINGS, .offset = FIELD(strings) };
static const struct option row_secrets = { .name = "secrets", .kind = OPT_SECRETS, .offset = FIELD(secrets) };
static const struct option row_choice = { .name = "choice", .kind = OPT_CHOICE, .offset = FIELD(choice), .choices = colours };
static const struct option row_dropped = { .name = "dh-file", .kind = OPT_DROPPED, .help = "ECDHE needs none" };
static const struct option row_broken = { .name = "port", .kind = OPT_PORT, .offset = FIELD(port), .min = "low" };
static const struct option *const all_rows[] = {
	&row_switch, &row_number, &row_port, &row_time, &row_size, &row_string, &row_secret, &row_strings, &row_secrets,
	&row_choice, &row_dropped,
};

static bool set(struct fields *f, const struct option *row, const char *text, char why[OPTION_WHY])
{
	return option_value_set(row, f, span_str(text), why);
}

static void clear(struct fields *f)
{
	static const struct fields zero;

	for (size_t i = 0; i < sizeof(all_rows) / sizeof(all_rows[0]); i++)
		option_value_clear(all_rows[i], f);
	assert_memory_equal(f, &zero, sizeof(zero));
}

static void assert_takes(const struct option *row, const char *text, const char *printed)
{
	struct fields f = { .on = false };
	struct buf out;
	char why[OPTION_WHY];

	buf_init(&out, 1024);
	if (!set(&f, row, text, why))
		fail_msg("%s: '%s' was refused: %s", row->name, text, why);
	assert_int_equal(option_value_count(row, &f), 1);
	option_value_print(row, &f, 0, &out);
	assert_string_equal(buf_cstr(&out), printed);
	buf_close(&out);
	clear(&f);
}

static void assert_refuses(const struct option *row, const char *text, const char *sentence)
{
	struct fields f = { .on = false };
	char why[OPTION_WHY] = "";

	if (set(&f, row, text, why))
		fail_msg("%s: '%s' was taken", row->name, text);
	assert_string_equal(why, sentence);
	clear(&f);
}

static void values_are_taken_as_users_write_them(void **state)
{
	static const struct { const struct option *row; const char *text, *printed; } vectors[] = {
		{ &row_switch, "yes", "yes" }, { &row_switch, "TRUE", "yes" }, { &row_switch, "on", "yes" },
		{ &row_switch, "1", "yes" }, { &row_switch, "No", "no" }, { &row_switch, "false", "no" },
		{ &row_switch, "off", "no" }, { &row_switch, "0", "no" },
		{ &row_number, "0", "0" }, { &row_number, "4294967295", "4294967295" },
		{ &row_port, "1", "1" }, { &row_port, "65535", "65535" }, { &row_any_port, "0", "0" },
		{ &row_time, "0", "0" }, { &row_time, "10", "10s" }, { &row_time, "10s", "10s" },
		{ &row_time, "1500ms", "1500ms" }, { &row_time, "1000ms", "1s" }, { &row_time, "90s", "90s" },
		{ &row_time, "120S", "2m" }, { &row_time, "36h", "36h" }, { &row_time, "24h", "1d" }, { &row_time, "7d", "7d" },
		{ &row_short, "500ms", "500ms" }, { &row_short, "60", "1m" },
		{ &row_size, "0", "0" }, { &row_size, "1000", "1000" }, { &row_size, "64k", "64k" },
		{ &row_size, "2048K", "2m" }, { &row_size, "1g", "1g" },
		{ &row_string, "a b=c#d", "a b=c#d" }, { &row_string, "\"quoted\"", "\"\"quoted\"\"" },
		{ &row_string, " edge", "\" edge\"" }, { &row_string, "edge\t", "\"edge\t\"" }, { &row_string, "=x", "\"=x\"" },
		{ &row_strings, "one", "one" }, { &row_secret, "hush", "***" }, { &row_secrets, "hush", "***" },
		{ &row_choice, "red", "red" }, { &row_choice, "blue", "blue" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_takes(vectors[i].row, vectors[i].text, vectors[i].printed);
}

static void refusals_are_sentences_with_the_range_as_written(void **state)
{
	(void)state;
	assert_refuses(&row_high_port, "abc", "'abc' is not a port (1024..65535)");
	assert_refuses(&row_high_port, "1023", "'1023' is out of range (1024..65535)");
	assert_refuses(&row_port, "0", "'0' is out of range (1..65535)");
	assert_refuses(&row_port, "65536", "'65536' is out of range (1..65535)");
	assert_refuses(&row_port, "", "'' is not a port (1..65535)");
	assert_refuses(&row_port, "-1", "'-1' is not a port (1..65535)");
	assert_refuses(&row_port, "80 # http", "'80 # http' is not a port (1..65535); a comment needs a line of its own");
	assert_refuses(&row_number, "4294967296", "'4294967296' is out of range");
	assert_refuses(&row_number, "99999999999999999999", "'99999999999999999999' is not a number");
	assert_refuses(&row_time, "10 s", "'10 s' is not a time such as 10s, 500ms, 5m or 24h");
	assert_refuses(&row_time, "9999999999999999999h", "'9999999999999999999h' is not a time such as 10s, 500ms, 5m or 24h");
	assert_refuses(&row_short, "499ms", "'499ms' is out of range (500ms..1m)");
	assert_refuses(&row_short, "2m", "'2m' is out of range (500ms..1m)");
	assert_refuses(&row_long, "59m", "'59m' is out of range (at least 1h)");
	assert_refuses(&row_size, "2g", "'2g' is out of range (0..1g)");
	assert_refuses(&row_size, "1t", "'1t' is not a size such as 4096, 64k, 10m or 1g (0..1g)");
	assert_refuses(&row_switch, "maybe", "'maybe' is neither yes nor no");
	assert_refuses(&row_choice, "pink", "'pink' is none of red, green, blue");
	assert_refuses(&row_string, "two\nlines", "holds a line break or another control character");
	assert_refuses(&row_string, "\x7F", "holds a line break or another control character");
	assert_refuses(&row_secret, "", "is empty");
	assert_refuses(&row_secrets, "", "is empty");
	assert_refuses(&row_broken, "80", "its limits in the option table are broken");
	assert_refuses(&row_number, "0123456789012345678901234567890123456789012345678901234567890123456789",
		       "'0123456789012345678901234567890123456789012345678901234567890123...' is not a number");
}

static void a_refused_value_leaves_the_old_one(void **state)
{
	struct fields f = { .on = false };
	char why[OPTION_WHY];

	(void)state;
	assert_true(set(&f, &row_string, "old", why));
	assert_false(set(&f, &row_string, "new\n", why));
	assert_string_equal(f.string, "old");
	assert_true(set(&f, &row_string, "new", why));
	assert_string_equal(f.string, "new");
	clear(&f);
}

static void lists_grow_and_empty_text_empties_them(void **state)
{
	struct fields f = { .on = false };
	char why[OPTION_WHY];

	(void)state;
	assert_true(set(&f, &row_strings, "one", why));
	assert_true(set(&f, &row_strings, "two", why));
	assert_int_equal(option_value_count(&row_strings, &f), 2);
	assert_string_equal(f.strings.v[0], "one");
	assert_string_equal(f.strings.v[1], "two");
	assert_true(set(&f, &row_strings, "", why));
	assert_int_equal(option_value_count(&row_strings, &f), 0);
	assert_true(set(&f, &row_string, "x", why));
	assert_true(set(&f, &row_string, "", why));
	assert_null(f.string);
	clear(&f);
}

static void dropped_options_have_no_value(void **state)
{
	struct fields f = { .on = false };
	struct buf out;
	char why[OPTION_WHY];

	(void)state;
	buf_init(&out, 16);
	assert_true(set(&f, &row_dropped, "x", why));
	assert_int_equal(option_value_count(&row_dropped, &f), 0);
	option_value_print(&row_dropped, &f, 0, &out);
	assert_int_equal(out.len, 0);
	clear(&f);
}

static void without_memory_the_field_stays_and_it_is_said(void **state)
{
	static const struct option *const rows[] = { &row_string, &row_secret, &row_strings, &row_secrets };
	char why[OPTION_WHY];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fields f = { .on = false };
		unsigned n = 0;
		assert_true(set(&f, rows[i], "old", why));
		for (; alloc_fail_at(n), !set(&f, rows[i], "new", why); n++) {
			alloc_fail_never();
			assert_string_equal(why, "no memory is left for it");
			assert_int_equal(option_value_count(rows[i], &f), 1);
		}
		alloc_fail_never();
		assert_int_equal(n, option_is_list(rows[i]) ? 2 : 1);
		clear(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_taken_as_users_write_them),
		cmocka_unit_test(refusals_are_sentences_with_the_range_as_written),
		cmocka_unit_test(a_refused_value_leaves_the_old_one),
		cmocka_unit_test(lists_grow_and_empty_text_empties_them),
		cmocka_unit_test(dropped_options_have_no_value),
		cmocka_unit_test(without_memory_the_field_stays_and_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
