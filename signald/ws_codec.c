#include "signald/ws_codec.h"

#include <wslay/wslay.h>

struct ws_feed {		/* one frame on its way through wslay */
	struct span frame;	/* not given to wslay yet */
	struct ws_event *out;
	enum ws_event_kind kind;
	enum ws_close_code refused;	/* ours, beside wslay's own checks; 0: none */
};

static ssize_t on_recv(struct wslay_event_context *w, uint8_t *to, size_t len, int flags, void *ctx)
{
	struct ws_codec *c = ctx;
	struct ws_feed *f = c->feed;
	struct span part = span_first(f->frame, len);
	(void)flags;

	if (part.len == 0) {
		wslay_event_set_error(w, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(to, part.p, part.len);
	f->frame = span_skip(f->frame, part.len);
	return (ssize_t)part.len;
}

static void refuse(struct wslay_event_context *w, struct ws_feed *f, enum ws_close_code code)
{
	f->refused = code;
	wslay_event_shutdown_read(w);
}

static void on_frame_start(struct wslay_event_context *w, const struct wslay_event_on_frame_recv_start_arg *a, void *ctx)
{
	struct ws_codec *c = ctx;
	struct ws_feed *f = c->feed;
	struct buf *message = &c->message;

	if (wslay_is_ctrl_frame(a->opcode))
		return;
	if (++c->fragments > WS_FRAGMENTS_MAX)
		refuse(w, f, WS_CODE_POLICY);
	else if (a->payload_length > message->limit - message->len)
		refuse(w, f, WS_CODE_TOO_BIG);
	else if (buf_reserve(message, (size_t)a->payload_length) == NULL)
		refuse(w, f, WS_CODE_INTERNAL);
	f->kind = WS_EVENT_PIECE;
}

static void on_chunk(struct wslay_event_context *w, const struct wslay_event_on_frame_recv_chunk_arg *a, void *ctx)
{
	struct ws_codec *c = ctx;
	struct ws_feed *f = c->feed;
	(void)w;

	if (f->kind == WS_EVENT_PIECE && f->refused == 0)
		buf_add(&c->message, a->data, a->data_length);
}

static void on_message(struct wslay_event_context *w, const struct wslay_event_on_msg_recv_arg *a, void *ctx)
{
	struct ws_codec *c = ctx;
	struct ws_feed *f = c->feed;

	switch (a->opcode) {
	case WSLAY_PING:
		f->kind = WS_EVENT_PING;
		break;
	case WSLAY_PONG:
		f->kind = WS_EVENT_PONG;
		break;
	case WSLAY_CONNECTION_CLOSE:
		f->kind = WS_EVENT_CLOSE;
		if (a->msg_length == 1)		/* wslay lets half a code pass */
			refuse(w, f, WS_CODE_PROTOCOL);
		f->out->code = a->status_code ? (enum ws_close_code)a->status_code : WS_CODE_NONE;
		break;
	default:
		f->kind = a->opcode == WSLAY_TEXT_FRAME ? WS_EVENT_TEXT : WS_EVENT_BINARY;
		c->fragments = 0;
	}
}

/* What wslay wants to say: at most one control frame for each frame it was given. */
static ssize_t on_send(struct wslay_event_context *w, const uint8_t *p, size_t len, int flags, void *ctx)
{
	struct ws_event *out = ((struct ws_codec *)ctx)->feed->out;
	(void)flags;

	if (len > sizeof(out->reply) - out->reply_len) {
		wslay_event_set_error(w, WSLAY_ERR_CALLBACK_FAILURE);
		return -1;
	}
	memcpy(out->reply + out->reply_len, p, len);
	out->reply_len += len;
	return (ssize_t)len;
}

void ws_codec_init(struct ws_codec *c, size_t max_message)
{
	*c = (struct ws_codec){ 0 };
	buf_init(&c->message, max_message);
}

static void drop_work(struct ws_codec *c)
{
	if (c->wslay != NULL)
		wslay_event_context_free(c->wslay);
	c->wslay = NULL;
	c->fragments = 0;
	buf_close(&c->message);
}

void ws_codec_close(struct ws_codec *c)
{
	drop_work(c);
}

static enum ws_event_kind fail(struct ws_codec *c, struct ws_event *out, enum ws_close_code code)
{
	drop_work(c);
	c->over = true;
	out->code = code;
	out->reply_len = ws_frame_close(out->reply, code, "");
	return WS_EVENT_FAILED;
}

static bool set_up_wslay(struct ws_codec *c)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = on_recv, .send_callback = on_send, .on_frame_recv_start_callback = on_frame_start,
		.on_frame_recv_chunk_callback = on_chunk, .on_msg_recv_callback = on_message,
	};

	if (c->wslay != NULL)
		return true;
	if (wslay_event_context_server_init(&c->wslay, &callbacks, c) != 0) {
		c->wslay = NULL;
		return false;
	}
	wslay_event_config_set_no_buffering(c->wslay, 1);	/* its buffer would be copied once more */
	return true;
}

static enum ws_event_kind take_frame(struct ws_codec *c, struct span frame, struct ws_event *out)
{
	struct ws_feed f = { .frame = frame, .out = out };
	int rc;

	if (!set_up_wslay(c))
		return fail(c, out, WS_CODE_INTERNAL);
	c->feed = &f;
	rc = wslay_event_recv(c->wslay);
	if (rc == 0)
		rc = wslay_event_send(c->wslay);
	c->feed = NULL;
	if (f.refused != 0)
		return fail(c, out, f.refused);
	if (rc != 0)		/* a header against the rules comes as a failed callback; ours never fail */
		return fail(c, out, rc == WSLAY_ERR_NOMEM ? WS_CODE_INTERNAL : WS_CODE_PROTOCOL);
	if (f.kind == WS_EVENT_CLOSE) {
		drop_work(c);
		c->over = true;
	} else if (!wslay_event_get_read_enabled(c->wslay)) {
		return fail(c, out, (enum ws_close_code)wslay_event_get_status_code_sent(c->wslay));
	}
	return f.kind;
}

enum ws_event_kind ws_codec_next(struct ws_codec *c, struct span *in, struct ws_event *out)
{
	struct span frame = { in->p, 0 };
	enum ws_event_kind kind;

	out->reply_len = 0;
	out->message = (struct span){ NULL, 0 };
	if (c->fragments == 0)
		drop_work(c);
	if (c->over) {
		*in = span_skip(*in, in->len);
		return WS_EVENT_NONE;
	}
	switch (ws_frame_peek(*in, c->message.limit, &frame.len)) {
	case WS_PEEK_PARTIAL:
		return WS_EVENT_NONE;
	case WS_PEEK_TOO_LONG:
		return fail(c, out, WS_CODE_TOO_BIG);
	case WS_PEEK_BROKEN:
		return fail(c, out, WS_CODE_PROTOCOL);
	case WS_PEEK_WHOLE:
		break;
	}
	kind = take_frame(c, frame, out);
	*in = span_skip(*in, frame.len);
	if (kind == WS_EVENT_TEXT || kind == WS_EVENT_BINARY)
		out->message = buf_span(&c->message);
	return kind;
}
