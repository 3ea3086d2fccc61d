/* stream.h - a connected byte stream: TCP, a unix socket, TLS over either, all as one thing.
 *
 *	RESOLVING -> CONNECTING -> SECURING -> OPEN -> FINISHING -> LINGERING -> CLOSING -> gone
 *	                         (with TLS)^connected()^    stream_finish()^            closed()^
 *
 * Owner: a stream belongs to whoever holds its handler; it frees itself after calling `closed`, exactly once,
 *        asynchronously, never from inside another call. After `closed` the pointer is dead.
 * Thread: the loop's it was born on; stream_export()/stream_adopt() move it to another.
 * Memory: no read buffer while idle (one shared by the loop), no write buffer while nothing waits.
 * Signals: the process ignores SIGPIPE (common/daemon does).
 */
#ifndef COMMON_NET_STREAM_H
#define COMMON_NET_STREAM_H

#include <uv.h>

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/span.h"

struct buf;
struct stream;
struct tls_client;
struct tls_engine;

enum { STREAM_OUTPUT_LIMIT = 1 << 20 };	/* bytes that may wait, unless stream_set_limit() says otherwise */

enum stream_end {
	STREAM_END_LOCAL,	/* stream_close() or a finished stream_finish() */
	STREAM_END_PEER,	/* the other side closed; over TLS: and said so */
	STREAM_END_RESET,	/* an error of the network or of TLS, or TLS cut short: stream_error(), stream_why() */
	STREAM_END_CONNECT	/* the connection was never made: refused, no such host, no route, the handshake of TLS failed */
};

struct stream_handler {
	void (*connected)(void *owner);			/* outgoing streams, and after a handshake of TLS; may be NULL */
	void (*data)(void *owner, struct span in);	/* valid for the call; the owner takes all of it */
	void (*drained)(void *owner);			/* the kernel has all the output that had to wait; may be NULL */
	void (*closed)(void *owner, enum stream_end why);	/* last call; the stream is gone */
};

/* Outgoing. NULL only without memory; every other failure comes as closed(STREAM_END_CONNECT). host is a name
 * or an address; names are resolved off the loop, and all their addresses tried. There is no deadline: the owner
 * has one, and closes. */
struct stream *stream_connect_host(uv_loop_t *loop, const char *host, uint16_t port,
				   const struct stream_handler *h, void *owner);
struct stream *stream_connect_unix(uv_loop_t *loop, const char *path, const struct stream_handler *h, void *owner);

/* The same with TLS: host is looked for in the certificate. No reference to trust is kept. */
struct stream *stream_connect_host_tls(uv_loop_t *loop, const char *host, uint16_t port, struct tls_client *trust,
				       const struct stream_handler *h, void *owner);

/* Takes over a connected socket. On failure (NULL: no memory, or the loop refuses it) fd is closed. Reading starts at once. */
struct stream *stream_adopt(uv_loop_t *loop, int fd, const struct stream_handler *h, void *owner);

/* The same, and the engine in any case: a new one, whose handshake ends in `connected`, or one that was exported. */
struct stream *stream_adopt_tls(uv_loop_t *loop, int fd, struct tls_engine *tls, const struct stream_handler *h, void *owner);

/* From now on TLS over an open stream, from inside `data` too: `received` is what came of it already. Takes the engine. The
 * stream is not open until `connected`. There is no deadline: the owner has one, and closes. */
void stream_secure(struct stream *s, struct tls_engine *tls, struct span received);

/* Gives the connection away: a duplicate of the socket that survives this stream, which is then closed; with TLS its engine
 * and, if called from `connected`, what came behind the handshake (appended to unread). tls and unread may be NULL for a
 * plain stream. -1 if output is pending, it is not open, or no descriptor or memory is left; the stream is then as it was. */
int stream_export(struct stream *s, struct tls_engine **tls, struct buf *unread);

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *owner);	/* upgrade hand-over */

/* Writes now what the kernel takes and keeps a copy of the rest, in order. False: the stream is not open (yet, or
 * any more), or pending and new bytes together would pass the limit, or no memory.
 * Nothing of them was queued then; where the kernel or TLS had taken a part before memory failed, the stream is closing. */
bool stream_write(struct stream *s, const struct span *parts, size_t n);
size_t stream_pending(const struct stream *s);		/* bytes not yet taken by the kernel, as they go over the wire */
void stream_set_limit(struct stream *s, size_t bytes);
/* Loop time at which the peer was last seen to acknowledge bytes: as exact as this is called often. Now, if nothing is
 * pending. */
msec_t stream_progress(struct stream *s);

void stream_read_stop(struct stream *s);		/* back pressure; the peer's close is not seen meanwhile */
void stream_read_start(struct stream *s);

/* Writes what is pending, says so to the peer (FIN), drops what still comes from it until it closes too, then closes:
 * a close() over unread input would reset the connection, and the peer could lose our last words. `data` is not called
 * any more. Ends by itself: 10 s without progress, or 2 s after the FIN. */
void stream_finish(struct stream *s);
void stream_close(struct stream *s);	/* closes now; pending output is dropped. Any number of times, from anywhere */

struct endpoint stream_peer(const struct stream *s);	/* family 0 for unix sockets */
struct endpoint stream_local(const struct stream *s);
int stream_error(const struct stream *s);		/* libuv's error number of the end, or 0 */
const char *stream_why(const struct stream *s);		/* the same in words, of TLS in particular; "" if there was no error */
const struct tls_engine *stream_tls(const struct stream *s);	/* for its ALPN, version, cipher; NULL: plain */

#endif
