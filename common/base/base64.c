#include "common/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(struct span in, char *out)
{
	char *to = out;

	for (size_t i = 0; i < in.len; i += 3) {
		size_t left = in.len - i;
		uint32_t v = (uint32_t)in.p[i] << 16;
		if (left > 1)
			v |= (uint32_t)in.p[i + 1] << 8;
		if (left > 2)
			v |= in.p[i + 2];
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[v >> 12 & 63];
		*to++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*to++ = left > 2 ? alphabet[v & 63] : '=';
	}
	*to = '\0';
	return (size_t)(to - out);
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct span in, uint8_t *out, size_t *len)
{
	size_t n = 0, padding = 0;

	*len = 0;
	if (in.len % 4 != 0)
		return false;
	while (padding < 2 && padding < in.len && in.p[in.len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < in.len; i += 4) {
		size_t pad = i + 4 == in.len ? padding : 0;
		uint32_t v = 0;
		for (size_t j = 0; j < 4; j++) {
			int d = j < 4 - pad ? value_of(in.p[i + j]) : 0;
			if (d < 0)
				return false;
			v = v << 6 | (uint32_t)d;
		}
		/* Bits that no byte takes must be zero, so that a value has one spelling (RFC 4648 section 3.5). */
		if (v & ((UINT32_C(1) << 8 * pad) - 1))
			return false;
		for (size_t j = 0; j < 3 - pad; j++)
			out[n++] = (uint8_t)(v >> (16 - 8 * j));
	}
	*len = n;
	return true;
}
