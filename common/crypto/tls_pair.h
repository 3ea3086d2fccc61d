/* tls_pair.h - a certificate chain and its key, as read from PEM files. For tls_server.c alone.
 *
 * Owner: embedded in a generation.   Thread: read-only once loaded; the library locks what it writes in keys.
 */
#ifndef COMMON_CRYPTO_TLS_PAIR_H
#define COMMON_CRYPTO_TLS_PAIR_H

#include "common/crypto/tls_internal.h"
#include "common/crypto/tls_server.h"

struct tls_pair {
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
	int64_t expiry;		/* Unix seconds: of the certificate of the chain that ends first */
};

void tls_pair_init(struct tls_pair *p);
void tls_pair_close(struct tls_pair *p);
/* False with a sentence in why[]; now: Unix seconds. Only after tls_pair_init(), once. */
bool tls_pair_load(struct tls_pair *p, const struct tls_pair_files *files, const char *password, int64_t now,
		   char why[TLS_FILE_WHY]);

#endif
