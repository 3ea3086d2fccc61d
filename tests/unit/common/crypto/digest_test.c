#include "common/crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static void assert_hex(const uint8_t *p, size_t n, const char *hex)
{
	char text[2 * SHA256_SIZE + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	assert_string_equal(text, hex);
}

static void hashes_match_rfc_1321_and_fips_180(void **state)
{
	static const struct {
		const char *in, *md5, *sha1, *sha256;
	} table[] = {
		{ "", "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d",
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "8215ef0796a20bcaaae116d3876c664a",
		  "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t out[SHA256_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct span in = span_str(table[i].in);
		assert_int_equal(digest_md5(in, out), 0);
		assert_hex(out, MD5_SIZE, table[i].md5);
		assert_int_equal(digest_sha1(in, out), 0);
		assert_hex(out, SHA1_SIZE, table[i].sha1);
		assert_int_equal(digest_sha256(in, out), 0);
		assert_hex(out, SHA256_SIZE, table[i].sha256);
	}
	assert_int_equal(digest_md5((struct span){ NULL, 0 }, out), 0);
	assert_hex(out, MD5_SIZE, table[0].md5);
}

/* Keys of the RFCs as in the text, or `fill` repeated `n` times. */
struct vector {
	const char *key;
	uint8_t key_fill;
	size_t key_len;
	const char *data;
	uint8_t data_fill;
	size_t data_len;
	const char *mac;
};

static struct span filled(uint8_t *room, const char *text, uint8_t fill, size_t n)
{
	if (text != NULL)
		return span_str(text);
	memset(room, fill, n);
	return span_of(room, n);
}

static const char counting[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19";
static const char larger_key[] = "Test Using Larger Than Block-Size Key - Hash Key First";

static void hmac_sha1_matches_rfc_2202(void **state)
{
	static const struct vector table[] = {
		{ NULL, 0x0b, 20, "Hi There", 0, 0, "b617318655057264e28bc0b6fb378c8ef146be00" },
		{ "Jefe", 0, 0, "what do ya want for nothing?", 0, 0, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
		{ NULL, 0xaa, 20, NULL, 0xdd, 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
		{ counting, 0, 0, NULL, 0xcd, 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da" },
		{ NULL, 0x0c, 20, "Test With Truncation", 0, 0, "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04" },
		{ NULL, 0xaa, 80, larger_key, 0, 0, "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
		{ NULL, 0xaa, 80, "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data", 0, 0,
		  "e8e99d0f45237d786d6bbaa7965c7808bbff1a91" },
	};
	uint8_t key[200], data[200], out[SHA1_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vector *v = &table[i];
		struct span part = filled(data, v->data, v->data_fill, v->data_len);
		assert_int_equal(hmac_sha1(filled(key, v->key, v->key_fill, v->key_len), &part, 1, out), 0);
		assert_hex(out, SHA1_SIZE, v->mac);
	}
}

static void hmac_sha256_matches_rfc_4231(void **state)
{
	static const struct vector table[] = {
		{ NULL, 0x0b, 20, "Hi There", 0, 0, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", 0, 0, "what do ya want for nothing?", 0, 0,
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ NULL, 0xaa, 20, NULL, 0xdd, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ counting, 0, 0, NULL, 0xcd, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
		{ NULL, 0xaa, 131, larger_key, 0, 0, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ NULL, 0xaa, 131, "This is a test using a larger than block-size key and a larger than block-size data. "
		  "The key needs to be hashed before being used by the HMAC algorithm.", 0, 0,
		  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	};
	uint8_t key[200], data[200], out[SHA256_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct vector *v = &table[i];
		struct span part = filled(data, v->data, v->data_fill, v->data_len);
		assert_int_equal(hmac_sha256(filled(key, v->key, v->key_fill, v->key_len), &part, 1, out), 0);
		assert_hex(out, SHA256_SIZE, v->mac);
	}
}

static void parts_count_as_their_concatenation(void **state)
{
	struct span text = SPAN_INIT("what do ya want for nothing?"), key = SPAN_INIT("Jefe");
	uint8_t whole[SHA1_SIZE], cut[SHA1_SIZE];

	(void)state;
	assert_int_equal(hmac_sha1(key, &text, 1, whole), 0);
	for (size_t n = 0; n <= text.len; n++) {
		struct span parts[] = { span_first(text, n), { NULL, 0 }, span_skip(text, n) };
		assert_int_equal(hmac_sha1(key, parts, 3, cut), 0);
		assert_memory_equal(whole, cut, SHA1_SIZE);
	}
	assert_int_equal(hmac_sha1((struct span){ NULL, 0 }, NULL, 0, cut), 0);
	assert_hex(cut, SHA1_SIZE, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

static void equal_sees_a_difference_in_any_bit(void **state)
{
	uint8_t a[20], b[20];

	(void)state;
	memset(a, 0x5a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_true(digest_equal(a, b, sizeof(a)));
	for (unsigned bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(digest_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	b[19] = 0;
	assert_true(digest_equal(a, b, 19));
	assert_true(digest_equal(a, b, 0));
}

static void a_wiped_secret_is_zero(void **state)
{
	uint8_t secret[32], zero[32] = { 0 };

	(void)state;
	memset(secret, 0xee, sizeof(secret));
	secret_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zero, sizeof(secret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_match_rfc_1321_and_fips_180),
		cmocka_unit_test(hmac_sha1_matches_rfc_2202),
		cmocka_unit_test(hmac_sha256_matches_rfc_4231),
		cmocka_unit_test(parts_count_as_their_concatenation),
		cmocka_unit_test(equal_sees_a_difference_in_any_bit),
		cmocka_unit_test(a_wiped_secret_is_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
