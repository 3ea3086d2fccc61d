/* buf.h - bytes that grow up to a limit given at init.
 *
 * Appending is all or nothing. An append that would pass the limit or finds no memory changes nothing but
 * `failed`, which stays set: build a whole answer, then check once. buf_reset() clears it.
 *
 * Owner: whoever embeds it.   Thread: any, one at a time.
 */
#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include "common/base/span.h"

struct buf {
	uint8_t *p;		/* owned */
	size_t len, cap;	/* bytes */
	size_t limit;		/* len never exceeds it */
	bool failed;
};

void buf_init(struct buf *b, size_t limit);	/* allocates nothing, cannot fail */
void buf_close(struct buf *b);			/* frees; fine on a zeroed one; the buf is as after init */
void buf_reset(struct buf *b);			/* empties, keeps the memory, clears `failed` */

bool buf_add(struct buf *b, const void *p, size_t n);
bool buf_add_span(struct buf *b, struct span s);
bool buf_add_str(struct buf *b, const char *s);
bool buf_add_byte(struct buf *b, uint8_t c);
bool buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for n more bytes behind len; NULL (and failed) if there is none. The caller writes there and
 * then adds what it wrote to b->len. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* Forgets the first n bytes (at most len) and moves the rest to the front. */
void buf_consume(struct buf *b, size_t n);

/* NUL-terminates without counting the NUL: b->p as a C string, "" when empty; NULL if out of memory. */
const char *buf_cstr(struct buf *b);

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->p, b->len };
}

#endif
