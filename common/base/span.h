/* span.h - a view of bytes that somebody else owns.
 *
 * A span never owns and never ends in a NUL. Whoever hands one out says how long it stays valid; where
 * nothing is said, that is until the callee returns.
 */
#ifndef COMMON_BASE_SPAN_H
#define COMMON_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;	/* may be NULL only if len is 0 */
	size_t len;		/* bytes */
};

/* A span over a string literal: as a value, and as the initialiser of what is static. */
#define SPAN_LIT(s) ((struct span)SPAN_INIT(s))
#define SPAN_INIT(s) { (const uint8_t *)(s), sizeof(s) - 1 }

static inline struct span span_of(const void *p, size_t len)
{
	return (struct span){ p, len };
}

static inline struct span span_str(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool span_eq_str(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/* What is left of s behind its first n bytes; empty if there are not so many. */
static inline struct span span_skip(struct span s, size_t n)
{
	return n < s.len ? (struct span){ s.p + n, s.len - n } : (struct span){ s.p + s.len, 0 };
}

/* The first n bytes of s, or all of it. */
static inline struct span span_first(struct span s, size_t n)
{
	return (struct span){ s.p, n < s.len ? n : s.len };
}

/* printf("%.*s", SPAN_ARG(s)): only for bytes that are known to be printable. */
#define SPAN_ARG(s) (int)(s).len, (const char *)(s).p

#endif
