/* ws_codec.h - a client's frames to messages, over wslay; span in, span out. Only this module includes wslay.
 *
 * The caller pulls one event at a time, so it can let everything before a frame take effect before that frame is
 * even looked at (apprtc-contract 4.1). Answers to pings and to Close frames are made here and sent by the caller.
 *
 * Memory: a wslay context (9.4 kB) and the message exist only while a frame or a fragmented message is in work.
 * Owner: embedded in its connection.   Thread: that connection's.   Pure.
 */
#ifndef SIGNALD_WS_CODEC_H
#define SIGNALD_WS_CODEC_H

#include "common/base/buf.h"
#include "signald/ws_frame.h"

enum { WS_FRAGMENTS_MAX = 256 };	/* frames of one message, empty ones too (threat model D-W4) */

struct wslay_event_context;
struct ws_feed;

struct ws_codec {
	struct wslay_event_context *wslay;	/* NULL while nothing is in work; points back here, so do not move it */
	struct ws_feed *feed;			/* during a call */
	struct buf message;			/* what came of the message in work */
	unsigned fragments;			/* frames of it so far; 0: none in work */
	bool over;				/* WS_EVENT_CLOSE or WS_EVENT_FAILED was the last event */
};

enum ws_event_kind {
	WS_EVENT_NONE,		/* all whole frames are used up; what is left in *in is the beginning of one */
	WS_EVENT_TEXT,		/* `message`: valid UTF-8 */
	WS_EVENT_BINARY,	/* `message` */
	WS_EVENT_PING,		/* send `reply` */
	WS_EVENT_PONG,
	WS_EVENT_PIECE,		/* a frame of a message that is not complete yet */
	WS_EVENT_CLOSE,		/* the client closes: send `reply`, then end the connection */
	WS_EVENT_FAILED		/* broken, with `code`: send `reply` (a Close frame), then end the connection */
};

struct ws_event {
	struct span message;		/* valid until the next call */
	enum ws_close_code code;	/* CLOSE: the client's, WS_CODE_NONE if it gave none; FAILED: ours */
	size_t reply_len;
	uint8_t reply[WS_CONTROL_FRAME_MAX];	/* one control frame for the client */
};

void ws_codec_init(struct ws_codec *c, size_t max_message);	/* bytes; allocates nothing, cannot fail */
void ws_codec_close(struct ws_codec *c);

/* Takes at most one frame off the front of *in. After CLOSE or FAILED it swallows everything and says NONE. */
enum ws_event_kind ws_codec_next(struct ws_codec *c, struct span *in, struct ws_event *out);

static inline bool ws_codec_in_message(const struct ws_codec *c) { return c->fragments > 0; }

#endif
