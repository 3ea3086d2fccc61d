/* ws_frame.h - where WebSocket frames begin and end (RFC 6455 section 5.2).
 *
 * Cuts a stream of bytes into whole frames, so that nothing but an unfinished frame is ever buffered, and refuses
 * what a header declares before a byte of it is stored. What is inside a frame is ws_codec's. Pure.
 */
#ifndef SIGNALD_WS_FRAME_H
#define SIGNALD_WS_FRAME_H

#include "common/base/span.h"

enum { WS_CLIENT_HEAD_MAX = 14, WS_SERVER_HEAD_MAX = 10, WS_CONTROL_MAX = 125 };

enum ws_opcode { WS_OP_CONTINUATION = 0, WS_OP_TEXT = 1, WS_OP_BINARY = 2, WS_OP_CLOSE = 8, WS_OP_PING = 9, WS_OP_PONG = 10 };

enum ws_close_code {		/* RFC 6455 section 7.4.1 */
	WS_CODE_NORMAL = 1000, WS_CODE_GOING_AWAY = 1001, WS_CODE_PROTOCOL = 1002, WS_CODE_UNSUPPORTED = 1003,
	WS_CODE_NONE = 1005, WS_CODE_NOT_TEXT = 1007, WS_CODE_POLICY = 1008, WS_CODE_TOO_BIG = 1009, WS_CODE_INTERNAL = 1011
};

enum ws_peek_result {
	WS_PEEK_WHOLE,		/* the first *size bytes are one frame */
	WS_PEEK_PARTIAL,	/* so far it may become one */
	WS_PEEK_TOO_LONG,	/* its header declares more than max_payload: 1009 */
	WS_PEEK_BROKEN		/* no client may send this header: 1002 */
};

/* Looks at the frame of a client that `in` begins with. */
enum ws_peek_result ws_frame_peek(struct span in, size_t max_payload, size_t *size);

/* The header of a server's unfragmented frame; returns its length. */
size_t ws_frame_head(uint8_t out[WS_SERVER_HEAD_MAX], enum ws_opcode opcode, size_t payload);

/* A whole Close frame; reason: at most 123 bytes of UTF-8. Returns its length. */
enum { WS_CONTROL_FRAME_MAX = 2 + WS_CONTROL_MAX };
size_t ws_frame_close(uint8_t out[WS_CONTROL_FRAME_MAX], enum ws_close_code code, const char *reason);

#endif
