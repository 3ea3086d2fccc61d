#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf){ .limit = limit };
}

void buf_close(struct buf *b)
{
	free(b->p);
	buf_init(b, b->limit);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool ensure_cap(struct buf *b, size_t need)
{
	size_t cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
	uint8_t *p;

	if (need <= b->cap)
		return true;
	if (cap < FIRST_CAP)
		cap = FIRST_CAP;
	if (cap > b->limit)
		cap = b->limit;
	if (cap < need)
		cap = need;
	p = realloc(b->p, cap);
	if (p == NULL)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	if (b->failed || n > b->limit - b->len || !ensure_cap(b, b->len + (n > 0 ? n : 1))) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->len;
}

bool buf_add(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (n == 0)
		return !b->failed;
	to = buf_reserve(b, n);
	if (to == NULL)
		return false;
	memcpy(to, p, n);
	b->len += n;
	return true;
}

bool buf_add_span(struct buf *b, struct span s)
{
	return buf_add(b, s.p, s.len);
}

bool buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

bool buf_add_byte(struct buf *b, uint8_t c)
{
	return buf_add(b, &c, 1);
}

bool buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	size_t room = b->cap - b->len;
	int n;

	if (b->failed)
		return false;
	va_start(args, fmt);
	n = vsnprintf(room > 0 ? (char *)b->p + b->len : NULL, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n > b->limit - b->len || !ensure_cap(b, b->len + (size_t)n + 1)) {
		b->failed = true;
		return false;
	}
	if ((size_t)n >= room) {
		va_start(args, fmt);
		vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, args);
		va_end(args);
	}
	b->len += (size_t)n;
	return true;
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else if (n > 0) {
		b->len -= n;
		memmove(b->p, b->p + n, b->len);
	}
}

const char *buf_cstr(struct buf *b)
{
	if (b->len == 0)
		return "";
	if (b->len == SIZE_MAX || !ensure_cap(b, b->len + 1))
		return NULL;
	b->p[b->len] = '\0';
	return (const char *)b->p;
}
