#include "common/daemon/option_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/daemon/option_value.h"

enum { SECRET_FILE_LIMIT = 16 << 10 };

/* --- saying where and what --- */

__attribute__((format(printf, 5, 0)))
static void say(const struct options *o, const struct origin *at, bool warning, struct span name, const char *fmt,
		va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	switch (at->source) {
	case SOURCE_DEFAULT:
		fprintf(stderr, "%s: ", o->daemon);
		break;
	case SOURCE_FILE:
		fprintf(stderr, "%s:%u: ", o->file, at->line);
		break;
	case SOURCE_ENVIRONMENT:
		fprintf(stderr, "environment %.*s: ", SPAN_ARG(at->variable));
		break;
	case SOURCE_ARGV:
		fprintf(stderr, "command line: ");
		break;
	}
	fprintf(stderr, "%s%.*s%s%s\n", warning ? "warning: " : "", SPAN_ARG(name), name.len > 0 ? ": " : "", text);
}

void option_bad(struct options *o, const struct origin *at, struct span name, const char *fmt, ...)
{
	va_list args;

	o->errors++;
	va_start(args, fmt);
	say(o, at, false, name, fmt, args);
	va_end(args);
}

void option_warn(struct options *o, const struct origin *at, struct span name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(o, at, true, name, fmt, args);
	va_end(args);
}

static const struct origin *origin_of(const struct options *o, const char *name, size_t i)
{
	static const struct origin nowhere = { .source = SOURCE_DEFAULT };

	for (size_t r = 0; r < o->n_rows; r++)
		if (strcmp(o->table[r].name, name) == 0 && i < o->given[r].n)
			return &o->given[r].at[i];
	return &nowhere;
}

void options_bad(struct options *o, const char *name, size_t i, const char *sentence, ...)
{
	va_list args;

	o->errors++;
	va_start(args, sentence);
	say(o, origin_of(o, name, i), false, span_str(name), sentence, args);
	va_end(args);
}

void options_warn(struct options *o, const char *name, size_t i, const char *sentence, ...)
{
	va_list args;

	va_start(args, sentence);
	say(o, origin_of(o, name, i), true, span_str(name), sentence, args);
	va_end(args);
}

bool options_given(const struct options *o, const char *name)
{
	for (size_t r = 0; r < o->n_rows; r++)
		if (strcmp(o->table[r].name, name) == 0)
			return o->given[r].source != SOURCE_DEFAULT;
	return false;
}

/* --- names --- */

const struct option *option_find(const struct options *o, struct span name, bool *is_file)
{
	static const char suffix[] = "-file";
	const size_t suffix_len = sizeof(suffix) - 1;

	*is_file = false;
	for (const struct option *row = o->table; row->name != NULL; row++)
		if (row->kind != OPT_GROUP &&
		    (span_eq_str(name, row->name) || (row->alias != NULL && span_eq_str(name, row->alias))))
			return row;
	if (name.len <= suffix_len || !span_eq_str(span_skip(name, name.len - suffix_len), suffix))
		return NULL;
	*is_file = true;
	name.len -= suffix_len;
	for (const struct option *row = o->table; row->name != NULL; row++)
		if (option_is_secret(row) && span_eq_str(name, row->name))
			return row;
	return NULL;
}

static size_t edit_distance(struct span a, struct span b)
{
	size_t row[OPTION_NAME + 1];

	if (a.len > OPTION_NAME || b.len > OPTION_NAME)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
			size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < shorter ? change : shorter;
		}
	}
	return row[b.len];
}

/* " (did you mean 'min-port'?)", or "". */
const char *option_hint(const struct options *o, struct span name, char out[OPTION_HINT])
{
	const char *best = NULL;
	size_t least = name.len / 3 + 1;

	out[0] = '\0';
	for (const struct option *row = o->table; row->name != NULL; row++) {
		size_t d = option_has_field(row) ? edit_distance(name, span_str(row->name)) : SIZE_MAX;
		if (d < least) {
			least = d;
			best = row->name;
		}
	}
	if (best != NULL)
		snprintf(out, OPTION_HINT, " (did you mean '%.*s'?)", OPTION_NAME, best);
	return out;
}

/* --- one value --- */

static bool remember(struct given *g, const struct origin *at)
{
	struct origin *grown = realloc(g->at, (g->n + 1) * sizeof(*grown));

	if (grown == NULL)
		return false;
	g->at = grown;
	g->at[g->n++] = *at;
	return true;
}

static void take_text(struct options *o, const struct origin *at, const struct option *row, struct span text)
{
	struct given *g = &o->given[row - o->table];
	char why[OPTION_WHY];

	if (!option_value_set(row, o->config, text, why)) {
		option_bad(o, at, span_str(row->name), "%s", why);
		return;
	}
	if (!option_is_list(row) || option_value_count(row, o->config) == 0)
		g->n = 0;
	if (option_value_count(row, o->config) > g->n && !remember(g, at))
		option_bad(o, at, span_str(row->name), "no memory is left for it");
}

static struct span without_cr(struct span s)
{
	s.len -= s.len > 0 && s.p[s.len - 1] == '\r';
	return s;
}

/* The content of a file that holds a secret: one, or in a list's case one a line. */
static void take_secret_text(struct options *o, const struct origin *at, const struct option *row, struct span text)
{
	if (!option_is_list(row)) {
		text.len -= text.len > 0 && text.p[text.len - 1] == '\n';
		take_text(o, at, row, without_cr(text));
		return;
	}
	while (text.len > 0) {
		struct span line = text_trim(without_cr(text_cut(&text, '\n')));
		if (line.len > 0)
			take_text(o, at, row, line);
	}
	if (option_value_count(row, o->config) == 0)
		option_bad(o, at, span_str(row->name), "its file is empty");
}

/* -1 with errno; otherwise the number of bytes, at most size. */
ssize_t option_read_whole(int fd, void *out, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, (char *)out + n, size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static void take_secret_file(struct options *o, const struct origin *at, const struct option *row, struct span path)
{
	char name[4096];
	uint8_t secret[SECRET_FILE_LIMIT + 1];
	struct stat st;
	ssize_t n = -1;
	int fd;

	snprintf(name, sizeof(name), "%.*s", SPAN_ARG(path));
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0)
		n = option_read_whole(fd, secret, sizeof(secret));
	if (n < 0)
		option_bad(o, at, span_str(row->name), "cannot read %s: %s", name, strerror(errno));
	else if (n > SECRET_FILE_LIMIT)
		option_bad(o, at, span_str(row->name), "%s is too large for a secret", name);
	else {
		if (st.st_mode & (S_IROTH | S_IWOTH))
			option_warn(o, at, span_str(row->name), "everybody on this machine can open %s: chmod 600 it", name);
		take_secret_text(o, at, row, span_of(secret, (size_t)n));
	}
	if (fd >= 0)
		close(fd);
	secret_wipe(secret, sizeof(secret));
}

static void take_element(struct options *o, const struct origin *at, const struct option *row, bool is_file,
			 struct span value)
{
	if (is_file)
		take_secret_file(o, at, row, value);
	else
		take_text(o, at, row, value);
}

/* value.p == NULL: a bare key. */
void option_take(struct options *o, const struct origin *at, const struct option *row, bool is_file, struct span value)
{
	struct given *g = &o->given[row - o->table];
	bool commas = at->source == SOURCE_DEFAULT || at->source == SOURCE_ENVIRONMENT;

	if (row->kind == OPT_DROPPED) {
		option_warn(o, at, span_str(row->name), "ignored; %s", row->help);
		return;
	}
	if (g->source < at->source) {
		option_value_clear(row, o->config);
		g->n = 0;
		g->source = at->source;
	} else if (!option_is_list(row) && g->n > 0 && at->source != SOURCE_DEFAULT) {
		option_warn(o, at, span_str(row->name), "given more than once; the last one counts");
	}
	if (at->source == SOURCE_FILE && option_is_secret(row) && !is_file)
		o->file_holds_secret = true;
	if (value.p == NULL && row->kind == OPT_SWITCH) {
		value = SPAN_LIT("yes");
	} else if (value.p == NULL && row->def != NULL) {
		value = span_str(row->def);
		commas = true;
	}
	if (value.p == NULL) {
		option_bad(o, at, span_str(row->name), "needs a value");
		return;
	}
	if (!commas || !option_is_list(row)) {
		take_element(o, at, row, is_file, value);
		return;
	}
	while (value.len > 0) {
		struct span element = text_trim(text_cut(&value, ','));
		if (element.len > 0)
			take_element(o, at, row, is_file, element);
	}
}
