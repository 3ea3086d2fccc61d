#include "turnd/wire/stun.h"

#include "common/base/reader.h"
#include "common/crypto/digest.h"
#include "turnd/wire/stun_attr.h"

static uint32_t crc32_step(uint32_t crc, uint8_t byte)
{
	/* Half a byte at a time: the table stays in one cache line. Polynomial 0xEDB88320 (ITU V.42). */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
	};
	crc ^= byte;
	crc = crc >> 4 ^ table[crc & 15];
	return crc >> 4 ^ table[crc & 15];
}

uint32_t stun_fingerprint(struct span before)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < before.len; i++)
		crc = crc32_step(crc, before.p[i]);
	return ~crc ^ 0x5354554e;
}

uint16_t stun_type(uint16_t method, enum stun_class cls)
{
	return (uint16_t)((method & 0xF80) << 2 | (method & 0x70) << 1 | (method & 0xF) |
			  (cls & 2) << 7 | (cls & 1) << 4);
}

bool stun_next(struct span *rest, struct stun_attr *a)
{
	struct reader r = { .left = *rest };
	a->type = read_u16(&r);
	a->value = read_bytes(&r, read_u16(&r));
	read_bytes(&r, -a->value.len & 3);
	if (r.failed)
		return false;
	*rest = r.left;
	return true;
}

bool stun_find(const struct stun_msg *m, uint16_t type, struct span *value)
{
	struct span rest = m->attrs;
	struct stun_attr a;
	while (stun_next(&rest, &a)) {
		if (a.type == type) {
			*value = a.value;
			return true;
		}
	}
	*value = (struct span){ NULL, 0 };
	return false;
}

/* What stands behind an integrity attribute is not covered by it: only a stronger integrity and the fingerprint count. */
static bool take_attr(struct stun_msg *m, const struct stun_attr *a, const uint8_t *at, bool last)
{
	switch (a->type) {
	case ATTR_MESSAGE_INTEGRITY:
		if (a->value.len != 20)
			return false;
		if (m->integrity.len == 0 && m->integrity_sha256.len == 0)
			m->integrity = a->value;
		break;
	case ATTR_MESSAGE_INTEGRITY_SHA256:
		if (a->value.len < 16 || a->value.len > 32 || a->value.len % 4 != 0)
			return false;
		if (m->integrity_sha256.len == 0)
			m->integrity_sha256 = a->value;
		break;
	case ATTR_FINGERPRINT:
		m->fingerprint = true;
		return last && a->value.len == 4 &&
			load_u32(a->value.p) == stun_fingerprint(span_of(m->whole.p, (size_t)(at - m->whole.p)));
	default:
		if (m->integrity.len == 0 && m->integrity_sha256.len == 0)
			m->attrs.len = (size_t)(a->value.p + a->value.len + (-a->value.len & 3) - m->attrs.p);
	}
	return true;
}

static enum stun_result parse_attrs(struct stun_msg *m, struct span body)
{
	struct stun_attr a;
	m->attrs = span_of(body.p, 0);
	while (body.len > 0) {
		const uint8_t *at = body.p;
		if (!stun_next(&body, &a) || !take_attr(m, &a, at, body.len == 0))
			return STUN_MALFORMED;
	}
	return STUN_OK;
}

enum stun_result stun_parse(struct stun_msg *m, struct span in)
{
	struct reader r = { .left = in };
	uint16_t type = read_u16(&r), length = read_u16(&r);
	uint32_t cookie = read_u32(&r);
	struct span body;

	*m = (struct stun_msg){ .whole = in };
	if (type & 0xC000)
		return STUN_NOT_STUN;
	if (!r.failed && (cookie != STUN_COOKIE || length % 4 != 0))
		return STUN_NOT_STUN;
	m->method = (uint16_t)((type & 0x3E00) >> 2 | (type & 0xE0) >> 1 | (type & 0xF));
	m->cls = (uint8_t)((type & 0x100) >> 7 | (type & 0x10) >> 4);
	m->tid = read_bytes(&r, STUN_TID_SIZE).p;
	body = read_bytes(&r, length);
	if (r.failed)
		return STUN_TRUNCATED;
	if (r.left.len > 0)
		return STUN_MALFORMED;
	return parse_attrs(m, body);
}

/* The MAC is made as if its attribute were the last one: the header's length ends with it. */
static size_t covered_by(const struct stun_msg *m, struct span mac, uint8_t header[STUN_HEADER], struct span parts[2])
{
	size_t covered = (size_t)(mac.p - m->whole.p) - STUN_ATTR_HEADER;

	memcpy(header, m->whole.p, STUN_HEADER);
	store_u16(header + 2, (uint16_t)(covered + STUN_ATTR_HEADER + mac.len - STUN_HEADER));
	parts[0] = span_of(header, STUN_HEADER);
	parts[1] = span_of(m->whole.p + STUN_HEADER, covered - STUN_HEADER);
	return 2;
}

bool stun_integrity_ok(const struct stun_msg *m, struct span key)
{
	uint8_t header[STUN_HEADER], mac[SHA1_SIZE];
	struct span parts[2];

	return m->integrity.len == SHA1_SIZE &&
	       hmac_sha1(key, parts, covered_by(m, m->integrity, header, parts), mac) == 0 &&
	       digest_equal(mac, m->integrity.p, SHA1_SIZE);
}

bool stun_integrity_sha256_ok(const struct stun_msg *m, struct span key)
{
	uint8_t header[STUN_HEADER], mac[SHA256_SIZE];
	struct span parts[2];

	return m->integrity_sha256.len == SHA256_SIZE &&
	       hmac_sha256(key, parts, covered_by(m, m->integrity_sha256, header, parts), mac) == 0 &&
	       digest_equal(mac, m->integrity_sha256.p, SHA256_SIZE);
}
