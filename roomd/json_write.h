/* json_write.h - JSON objects and arrays written straight into a buffer, one member after the other. Pure.
 *
 *	json_open(out, NULL, '{'); json_string(out, "result", SPAN_LIT("SUCCESS")); json_close(out, '}');
 *
 * key: NULL for an element of an array and for the outermost value; else text that needs no escaping. The comma is put
 * where one is due. Failures (no memory, over the limit, text that is not UTF-8) stay in out->failed: check once at the end.
 */
#ifndef ROOMD_JSON_WRITE_H
#define ROOMD_JSON_WRITE_H

#include "common/base/buf.h"

void json_open(struct buf *out, const char *key, char bracket);
void json_close(struct buf *out, char bracket);
void json_string(struct buf *out, const char *key, struct span text);
void json_raw(struct buf *out, const char *key, const char *value);	/* true, null, 12 */
void json_key_string(struct buf *out, struct span key, struct span text);	/* a key from outside */

#endif
