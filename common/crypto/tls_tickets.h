/* tls_tickets.h - session tickets: a session, encrypted with a key that only servers know, kept by the client.
 *
 * The library's own module (ssl_ticket) is not used: 2.28's keys cannot be set from outside.
 *
 *	ticket = name of the key (16) | time of issue, Unix seconds (8) | nonce (12) | session, AES-256-GCM | tag (16)
 *
 * Owner: embedded in a tls_server.   Thread: any; a lock around the keys.
 */
#ifndef COMMON_CRYPTO_TLS_TICKETS_H
#define COMMON_CRYPTO_TLS_TICKETS_H

#include <pthread.h>

#include "common/crypto/tls_internal.h"
#include "common/crypto/tls_server.h"

struct tls_tickets {
	pthread_mutex_t lock;
	uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY];	/* the first encrypts */
	size_t n;
	atomic_uint_fast64_t *accepted;		/* counts */
};

void tls_tickets_init(struct tls_tickets *t, atomic_uint_fast64_t *accepted);	/* with one random key */
void tls_tickets_close(struct tls_tickets *t);
void tls_tickets_set(struct tls_tickets *t, const uint8_t keys[][TLS_TICKET_KEY], size_t n);
void tls_tickets_rotate(struct tls_tickets *t);
void tls_tickets_configure(struct tls_tickets *t, mbedtls_ssl_config *conf);

#endif
