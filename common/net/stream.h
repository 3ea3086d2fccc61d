/* stream.h - a connected byte stream: TCP or a unix socket now, TLS over TCP later, all as one thing.
 *
 *	RESOLVING -> CONNECTING -> OPEN -> FINISHING -> LINGERING -> CLOSING -> gone
 *	                connected()^    stream_finish()^            closed()^
 *
 * Owner: a stream belongs to whoever holds its handler; it frees itself after calling `closed`, exactly once,
 *        asynchronously, never from inside another call. After `closed` the pointer is dead.
 * Thread: the loop's it was born on; stream_export()/stream_adopt() move it to another.
 * Memory: no read buffer while idle (one shared by the loop), no write buffer while nothing waits.
 */
#ifndef COMMON_NET_STREAM_H
#define COMMON_NET_STREAM_H

#include <uv.h>

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/span.h"

struct stream;

enum { STREAM_OUTPUT_LIMIT = 1 << 20 };	/* bytes that may wait, unless stream_set_limit() says otherwise */

enum stream_end {
	STREAM_END_LOCAL,	/* stream_close() or a finished stream_finish() */
	STREAM_END_PEER,	/* the other side closed */
	STREAM_END_RESET,	/* a network error; the errno is in stream_error() */
	STREAM_END_CONNECT	/* the connection was never made (refused, no such host, no route) */
};

struct stream_handler {
	void (*connected)(void *owner);			/* outgoing streams only; may be NULL */
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

/* Takes over a connected socket. On failure (NULL: no memory, or the loop refuses it) fd is closed. Reading starts at once. */
struct stream *stream_adopt(uv_loop_t *loop, int fd, const struct stream_handler *h, void *owner);

/* Gives the socket away: a duplicate that survives this stream, which is then closed. -1 if output is pending
 * or no descriptor is left; the stream is then as it was. */
int stream_export(struct stream *s);

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *owner);	/* upgrade hand-over */

/* Writes now what the kernel takes and keeps a copy of the rest, in order. False: the stream is not open (yet, or
 * any more), or pending and new bytes together would pass the limit, or no memory.
 * Nothing of them was queued then; where the kernel had taken a part before memory failed, the stream is closing. */
bool stream_write(struct stream *s, const struct span *parts, size_t n);
size_t stream_pending(const struct stream *s);		/* bytes not yet taken by the kernel */
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

#endif
