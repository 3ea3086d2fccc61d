/* reader.h - a cursor over a span; the first short read makes all later ones fail.
 *
 * Multi-byte numbers are in network order on the wire and in host order once read. After a short read
 * `failed` is set for good, numbers read as 0 and spans as empty, so that a parser reads like its RFC and
 * checks once.
 */
#ifndef COMMON_BASE_READER_H
#define COMMON_BASE_READER_H

#include "common/base/span.h"

struct reader {
	struct span left;	/* not read yet */
	bool failed;
};

static inline struct span read_bytes(struct reader *r, size_t n)
{
	struct span out = { r->left.p, n };
	if (r->failed || n > r->left.len) {
		r->failed = true;
		return (struct span){ NULL, 0 };
	}
	r->left.p += n;
	r->left.len -= n;
	return out;
}

static inline uint8_t read_u8(struct reader *r)
{
	struct span s = read_bytes(r, 1);
	return s.len ? s.p[0] : 0;
}

static inline uint16_t load_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline uint16_t read_u16(struct reader *r)
{
	struct span s = read_bytes(r, 2);
	return s.len ? load_u16(s.p) : 0;
}

static inline uint32_t read_u32(struct reader *r)
{
	struct span s = read_bytes(r, 4);
	return s.len ? load_u32(s.p) : 0;
}

#endif
