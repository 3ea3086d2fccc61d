/* covers: common/daemon/option_file.c common/daemon/option_value.c */
/* A configuration file of any bytes: its lines, and every value as each kind of option.
 *
 * What must hold: keys and values lie inside the input and inside one line; a value that was taken prints as text
 * that is taken again and prints the same. */
#include <stdlib.h>

#include "common/daemon/option_file.h"
#include "common/daemon/option_value.h"

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
static const struct option table[] = {
	{ .name = "on", .kind = OPT_SWITCH, .offset = FIELD(on) },
	{ .name = "number", .kind = OPT_UINT, .offset = FIELD(number), .min = "1" },
	{ .name = "port", .kind = OPT_PORT, .offset = FIELD(port) },
	{ .name = "time", .kind = OPT_MSEC, .offset = FIELD(time), .max = "24h" },
	{ .name = "size", .kind = OPT_SIZE, .offset = FIELD(size), .min = "1k" },
	{ .name = "string", .kind = OPT_STRING, .offset = FIELD(string) },
	{ .name = "secret", .kind = OPT_SECRET, .offset = FIELD(secret) },
	{ .name = "strings", .kind = OPT_STRINGS, .offset = FIELD(strings) },
	{ .name = "secrets", .kind = OPT_SECRETS, .offset = FIELD(secrets) },
	{ .name = "choice", .kind = OPT_CHOICE, .offset = FIELD(choice), .choices = colours },
	OPTION_GROUP("no option"),
	{ .name = "dropped", .kind = OPT_DROPPED, .help = "not needed" },
	{ .name = NULL }
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static void require_inside(struct span s, struct span all)
{
	require(s.len == 0 || (s.p >= all.p && s.p + s.len <= all.p + all.len && memchr(s.p, '\n', s.len) == NULL));
}

static void print(const struct option *row, const struct fields *f, struct buf *out)
{
	struct buf value;

	buf_init(&value, 1 << 20);
	if (option_value_count(row, f) > 0)
		option_value_print(row, f, option_value_count(row, f) - 1, &value);
	buf_addf(out, "%s = ", row->name);
	buf_add_span(out, buf_span(&value));
	buf_close(&value);
}

/* What is printed reads back as the same. */
static void require_round_trip(const struct option *row, struct span text)
{
	struct fields f = { .on = false }, again = { .on = false };
	struct buf first, second;
	struct option_line line = { .number = 0 };
	struct span rest;
	char why[OPTION_WHY];

	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	if (!option_value_set(row, &f, text, why)) {
		require(memchr(why, '\0', OPTION_WHY) != NULL);
	} else if (option_value_count(row, &f) > 0) {
		print(row, &f, &first);
		rest = buf_span(&first);
		require(option_file_next(&rest, &line) && span_eq_str(line.key, row->name));
		require(option_value_set(row, &again, line.value, why));
		print(row, &again, &second);
		require(!first.failed && !second.failed && span_eq(buf_span(&first), buf_span(&second)));
		require(option_value_set(row, &f, text, why));	/* once more: replaces, or appends */
	}
	option_value_clear(row, &f);
	option_value_clear(row, &again);
	buf_close(&first);
	buf_close(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_of(data, size), rest = all;
	struct option_line line = { .number = 0 };
	unsigned last = 0;

	while (option_file_next(&rest, &line)) {
		require(line.number > last && line.key.len > 0);
		last = line.number;
		require_inside(line.key, all);
		require_inside(line.value, all);
		for (const struct option *row = table; row->name != NULL; row++)
			if (span_eq_str(line.key, row->name))
				require_round_trip(row, line.value);
	}
	return 0;
}
