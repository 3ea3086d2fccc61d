/* tls_client.h - whom we trust when we connect: to Redis, to another daemon, from a probe.
 *
 * Owner: whoever called new; engines keep alive what they need.   Thread: any, all functions.
 */
#ifndef COMMON_CRYPTO_TLS_CLIENT_H
#define COMMON_CRYPTO_TLS_CLIENT_H

#include "common/crypto/tls_engine.h"

struct tls_client;

struct tls_client_options {		/* all of it is copied */
	const char *ca_file;		/* PEM; NULL: the system's, /etc/ssl/certs/ca-certificates.crt */
	bool unverified;		/* takes any certificate: for a probe that says so, never for secrets */
	const char *alpn[TLS_ALPN_MAX + 1];	/* to offer, best first; NULL ends */
};

struct tls_client *tls_client_new(const struct tls_client_options *o, char why[TLS_FILE_WHY]);	/* NULL: why[] says it */
void tls_client_free(struct tls_client *c);	/* NULL is fine; living engines go on */

/* host: a name, sent as SNI and looked for in the certificate, or an address, looked for only. session: of
 * tls_engine_session(), or empty; one that cannot be used is ignored. NULL: no memory. */
struct tls_engine *tls_client_connect(struct tls_client *c, const char *host, struct span session);
struct tls_engine *tls_client_connect_dtls(struct tls_client *c, const char *host);

#endif
