/* json_text.h - the text of JSON strings, without a JSON tree.
 *
 * Relayed messages are opaque: they are checked and passed on in their escaped form, never decoded and encoded
 * again (cJSON would lose "\u0000" and let broken UTF-8 through). Pure.
 */
#ifndef COMMON_BASE_JSON_TEXT_H
#define COMMON_BASE_JSON_TEXT_H

#include "common/base/buf.h"

/* What stands between the quotes of a JSON string (RFC 8259 section 7): valid UTF-8, no bare control
 * characters or quotes, whole escapes, surrogates only in pairs. */
bool json_escaped_valid(struct span between_quotes);

/* Appends `raw` (must be valid UTF-8) escaped, without quotes. False if it is not valid UTF-8 or *out failed. */
bool json_escape(struct span raw, struct buf *out);

/* Appends the decoded text of a valid escaped one. Surrogate pairs become UTF-8, \u0000 a NUL byte. */
bool json_unescape(struct span between_quotes, struct buf *out);

#endif
