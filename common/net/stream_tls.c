#include "common/net/stream_internal.h"

#include "common/crypto/tls_client.h"

/* What one read can bring: the engine may hold a part of a record already. One byte more, so that it is never full. */
static _Thread_local uint8_t plain[STREAM_READ_SIZE + 1];

/* Inside `connected`: what came behind the handshake, and will be `data` unless the stream is exported. */
static _Thread_local struct { const struct stream *stream; struct span rest; } undelivered;

static bool add_wire(void *ctx, struct span bytes)
{
	return buf_add_span(ctx, bytes);
}

/* What the engine says in one call is gathered, and written as one. */
static void gather(struct stream *s, struct buf *wire, size_t expected)
{
	buf_init(wire, SIZE_MAX);
	if (expected > 0)
		(void)buf_reserve(wire, expected);
	tls_engine_set_output(s->tls, add_wire, wire);
}

/* False: the stream is closing now. */
static bool write_gathered(struct stream *s, struct buf *wire)
{
	struct span out = buf_span(wire);

	if (out.len > 0 && !stream_write_raw(s, &out, 1, out.len))
		stream_end(s, STREAM_END_RESET, UV_ENOMEM);
	buf_close(wire);
	return s->state != CLOSING;
}

static void tls_opened(struct stream *s, struct span rest)
{
	s->state = OPEN;
	if (s->handler->connected == NULL)
		return;
	undelivered.stream = s;
	undelivered.rest = rest;
	s->handler->connected(s->owner);
	undelivered.stream = NULL;
}

static void tls_over(struct stream *s, enum tls_event event)
{
	if (s->state == SECURING)
		stream_end(s, STREAM_END_CONNECT, UV_EPROTO);
	else if (s->state == OPEN && event == TLS_CLOSED)
		stream_end(s, STREAM_END_PEER, 0);
	else if (s->state == OPEN)
		stream_end(s, STREAM_END_RESET, UV_EPROTO);
}

void stream_tls_read(struct stream *s, struct span in)
{
	size_t filled = 0, n;
	bool ready = false;
	enum tls_event event;
	struct buf wire;

	gather(s, &wire, 0);
	do {
		event = tls_engine_read(s->tls, uv_now(s->loop), &in, plain + filled, sizeof plain - filled, &n);
		filled += n;
		ready = ready || event == TLS_READY;
	} while (event == TLS_READY || event == TLS_DATA);
	if (!write_gathered(s, &wire))
		return;
	if (ready)
		tls_opened(s, span_of(plain, filled));
	if (s->state == OPEN && filled > 0)
		s->handler->data(s->owner, span_of(plain, filled));
	if (event != TLS_MORE)
		tls_over(s, event);
	else if (ready && s->state == OPEN && s->stopped)
		stream_read_stop(s);	/* which was not heeded during the handshake */
}

void stream_tls_begin(struct stream *s, struct span received)
{
	if (!tls_engine_open(s->tls))
		s->state = SECURING;
	stream_read_on(s);
	if (s->state != CLOSING && (s->state == SECURING || received.len > 0))
		stream_tls_read(s, received);
}

bool stream_tls_write(struct stream *s, const struct span *parts, size_t n, size_t total)
{
	struct buf wire;
	bool ok;

	gather(s, &wire, total + total / 256 + 256);
	ok = tls_engine_write(s->tls, parts, n);
	if (!write_gathered(s, &wire) || ok)
		return s->state == OPEN;
	stream_end(s, STREAM_END_RESET, UV_EPROTO);
	return false;
}

void stream_tls_finish(struct stream *s)
{
	struct buf wire;

	gather(s, &wire, 0);
	tls_engine_close(s->tls);
	(void)write_gathered(s, &wire);
}

bool stream_tls_take(struct stream *s, struct tls_engine **tls, struct buf *unread)
{
	if (tls == NULL || unread == NULL)
		return false;
	if (undelivered.stream == s && !buf_add_span(unread, undelivered.rest))
		return false;
	*tls = s->tls;
	s->tls = NULL;
	return true;
}

/* --- the ways in --------------------------------------------------------------------------------------------- */

void stream_secure(struct stream *s, struct tls_engine *tls, struct span received)
{
	if (s->state != OPEN) {
		tls_engine_free(tls);
		return;
	}
	s->tls = tls;
	stream_tls_begin(s, received);
}

struct stream *stream_adopt_tls(uv_loop_t *loop, int fd, struct tls_engine *tls, const struct stream_handler *h, void *owner)
{
	struct stream *s = stream_adopt(loop, fd, h, owner);

	if (s == NULL)
		tls_engine_free(tls);
	else
		stream_secure(s, tls, span_of(NULL, 0));
	return s;
}

struct stream *stream_connect_host_tls(uv_loop_t *loop, const char *host, uint16_t port, struct tls_client *trust,
				       const struct stream_handler *h, void *owner)
{
	struct tls_engine *tls = tls_client_connect(trust, host, span_of(NULL, 0));
	struct stream *s = tls != NULL ? stream_connect_host(loop, host, port, h, owner) : NULL;

	if (s == NULL)
		tls_engine_free(tls);
	else
		s->tls = tls;
	return s;
}

const struct tls_engine *stream_tls(const struct stream *s)
{
	return s->tls;
}

const char *stream_why(const struct stream *s)
{
	if (s->tls != NULL && tls_engine_why(s->tls)[0] != 0)
		return tls_engine_why(s->tls);
	if (s->tls != NULL && s->error == UV_EOF)
		return "the peer closed without a close_notify";
	return s->error != 0 ? uv_strerror(s->error) : "";
}
