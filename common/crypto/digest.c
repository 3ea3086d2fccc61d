#include "common/crypto/digest.h"

#include <mbedtls/constant_time.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

/* The md layer is the one door that has the same name in mbedTLS 2.28 and 3.6. */
static int digest(mbedtls_md_type_t type, struct span in, uint8_t *out, size_t size)
{
	if (mbedtls_md(mbedtls_md_info_from_type(type), in.p, in.len, out) == 0)
		return 0;
	memset(out, 0, size);
	return -1;
}

int digest_md5(struct span in, uint8_t out[MD5_SIZE])
{
	return digest(MBEDTLS_MD_MD5, in, out, MD5_SIZE);
}

int digest_sha1(struct span in, uint8_t out[SHA1_SIZE])
{
	return digest(MBEDTLS_MD_SHA1, in, out, SHA1_SIZE);
}

int digest_sha256(struct span in, uint8_t out[SHA256_SIZE])
{
	return digest(MBEDTLS_MD_SHA256, in, out, SHA256_SIZE);
}

static int hmac(mbedtls_md_type_t type, struct span key, const struct span *parts, size_t n, uint8_t *out, size_t size)
{
	mbedtls_md_context_t c;
	int rc;

	mbedtls_md_init(&c);
	rc = mbedtls_md_setup(&c, mbedtls_md_info_from_type(type), 1);
	if (rc == 0)
		rc = mbedtls_md_hmac_starts(&c, key.p, key.len);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = mbedtls_md_hmac_update(&c, parts[i].p, parts[i].len);
	if (rc == 0)
		rc = mbedtls_md_hmac_finish(&c, out);
	mbedtls_md_free(&c);
	if (rc == 0)
		return 0;
	memset(out, 0, size);
	return -1;
}

int hmac_sha1(struct span key, const struct span *parts, size_t n, uint8_t out[SHA1_SIZE])
{
	return hmac(MBEDTLS_MD_SHA1, key, parts, n, out, SHA1_SIZE);
}

int hmac_sha256(struct span key, const struct span *parts, size_t n, uint8_t out[SHA256_SIZE])
{
	return hmac(MBEDTLS_MD_SHA256, key, parts, n, out, SHA256_SIZE);
}

bool digest_equal(const void *a, const void *b, size_t n)
{
	return mbedtls_ct_memcmp(a, b, n) == 0;
}

void secret_wipe(void *p, size_t n)
{
	mbedtls_platform_zeroize(p, n);
}
