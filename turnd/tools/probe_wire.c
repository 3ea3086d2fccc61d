#include "turnd/tools/probe_wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "turnd/wire/channel_data.h"
#include "turnd/wire/frame.h"

enum { DATAGRAM_MAX = 65536, MESSAGE_MAX = 8192 };

void wire_init(struct wire *w)
{
	*w = (struct wire){ .fd = -1 };
	buf_init(&w->in, MESSAGE_MAX + TLS_RECORD_MAX);
}

void wire_close(struct wire *w)
{
	if (w->tls != NULL) {
		tls_engine_close(w->tls);
		tls_engine_free(w->tls);
	}
	if (w->fd >= 0)
		close(w->fd);
	buf_close(&w->in);
	w->fd = -1;
	w->tls = NULL;
}

/* --- opening --- */

static bool wait_for(int fd, short events, msec_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	msec_t now = clock_now();

	return now < until && poll(&p, 1, (int)(until - now)) == 1;
}

static bool finish_connect(int fd, msec_t patience, char why[256])
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!wait_for(fd, POLLOUT, clock_now() + patience)) {
		snprintf(why, 256, "no connection within %u s: wrong address, or a firewall that drops", (unsigned)((patience + 999) / 1000));
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
		return true;
	if (error == ECONNREFUSED)
		snprintf(why, 256, "the port is closed: no server listens there, or a firewall refuses");
	else
		snprintf(why, 256, "%s", strerror(error));
	return false;
}

bool wire_connect(struct wire *w, const struct turn_uri *uri, const struct endpoint *server, msec_t patience, char why[256])
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(server, &sa);
	int one = 1;

	w->stream = uri->tcp;
	w->fd = socket(sa.ss_family, (uri->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd >= 0 && uri->tcp)
		setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (w->fd >= 0 && connect(w->fd, (struct sockaddr *)&sa, len) == 0)
		return true;
	if (w->fd < 0 || errno != EINPROGRESS) {
		snprintf(why, 256, "%s: %s", w->fd < 0 ? "no socket" : "there is no way there", strerror(errno));
		return false;
	}
	return finish_connect(w->fd, patience, why);
}

/* Small messages and an empty send buffer: what does not go at once is as good as lost. */
static bool send_bytes(void *ctx, struct span bytes)
{
	struct wire *w = ctx;

	while (bytes.len > 0) {
		ssize_t n = send(w->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return !w->stream;	/* a datagram is repeated; an ICMP error is heard of by the next receive */
		bytes = span_skip(bytes, (size_t)n);
	}
	return true;
}

static bool handshake_failed(struct wire *w, const char *what, char why[256])
{
	const char *reason = tls_engine_why(w->tls);

	snprintf(why, 256, "%s%s%s", what, *reason != '\0' ? ": " : "", reason);
	return false;
}

bool wire_handshake(struct wire *w, const struct turn_uri *uri, struct tls_client *client, msec_t patience, char why[256])
{
	const struct span no_session = { NULL, 0 };
	static uint8_t bytes[DATAGRAM_MAX];
	const msec_t until = clock_now() + patience;
	struct span in = { bytes, 0 };
	uint8_t none;
	size_t n;

	w->tls = uri->tcp ? tls_client_connect(client, uri->host, no_session) : tls_client_connect_dtls(client, uri->host);
	if (w->tls == NULL) {
		snprintf(why, 256, "no memory is left for TLS");
		return false;
	}
	tls_engine_set_output(w->tls, send_bytes, w);
	while (clock_now() < until) {
		msec_t wake = tls_engine_due(w->tls);
		ssize_t got;

		switch (tls_engine_read(w->tls, clock_now(), &in, &none, 1, &n)) {
		case TLS_READY:
			return true;
		case TLS_FAILED:
			return handshake_failed(w, "the handshake failed", why);
		case TLS_CLOSED:
			return handshake_failed(w, "the server ended the handshake", why);
		default:
			break;
		}
		if (in.len > 0)
			continue;
		wake = tls_engine_due(w->tls);
		wait_for(w->fd, POLLIN, wake < until ? wake : until);
		got = recv(w->fd, bytes, sizeof(bytes), 0);
		if (got == 0 && w->stream)
			return handshake_failed(w, "the server closed the connection: it does not speak TLS there", why);
		if (got < 0 && errno == ECONNREFUSED)
			return handshake_failed(w, "the port is closed: no server listens there, or a firewall refuses", why);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return handshake_failed(w, strerror(errno), why);
		in = span_of(bytes, got > 0 ? (size_t)got : 0);
	}
	snprintf(why, 256, "no %s handshake within %u s%s", w->stream ? "TLS" : "DTLS", (unsigned)((patience + 999) / 1000),
		 w->stream ? "" : ": DTLS is off there, or UDP is dropped");
	return false;
}

/* --- messages --- */

bool wire_send(struct wire *w, struct span message)
{
	if (w->tls != NULL)
		return tls_engine_write(w->tls, &message, 1);
	return send_bytes(w, message);
}

/* False: what came is no TURN. */
static bool cut_messages(struct wire *w, wire_message_fn *message, void *ctx)
{
	enum frame_result r;
	struct frame f;

	while ((r = frame_cut(buf_span(&w->in), MESSAGE_MAX, CHANNEL_LAST, &f)) == FRAME_OK) {
		message(ctx, f.data);
		buf_consume(&w->in, f.size);
	}
	return r == FRAME_MORE;
}

static bool take_plain(struct wire *w, struct span bytes, wire_message_fn *message, void *ctx)
{
	if (!w->stream) {
		message(ctx, bytes);
		return true;
	}
	return buf_add_span(&w->in, bytes) && cut_messages(w, message, ctx);
}

static bool take_secret(struct wire *w, msec_t now, struct span bytes, wire_message_fn *message, void *ctx)
{
	static uint8_t plain[TLS_RECORD_MAX];
	size_t n;

	for (;;) {
		switch (tls_engine_read(w->tls, now, &bytes, plain, sizeof(plain), &n)) {
		case TLS_DATA:
			if (!take_plain(w, span_of(plain, n), message, ctx))
				return false;
			break;
		case TLS_READY:
			break;
		case TLS_MORE:
			return true;
		default:
			return false;
		}
	}
}

enum wire_state wire_receive(struct wire *w, msec_t now, wire_message_fn *message, void *ctx)
{
	static uint8_t bytes[DATAGRAM_MAX];

	for (;;) {
		ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		struct span in = span_of(bytes, n > 0 ? (size_t)n : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ECONNREFUSED)
			return WIRE_REFUSED;
		if (n == 0 && w->stream)
			return WIRE_CLOSED;
		if (n < 0 && errno != EAGAIN)
			return WIRE_CLOSED;
		if (w->tls != NULL ? !take_secret(w, now, in, message, ctx) : n > 0 && !take_plain(w, in, message, ctx))
			return WIRE_CLOSED;
		if (n < 0)
			return WIRE_OPEN;
	}
}

msec_t wire_due(const struct wire *w)
{
	return w->tls != NULL ? tls_engine_due(w->tls) : NEVER;
}
