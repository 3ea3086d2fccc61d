#include "turnd/io/path_udp.h"

#include <errno.h>
#include <unistd.h>

static int bind_udp(const struct endpoint *at, bool reuseport, int *out)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(at, &sa);
	int on = 1, rc;
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if ((at->ip.family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    (reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0) ||
	    bind(fd, (struct sockaddr *)&sa, len) < 0) {
		rc = errno;
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

int path_udp_probe(const struct endpoint *at)
{
	int fd, rc = bind_udp(at, false, &fd);

	if (rc == 0)
		close(fd);
	return rc;
}

void socket_set_buffers(int fd, size_t bytes)
{
	int n = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	if (n == 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &n, sizeof(n)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));	/* cut to rmem_max: still works */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &n, sizeof(n)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

static int set_packet_info(int fd, uint8_t family)
{
	int on = 1;
	return family == 4 ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on))
			   : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

int path_udp_open(struct path_udp *p, uint32_t number, const struct endpoint *at, size_t buffer, struct tx_counts *counts)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int rc;

	*p = (struct path_udp){ .fd = -1, .number = number, .at = *at, .wildcard = ip_is_any(&at->ip) };
	if ((rc = bind_udp(at, true, &p->fd)) != 0)
		return rc;
	socket_set_buffers(p->fd, buffer);
	rx_coalesce(p->fd);
	if ((p->wildcard && set_packet_info(p->fd, at->ip.family) < 0) || getsockname(p->fd, (struct sockaddr *)&sa, &len) < 0)
		rc = errno;
	else if ((p->out = tx_new(counts)) == NULL)
		rc = ENOMEM;
	if (rc != 0) {
		path_udp_close(p);
		return rc;
	}
	p->at = endpoint_from_sockaddr((struct sockaddr *)&sa);
	return 0;
}

int path_udp_start(struct path_udp *p, uv_loop_t *loop, uv_poll_cb on_readable, void *owner)
{
	int rc = uv_poll_init(loop, &p->poll, p->fd);

	if (rc < 0)
		return rc;
	p->poll.data = owner;
	return uv_poll_start(&p->poll, UV_READABLE, on_readable);
}

void path_udp_clear_error(struct path_udp *p, uv_poll_cb on_readable)
{
	int error;
	socklen_t len = sizeof(error);

	(void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);	/* reading it is what clears it */
	(void)uv_poll_start(&p->poll, UV_READABLE, on_readable);	/* cannot fail on a handle that was started before */
}

void path_udp_close(struct path_udp *p)
{
	if (p->fd >= 0)
		close(p->fd);
	tx_free(p->out);
	p->fd = -1;
	p->out = NULL;
}

unsigned path_udp_receive(struct path_udp *p, struct rx_batch *b, struct client_path *paths, unsigned max)
{
	unsigned first = rx_count(b), n = rx_receive(b, p->fd, max);

	for (unsigned i = first; i < first + n; i++) {
		paths[i] = (struct client_path){ .client = rx_from(b, i), .server = p->at, .transport = TRANSPORT_UDP,
						 .socket = p->number };
		if (p->wildcard)
			paths[i].server.ip = rx_to(b, i);
	}
	return n;
}

unsigned path_udp_packets(struct rx_batch *b, const struct client_path *paths, struct flow_packet packets[BATCH])
{
	struct rx_datagram d;
	unsigned n = 0;

	while (n < BATCH && rx_next(b, &d))
		packets[n++] = (struct flow_packet){ .data = d.data, .path = &paths[d.buffer] };
	return n;
}

static struct tx_datagram datagram(const struct path_udp *p, const struct client_path *to)
{
	return (struct tx_datagram){ .to = &to->client, .source = p->wildcard ? &to->server.ip : NULL };
}

void path_udp_send(struct path_udp *p, const struct client_path *to, struct span head, struct span payload, uint8_t tail)
{
	struct tx_datagram d = datagram(p, to);

	if (tx_full(p->out))
		path_udp_flush(p);
	d.head = head;
	d.payload = payload;
	d.tail = tail;
	tx_add(p->out, &d);
}

void path_udp_send_copy(struct path_udp *p, const struct client_path *to, struct span message)
{
	struct tx_datagram d = datagram(p, to);

	d.payload = message;
	if (tx_add_copy(p->out, &d))
		return;
	path_udp_flush(p);
	(void)tx_add_copy(p->out, &d);	/* a message longer than the whole queue has no sender here */
}

void path_udp_flush(struct path_udp *p)
{
	if (p->out->n > 0)
		tx_flush(p->out, p->fd);
}
