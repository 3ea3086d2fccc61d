/* tls_mbed.h - mbedTLS 2.28 (Debian 12: TLS 1.2) and 3.6 (Debian 13: TLS 1.3 too) as one library: tls_mbed.c alone asks which
 * it is. For the tls_* and dtls_* files here, nobody else. */
#ifndef COMMON_CRYPTO_TLS_MBED_H
#define COMMON_CRYPTO_TLS_MBED_H

#include <mbedtls/ssl.h>

#include "common/base/span.h"

/* What the library does lazily and without a lock, done once. False: it does not work here. */
bool mbed_start(void);

int mbed_random(void *unused, unsigned char *out, size_t n);

/* pem ends in a NUL that counts. */
int mbed_key_parse(mbedtls_pk_context *key, struct span pem, const char *password);
int mbed_key_matches(mbedtls_pk_context *public_key, mbedtls_pk_context *key);	/* 0: it does */
/* Signs something once: 0 if the key can. EC keys then have the table that threads would otherwise race to make. */
int mbed_key_try(mbedtls_pk_context *key);

/* Versions, groups, ciphers, signatures: the same for servers and clients. */
void mbed_conf_strict(mbedtls_ssl_config *conf);

void mbed_conf_keep_tickets(mbedtls_ssl_config *conf);	/* of a client */

bool mbed_past_hello(const mbedtls_ssl_context *ssl);	/* a server that has accepted a ClientHello */
uint8_t mbed_alert(const mbedtls_ssl_context *ssl);		/* the description of the fatal alert that was just received */
bool mbed_is_session_ticket(int error);			/* nothing but news of TLS 1.3 */

#endif
