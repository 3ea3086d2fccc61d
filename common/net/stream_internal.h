/* stream_internal.h - the inside of a stream, for stream.c (a connected one), stream_dial.c (making the connection),
 * stream_tls.c (TLS over it), listener and lander. */
#ifndef COMMON_NET_STREAM_INTERNAL_H
#define COMMON_NET_STREAM_INTERNAL_H

#include "common/base/buf.h"
#include "common/net/stream.h"

enum { STREAM_READ_SIZE = 65536 };

enum stream_state { RESOLVING, CONNECTING, SECURING, OPEN, FINISHING, LINGERING, CLOSING };	/* only ever forward */

struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} u;
	uv_loop_t *loop;
	const struct stream_handler *handler;
	void *owner;
	void (*gone)(void *ctx, const struct ip_addr *accepted_from);
	void *gone_ctx;
	struct ip_addr accepted_from;
	struct dial *dial;		/* NULL unless RESOLVING or CONNECTING */
	struct farewell *farewell;	/* NULL unless FINISHING or later */
	struct output *output;		/* NULL while nothing waits */
	struct tls_engine *tls;		/* NULL: plain */
	size_t limit, seen_left;	/* left: see outstanding() */
	msec_t progress;
	struct endpoint peer;
	enum stream_state state;
	enum stream_end end;
	int error;
	unsigned open_handles;
	bool stopped, peer_finished;
};

/* gone is called once, right before `closed`, with the address as given here: for counts. One set before is called
 * now. NULL: none. */
void stream_on_gone(struct stream *s, void (*gone)(void *ctx, const struct ip_addr *peer), void *ctx,
		    struct ip_addr peer);

/* stream.c */
struct stream *stream_new(uv_loop_t *loop, const struct stream_handler *h, void *owner);
void stream_init_handle(struct stream *s, int family);
void stream_opened(struct stream *s);
void stream_read_on(struct stream *s);
void stream_end(struct stream *s, enum stream_end why, int error);
void stream_on_closed(uv_handle_t *h);
/* What stream_write() does below TLS and limit: total bytes, > 0. False: closing, or no memory and then nothing was written. */
bool stream_write_raw(struct stream *s, const struct span *parts, size_t n, size_t total);

/* stream_dial.c */
bool stream_dial_next(struct stream *s);	/* false: no address is left, and the stream is CLOSING */
void stream_dial_forget(struct stream *s);	/* RESOLVING: the look-up goes on alone, and frees itself */
void stream_dial_free(struct dial *d);		/* NULL is fine */

/* stream_tls.c */
void stream_tls_begin(struct stream *s, struct span received);	/* OPEN; tls is set */
void stream_tls_read(struct stream *s, struct span in);		/* SECURING or OPEN */
bool stream_tls_write(struct stream *s, const struct span *parts, size_t n, size_t total);
void stream_tls_finish(struct stream *s);			/* says close_notify */
bool stream_tls_take(struct stream *s, struct tls_engine **tls, struct buf *unread);

#endif
