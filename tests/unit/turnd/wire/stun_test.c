#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "common/crypto/digest.h"
#include "turnd/wire/stun.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

#include <stdlib.h>

/* --- RFC 5769 ----------------------------------------------------------------------------------------------------- */

static const uint8_t request[] = {		/* section 2.1 */
	0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
	0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
	0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
	0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
	0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
	0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
	0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf
};

static const uint8_t response_ipv4[] = {	/* section 2.2 */
	0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
	0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
	0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
	0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
	0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96
};

static const uint8_t response_ipv6[] = {	/* section 2.3 */
	0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
	0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
	0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
	0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14,
	0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75,
	0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c
};

static const uint8_t request_long_term[] = {	/* section 2.4 */
	0x00, 0x01, 0x00, 0x60, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0,
	0x29, 0xda, 0x41, 0x2e, 0x00, 0x06, 0x00, 0x12, 0xe3, 0x83, 0x9e, 0xe3, 0x83, 0x88, 0xe3, 0x83,
	0xaa, 0xe3, 0x83, 0x83, 0xe3, 0x82, 0xaf, 0xe3, 0x82, 0xb9, 0x00, 0x00, 0x00, 0x15, 0x00, 0x1c,
	0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34,
	0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x14, 0x00, 0x0b,
	0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00, 0x00, 0x08, 0x00, 0x14,
	0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8, 0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2,
	0x8c, 0xa8, 0x96, 0x66
};

/* RFC 8489 appendix B.1 with its verified erratum: PASSWORD-ALGORITHM is in it, and the length is 0x90. */
static const uint8_t request_sha256[] = {
	0x00, 0x01, 0x00, 0x90, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0,
	0x29, 0xda, 0x41, 0x2e, 0x00, 0x1e, 0x00, 0x20, 0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd,
	0xa9, 0x52, 0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f, 0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2,
	0x05, 0xc4, 0x6e, 0x41, 0x40, 0x7f, 0x17, 0x04, 0x00, 0x15, 0x00, 0x29, 0x6f, 0x62, 0x4d, 0x61,
	0x74, 0x4a, 0x6f, 0x73, 0x32, 0x41, 0x41, 0x41, 0x43, 0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b,
	0x39, 0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76,
	0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x0b, 0x65, 0x78, 0x61, 0x6d,
	0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00, 0x00, 0x1d, 0x00, 0x04, 0x00, 0x02, 0x00, 0x00,
	0x00, 0x1c, 0x00, 0x20, 0xb5, 0xc7, 0xbf, 0x00, 0x5b, 0x6c, 0x52, 0xa2, 0x1c, 0x51, 0xc5, 0xe8,
	0x92, 0xf8, 0x19, 0x24, 0x13, 0x62, 0x96, 0xcb, 0x92, 0x7c, 0x43, 0x14, 0x93, 0x09, 0x27, 0x8c,
	0xc6, 0x51, 0x8e, 0x65
};

#define SHORT_TERM_KEY SPAN_LIT("VOkJxbRl1RmTxUk/WvJxBt")
#define MATRIX "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"

static const struct vector {
	const char *name;
	struct span bytes;
} vectors[] = {
	{ "request", { request, sizeof(request) } },
	{ "response over IPv4", { response_ipv4, sizeof(response_ipv4) } },
	{ "response over IPv6", { response_ipv6, sizeof(response_ipv6) } },
	{ "request with long-term credentials", { request_long_term, sizeof(request_long_term) } },
	{ "request with SHA-256", { request_sha256, sizeof(request_sha256) } },
};
enum { N_VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

/* A copy that ends where its memory ends, so that the sanitizer sees a read behind it. */
static uint8_t *exact(struct span s)
{
	uint8_t *p = malloc(s.len > 0 ? s.len : 1);
	assert_non_null(p);
	memcpy(p, s.p, s.len);
	return p;
}

static enum stun_result parse_copy(struct span s)
{
	uint8_t *p = exact(s);
	struct stun_msg m;
	enum stun_result rc = stun_parse(&m, span_of(p, s.len));
	free(p);
	return rc;
}

static struct stun_msg parsed(const uint8_t *p, size_t n)
{
	struct stun_msg m;
	assert_int_equal(stun_parse(&m, span_of(p, n)), STUN_OK);
	return m;
}

static void rfc5769_request_is_understood(void **state)
{
	struct stun_msg m = parsed(request, sizeof(request));
	struct span value;
	(void)state;
	assert_int_equal(m.method, STUN_BINDING);
	assert_int_equal(m.cls, STUN_REQUEST);
	assert_true(m.fingerprint);
	assert_true(stun_integrity_ok(&m, SHORT_TERM_KEY));
	assert_true(stun_find(&m, ATTR_USERNAME, &value));
	assert_true(span_eq_str(value, "evtj:h6vY"));
	assert_true(stun_find(&m, ATTR_SOFTWARE, &value));
	assert_true(span_eq_str(value, "STUN test client"));
	assert_false(stun_find(&m, ATTR_REALM, &value));
	assert_int_equal(value.len, 0);
}

static void rfc5769_responses_are_understood(void **state)
{
	struct stun_msg m = parsed(response_ipv4, sizeof(response_ipv4));
	struct endpoint e, want;
	struct span value;
	(void)state;
	assert_int_equal(m.cls, STUN_SUCCESS);
	assert_true(stun_integrity_ok(&m, SHORT_TERM_KEY));
	assert_true(stun_find(&m, ATTR_XOR_MAPPED_ADDRESS, &value));
	assert_true(attr_read_xor_address(value, m.tid, &e));
	assert_true(endpoint_parse(&want, span_str("192.0.2.1:32853")));
	assert_true(endpoint_equal(&e, &want));

	m = parsed(response_ipv6, sizeof(response_ipv6));
	assert_true(stun_integrity_ok(&m, SHORT_TERM_KEY));
	assert_true(stun_find(&m, ATTR_XOR_MAPPED_ADDRESS, &value));
	assert_true(attr_read_xor_address(value, m.tid, &e));
	assert_true(endpoint_parse(&want, span_str("[2001:db8:1234:5678:11:2233:4455:6677]:32853")));
	assert_true(endpoint_equal(&e, &want));
}

static void matrix_key(uint8_t key[MD5_SIZE])
{
	assert_int_equal(digest_md5(span_str(MATRIX ":example.org:TheMatrIX"), key), 0);
}

static void rfc5769_long_term_request_is_understood(void **state)
{
	struct stun_msg m = parsed(request_long_term, sizeof(request_long_term));
	uint8_t key[MD5_SIZE];
	(void)state;
	matrix_key(key);
	assert_false(m.fingerprint);
	assert_true(stun_integrity_ok(&m, span_of(key, sizeof(key))));
	key[0] ^= 1;
	assert_false(stun_integrity_ok(&m, span_of(key, sizeof(key))));
}

static void rfc5769_long_term_request_is_built_byte_for_byte(void **state)
{
	uint8_t mem[sizeof(request_long_term)], key[MD5_SIZE];
	struct stun_builder b;
	(void)state;
	matrix_key(key);
	stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_REQUEST, request_long_term + 8);
	stun_add(&b, ATTR_USERNAME, span_str(MATRIX));
	stun_add(&b, ATTR_NONCE, span_str("f//499k954d6OL34oL9FSTvy64sA"));
	stun_add(&b, ATTR_REALM, span_str("example.org"));
	stun_add_integrity(&b, span_of(key, sizeof(key)));
	assert_true(span_eq(stun_end(&b), vectors[3].bytes));
}

static void rfc8489_request_is_understood_and_built_byte_for_byte(void **state)
{
	struct stun_msg m = parsed(request_sha256, sizeof(request_sha256));
	uint8_t mem[sizeof(request_sha256)], key[SHA256_SIZE], hash[SHA256_SIZE];
	struct stun_builder b;
	struct span value;
	(void)state;
	assert_int_equal(digest_sha256(span_str(MATRIX ":example.org:TheMatrIX"), key), 0);
	assert_int_equal(digest_sha256(span_str(MATRIX ":example.org"), hash), 0);
	assert_int_equal(m.integrity.len, 0);
	assert_true(stun_integrity_sha256_ok(&m, span_of(key, sizeof(key))));
	assert_false(stun_integrity_ok(&m, span_of(key, sizeof(key))));
	assert_true(stun_find(&m, ATTR_USERHASH, &value) && span_eq(value, span_of(hash, sizeof(hash))));
	key[31] ^= 1;
	assert_false(stun_integrity_sha256_ok(&m, span_of(key, sizeof(key))));
	key[31] ^= 1;

	stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_REQUEST, request_sha256 + 8);
	stun_add(&b, ATTR_USERHASH, span_of(hash, sizeof(hash)));
	stun_add(&b, ATTR_NONCE, span_str("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"));
	stun_add(&b, ATTR_REALM, span_str("example.org"));
	stun_add_u32(&b, ATTR_PASSWORD_ALGORITHM, 2u << 16);
	stun_add_integrity_sha256(&b, span_of(key, sizeof(key)));
	assert_true(span_eq(stun_end(&b), vectors[4].bytes));
	stun_add_integrity_sha256(&b, span_of(key, sizeof(key)));
	assert_int_equal(stun_end(&b).len, 0);			/* no room for another */
}

static void a_shortened_integrity_is_never_right(void **state)
{
	(void)state;
	for (size_t len = 16; len < SHA256_SIZE; len += 4) {
		uint8_t mem[100], mac[SHA256_SIZE], *copy;
		struct stun_builder b;
		struct stun_msg m;
		stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_REQUEST, request + 8);
		store_u16(mem + 2, (uint16_t)(STUN_ATTR_HEADER + len));
		const struct span part = { mem, STUN_HEADER };
		assert_int_equal(hmac_sha256(SPAN_LIT("key"), &part, 1, mac), 0);
		stun_add(&b, ATTR_MESSAGE_INTEGRITY_SHA256, span_of(mac, len));
		copy = exact(stun_end(&b));
		m = parsed(copy, stun_end(&b).len);
		assert_int_equal(m.integrity_sha256.len, len);
		assert_false(stun_integrity_sha256_ok(&m, SPAN_LIT("key")));
		free(copy);
	}
}

/* Both cover all that stands before them, and the header's length is theirs (RFC 8489 section 14.6). */
static void both_integrities_hold_in_one_message(void **state)
{
	uint8_t mem[160];
	struct stun_builder b;
	struct stun_msg m;
	(void)state;
	stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_REQUEST, request + 8);
	stun_add(&b, ATTR_SOFTWARE, SPAN_LIT("test"));
	stun_add_integrity(&b, SPAN_LIT("key"));
	stun_add_integrity_sha256(&b, SPAN_LIT("key"));
	stun_add_fingerprint(&b);
	m = parsed(mem, stun_end(&b).len);
	assert_true(stun_integrity_ok(&m, SPAN_LIT("key")) && stun_integrity_sha256_ok(&m, SPAN_LIT("key")) && m.fingerprint);
	assert_false(stun_integrity_sha256_ok(&m, SPAN_LIT("kez")));
	mem[STUN_HEADER + 8 + 4] ^= 1;				/* MESSAGE-INTEGRITY is covered too; so the fingerprint breaks */
	b.len -= 8;
	store_u16(mem + 2, (uint16_t)(b.len - STUN_HEADER));
	m = parsed(mem, b.len);
	assert_false(stun_integrity_sha256_ok(&m, SPAN_LIT("key")));
}

/* The other vectors pad with blanks, which we never do: their SOFTWARE is taken with its padding. */
static void rfc5769_responses_are_built_but_for_their_padding(void **state)
{
	static const char *const mapped[] = { "192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853" };
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct span want = vectors[1 + i].bytes;
		uint8_t mem[128];
		struct stun_builder b;
		struct endpoint e;
		assert_true(endpoint_parse(&e, span_str(mapped[i])));
		stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_SUCCESS, want.p + 8);
		stun_add(&b, ATTR_SOFTWARE, span_str("test vector"));
		mem[b.len - 1] = 0x20;
		stun_add_xor_address(&b, ATTR_XOR_MAPPED_ADDRESS, &e);
		stun_add_integrity(&b, SHORT_TERM_KEY);
		stun_add_fingerprint(&b);
		assert_true(span_eq(stun_end(&b), want));
	}
}

/* --- feeding ------------------------------------------------------------------------------------------------------ */

static void a_message_cut_anywhere_is_truncated(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_VECTORS; i++) {
		for (size_t n = 0; n < vectors[i].bytes.len; n++)
			assert_int_equal(parse_copy(span_first(vectors[i].bytes, n)), STUN_TRUNCATED);
		assert_int_equal(parse_copy(vectors[i].bytes), STUN_OK);
	}
}

static void bytes_behind_the_message_break_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_VECTORS; i++) {
		struct span v = vectors[i].bytes;
		uint8_t *p = malloc(v.len + 4);
		struct stun_msg m;
		assert_non_null(p);
		memcpy(p, v.p, v.len);
		memset(p + v.len, 0, 4);
		for (size_t more = 1; more <= 4; more++)
			assert_int_equal(stun_parse(&m, span_of(p, v.len + more)), STUN_MALFORMED);
		free(p);
	}
}

static void a_changed_bit_is_noticed_by_fingerprint_or_integrity(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_VECTORS; i++) {
		struct span v = vectors[i].bytes;
		uint8_t key[MD5_SIZE];
		struct span k = SHORT_TERM_KEY;
		uint8_t *p = exact(v);
		if (i == 3) {
			matrix_key(key);
			k = span_of(key, sizeof(key));
		}
		for (size_t bit = 0; bit < v.len * 8; bit++) {
			struct stun_msg m;
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (stun_parse(&m, span_of(p, v.len)) == STUN_OK)
				assert_false(stun_integrity_ok(&m, k) && (m.fingerprint || i == 3));
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		free(p);
	}
}

/* --- the rules of turn-contract section 2 --------------------------------------------------------------------------- */

#define HEADER(type, length) (type) >> 8, (type) & 0xff, 0, (length), 0x21, 0x12, 0xa4, 0x42, \
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12

static const struct {
	const char *what;
	uint8_t bytes[64];
	size_t len;
	enum stun_result want;
} table[] = {
	{ "a bare header", { HEADER(1, 0) }, 20, STUN_OK },
	{ "the first bit set", { HEADER(0x8001, 0) }, 20, STUN_NOT_STUN },
	{ "ChannelData", { 0x40, 0, 0, 4, 1, 2, 3, 4 }, 8, STUN_NOT_STUN },
	{ "no cookie: RFC 3489", { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43 }, 20, STUN_NOT_STUN },
	{ "a length that is no multiple of four", { HEADER(1, 2), 0, 0 }, 22, STUN_NOT_STUN },
	{ "an attribute beyond the end", { HEADER(1, 4), 0x80, 0x22, 0, 1 }, 24, STUN_MALFORMED },
	{ "an attribute far beyond the end", { HEADER(1, 4), 0x80, 0x22, 0xff, 0xff }, 24, STUN_MALFORMED },
	{ "an attribute whose padding reaches the end", { HEADER(1, 8), 0x80, 0x22, 0, 1, 'x' }, 28, STUN_OK },
	{ "an empty attribute at the end", { HEADER(1, 4), 0x80, 0x22, 0, 0 }, 24, STUN_OK },
	{ "a short integrity", { HEADER(1, 8), 0, 8, 0, 4, 1, 2, 3, 4 }, 28, STUN_MALFORMED },
	{ "a SHA-256 integrity of 12 bytes", { HEADER(1, 16), 0, 0x1c, 0, 12 }, 36, STUN_MALFORMED },
	{ "a SHA-256 integrity of 17 bytes", { HEADER(1, 24), 0, 0x1c, 0, 17 }, 44, STUN_MALFORMED },
	{ "a SHA-256 integrity of 36 bytes", { HEADER(1, 40), 0, 0x1c, 0, 36 }, 60, STUN_MALFORMED },
	{ "a SHA-256 integrity of 16 bytes", { HEADER(1, 20), 0, 0x1c, 0, 16 }, 40, STUN_OK },
	{ "a wrong fingerprint", { HEADER(1, 8), 0x80, 0x28, 0, 4, 1, 2, 3, 4 }, 28, STUN_MALFORMED },
	{ "a fingerprint of two bytes", { HEADER(1, 8), 0x80, 0x28, 0, 2, 1, 2 }, 28, STUN_MALFORMED },
};

static void framing_is_judged_by_the_rules(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum stun_result got = parse_copy(span_of(table[i].bytes, table[i].len));
		if (got != table[i].want)
			fail_msg("%s: %d", table[i].what, (int)got);
	}
}

static void begin(struct stun_builder *b, uint8_t *mem, size_t cap)
{
	static const uint8_t tid[STUN_TID_SIZE] = { 7 };
	stun_begin(b, mem, cap, STUN_ALLOCATE, STUN_REQUEST, tid);
}

static void a_fingerprint_must_be_the_last_attribute(void **state)
{
	uint8_t mem[64];
	struct stun_builder b;
	struct stun_msg m;
	(void)state;
	begin(&b, mem, sizeof(mem));
	stun_add_fingerprint(&b);
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
	assert_true(m.fingerprint);
	stun_add_u32(&b, ATTR_LIFETIME, 1);
	store_u32(mem + 24, stun_fingerprint(span_of(mem, 20)));	/* right again for the longer message */
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_MALFORMED);
}

static void attributes_behind_the_integrity_are_not_obeyed(void **state)		/* D-P3 */
{
	uint8_t mem[160];
	struct stun_builder b;
	struct stun_msg m;
	struct span value, rest;
	struct stun_attr a;
	uint32_t lifetime = 0;
	(void)state;
	begin(&b, mem, sizeof(mem));
	stun_add_u32(&b, ATTR_LIFETIME, 1);
	stun_add_u32(&b, ATTR_LIFETIME, 2);
	stun_add_integrity(&b, SPAN_LIT("key"));
	stun_add_integrity(&b, SPAN_LIT("another"));
	stun_add_u32(&b, ATTR_EVEN_PORT, 0);
	stun_add_fingerprint(&b);
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
	assert_true(m.fingerprint);
	assert_false(stun_find(&m, ATTR_EVEN_PORT, &value));
	assert_true(stun_find(&m, ATTR_LIFETIME, &value) && attr_read_u32(value, &lifetime));
	assert_int_equal(lifetime, 1);		/* the first of a repeated one counts */
	assert_true(stun_integrity_ok(&m, SPAN_LIT("key")));
	assert_false(stun_integrity_ok(&m, SPAN_LIT("another")));
	rest = m.attrs;
	assert_true(stun_next(&rest, &a) && stun_next(&rest, &a));
	assert_false(stun_next(&rest, &a));
}

static void an_integrity_behind_the_stronger_one_does_not_count(void **state)
{
	static const uint8_t mac[32];
	uint8_t mem[160];
	struct stun_builder b;
	struct stun_msg m;
	(void)state;
	begin(&b, mem, sizeof(mem));
	stun_add(&b, ATTR_MESSAGE_INTEGRITY_SHA256, span_of(mac, sizeof(mac)));
	stun_add_integrity(&b, SPAN_LIT("key"));
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
	assert_int_equal(m.integrity_sha256.len, 32);
	assert_int_equal(m.integrity.len, 0);
	assert_false(stun_integrity_ok(&m, SPAN_LIT("key")));

	begin(&b, mem, sizeof(mem));
	stun_add_integrity(&b, SPAN_LIT("key"));
	stun_add(&b, ATTR_MESSAGE_INTEGRITY_SHA256, span_of(mac, sizeof(mac)));
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
	assert_int_equal(m.integrity_sha256.len, 32);
	assert_true(stun_integrity_ok(&m, SPAN_LIT("key")));
}

static void every_type_survives_its_encoding(void **state)
{
	(void)state;
	for (unsigned method = 0; method < 0x1000; method++) {
		for (unsigned cls = STUN_REQUEST; cls <= STUN_ERROR; cls++) {
			uint8_t mem[STUN_HEADER];
			static const uint8_t tid[STUN_TID_SIZE];
			struct stun_builder b;
			struct stun_msg m;
			stun_begin(&b, mem, sizeof(mem), (uint16_t)method, (enum stun_class)cls, tid);
			assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
			assert_int_equal(m.method, method);
			assert_int_equal(m.cls, cls);
		}
	}
}

/* --- building ------------------------------------------------------------------------------------------------------- */

static size_t build_all(uint8_t *mem, size_t cap)
{
	struct stun_builder b;
	struct endpoint e;
	assert_true(endpoint_parse(&e, span_str("[2a00::1]:9")));
	begin(&b, mem, cap);
	stun_add_error(&b, 438, SPAN_LIT("Stale Nonce"));
	stun_add_xor_address(&b, ATTR_XOR_MAPPED_ADDRESS, &e);
	stun_add_address_error(&b, 6, 508);
	stun_add_u32(&b, ATTR_LIFETIME, 600);
	stun_add_integrity(&b, SPAN_LIT("key"));
	stun_add_fingerprint(&b);
	return stun_end(&b).len;
}

static void a_message_that_does_not_fit_is_no_message(void **state)
{
	uint8_t mem[256];
	size_t whole = build_all(mem, sizeof(mem));
	(void)state;
	assert_true(whole > 0);
	assert_int_equal(parse_copy(span_of(mem, whole)), STUN_OK);
	for (size_t cap = 0; cap < whole; cap++) {
		uint8_t *small = malloc(cap > 0 ? cap : 1);
		assert_non_null(small);
		assert_int_equal(build_all(small, cap), 0);
		free(small);
	}
}

static void a_message_never_outgrows_its_length_field(void **state)
{
	size_t cap = 200000;
	uint8_t *mem = calloc(1, cap);
	struct stun_builder b;
	struct stun_msg m;
	(void)state;
	assert_non_null(mem);
	begin(&b, mem, cap);
	stun_add(&b, ATTR_DATA, span_of(mem + 100000, 65528));
	assert_int_equal(stun_parse(&m, stun_end(&b)), STUN_OK);
	stun_add(&b, ATTR_DATA, span_of(mem, 0));
	assert_int_equal(stun_end(&b).len, 0);
	begin(&b, mem, cap);
	stun_add(&b, ATTR_DATA, span_of(mem + 100000, 70000));
	assert_int_equal(stun_end(&b).len, 0);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5769_request_is_understood),
		cmocka_unit_test(rfc5769_responses_are_understood),
		cmocka_unit_test(rfc5769_long_term_request_is_understood),
		cmocka_unit_test(rfc5769_long_term_request_is_built_byte_for_byte),
		cmocka_unit_test(rfc8489_request_is_understood_and_built_byte_for_byte),
		cmocka_unit_test(a_shortened_integrity_is_never_right),
		cmocka_unit_test(both_integrities_hold_in_one_message),
		cmocka_unit_test(rfc5769_responses_are_built_but_for_their_padding),
		cmocka_unit_test(a_message_cut_anywhere_is_truncated),
		cmocka_unit_test(bytes_behind_the_message_break_it),
		cmocka_unit_test(a_changed_bit_is_noticed_by_fingerprint_or_integrity),
		cmocka_unit_test(framing_is_judged_by_the_rules),
		cmocka_unit_test(a_fingerprint_must_be_the_last_attribute),
		cmocka_unit_test(attributes_behind_the_integrity_are_not_obeyed),
		cmocka_unit_test(an_integrity_behind_the_stronger_one_does_not_count),
		cmocka_unit_test(every_type_survives_its_encoding),
		cmocka_unit_test(a_message_that_does_not_fit_is_no_message),
		cmocka_unit_test(a_message_never_outgrows_its_length_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
