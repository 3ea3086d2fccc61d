/* To the client: frames, and what it means if they are not taken. */
#include "signald/client_internal.h"

#include "signald/message.h"

enum { CORKED_MAX = 16384 };	/* a longer frame goes out by itself */

bool client_put(struct client *c, const struct span *parts, size_t n)
{
	client_uncork(c->all);
	if (!stream_write(c->stream, parts, n))
		return false;
	if (stream_pending(c->stream) == 0)
		return true;
	client_schedule(c);
	if (stream_pending(c->stream) > c->all->cfg->unsent_hold)
		client_set_choking(c, true);
	return true;
}

static void not_taken(struct client *c)
{
	client_end(c, stream_pending(c->stream) > c->all->cfg->unsent_limit ? CLOSE_SLOW : CLOSE_LOST);
}

void client_put_control(struct client *c, struct span frame)
{
	if (!client_put(c, &frame, 1))
		not_taken(c);
}

void client_drained(void *owner)
{
	client_set_choking(owner, false);
}

void client_uncork(struct clients *all)
{
	struct client *c = all->corked_for;
	struct span frames = buf_span(&all->corked);
	bool ok;

	if (c == NULL)
		return;
	all->corked_for = NULL;
	ok = client_put(c, &frames, 1);
	buf_reset(&all->corked);
	if (!ok)
		not_taken(c);
}

/* While input is at work, more frames for the same client are likely to follow. */
static bool put_frame(struct client *c, const struct span *parts, size_t n, size_t size)
{
	struct clients *all = c->all;

	if (all->pumping == 0 || size > CORKED_MAX)
		return client_put(c, parts, n);
	if (all->corked_for != c || size > CORK_SIZE - all->corked.len)
		client_uncork(all);
	if (buf_reserve(&all->corked, size) == NULL) {
		all->corked.failed = false;
		return client_put(c, parts, n);
	}
	for (size_t i = 0; i < n; i++)
		buf_add_span(&all->corked, parts[i]);
	all->corked_for = c;
	return true;
}

bool client_deliver(struct hub_conn *conn, struct span text)
{
	struct client *c = container_of(conn, struct client, conn);
	uint8_t head[WS_SERVER_HEAD_MAX];
	size_t n = ws_frame_head(head, WS_OP_TEXT, text.len + MESSAGE_FRAMING), size = n + text.len + MESSAGE_FRAMING;
	const struct span frame[] = { span_of(head, n), SPAN_LIT(MESSAGE_HEAD), text, SPAN_LIT(MESSAGE_TAIL) };
	size_t unsent = stream_pending(c->stream) + (c->all->corked_for == c ? c->all->corked.len : 0);

	if (c->state >= CLIENT_CLOSING)
		return false;
	if (unsent + size > c->all->cfg->unsent_limit) {
		client_close(c, CLOSE_SLOW, WS_CODE_POLICY, "too much is unsent");
		return false;
	}
	if (!put_frame(c, frame, sizeof(frame) / sizeof(frame[0]), size)) {
		not_taken(c);
		return false;
	}
	return true;
}

void client_put_error(struct client *c, enum client_error e, const char *detail)
{
	struct span text = span_str(client_error_text(e)), more = span_str(detail);
	struct span head = SPAN_LIT(MESSAGE_ERROR_HEAD), tail = SPAN_LIT(MESSAGE_ERROR_TAIL);
	uint8_t ws_head[WS_SERVER_HEAD_MAX];
	size_t n = ws_frame_head(ws_head, WS_OP_TEXT, head.len + text.len + more.len + tail.len);
	const struct span frame[] = { span_of(ws_head, n), head, text, more, tail };

	client_count(c, COUNT_ERROR + e);
	if (!client_put(c, frame, sizeof(frame) / sizeof(frame[0])))
		not_taken(c);
}

void client_ping(struct client *c)
{
	static const uint8_t ping[] = { 0x80 | WS_OP_PING, 0 };

	client_put_control(c, span_of(ping, sizeof(ping)));
}
