#include "common/net/stream.h"
#include "common/net/stream_internal.h"

#include "common/crypto/tls_engine.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PARTS = 16 };
/* Over TLS a record may be half there already; both together are no more than one plain read. */
enum { TLS_READ_SIZE = STREAM_READ_SIZE - TLS_RECORD_MAX - 1024 };
static const msec_t STALL_TIME = SECONDS(10), LINGER_TIME = SECONDS(2);

/* A loop runs in one thread and reads one stream at a time: this is the read buffer of all its streams. */
static _Thread_local char read_buffer[STREAM_READ_SIZE];

/* While bytes wait for the kernel: most streams are idle, and many. */
struct output {
	uv_write_t write;
	struct buf sending, queued;	/* given to libuv; waiting behind it */
	bool writing;
};

/* While the last words are said. */
struct farewell {
	uv_timer_t timer;
	uv_shutdown_t shutdown;
};

static void flush(struct stream *s);

/* --- life ------------------------------------------------------------------------------------------------ */

struct stream *stream_new(uv_loop_t *loop, const struct stream_handler *h, void *owner)
{
	struct stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->handler = h;
	s->owner = owner;
	s->limit = STREAM_OUTPUT_LIMIT;
	s->progress = uv_now(loop);
	return s;
}

/* Neither init makes a socket, and so neither can fail. */
void stream_init_handle(struct stream *s, int family)
{
	if (family == AF_UNIX) {
		(void)uv_pipe_init(s->loop, &s->u.pipe, 0);
	} else {
		(void)uv_tcp_init(s->loop, &s->u.tcp);
		(void)uv_tcp_nodelay(&s->u.tcp, 1);	/* kept until there is a socket */
	}
	s->u.handle.data = s;
	s->open_handles++;
}

static void output_free(struct stream *s)
{
	if (s->output == NULL)
		return;
	buf_close(&s->output->sending);
	buf_close(&s->output->queued);
	free(s->output);
	s->output = NULL;
}

void stream_on_closed(uv_handle_t *h)	/* the only free() of a stream that was ever handed out */
{
	struct stream *s = h->data;

	if (--s->open_handles > 0)
		return;
	if (s->state != CLOSING && stream_dial_next(s))	/* one address failed; a handle is good for one attempt */
		return;
	if (s->gone != NULL)
		s->gone(s->gone_ctx, &s->accepted_from);
	if (s->handler != NULL)
		s->handler->closed(s->owner, s->end);
	stream_dial_free(s->dial);
	free(s->farewell);
	output_free(s);
	tls_engine_free(s->tls);
	free(s);
}

void stream_end(struct stream *s, enum stream_end why, int error)
{
	if (s->state == CLOSING)
		return;
	if (s->state == RESOLVING)
		stream_dial_forget(s);
	s->state = CLOSING;
	s->end = why;
	s->error = error;
	if (s->farewell != NULL)
		uv_close((uv_handle_t *)&s->farewell->timer, stream_on_closed);
	if (!uv_is_closing(&s->u.handle))
		uv_close(&s->u.handle, stream_on_closed);
}

/* --- reading --------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	const struct stream *s = h->data;

	(void)suggested;
	*out = uv_buf_init(read_buffer, s->tls != NULL ? TLS_READ_SIZE : sizeof read_buffer);
}

/* The peer will send no more. */
static void on_end_of_input(struct stream *s)
{
	if (s->state == FINISHING)
		s->peer_finished = true;	/* it may still read */
	else if (s->state == LINGERING)
		stream_end(s, STREAM_END_LOCAL, 0);
	else if (s->tls != NULL)		/* anybody can send a FIN */
		stream_end(s, s->state == SECURING ? STREAM_END_CONNECT : STREAM_END_RESET, UV_EOF);
	else
		stream_end(s, STREAM_END_PEER, 0);
}

static void on_read(uv_stream_t *u, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = u->data;

	if (n > 0 && s->tls != NULL && (s->state == SECURING || s->state == OPEN))
		stream_tls_read(s, span_of(buf->base, (size_t)n));
	else if (n > 0 && s->state == OPEN)
		s->handler->data(s->owner, span_of(buf->base, (size_t)n));
	else if (n == UV_EOF)
		on_end_of_input(s);
	else if (n < 0)
		stream_end(s, s->state == SECURING ? STREAM_END_CONNECT : STREAM_END_RESET, (int)n);
}

void stream_read_on(struct stream *s)
{
	int rc = uv_read_start(&s->u.stream, on_alloc, on_read);

	if (rc < 0 && rc != UV_EALREADY)
		stream_end(s, STREAM_END_RESET, rc);
}

void stream_read_stop(struct stream *s)
{
	s->stopped = true;
	if (s->state == OPEN)
		(void)uv_read_stop(&s->u.stream);
}

void stream_read_start(struct stream *s)
{
	s->stopped = false;
	if (s->state == OPEN)
		stream_read_on(s);
}

/* --- sockets that come and go ------------------------------------------------------------------------------ */

void stream_opened(struct stream *s)
{
	struct sockaddr_storage sa = { 0 };
	int len = sizeof sa;

	if (s->u.handle.type == UV_TCP && uv_tcp_getpeername(&s->u.tcp, (struct sockaddr *)&sa, &len) == 0)
		s->peer = endpoint_from_sockaddr((const struct sockaddr *)&sa);
	stream_dial_free(s->dial);
	s->dial = NULL;
	s->state = OPEN;
	s->error = 0;
	s->progress = uv_now(s->loop);
}

struct stream *stream_adopt(uv_loop_t *loop, int fd, const struct stream_handler *h, void *owner)
{
	struct stream *s = stream_new(loop, h, owner);
	int family = 0, rc;
	socklen_t len = sizeof family;

	if (s == NULL || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0) {
		close(fd);
		free(s);
		return NULL;
	}
	stream_init_handle(s, family);
	rc = family == AF_UNIX ? uv_pipe_open(&s->u.pipe, fd) : uv_tcp_open(&s->u.tcp, fd);
	if (rc < 0) {
		close(fd);
	} else {
		stream_opened(s);
		rc = uv_read_start(&s->u.stream, on_alloc, on_read);
	}
	if (rc < 0) {
		s->handler = NULL;	/* it was never handed out */
		stream_end(s, STREAM_END_LOCAL, rc);
		return NULL;
	}
	return s;
}

int stream_export(struct stream *s, struct tls_engine **tls, struct buf *unread)
{
	uv_os_fd_t fd;
	int copy;

	if (s->state != OPEN || stream_pending(s) > 0 || uv_fileno(&s->u.handle, &fd) < 0)
		return -1;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0 && s->tls != NULL && !stream_tls_take(s, tls, unread)) {
		close(copy);
		return -1;
	}
	if (copy >= 0)
		stream_close(s);
	return copy;
}

void stream_set_handler(struct stream *s, const struct stream_handler *h, void *owner)
{
	s->handler = h;
	s->owner = owner;
}

void stream_on_gone(struct stream *s, void (*gone)(void *ctx, const struct ip_addr *peer), void *ctx,
		    struct ip_addr peer)
{
	if (s->gone != NULL)
		s->gone(s->gone_ctx, &s->accepted_from);
	s->gone = gone;
	s->gone_ctx = ctx;
	s->accepted_from = peer;
}

/* --- writing --------------------------------------------------------------------------------------------- */

size_t stream_pending(const struct stream *s)
{
	const struct output *o = s->output;

	if (s->state == CLOSING || o == NULL)
		return 0;
	return o->queued.len + (o->writing ? uv_stream_get_write_queue_size(&s->u.stream) : 0);
}

void stream_set_limit(struct stream *s, size_t bytes)
{
	s->limit = bytes;
}

/* What the peer has not acknowledged: the kernel alone takes bytes in large lumps, and a slow reader looks dead. */
static size_t outstanding(const struct stream *s)
{
	size_t pending = stream_pending(s);
	int in_kernel = 0;
	uv_os_fd_t fd;

	if (pending == 0 || uv_fileno(&s->u.handle, &fd) < 0 || ioctl(fd, SIOCOUTQ, &in_kernel) < 0)
		return pending;
	return pending + (size_t)in_kernel;
}

msec_t stream_progress(struct stream *s)
{
	size_t left = outstanding(s);

	if (left < s->seen_left || left == 0)
		s->progress = uv_now(s->loop);
	s->seen_left = left;
	return s->progress;
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct stream *s = req->data;

	if (s->state == CLOSING)
		return;
	if (status < 0 || s->peer_finished)
		stream_end(s, STREAM_END_LOCAL, 0);
}

static void linger(struct stream *s)
{
	s->state = LINGERING;
	s->farewell->shutdown.data = s;
	uv_timer_set_repeat(&s->farewell->timer, LINGER_TIME);
	uv_timer_again(&s->farewell->timer);
	if (uv_shutdown(&s->farewell->shutdown, &s->u.stream, on_shutdown) < 0)
		stream_end(s, STREAM_END_LOCAL, 0);
}

static void on_written(uv_write_t *req, int status)
{
	struct stream *s = req->data;

	s->output->writing = false;
	if (s->state == CLOSING)
		return;
	if (status < 0) {
		stream_end(s, STREAM_END_RESET, status);
		return;
	}
	buf_close(&s->output->sending);
	(void)stream_progress(s);
	if (s->output->queued.len > 0) {
		flush(s);
		return;
	}
	output_free(s);
	if (s->state == FINISHING)
		linger(s);
	else if (s->state == OPEN && s->handler->drained != NULL)
		s->handler->drained(s->owner);
}

/* Hands everything queued to libuv at once: what came while one write was under way goes out as the next. */
static void flush(struct stream *s)
{
	struct output *o = s->output;
	uv_buf_t b;
	int rc;

	o->sending = o->queued;
	buf_init(&o->queued, SIZE_MAX);
	b = uv_buf_init((char *)o->sending.p, (unsigned)o->sending.len);
	o->writing = true;
	rc = uv_write(&o->write, &s->u.stream, &b, 1, on_written);
	if (rc < 0) {
		o->writing = false;
		stream_end(s, STREAM_END_RESET, rc);
	}
}

/* How much of the parts the kernel takes now: a number, or -1 if the connection is broken (and then closing). */
static ssize_t write_now(struct stream *s, const struct span *parts, size_t n)
{
	uv_buf_t bufs[MAX_PARTS];
	unsigned n_bufs = 0;
	int rc;

	for (; n_bufs < MAX_PARTS && n_bufs < n; n_bufs++)
		bufs[n_bufs] = uv_buf_init((char *)(uintptr_t)parts[n_bufs].p, (unsigned)parts[n_bufs].len);
	rc = uv_try_write(&s->u.stream, bufs, n_bufs);
	if (rc >= 0 || rc == UV_EAGAIN)
		return rc < 0 ? 0 : rc;
	stream_end(s, STREAM_END_RESET, rc);
	return -1;
}

/* All of the parts but their first `skip` bytes, or nothing. */
static bool enqueue(struct stream *s, const struct span *parts, size_t n, size_t skip, size_t more)
{
	struct output *o = s->output;

	if (o == NULL) {
		o = calloc(1, sizeof *o);
		if (o == NULL)
			return false;
		buf_init(&o->sending, SIZE_MAX);
		buf_init(&o->queued, SIZE_MAX);
		o->write.data = s;
		s->output = o;
	}
	if (buf_reserve(&o->queued, more) == NULL) {
		o->queued.failed = false;
		if (!o->writing)
			output_free(s);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		(void)buf_add_span(&o->queued, span_skip(parts[i], skip));
		skip -= skip < parts[i].len ? skip : parts[i].len;
	}
	return true;
}

bool stream_write_raw(struct stream *s, const struct span *parts, size_t n, size_t total)
{
	size_t skip = 0;

	(void)stream_progress(s);	/* what the kernel has taken since the last write counts */
	if (stream_pending(s) == 0) {
		ssize_t written = write_now(s, parts, n);
		if (written < 0)
			return false;
		if ((size_t)written == total)
			return true;
		skip = (size_t)written;
		s->progress = uv_now(s->loop);
	}
	if (!enqueue(s, parts, n, skip, total - skip)) {
		if (skip > 0)
			stream_end(s, STREAM_END_RESET, UV_ENOMEM);
		return false;
	}
	if (!s->output->writing)
		flush(s);
	s->seen_left = outstanding(s);
	return s->state != CLOSING;
}

bool stream_write(struct stream *s, const struct span *parts, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += parts[i].len;
	if (s->state != OPEN || total > s->limit || stream_pending(s) > s->limit - total)
		return false;
	if (total == 0)
		return true;
	return s->tls != NULL ? stream_tls_write(s, parts, n, total) : stream_write_raw(s, parts, n, total);
}

/* --- closing --------------------------------------------------------------------------------------------- */

static void on_farewell_timer(uv_timer_t *t)
{
	struct stream *s = t->data;

	if (s->state == LINGERING || uv_now(s->loop) - stream_progress(s) >= STALL_TIME)
		stream_end(s, STREAM_END_LOCAL, 0);
}

void stream_finish(struct stream *s)
{
	if (s->state >= FINISHING)
		return;
	if (s->state == OPEN && s->tls != NULL)
		stream_tls_finish(s);
	s->farewell = s->state == OPEN ? calloc(1, sizeof *s->farewell) : NULL;
	if (s->farewell == NULL) {
		stream_end(s, STREAM_END_LOCAL, 0);
		return;
	}
	(void)uv_timer_init(s->loop, &s->farewell->timer);
	s->farewell->timer.data = s;
	s->open_handles++;
	(void)uv_timer_start(&s->farewell->timer, on_farewell_timer, SECONDS(1), SECONDS(1));
	s->state = FINISHING;
	stream_read_on(s);
	if (s->state == FINISHING && stream_pending(s) == 0)
		linger(s);
}

void stream_close(struct stream *s)
{
	if (s->state == OPEN && s->tls != NULL && stream_pending(s) == 0)
		stream_tls_finish(s);
	stream_end(s, STREAM_END_LOCAL, 0);
}

struct endpoint stream_peer(const struct stream *s)
{
	return s->peer;
}

struct endpoint stream_local(const struct stream *s)
{
	struct sockaddr_storage sa = { 0 };
	int len = sizeof sa;

	if (s->u.handle.type != UV_TCP || uv_tcp_getsockname(&s->u.tcp, (struct sockaddr *)&sa, &len) < 0)
		return (struct endpoint){ 0 };
	return endpoint_from_sockaddr((const struct sockaddr *)&sa);
}

int stream_error(const struct stream *s)
{
	return s->error;
}
