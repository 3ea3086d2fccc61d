#include "turnd/wire/stun_build.h"

#include "common/base/reader.h"
#include "common/crypto/digest.h"
#include "turnd/wire/stun_attr.h"

void stun_begin(struct stun_builder *b, uint8_t *mem, size_t cap, uint16_t method, enum stun_class cls,
		const uint8_t tid[STUN_TID_SIZE])
{
	*b = (struct stun_builder){ .p = mem, .cap = cap, .failed = cap < STUN_HEADER };
	if (b->failed)
		return;
	store_u16(mem, stun_type(method, cls));
	store_u16(mem + 2, 0);
	store_u32(mem + 4, STUN_COOKIE);
	memcpy(mem + 8, tid, STUN_TID_SIZE);
	b->len = STUN_HEADER;
}

/* Appends an attribute with room for n bytes of value, padding zeroed; NULL if there is none. */
static uint8_t *add_attr(struct stun_builder *b, uint16_t type, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *value;

	if (b->failed || n > UINT16_MAX || padded + STUN_ATTR_HEADER > b->cap - b->len ||
	    b->len + padded + STUN_ATTR_HEADER - STUN_HEADER > UINT16_MAX) {
		b->failed = true;
		return NULL;
	}
	value = b->p + b->len + STUN_ATTR_HEADER;
	store_u16(value - 4, type);
	store_u16(value - 2, (uint16_t)n);
	memset(value + n, 0, padded - n);
	b->len += padded + STUN_ATTR_HEADER;
	store_u16(b->p + 2, (uint16_t)(b->len - STUN_HEADER));
	return value;
}

void stun_add(struct stun_builder *b, uint16_t type, struct span value)
{
	uint8_t *p = add_attr(b, type, value.len);
	if (p != NULL && value.len > 0)
		memcpy(p, value.p, value.len);
}

void stun_add_u32(struct stun_builder *b, uint16_t type, uint32_t value)
{
	uint8_t *p = add_attr(b, type, 4);
	if (p != NULL)
		store_u32(p, value);
}

void stun_add_xor_address(struct stun_builder *b, uint16_t type, const struct endpoint *e)
{
	uint8_t value[XOR_ADDRESS_MAX];
	if (!b->failed)
		stun_add(b, type, span_of(value, attr_write_xor_address(e, b->p + 8, value)));
}

void stun_add_address(struct stun_builder *b, uint16_t type, const struct endpoint *e)
{
	size_t n = e->ip.family == 6 ? 16 : 4;
	uint8_t *p = add_attr(b, type, 4 + n);

	if (p == NULL)
		return;
	p[0] = 0;
	p[1] = attr_family_number(e->ip.family);
	store_u16(p + 2, e->port);
	memcpy(p + 4, e->ip.b, n);
}

void stun_add_error(struct stun_builder *b, unsigned code, struct span reason)
{
	uint8_t *p = add_attr(b, ATTR_ERROR_CODE, 4 + reason.len);
	if (p == NULL)
		return;
	store_u32(p, code / 100 << 8 | code % 100);
	if (reason.len > 0)
		memcpy(p + 4, reason.p, reason.len);
}

void stun_add_address_error(struct stun_builder *b, uint8_t family, unsigned code)
{
	stun_add_u32(b, ATTR_ADDRESS_ERROR_CODE,
		     (uint32_t)attr_family_number(family) << 24 | code / 100 << 8 | code % 100);
}

void stun_add_integrity(struct stun_builder *b, struct span key)
{
	size_t covered = b->len;
	uint8_t *p = add_attr(b, ATTR_MESSAGE_INTEGRITY, SHA1_SIZE);
	if (p == NULL)
		return;
	const struct span part = span_of(b->p, covered);
	if (hmac_sha1(key, &part, 1, p) < 0)
		b->failed = true;
}

void stun_add_integrity_sha256(struct stun_builder *b, struct span key)
{
	size_t covered = b->len;
	uint8_t *p = add_attr(b, ATTR_MESSAGE_INTEGRITY_SHA256, SHA256_SIZE);
	if (p == NULL)
		return;
	const struct span part = span_of(b->p, covered);
	if (hmac_sha256(key, &part, 1, p) < 0)
		b->failed = true;
}

void stun_add_fingerprint(struct stun_builder *b)
{
	size_t covered = b->len;
	uint8_t *p = add_attr(b, ATTR_FINGERPRINT, 4);
	if (p != NULL)
		store_u32(p, stun_fingerprint(span_of(b->p, covered)));
}

struct span stun_end(const struct stun_builder *b)
{
	return span_of(b->p, b->failed ? 0 : b->len);
}
