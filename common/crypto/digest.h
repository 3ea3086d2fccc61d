/* digest.h - hashes and HMACs, over mbedTLS. Only common/crypto includes mbedTLS.
 *
 * Everything returns 0, or -1 if the library failed (no memory); the output is then zero. Any thread.
 */
#ifndef COMMON_CRYPTO_DIGEST_H
#define COMMON_CRYPTO_DIGEST_H

#include "common/base/span.h"

enum { MD5_SIZE = 16, SHA1_SIZE = 20, SHA256_SIZE = 32 };

int digest_md5(struct span in, uint8_t out[MD5_SIZE]);
int digest_sha1(struct span in, uint8_t out[SHA1_SIZE]);
int digest_sha256(struct span in, uint8_t out[SHA256_SIZE]);

/* Over the concatenation of n parts. */
int hmac_sha1(struct span key, const struct span *parts, size_t n, uint8_t out[SHA1_SIZE]);
int hmac_sha256(struct span key, const struct span *parts, size_t n, uint8_t out[SHA256_SIZE]);

bool digest_equal(const void *a, const void *b, size_t n);	/* in time that depends on n only */
void secret_wipe(void *p, size_t n);				/* never optimised away */

#endif
