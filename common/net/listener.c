#include "common/net/listener.h"
#include "common/net/peer_counts.h"
#include "common/net/stream_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_A_TURN = 64, PAUSE_MS = 100 };

struct listener {
	uv_poll_t poll;
	uv_timer_t pause;
	struct listener_options opt;
	listener_cb on_connection;
	void *owner;
	int fd, spare;		/* spare: -1 while it is spent */
	int accepted_fd;	/* during on_connection: not taken yet; else -1 */
	struct endpoint at, peer;
	struct listener_counts counts;
	struct peer_counts peers;
	unsigned open_handles;
	bool closing;
};

static void on_readable(uv_poll_t *p, int status, int events);

/* --- life ------------------------------------------------------------------------------------------------ */

static void free_if_over(struct listener *l)
{
	if (!l->closing || l->open_handles > 0 || l->counts.open > 0)
		return;
	peer_counts_close(&l->peers);
	free(l);
}

static void on_closed(uv_handle_t *h)
{
	struct listener *l = h->data;

	l->open_handles--;
	free_if_over(l);
}

static int open_socket(const struct listener_options *o)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&o->at, &sa);
	const int on = 1;
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    (sa.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    (o->join && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
	    bind(fd, (const struct sockaddr *)&sa, len) < 0 ||
	    (o->reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
	    listen(fd, SOMAXCONN) < 0) {
		int err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static struct endpoint local_address(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;

	(void)getsockname(fd, (struct sockaddr *)&sa, &len);	/* of a bound socket: cannot fail */
	return endpoint_from_sockaddr((const struct sockaddr *)&sa);
}

static int listener_init(struct listener *l, uv_loop_t *loop)
{
	int rc;

	l->fd = open_socket(&l->opt);
	if (l->fd < 0)
		return uv_translate_sys_error(errno);
	l->spare = open("/", O_RDONLY | O_CLOEXEC);
	if (l->spare < 0) {
		rc = uv_translate_sys_error(errno);
		goto close_fd;
	}
	l->at = local_address(l->fd);
	rc = uv_poll_init(loop, &l->poll, l->fd);
	if (rc < 0)
		goto close_spare;
	(void)uv_timer_init(loop, &l->pause);
	l->poll.data = l->pause.data = l;
	l->open_handles = 2;
	(void)uv_poll_start(&l->poll, UV_READABLE, on_readable);	/* cannot fail: registers at the loop's next turn */
	return 0;

close_spare:
	close(l->spare);
close_fd:
	close(l->fd);
	return rc;
}

struct listener *listener_open(uv_loop_t *loop, const struct listener_options *o, listener_cb on_connection,
			       void *owner, char why[128])
{
	struct listener *l = calloc(1, sizeof *l);
	char at[ENDPOINT_TEXT];
	int rc = UV_ENOMEM;

	if (l != NULL) {
		l->opt = *o;
		l->on_connection = on_connection;
		l->owner = owner;
		l->accepted_fd = -1;
		peer_counts_init(&l->peers, o->max_per_address);
		rc = listener_init(l, loop);
	}
	if (rc == 0)
		return l;
	snprintf(why, 128, "cannot listen on %s: %s", endpoint_format(&o->at, at), uv_strerror(rc));
	free(l);
	return NULL;
}

void listener_close(struct listener *l)
{
	if (l == NULL || l->closing)
		return;
	l->closing = true;
	uv_close((uv_handle_t *)&l->poll, on_closed);
	uv_close((uv_handle_t *)&l->pause, on_closed);
	close(l->fd);
	if (l->spare >= 0)
		close(l->spare);
}

/* --- accepting --------------------------------------------------------------------------------------------- */

static void on_stream_gone(void *ctx, const struct ip_addr *peer)
{
	struct listener *l = ctx;

	l->counts.open--;
	peer_counts_remove(&l->peers, peer);
	free_if_over(l);
}

struct stream *listener_accept(struct listener *l, const struct stream_handler *h, void *owner)
{
	struct stream *s = stream_adopt(l->poll.loop, l->accepted_fd, h, owner);

	l->accepted_fd = -1;
	if (s == NULL)
		return NULL;
	l->counts.accepted++;
	l->counts.open++;
	stream_on_gone(s, on_stream_gone, l, l->peer.ip);
	return s;
}

static void offer(struct listener *l, int fd)
{
	unsigned before = l->counts.open;

	if (l->opt.max_connections > 0 && l->counts.open >= l->opt.max_connections) {
		l->counts.refused_limit++;
		close(fd);
		return;
	}
	if (!peer_counts_add(&l->peers, &l->peer.ip)) {
		l->counts.refused_address++;
		close(fd);
		return;
	}
	l->accepted_fd = fd;
	l->on_connection(l->owner, l, l->peer);
	if (l->accepted_fd >= 0)
		close(l->accepted_fd);
	l->accepted_fd = -1;
	if (l->counts.open == before)
		peer_counts_remove(&l->peers, &l->peer.ip);
}

static void on_pause_over(uv_timer_t *t)
{
	struct listener *l = t->data;

	if (l->spare < 0)
		l->spare = open("/", O_RDONLY | O_CLOEXEC);
	(void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* accept() failed for want of something: the connection stays in the queue, and polling on would spin. */
static void pause_accepting(struct listener *l, int err)
{
	if ((err == EMFILE || err == ENFILE) && l->spare >= 0) {
		int fd;
		close(l->spare);
		fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			close(fd);
			l->counts.refused_descriptors++;
		}
		l->spare = open("/", O_RDONLY | O_CLOEXEC);
	}
	(void)uv_poll_stop(&l->poll);
	(void)uv_timer_start(&l->pause, on_pause_over, PAUSE_MS, 0);
}

static bool one_connection_failed(int err)	/* accept(2): the network's errors of that connection */
{
	return err == ECONNABORTED || err == EINTR || err == EPROTO || err == EPERM || err == ENETDOWN ||
		err == ENOPROTOOPT || err == EHOSTDOWN || err == ENONET || err == EHOSTUNREACH ||
		err == EOPNOTSUPP || err == ENETUNREACH;
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	struct listener *l = p->data;

	(void)status;	/* an error of the socket shows in accept() */
	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN && !l->closing; i++) {
		struct sockaddr_storage sa = { 0 };
		socklen_t len = sizeof sa;
		int fd = accept4(l->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0 && one_connection_failed(errno))
			continue;
		if (fd < 0) {
			pause_accepting(l, errno);
			return;
		}
		l->peer = endpoint_from_sockaddr((const struct sockaddr *)&sa);
		offer(l, fd);
	}
}

struct endpoint listener_at(const struct listener *l)
{
	return l->at;
}

struct listener_counts listener_counts(const struct listener *l)
{
	return l->counts;
}
