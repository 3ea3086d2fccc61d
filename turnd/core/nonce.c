#include "turnd/core/nonce.h"

#include "common/base/base64.h"
#include "common/base/reader.h"
#include "common/crypto/digest.h"

enum { TIME_SIZE = 4, MAC_SIZE = 14, RAW_SIZE = TIME_SIZE + MAC_SIZE };
_Static_assert(BASE64_SIZE(RAW_SIZE) == NONCE_SIZE + 1, "no padding: 18 bytes are 24 characters");

static bool make(const uint8_t *key, const struct ip_addr *client, uint32_t issued, char out[NONCE_SIZE])
{
	uint8_t mac[SHA1_SIZE], raw[RAW_SIZE];
	char text[NONCE_SIZE + 1];

	store_u32(raw, issued);
	const struct span parts[] = {
		span_of(raw, TIME_SIZE), span_of(&client->family, 1), span_of(client->b, sizeof(client->b))
	};
	if (hmac_sha1(span_of(key, NONCE_KEY_SIZE), parts, 3, mac) < 0)
		return false;
	memcpy(raw + TIME_SIZE, mac, MAC_SIZE);
	base64_encode(span_of(raw, sizeof(raw)), text);
	memcpy(out, text, NONCE_SIZE);
	return true;
}

bool nonce_make(const uint8_t key[NONCE_KEY_SIZE], const struct ip_addr *client, int64_t unix_now, char out[NONCE_SIZE])
{
	return make(key, client, (uint32_t)unix_now, out);
}

enum nonce_result nonce_check(const uint8_t key[NONCE_KEY_SIZE], const struct ip_addr *client, struct span nonce,
			      const char *known, uint32_t lifetime, int64_t unix_now)
{
	uint8_t raw[RAW_SIZE];
	char expected[NONCE_SIZE];
	uint32_t issued;
	size_t len;

	if (nonce.len != NONCE_SIZE || !base64_decode(nonce, raw, &len) || len != sizeof(raw))
		return NONCE_FOREIGN;
	issued = load_u32(raw);
	if (known == NULL || !digest_equal(known, nonce.p, NONCE_SIZE)) {
		if (!make(key, client, issued, expected) || !digest_equal(expected, nonce.p, NONCE_SIZE))
			return NONCE_FOREIGN;
	}
	if (lifetime != 0 && unix_now - (int64_t)issued >= (int64_t)lifetime)
		return NONCE_STALE;
	return NONCE_OK;
}
