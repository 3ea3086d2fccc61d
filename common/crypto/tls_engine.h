/* tls_engine.h - one TLS or DTLS connection: bytes in, bytes out. No socket, no clock, no loop.
 *
 *	HANDSHAKE --TLS_READY--> OPEN --TLS_CLOSED or TLS_FAILED--> over
 *	    \------------------TLS_FAILED----------------------------^
 *
 * Engines are made by tls_server_accept(), tls_client_connect() and dtls_door_hello(). TLS 1.2 (and 1.3 where the library
 * has it), ECDHE with AEAD only, no renegotiation (threat model D-T21).
 *
 * Owner: whoever was given it.   Thread: any, one at a time; it may move (an engine is not tied to its thread).
 * Memory: about 37 KB, nearly all of it the library's two record buffers.
 */
#ifndef COMMON_CRYPTO_TLS_ENGINE_H
#define COMMON_CRYPTO_TLS_ENGINE_H

#include "common/base/buf.h"
#include "common/base/clock.h"

struct tls_engine;

enum { TLS_WHY = 192, TLS_FILE_WHY = 512, TLS_RECORD_MAX = 16384, TLS_ALPN_MAX = 8 };

/* Where ciphertext goes, called from inside the functions below: pieces of a stream, in order; with DTLS each
 * call is one datagram. False (no memory) ends the connection. Set before the first read. */
typedef bool tls_output_fn(void *ctx, struct span bytes);
void tls_engine_set_output(struct tls_engine *e, tls_output_fn *output, void *ctx);

enum tls_event {
	TLS_MORE,	/* nothing (more) to say before more bytes come */
	TLS_READY,	/* the handshake is over; once */
	TLS_DATA,	/* *n bytes of plaintext */
	TLS_CLOSED,	/* the peer said that no more will come (close_notify) */
	TLS_FAILED	/* tls_engine_why(); the peer was told by an alert where that is the custom */
};

/* Takes bytes off *in, or a datagram whole, until there is something to say: call until TLS_MORE. A client's first call,
 * with nothing in *in, makes its hello. out must hold size > 0 bytes. now: DTLS retransmits by it. */
enum tls_event tls_engine_read(struct tls_engine *e, msec_t now, struct span *in, uint8_t *out, size_t size, size_t *n);

/* DTLS: when to call tls_engine_read() with nothing, at the latest; else and otherwise NEVER. */
msec_t tls_engine_due(const struct tls_engine *e);

/* The concatenation of n parts as few records; with DTLS as one, false if it does not fit into one. False as well
 * when not OPEN, or when the output failed: the connection is over then. */
bool tls_engine_write(struct tls_engine *e, const struct span *parts, size_t n);
void tls_engine_close(struct tls_engine *e);	/* says close_notify, once, if OPEN */
void tls_engine_free(struct tls_engine *e);	/* NULL is fine */

bool tls_engine_open(const struct tls_engine *e);
bool tls_engine_closing(const struct tls_engine *e);	/* over: closed or failed */
const char *tls_engine_why(const struct tls_engine *e);	/* why it failed, in words; "" if it did not */
/* Once OPEN: */
const char *tls_engine_alpn(const struct tls_engine *e);	/* "" if none was agreed upon */
const char *tls_engine_version(const struct tls_engine *e);	/* "TLSv1.2" */
const char *tls_engine_cipher(const struct tls_engine *e);
/* A client's session for tls_client_connect(), appended; it is as secret as a key. False: none, or no memory. */
bool tls_engine_session(const struct tls_engine *e, struct buf *out);

#endif
