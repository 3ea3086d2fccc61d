/* redis_text.h - a Redis value as text, so that a test compares strings: [1 "a" nil], status OK, error ERR no. */
#ifndef TESTS_LIB_REDIS_TEXT_H
#define TESTS_LIB_REDIS_TEXT_H

#include "common/base/buf.h"
#include "common/redis/redis_value.h"

void redis_text(struct buf *out, const struct redis_value *v);
void redis_text_line(void *out, const struct redis_value *v);	/* a redis_reply_cb: appends a line to a struct buf */

#endif
