#include "turnd/io/relay_sockets.h"

#include "turnd/io/path_udp.h"
#include "turnd/io/relay_errors.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BIND_TRIES = 64, ERRORS_PER_TURN = 16 };
static const uint32_t no_handle = UINT32_MAX;

struct relay_socket {
	int fd;				/* -1: not in use */
	int next_fd;			/* bound to the port behind, until that is reserved; -1: none */
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
	r->v[r->n] = (struct relay_socket){ .fd = -1, .next_fd = -1 };
	return r->n++;
}

static void slot_free(struct relay_sockets *r, uint32_t h)
{
	struct relay_socket *s = &r->v[h];

	*s = (struct relay_socket){ .fd = -1, .next_fd = -1, .next_free = r->free };
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
	    set_dont_fragment(fd, family, false) < 0 || relay_errors_enable(fd, family) < 0) {
		close(fd);
		return -1;
	}
	socket_set_buffers(fd, buffer);
	rx_coalesce(fd);
	return fd;
}

static int open_at(const struct relay_address *a, uint16_t port, size_t buffer, int *fd)		/* 0, or an errno */
{
	struct endpoint at = { .ip = a->ip, .port = port };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&at, &sa);

	if ((*fd = socket_new(a->ip.family, buffer)) < 0)
		return errno;
	return bind(*fd, (struct sockaddr *)&sa, len) == 0 ? 0 : errno;
}

static void give_back(struct relay_address *a, uint16_t port, int fd, bool foreign, msec_t now)
{
	if (fd >= 0)
		close(fd);
	port_pool_give(a->ports, port, foreign ? PORT_FOREIGN : PORT_USED, now);
}

/* Opens a socket on a free port of the address, and with RELAY_EVEN_PORT_RESERVE another on the port behind it. Ports that
 * another program holds are passed over. The (first) port, or 0. */
static uint16_t open_on_free_port(struct relay_sockets *r, struct relay_address *a, enum relay_parity parity, msec_t now, int fd[2])
{
	uint16_t n = parity == RELAY_EVEN_PORT_RESERVE ? 2 : 1;

	fd[1] = -1;
	for (unsigned i = 0; i < BIND_TRIES; i++) {
		uint16_t port = port_pool_take(a->ports, r->worker, parity, now), opened = 0;
		bool foreign;
		int error = 0;

		if (port == 0)
			return 0;
		while (opened < n && (error = open_at(a, (uint16_t)(port + opened), r->buffer, &fd[opened])) == 0)
			opened++;
		if (opened == n)
			return port;
		foreign = error == EADDRINUSE || error == EACCES;
		for (uint16_t k = 0; k < n; k++)
			give_back(a, (uint16_t)(port + k), k <= opened ? fd[k] : -1, foreign && k == opened, now);
		fd[1] = -1;
		if (!foreign)
			return 0;
	}
	return 0;
}

/* Makes a relay of a socket whose port and place among the open sockets are ours. */
static bool add_socket(struct relay_sockets *r, const struct relay_socket *s, struct relay *out)
{
	uint32_t h = slot_take(r);
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = h };

	if (h == no_handle)
		return false;
	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		slot_free(r, h);
		return false;
	}
	r->v[h] = *s;
	*out = (struct relay){
		.bound = { s->address->ip, s->port }, .advertised = { s->address->advertised, s->port }, .socket = h, .open = true
	};
	return true;
}

/* The socket, or both, their ports and their places. */
static void let_go(struct relay_sockets *r, const struct relay_socket *s, msec_t now)
{
	give_back(s->address, s->port, s->fd, false, now);
	relay_addresses_release(r->addresses);
	if (s->next_fd >= 0) {
		give_back(s->address, (uint16_t)(s->port + 1), s->next_fd, false, now);
		relay_addresses_release(r->addresses);
	}
}

enum relay_result relay_sockets_open(struct relay_sockets *r, struct allocation *owner, uint8_t family, enum relay_parity parity,
				     const struct ip_addr *server, msec_t now, struct relay *out)
{
	struct relay_address *a = relay_addresses_choose(r->addresses, family, server, &r->round);
	unsigned wanted = parity == RELAY_EVEN_PORT_RESERVE ? 2 : 1, places = 0;
	struct relay_socket s = { .owner = owner, .address = a, .family = family };
	int fd[2];

	if (a == NULL)
		return RELAY_NO_FAMILY;
	reservations_expire(r->addresses->reserved, now);
	while (places < wanted && relay_addresses_reserve(r->addresses))
		places++;
	if (places == wanted && (s.port = open_on_free_port(r, a, parity, now, fd)) != 0) {
		s.fd = fd[0];
		s.next_fd = fd[1];
		if (add_socket(r, &s, out))
			return RELAY_OK;
		let_go(r, &s, now);
		return RELAY_NO_CAPACITY;
	}
	while (places-- > 0)
		relay_addresses_release(r->addresses);
	return RELAY_NO_CAPACITY;
}

void relay_sockets_close(struct relay_sockets *r, struct relay *relay, msec_t now)
{
	relay->open = false;
	for (unsigned i = 0; i < r->n_sources; i++)
		if (r->sources[i].socket == relay->socket)
			r->sources[i].socket = no_handle;
	let_go(r, &r->v[relay->socket], now);	/* a closed one leaves the epoll set by itself: it was never duplicated */
	slot_free(r, relay->socket);
}

bool relay_sockets_reserve(struct relay_sockets *r, struct relay *relay, struct span user, msec_t now, uint8_t token[RELAY_TOKEN])
{
	struct relay_socket *s = &r->v[relay->socket];
	const struct reserved next = {
		.fd = s->next_fd, .address = (uint8_t)(s->address - r->addresses->v), .port = (uint16_t)(s->port + 1)
	};

	if (next.fd < 0 || !reservations_add(r->addresses->reserved, next, user, now, token))
		return false;
	s->next_fd = -1;
	return true;
}

enum relay_result relay_sockets_adopt(struct relay_sockets *r, struct allocation *owner, const uint8_t token[RELAY_TOKEN],
				      struct span user, msec_t now, struct relay *out)
{
	struct reserved got;
	struct relay_socket s = { .owner = owner, .next_fd = -1 };

	if (!reservations_take(r->addresses->reserved, token, user, now, &got))
		return RELAY_NO_CAPACITY;
	s.fd = got.fd;
	s.address = &r->addresses->v[got.address];
	s.port = got.port;
	s.family = s.address->ip.family;
	port_pool_move(s.address->ports, s.port, r->worker);
	if (add_socket(r, &s, out))
		return RELAY_OK;
	let_go(r, &s, now);
	return RELAY_NO_CAPACITY;
}

void relay_sockets_shut(struct relay_sockets *r)
{
	for (uint32_t h = 0; h < r->n; h++) {
		if (r->v[h].fd >= 0)
			close(r->v[h].fd);
		if (r->v[h].next_fd >= 0)
			close(r->v[h].next_fd);
	}
	free(r->v);
	tx_free(r->out);
	if (r->epoll >= 0)
		close(r->epoll);
	*r = (struct relay_sockets){ .epoll = -1 };
}

static void receive_from(struct relay_sockets *r, uint32_t handle, struct rx_batch *b)
{
	const struct relay_socket *s = &r->v[handle];
	unsigned first = rx_count(b), got;

	if (s->fd < 0)		/* closed since; opened again since: an empty socket of another owner */
		return;
	got = rx_receive(b, s->fd, RELAY_RECEIVE);	/* a full one is ready again at the next turn */
	for (unsigned i = first; i < first + got; i++) {
		struct relay_source *from = &r->sources[i];
		*from = (struct relay_source){ handle, s->owner, rx_from(b, i) };
		relay_addresses_outward(r->addresses, &from->peer);
	}
	r->n_sources = first + got;
}

static void tell_errors(struct relay_sockets *r, uint32_t handle, void *owner)
{
	struct icmp_error errors[ERRORS_PER_TURN];
	const struct relay_socket *s = &r->v[handle];
	unsigned n = s->fd >= 0 ? relay_errors_read(s->fd, errors, ERRORS_PER_TURN) : 0;

	for (unsigned i = 0; i < n && r->on_icmp != NULL; i++) {
		relay_addresses_outward(r->addresses, &errors[i].peer);
		r->on_icmp(owner, s->owner, &errors[i]);
	}
}

/* The datagrams of b, and b is empty; how many they were. */
static unsigned deliver_all(struct relay_sockets *r, struct rx_batch *b, struct flow_packet packets[BATCH],
			    void (*deliver)(void *owner, unsigned n), void *owner)
{
	struct rx_datagram d;
	unsigned n = 0, total = 0;

	while (rx_next(b, &d)) {
		const struct relay_source *from = &r->sources[d.buffer];
		if (from->socket == no_handle)
			continue;
		packets[n++] = (struct flow_packet){ .data = d.data, .allocation = from->owner, .peer = from->peer };
		total++;
		if (n == BATCH) {
			deliver(owner, n);
			n = 0;
		}
	}
	if (n > 0)
		deliver(owner, n);
	rx_reset(b);
	r->n_sources = 0;
	return total;
}

void relay_sockets_receive(struct relay_sockets *r, struct rx_batch *b, struct flow_packet packets[BATCH],
			   void (*deliver)(void *owner, unsigned n), void *owner)
{
	struct epoll_event ev[RELAY_EVENTS];
	unsigned total = 0;
	int n = RELAY_EVENTS;

	/* Sockets that stay ready go to the end of the kernel's list: all have their turn. */
	for (unsigned round = 0; round < RELAY_ROUNDS && n == RELAY_EVENTS && total < RELAY_TURN; round++) {
		n = epoll_wait(r->epoll, ev, RELAY_EVENTS, 0);
		for (int i = 0; i < n; i++) {
			if (ev[i].events & EPOLLERR)
				tell_errors(r, ev[i].data.u32, owner);
			if (rx_room(b) < RELAY_RECEIVE)
				total += deliver_all(r, b, packets, deliver, owner);
			receive_from(r, ev[i].data.u32, b);
		}
		total += deliver_all(r, b, packets, deliver, owner);
	}
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
