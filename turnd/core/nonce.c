#include "turnd/core/nonce.h"

#include "common/base/base64.h"
#include "common/base/reader.h"
#include "common/crypto/digest.h"

enum { TIME_SIZE = 4, TERMS_SIZE = 1, MAC_SIZE = 13, RAW_SIZE = TIME_SIZE + TERMS_SIZE + MAC_SIZE };
_Static_assert(BASE64_SIZE(RAW_SIZE) == NONCE_BODY + 1, "no padding: 18 bytes are 24 characters");

enum { TERM_ANONYMITY = 4 };	/* beside the bits of enum password_algorithm */

/* USERHASH tells nothing of a user who is in no list: whoever has secrets must not ask for it. */
static uint8_t terms_of(const struct turn_settings *set)
{
	return (uint8_t)(set->algorithms | (set->n_secrets == 0 ? TERM_ANONYMITY : 0));
}

/* RFC 8489 section 18.1 counts its 24 security bits from the left, its appendix and libjuice from the right: password
 * algorithms (bit 0) and username anonymity (bit 1) are said at both ends. */
static struct span cookie_of(uint8_t terms)
{
	if (!(terms & ALGORITHM_SHA256))
		return (struct span){ NULL, 0 };
	return terms & TERM_ANONYMITY ? SPAN_LIT("obMatJos2" "wAAD") : SPAN_LIT("obMatJos2" "gAAB");
}

static bool make_body(const uint8_t key[NONCE_KEY_SIZE], const struct ip_addr *client, uint32_t issued, uint8_t terms,
		      char out[NONCE_BODY])
{
	uint8_t mac[SHA1_SIZE], raw[RAW_SIZE];
	char text[NONCE_BODY + 1];

	store_u32(raw, issued);
	raw[TIME_SIZE] = terms;
	const struct span parts[] = {
		span_of(raw, TIME_SIZE + TERMS_SIZE), span_of(&client->family, 1), span_of(client->b, sizeof(client->b))
	};
	if (hmac_sha1(span_of(key, NONCE_KEY_SIZE), parts, 3, mac) < 0)
		return false;
	memcpy(raw + TIME_SIZE + TERMS_SIZE, mac, MAC_SIZE);
	base64_encode(span_of(raw, sizeof(raw)), text);
	memcpy(out, text, NONCE_BODY);
	return true;
}

size_t nonce_make(const struct turn_settings *set, const struct ip_addr *client, int64_t unix_now, char out[NONCE_SIZE])
{
	struct span cookie = cookie_of(terms_of(set));

	if (cookie.len > 0)
		memcpy(out, cookie.p, cookie.len);
	if (!make_body(set->nonce_keys[0], client, (uint32_t)unix_now, terms_of(set), out + cookie.len))
		return 0;
	return cookie.len + NONCE_BODY;
}

static bool is_ours(const struct turn_settings *set, const struct ip_addr *client, uint32_t issued, struct span body)
{
	char expected[NONCE_BODY];

	for (unsigned i = 0; i < set->n_nonce_keys; i++) {
		if (make_body(set->nonce_keys[i], client, issued, terms_of(set), expected) &&
		    digest_equal(expected, body.p, NONCE_BODY))
			return true;
	}
	return false;
}

enum nonce_result nonce_check(const struct turn_settings *set, const struct ip_addr *client, struct span nonce,
			      struct span known, int64_t unix_now)
{
	struct span cookie = cookie_of(terms_of(set));
	uint8_t raw[RAW_SIZE];
	uint32_t issued;
	size_t len;

	if (nonce.len != cookie.len + NONCE_BODY || !span_eq(span_first(nonce, cookie.len), cookie) ||
	    !base64_decode(span_skip(nonce, cookie.len), raw, &len) || len != sizeof(raw) || raw[TIME_SIZE] != terms_of(set))
		return NONCE_FOREIGN;
	issued = load_u32(raw);
	if ((known.len != nonce.len || !digest_equal(known.p, nonce.p, nonce.len)) &&
	    !is_ours(set, client, issued, span_skip(nonce, cookie.len)))
		return NONCE_FOREIGN;
	if (set->nonce_lifetime != 0 && unix_now - (int64_t)issued >= (int64_t)set->nonce_lifetime)
		return NONCE_STALE;
	return NONCE_OK;
}
