#include "common/base/text.h"
#include "common/daemon/option_value.h"
#include "common/daemon/options.h"

enum { WIDTH = 110, LEFT_MAX = 36 };

static const char *value_word(const struct option *row)
{
	switch (row->kind) {
	case OPT_SWITCH:
		return "[=yes|no]";
	case OPT_UINT:
		return "=NUMBER";
	case OPT_PORT:
		return "=PORT";
	case OPT_MSEC:
		return "=TIME";
	case OPT_SIZE:
		return "=SIZE";
	case OPT_CHOICE:
		return "=WORD";
	case OPT_SECRET:
	case OPT_SECRETS:
		return "=SECRET";
	default:
		return "=TEXT";
	}
}

static size_t left_width(const struct option *row)
{
	return strlen("  --") + (row->flag != 0 ? strlen("-u, ") : 0) + strlen(row->name) + strlen(value_word(row)) + 2;
}

/* Words of text from column `column` on, broken at WIDTH and continued at `indent`. Returns the column reached. */
static size_t add_words(struct buf *out, size_t column, size_t indent, const char *text)
{
	struct span rest = span_str(text);

	while (rest.len > 0) {
		struct span word = text_cut(&rest, ' ');
		if (word.len == 0)
			continue;
		if (column > indent && column + 1 + word.len > WIDTH) {
			buf_addf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_add_byte(out, ' ');
			column++;
		}
		buf_add_span(out, word);
		column += word.len;
	}
	return column;
}

static void print_row(const struct option *row, size_t indent, struct buf *out)
{
	size_t column = left_width(row) - 2;
	struct buf text;

	buf_init(&text, 4096);
	buf_addf(&text, "%s", row->help);
	if (option_is_secret(row))
		buf_addf(&text, "; or --%s-file=PATH", row->name);
	if (option_is_list(row))
		buf_add_str(&text, "; repeatable");
	if (row->def != NULL && !(row->kind == OPT_SWITCH && strcmp(row->def, "no") == 0))
		buf_addf(&text, " (default %s)", row->def);
	if (row->alias != NULL)
		buf_addf(&text, "; also --%s", row->alias);

	buf_add_str(out, "  ");
	if (row->flag != 0)
		buf_addf(out, "-%c, ", row->flag);
	buf_addf(out, "--%s%s", row->name, value_word(row));
	if (column + 2 > indent) {
		buf_add_byte(out, '\n');
		column = 0;
	}
	buf_addf(out, "%*s", (int)(indent - column), "");
	add_words(out, indent, indent, buf_cstr(&text) != NULL ? buf_cstr(&text) : row->help);
	buf_add_byte(out, '\n');
	buf_close(&text);
}

static void print_dropped(const struct option *table, struct buf *out)
{
	size_t column = 0;

	for (const struct option *row = table; row->name != NULL; row++) {
		if (row->kind != OPT_DROPPED)
			continue;
		if (column == 0)
			column = add_words(out, 0, 0, "\nTaken and ignored, with a word on what to do instead:");
		column = add_words(out, column, 2, row->name);
	}
	if (column > 0)
		buf_add_byte(out, '\n');
}

void options_print_rows(const struct option *table, struct buf *out)
{
	size_t indent = 0;

	for (const struct option *row = table; row->name != NULL; row++)
		if (option_has_field(row) && left_width(row) > indent && left_width(row) <= LEFT_MAX)
			indent = left_width(row);
	for (const struct option *row = table; row->name != NULL; row++) {
		if (row->kind == OPT_GROUP)
			buf_addf(out, "\n%s\n", row->help);
		else if (option_has_field(row))
			print_row(row, indent, out);
	}
	print_dropped(table, out);
}

void options_print_help(const char *daemon, const char *purpose, const struct option *table, struct buf *out)
{
	buf_addf(out, "%s - %s\n\nusage: %s [-c FILE] [--OPTION=VALUE ...]\n\n", daemon, purpose, daemon);
	buf_addf(out, "The later beats the earlier: default, FILE (/etc/%s.conf if it exists; lines OPTION = VALUE),\n"
		      "environment (the daemon's and the option's name in capitals, '_' for '-'), command line.\n", daemon);
	buf_add_str(out, "\n"
		    "  -c, --config=FILE   read this configuration file\n"
		    "  --check-config      read everything, say what is wrong, and end\n"
		    "  --print-config      print what is in effect, as a file, and end\n"
		    "  --version           print the version, and end\n"
		    "  -h, --help          print this, and end\n");
	options_print_rows(table, out);
}

void options_print_config(const struct option *table, const void *config, struct buf *out)
{
	for (const struct option *row = table; row->name != NULL; row++) {
		size_t n = option_value_count(row, config);
		if (row->kind == OPT_GROUP)
			buf_addf(out, "%s# --- %s\n", row == table ? "" : "\n", row->help);
		else if (n == 0 && option_has_field(row))
			buf_addf(out, "# %s =\n", row->name);
		for (size_t i = 0; i < n; i++) {
			buf_addf(out, "%s = ", row->name);
			option_value_print(row, config, i, out);
			buf_add_byte(out, '\n');
		}
	}
}
