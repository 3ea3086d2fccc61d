#include "common/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 4096,	/* PIPE_BUF: lines of several threads do not mix in a pipe */
	VALUE_MAX_BYTES = 256,
};

static atomic_int threshold = LOG_INFO;
static enum log_format format = LOG_KEY_VALUE;
static int fd = STDERR_FILENO;

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	bool full;	/* something did not fit */
};

static const size_t line_room = LINE_MAX_BYTES - 2;	/* for "}\n" */

static void add(struct line *l, const char *s, size_t n)
{
	if (n > line_room - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static void add_str(struct line *l, const char *s)
{
	add(l, s, strlen(s));
}

__attribute__((format(printf, 2, 3)))
static void addf(struct line *l, const char *fmt, ...)
{
	char s[128];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(s, sizeof(s), fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(s))
		add(l, s, (size_t)n);
}

static bool is_literal(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static bool needs_quotes(struct span s)
{
	if (format == LOG_JSON || s.len == 0)
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (!is_literal(s.p[i]) || s.p[i] == ' ' || s.p[i] == '=')
			return true;
	return false;
}

/* The same text in both formats: a reader of JSON sees "\xNN" where key=value has it. */
static void add_value(struct line *l, struct span s)
{
	static const char hex[] = "0123456789abcdef";
	bool quotes;

	s = span_first(s, VALUE_MAX_BYTES);
	quotes = needs_quotes(s);
	if (quotes)
		add(l, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		if (is_literal(s.p[i])) {
			add(l, (const char *)&s.p[i], 1);
			continue;
		}
		add_str(l, format == LOG_JSON ? "\\\\x" : "\\x");
		add(l, &hex[s.p[i] >> 4], 1);
		add(l, &hex[s.p[i] & 15], 1);
	}
	if (quotes)
		add(l, "\"", 1);
}

static void add_key(struct line *l, const char *key)
{
	bool first = l->len == (format == LOG_JSON);	/* nothing there but the brace */

	if (!first)
		add(l, format == LOG_JSON ? "," : " ", 1);
	if (format == LOG_JSON)
		add(l, "\"", 1);
	add_str(l, key);
	add_str(l, format == LOG_JSON ? "\":" : "=");
}

/* All of a field or nothing of it. */
static void add_field(struct line *l, const struct log_field *f)
{
	size_t before = l->len;
	char text[ENDPOINT_TEXT];

	add_key(l, f->key);
	switch (f->kind) {
	case LOG_KIND_SPAN:
		add_value(l, f->v.s);
		break;
	case LOG_KIND_UINT:
		addf(l, "%" PRIu64, f->v.u);
		break;
	case LOG_KIND_INT:
		addf(l, "%" PRId64, f->v.i);
		break;
	case LOG_KIND_ENDPOINT:
		add_value(l, span_str(endpoint_format(f->v.e, text)));
		break;
	}
	if (l->full)
		l->len = before;
	l->full = false;
}

static void add_time(struct line *l)
{
	struct timespec now;
	struct tm utc;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	add_key(l, "time");
	addf(l, format == LOG_JSON ? "\"%s.%03uZ\"" : "%s.%03uZ", text, (unsigned)(now.tv_nsec / 1000000));
}

void log_setup(enum log_level level, enum log_format fmt, int to)
{
	log_set_level(level);
	format = fmt;
	fd = to >= 0 ? to : STDERR_FILENO;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct line l;

	if (!log_enabled(level))
		return;
	l.len = 0;
	l.full = false;
	if (format == LOG_JSON)
		l.text[l.len++] = '{';
	add_time(&l);
	add_field(&l, &LOG_STR("level", names[level]));
	add_field(&l, &LOG_STR("event", event));
	for (; fields->key != NULL; fields++)
		add_field(&l, fields);
	if (format == LOG_JSON)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';
	if (write(fd, l.text, l.len) < 0)
		return;		/* nowhere to complain to */
}
