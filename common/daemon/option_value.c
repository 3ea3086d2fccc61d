#include "common/daemon/option_value.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit plain[] = { { "", 1 }, { NULL, 0 } };
static const struct unit times[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 }
};
static const struct unit sizes[] = { { "", 1 }, { "k", 1 << 10 }, { "m", 1 << 20 }, { "g", 1 << 30 }, { NULL, 0 } };

static const struct number {
	const char *what;
	const struct unit *units;
	const char *low, *high;		/* shown where the table gives no limit */
	uint64_t min, max;
} numbers[] = {
	[OPT_UINT] = { "a number", plain, "0", NULL, 0, UINT_MAX },
	[OPT_PORT] = { "a port", plain, "1", "65535", 1, UINT16_MAX },
	[OPT_MSEC] = { "a time such as 10s, 500ms, 5m or 24h", times, "0", NULL, 0, INT64_MAX },
	[OPT_SIZE] = { "a size such as 4096, 64k, 10m or 1g", sizes, "0", NULL, 0, SIZE_MAX },
};

static void *field_of(const struct option *row, void *config)
{
	return (char *)config + row->offset;
}

static const void *const_field_of(const struct option *row, const void *config)
{
	return (const char *)config + row->offset;
}

static bool parse_number(const struct unit *units, struct span text, uint64_t *out)
{
	size_t digits = 0;
	uint64_t n;

	while (digits < text.len && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	if (!parse_u64(span_first(text, digits), &n))
		return false;
	for (; units->name != NULL; units++) {
		if (!text_eq_nocase(span_skip(text, digits), units->name))
			continue;
		*out = n * units->factor;
		return n <= UINT64_MAX / units->factor;
	}
	return false;
}

/* "" where there is no limit to speak of, else " (1024..65535)". */
static void print_range(const struct option *row, char *out, size_t size)
{
	const char *low = row->min != NULL ? row->min : numbers[row->kind].low;
	const char *high = row->max != NULL ? row->max : numbers[row->kind].high;

	if (high != NULL)
		snprintf(out, size, " (%s..%s)", low, high);
	else if (row->min != NULL)
		snprintf(out, size, " (at least %s)", low);
	else
		out[0] = '\0';
}

static bool refuse(char why[OPTION_WHY], struct span text, const char *verb, const char *what, const char *range)
{
	struct span shown = span_first(text, 64);

	snprintf(why, OPTION_WHY, "'%.*s%s' %s%s%s%s", SPAN_ARG(shown), shown.len < text.len ? "..." : "", verb, what,
		 range, text.len > 0 && memchr(text.p, '#', text.len) != NULL ? "; a comment needs a line of its own" : "");
	return false;
}

static bool set_number(const struct option *row, void *field, struct span text, char why[OPTION_WHY])
{
	const struct number *kind = &numbers[row->kind];
	uint64_t n, min = kind->min, max = kind->max;
	char range[64];

	if ((row->min != NULL && !parse_number(kind->units, span_str(row->min), &min)) ||
	    (row->max != NULL && !parse_number(kind->units, span_str(row->max), &max))) {
		snprintf(why, OPTION_WHY, "its limits in the option table are broken");
		return false;
	}
	print_range(row, range, sizeof(range));
	if (!parse_number(kind->units, text, &n))
		return refuse(why, text, "is not ", kind->what, range);
	if (n < min || n > max || n > kind->max)
		return refuse(why, text, "is out of range", "", range);
	switch (row->kind) {
	case OPT_UINT:
		*(unsigned *)field = (unsigned)n;
		break;
	case OPT_PORT:
		*(uint16_t *)field = (uint16_t)n;
		break;
	case OPT_MSEC:
		*(msec_t *)field = n;
		break;
	default:
		*(size_t *)field = (size_t)n;
	}
	return true;
}

static bool set_switch(void *field, struct span text, char why[OPTION_WHY])
{
	static const char *const words[][2] = { { "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (unsigned on = 0; on < 2; on++)
			if (text_eq_nocase(text, words[i][on])) {
				*(bool *)field = on;
				return true;
			}
	return refuse(why, text, "is neither yes nor no", "", "");
}

static bool set_choice(const struct option *row, void *field, struct span text, char why[OPTION_WHY])
{
	char all[128] = "";

	for (int i = 0; row->choices[i] != NULL; i++) {
		size_t used = strlen(all);
		if (span_eq_str(text, row->choices[i])) {
			*(int *)field = i;
			return true;
		}
		snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", row->choices[i]);
	}
	return refuse(why, text, "is none of ", all, "");
}

static bool is_one_line(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((text.p[i] < ' ' && text.p[i] != '\t') || text.p[i] == 0x7F)
			return false;
	return true;
}

static void let_go(const struct option *row, char *s)
{
	if (s != NULL && option_is_secret(row))
		secret_wipe(s, strlen(s));
	free(s);
}

static bool set_string(const struct option *row, void *field, struct span text, char why[OPTION_WHY])
{
	struct string_list *list = field;
	char **one = field, **grown, *copy;

	if (!is_one_line(text)) {
		snprintf(why, OPTION_WHY, "holds a line break or another control character");
		return false;
	}
	copy = malloc(text.len + 1);
	if (copy == NULL)
		goto no_memory;
	memcpy(copy, text.p, text.len);
	copy[text.len] = '\0';
	if (!option_is_list(row)) {
		let_go(row, *one);
		*one = copy;
		return true;
	}
	grown = realloc(list->v, (list->n + 1) * sizeof(*grown));
	if (grown == NULL)
		goto no_memory;
	list->v = grown;
	list->v[list->n++] = copy;
	return true;

no_memory:
	let_go(row, copy);
	snprintf(why, OPTION_WHY, "no memory is left for it");
	return false;
}

bool option_value_set(const struct option *row, void *config, struct span text, char why[OPTION_WHY])
{
	void *field = field_of(row, config);

	switch (row->kind) {
	case OPT_SWITCH:
		return set_switch(field, text, why);
	case OPT_UINT:
	case OPT_PORT:
	case OPT_MSEC:
	case OPT_SIZE:
		return set_number(row, field, text, why);
	case OPT_CHOICE:
		return set_choice(row, field, text, why);
	case OPT_DROPPED:
	case OPT_GROUP:
		return true;
	case OPT_SECRET:
	case OPT_SECRETS:
		if (text.len == 0) {
			snprintf(why, OPTION_WHY, "is empty");
			return false;
		}
		return set_string(row, field, text, why);
	case OPT_STRING:
	case OPT_STRINGS:
		if (text.len == 0) {
			option_value_clear(row, config);
			return true;
		}
		return set_string(row, field, text, why);
	}
	return false;
}

void option_value_clear(const struct option *row, void *config)
{
	void *field = field_of(row, config);

	switch (row->kind) {
	case OPT_SWITCH:
		*(bool *)field = false;
		break;
	case OPT_UINT:
		*(unsigned *)field = 0;
		break;
	case OPT_PORT:
		*(uint16_t *)field = 0;
		break;
	case OPT_MSEC:
		*(msec_t *)field = 0;
		break;
	case OPT_SIZE:
		*(size_t *)field = 0;
		break;
	case OPT_CHOICE:
		*(int *)field = 0;
		break;
	case OPT_STRING:
	case OPT_SECRET:
		let_go(row, *(char **)field);
		*(char **)field = NULL;
		break;
	case OPT_STRINGS:
	case OPT_SECRETS: {
		struct string_list *list = field;
		while (list->n > 0)
			let_go(row, list->v[--list->n]);
		free(list->v);
		list->v = NULL;
		break;
	}
	case OPT_DROPPED:
	case OPT_GROUP:
		break;
	}
}

size_t option_value_count(const struct option *row, const void *config)
{
	const void *field = const_field_of(row, config);

	if (option_is_list(row))
		return ((const struct string_list *)field)->n;
	if (row->kind == OPT_STRING || row->kind == OPT_SECRET)
		return *(char *const *)field != NULL;
	return option_has_field(row);
}

/* In the largest unit that leaves no rest. */
static void print_number(const struct unit *units, uint64_t n, struct buf *out)
{
	struct unit best = { "", 1 };

	for (; n > 0 && units->name != NULL; units++)
		if (n % units->factor == 0 && units->factor >= best.factor)
			best = *units;
	buf_addf(out, "%llu%s", (unsigned long long)(n / best.factor), best.name);
}

/* In quotes where reading it again would otherwise lose something. */
static void print_string(const char *s, struct buf *out)
{
	size_t len = strlen(s);
	bool quote = s[0] == '"' || s[0] == ' ' || s[0] == '\t' || s[0] == '=' || s[len - 1] == ' ' || s[len - 1] == '\t';

	buf_addf(out, quote ? "\"%s\"" : "%s", s);
}

void option_value_print(const struct option *row, const void *config, size_t i, struct buf *out)
{
	const void *field = const_field_of(row, config);

	switch (row->kind) {
	case OPT_SWITCH:
		buf_add_str(out, *(const bool *)field ? "yes" : "no");
		break;
	case OPT_UINT:
		print_number(plain, *(const unsigned *)field, out);
		break;
	case OPT_PORT:
		print_number(plain, *(const uint16_t *)field, out);
		break;
	case OPT_MSEC:
		print_number(times, *(const msec_t *)field, out);
		break;
	case OPT_SIZE:
		print_number(sizes, *(const size_t *)field, out);
		break;
	case OPT_CHOICE:
		buf_add_str(out, row->choices[*(const int *)field]);
		break;
	case OPT_STRING:
		print_string(*(char *const *)field, out);
		break;
	case OPT_STRINGS:
		print_string(((const struct string_list *)field)->v[i], out);
		break;
	case OPT_SECRET:
	case OPT_SECRETS:
		buf_add_str(out, "***");
		break;
	case OPT_DROPPED:
	case OPT_GROUP:
		break;
	}
}
