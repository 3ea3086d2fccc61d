#include "turnd/io/relay_sockets.h"

#include "turnd/io/path_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BIND_TRIES = 64 };
static const uint32_t no_handle = UINT32_MAX;

struct relay_socket {
	int fd;				/* -1: not in use */
	struct allocation *owner;
	struct relay_address *address;	/* whose port it holds */
	uint16_t port;
	uint8_t family;
	bool dont_fragment;		/* how the socket is set now */
	uint8_t first, last, pending;	/* while sending: its verdicts, as a list through next[]; how many */
	uint32_t next_free;
};

int relay_sockets_init(struct relay_sockets *r, struct relay_addresses *addresses, unsigned worker, size_t buffer,
		       struct tx_counts *counts)
{
	*r = (struct relay_sockets){ .worker = worker, .round = worker, .buffer = buffer, .addresses = addresses,
				     .free = no_handle };
	if ((r->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		return errno;
	if ((r->out = tx_new(counts)) == NULL) {
		relay_sockets_shut(r);
		return ENOMEM;
	}
	return 0;
}

static uint32_t slot_take(struct relay_sockets *r)
{
	uint32_t h = r->free;

	if (h != no_handle) {
		r->free = r->v[h].next_free;
		return h;
	}
	if (r->n == r->cap) {
		uint32_t cap = r->cap == 0 ? 64 : r->cap * 2;
		struct relay_socket *v = realloc(r->v, cap * sizeof(*v));
		if (v == NULL)
			return no_handle;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n] = (struct relay_socket){ .fd = -1 };
	return r->n++;
}

static void slot_free(struct relay_sockets *r, uint32_t h)
{
	struct relay_socket *s = &r->v[h];

	*s = (struct relay_socket){ .fd = -1, .next_free = r->free };
	r->free = h;
}

/* Whether datagrams leave with DF. Without: the host fragments what is too long, and nothing learned (or forged) about
 * a path's MTU changes that. */
static int set_dont_fragment(int fd, uint8_t family, bool on)
{
	int v4 = on ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT, v6 = on ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;
	int df = on;

	if (family == 4)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6)) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, &df, sizeof(df));
}

static int socket_new(uint8_t family, size_t buffer)
{
	int on = 1;
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if ((family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
	    set_dont_fragment(fd, family, false) < 0) {
		close(fd);
		return -1;
	}
	socket_set_buffers(fd, buffer);
	return fd;
}

/* Binds to a free port of the address; the port, or 0. Ports that another program holds are passed over. */
static uint16_t bind_free_port(struct relay_sockets *r, struct relay_address *a, int fd, enum relay_parity parity, msec_t now)
{
	for (unsigned i = 0; i < BIND_TRIES; i++) {
		struct endpoint at = { .ip = a->ip, .port = port_pool_take(a->ports, r->worker, parity, now) };
		struct sockaddr_storage sa;
		socklen_t len = endpoint_to_sockaddr(&at, &sa);
		bool foreign;

		if (at.port == 0 || bind(fd, (struct sockaddr *)&sa, len) == 0)
			return at.port;
		foreign = errno == EADDRINUSE || errno == EACCES;
		port_pool_give(a->ports, at.port, foreign ? PORT_FOREIGN : PORT_USED, now);
		if (!foreign)
			return 0;
	}
	return 0;
}

enum relay_result relay_sockets_open(struct relay_sockets *r, struct allocation *owner, uint8_t family, enum relay_parity parity,
				     const struct ip_addr *server, msec_t now, struct relay *out)
{
	struct relay_address *a = relay_addresses_choose(r->addresses, family, server, &r->round);
	struct epoll_event ev = { .events = EPOLLIN };
	uint32_t h;
	uint16_t port;
	int fd;

	if (a == NULL)
		return RELAY_NO_FAMILY;
	if (!relay_addresses_reserve(r->addresses))
		return RELAY_NO_CAPACITY;
	if ((h = slot_take(r)) == no_handle)
		goto release;
	if ((fd = socket_new(family, r->buffer)) < 0)
		goto free_slot;
	if ((port = bind_free_port(r, a, fd, parity, now)) == 0)
		goto close_fd;
	ev.data.u32 = h;
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		goto give_port;
	r->v[h] = (struct relay_socket){ .fd = fd, .owner = owner, .address = a, .port = port, .family = family };
	*out = (struct relay){ .bound = { a->ip, port }, .advertised = { a->advertised, port }, .socket = h, .open = true };
	return RELAY_OK;

give_port:
	port_pool_give(a->ports, port, PORT_USED, now);
close_fd:
	close(fd);
free_slot:
	slot_free(r, h);
release:
	relay_addresses_release(r->addresses);
	return RELAY_NO_CAPACITY;
}

void relay_sockets_close(struct relay_sockets *r, struct relay *relay, msec_t now)
{
	struct relay_socket *s = &r->v[relay->socket];

	relay->open = false;
	close(s->fd);			/* leaves the epoll set by itself: it was never duplicated */
	port_pool_give(s->address->ports, s->port, PORT_USED, now);
	relay_addresses_release(r->addresses);
	slot_free(r, relay->socket);
}

void relay_sockets_shut(struct relay_sockets *r)
{
	for (uint32_t h = 0; h < r->n; h++)
		if (r->v[h].fd >= 0)
			close(r->v[h].fd);
	free(r->v);
	tx_free(r->out);
	if (r->epoll >= 0)
		close(r->epoll);
	*r = (struct relay_sockets){ .epoll = -1 };
}

void relay_sockets_receive(struct relay_sockets *r, struct rx_batch *b, struct flow_packet packets[BATCH],
			   void (*deliver)(void *owner), void *owner)
{
	struct epoll_event ev[RELAY_EVENTS];
	int n = epoll_wait(r->epoll, ev, RELAY_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct relay_socket *s;
		unsigned first, got;

		if (rx_room(b) < RELAY_RECEIVE)
			deliver(owner);
		s = &r->v[ev[i].data.u32];	/* closed since: fd is -1; opened again since: an empty socket of another owner */
		if (s->fd < 0)
			continue;
		first = rx_count(b);
		got = rx_receive(b, s->fd, RELAY_RECEIVE);	/* a full one is ready again at the next turn */
		for (unsigned k = first; k < first + got; k++) {
			packets[k] = (struct flow_packet){ .data = rx_data(b, k), .allocation = s->owner, .peer = rx_from(b, k) };
			relay_addresses_outward(r->addresses, &packets[k].peer);
		}
	}
	if (rx_count(b) > 0)
		deliver(owner);
}

/* One socket's verdicts of the batch, from s->first along next[]. */
static void send_group(struct relay_sockets *r, struct relay_socket *s, const struct flow_verdict *v, const uint8_t next[BATCH])
{
	uint8_t i = s->first;

	for (; s->pending > 0; s->pending--, i = next[i]) {
		struct endpoint to = v[i].peer;
		struct tx_datagram d = { .to = &to, .head = { v[i].head, v[i].head_len }, .payload = v[i].payload,
					 .tail = v[i].tail };
		relay_addresses_inward(r->addresses, &to);
		if (v[i].dont_fragment != s->dont_fragment) {	/* a state of the socket: what was queued goes first */
			tx_flush(r->out, s->fd);
			if (set_dont_fragment(s->fd, s->family, v[i].dont_fragment) == 0)
				s->dont_fragment = v[i].dont_fragment;
		}
		tx_add(r->out, &d);
	}
	tx_flush(r->out, s->fd);
}

void relay_sockets_send(struct relay_sockets *r, const struct flow_verdict *v, unsigned n)
{
	uint8_t next[BATCH];
	uint32_t handles[BATCH];
	unsigned n_handles = 0;

	for (unsigned i = 0; i < n; i++) {
		struct relay_socket *s;
		if (v[i].action != FLOW_TO_PEER)
			continue;
		s = &r->v[v[i].relay->socket];
		if (s->pending++ == 0) {
			handles[n_handles++] = v[i].relay->socket;
			s->first = (uint8_t)i;
		} else {
			next[s->last] = (uint8_t)i;
		}
		s->last = (uint8_t)i;
	}
	for (unsigned i = 0; i < n_handles; i++)
		send_group(r, &r->v[handles[i]], v, next);
}
