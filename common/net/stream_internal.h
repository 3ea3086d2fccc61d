/* stream_internal.h - the inside of a stream, for stream.c (a connected one), stream_dial.c (making the connection) and
 * the listener. */
#ifndef COMMON_NET_STREAM_INTERNAL_H
#define COMMON_NET_STREAM_INTERNAL_H

#include "common/net/stream.h"

enum stream_state { RESOLVING, CONNECTING, OPEN, FINISHING, LINGERING, CLOSING };	/* only ever forward */

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
	size_t limit, seen_left;	/* left: see outstanding() */
	msec_t progress;
	struct endpoint peer;
	enum stream_state state;
	enum stream_end end;
	int error;
	unsigned open_handles;
	bool stopped, peer_finished;
};

/* gone is called once, right before `closed`, with the address as given here: for the listener's counts. */
void stream_on_gone(struct stream *s, void (*gone)(void *ctx, const struct ip_addr *peer), void *ctx,
		    struct ip_addr peer);

/* stream.c */
struct stream *stream_new(uv_loop_t *loop, const struct stream_handler *h, void *owner);
void stream_init_handle(struct stream *s, int family);
void stream_opened(struct stream *s);
void stream_read_on(struct stream *s);
void stream_end(struct stream *s, enum stream_end why, int error);
void stream_on_closed(uv_handle_t *h);

/* stream_dial.c */
bool stream_dial_next(struct stream *s);	/* false: no address is left, and the stream is CLOSING */
void stream_dial_forget(struct stream *s);	/* RESOLVING: the look-up goes on alone, and frees itself */
void stream_dial_free(struct dial *d);		/* NULL is fine */

#endif
