/* tls_server_internal.h - a server's generations, for tls_server.c and dtls_door.c. */
#ifndef COMMON_CRYPTO_TLS_SERVER_INTERNAL_H
#define COMMON_CRYPTO_TLS_SERVER_INTERNAL_H

#include "common/crypto/tls_pair.h"
#include "common/crypto/tls_tickets.h"

#include <mbedtls/ssl_cookie.h>

/* What all generations share: it outlives every one of them. */
struct tls_server_core {
	atomic_uint refs;
	struct tls_tickets tickets;
	mbedtls_ssl_cookie_ctx cookies;
	struct tls_server_counters counters;
};

/* Immutable once made. */
struct tls_generation {
	struct tls_shared shared;		/* first */
	struct tls_server_core *core;
	struct tls_pair pairs[TLS_PAIRS_MAX];
	size_t n_pairs;
	int64_t expiry;
	struct tls_alpn alpn;
	mbedtls_ssl_config stream, datagram;
};

struct tls_generation *tls_server_generation(struct tls_server *s);	/* the newest, referenced */

#endif
