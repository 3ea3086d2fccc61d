/* dtls_door.h - where datagrams of unknown DTLS clients come in (RFC 6347 section 4.2.1).
 *
 * The first hello of a client is answered with a cookie, and nothing is kept; with the hello that brings the cookie
 * back, the door's one waiting engine becomes the connection, and the door makes another.
 *
 * Owner: who owns the socket; one door per socket or per worker.   Thread: its owner's.
 */
#ifndef COMMON_CRYPTO_DTLS_DOOR_H
#define COMMON_CRYPTO_DTLS_DOOR_H

#include "common/crypto/tls_server.h"

struct dtls_door;

struct dtls_door *dtls_door_new(struct tls_server *s);	/* NULL: no memory */
void dtls_door_free(struct dtls_door *d);		/* NULL is fine */

/* A datagram from `client` (the bytes of its address and port), which has no connection. What is to be sent comes by `output`
 * during the call. NULL: it was answered or dropped. Else a connection in its handshake, that the caller must limit
 * in number and in time, with output and ctx as its output. */
struct tls_engine *dtls_door_hello(struct dtls_door *d, struct span client, struct span datagram, msec_t now,
				   tls_output_fn *output, void *ctx);

struct dtls_door_counts { uint64_t dropped, challenged, opened; };
struct dtls_door_counts dtls_door_counts(const struct dtls_door *d);

#endif
