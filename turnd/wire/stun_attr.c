#include "turnd/wire/stun_attr.h"

#include "common/base/reader.h"
#include "turnd/wire/stun.h"

/* IPv4 is masked with the cookie, IPv6 with cookie and transaction id. */
static void xor_address(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *tid)
{
	uint8_t mask[16];
	store_u32(mask, STUN_COOKIE);
	memcpy(mask + 4, tid, STUN_TID_SIZE);
	for (size_t i = 0; i < n; i++)
		out[i] = in[i] ^ mask[i];
}

bool attr_read_xor_address(struct span value, const uint8_t *tid, struct endpoint *out)
{
	*out = (struct endpoint){ .port = 0 };
	if (value.len == 8 && value.p[1] == ATTR_FAMILY_IPV4)
		out->ip.family = 4;
	else if (value.len == 20 && value.p[1] == ATTR_FAMILY_IPV6)
		out->ip.family = 6;
	else
		return false;
	out->port = load_u16(value.p + 2) ^ (STUN_COOKIE >> 16);
	xor_address(out->ip.b, value.p + 4, value.len - 4, tid);
	return true;
}

size_t attr_write_xor_address(const struct endpoint *e, const uint8_t *tid, uint8_t out[XOR_ADDRESS_MAX])
{
	size_t n = e->ip.family == 6 ? 16 : 4;
	out[0] = 0;
	out[1] = attr_family_number(e->ip.family);
	store_u16(out + 2, (uint16_t)(e->port ^ (STUN_COOKIE >> 16)));
	xor_address(out + 4, e->ip.b, n, tid);
	return 4 + n;
}

bool attr_read_family(struct span value, uint8_t *family)
{
	*family = 0;
	if (value.len != 4)
		return false;
	if (value.p[0] == ATTR_FAMILY_IPV4)
		*family = 4;
	else if (value.p[0] == ATTR_FAMILY_IPV6)
		*family = 6;
	return true;
}

uint8_t attr_family_number(uint8_t family)
{
	return family == 6 ? ATTR_FAMILY_IPV6 : ATTR_FAMILY_IPV4;
}

bool attr_read_u32(struct span value, uint32_t *out)
{
	*out = value.len == 4 ? load_u32(value.p) : 0;
	return value.len == 4;
}

bool attr_read_protocol(struct span value, uint8_t *out)
{
	*out = value.len == 4 ? value.p[0] : 0;
	return value.len == 4;
}

bool attr_read_channel(struct span value, uint16_t *out)
{
	*out = value.len == 4 ? load_u16(value.p) : 0;
	return value.len == 4;
}

bool attr_read_error(struct span value, unsigned *code)
{
	if (value.len < 4)
		return false;
	unsigned class = value.p[2] & 7, number = value.p[3];
	*code = class * 100 + number;
	return class >= 3 && class <= 6 && number <= 99;
}
