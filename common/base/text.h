/* text.h - the usual helpers for text that comes from outside. Pure; strings are spans unless they say char *. */
#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include "common/base/buf.h"

bool utf8_valid(struct span s);		/* RFC 3629: no surrogates, no overlong forms */

/* Is every byte an ASCII letter, an ASCII digit or one of `others`? The empty text is. */
bool text_is_word(struct span s, const char *others);

int hex_value(uint8_t digit);		/* 0..15, upper or lower case; -1: not a digit */

/* Decimal digits only, no sign, no blank, no overflow; at least one digit. */
bool parse_u64(struct span s, uint64_t *out);

/* Appends s with %XX decoded ('+' stays). False on a broken escape; *out then holds what came before. */
bool percent_decode(struct span s, struct buf *out);
/* Appends s with everything but RFC 3986 "unreserved" as %XX. */
bool percent_encode(struct span s, struct buf *out);

/* Cuts *rest at the first `sep`: returns what stands before it, leaves what stands behind; all of it if there is none. */
struct span text_cut(struct span *rest, char sep);
struct span text_trim(struct span s);			/* without blanks and tabs at both ends */
bool text_eq_nocase(struct span a, const char *b);	/* ASCII */
bool text_has_prefix(struct span s, const char *prefix);

/* Looks for `name` in a query string ("a=1&b=2"): its value, decoded, is appended to *out. False if absent or
 * broken. "a" and "a=" are the empty value. The first one counts. */
bool query_get(struct span query, const char *name, struct buf *out);

#endif
