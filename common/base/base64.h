/* base64.h - RFC 4648 section 4, with padding. Pure. */
#ifndef COMMON_BASE_BASE64_H
#define COMMON_BASE_BASE64_H

#include "common/base/span.h"

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)	/* text of n bytes, with the NUL */

/* out holds BASE64_SIZE(in.len); returns the length of the text without its NUL. */
size_t base64_encode(struct span in, char *out);

/* Strict: no blanks, right padding. out holds in.len / 4 * 3 bytes. False if it is not base64. */
bool base64_decode(struct span in, uint8_t *out, size_t *len);

#endif
