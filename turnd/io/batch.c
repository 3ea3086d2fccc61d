#include "turnd/io/batch.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103		/* Linux 4.18 */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104		/* Linux 5.0 */
#endif

/* A datagram of UDP over IPv4 or IPv6 is at most 65 527 bytes, and so are datagrams received together. Slots are an odd
 * number of cache lines apart, so that the first lines of all of them do not fall into one set of the cache. Untouched
 * pages stay unmapped. */
enum { SLOT = 65536 + 3 * 64 };

struct rx_control {		/* room for where a buffer was sent to and the size of its segments */
	_Alignas(struct cmsghdr) uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct rx_batch {
	unsigned n;
	unsigned at;			/* the buffer that rx_next() cuts */
	size_t offset, step;		/* in it */
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	struct rx_control control[BATCH];
	uint8_t *slots;
};

/* --- in ---------------------------------------------------------------------------------------------------------- */

static bool socket_can(int option)
{
	int off = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool can;

	if (fd < 0 && (fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return false;
	can = setsockopt(fd, IPPROTO_UDP, option, &off, sizeof(off)) == 0;
	close(fd);
	return can;
}

bool rx_can_coalesce(void)
{
	return socket_can(UDP_GRO);
}

void rx_coalesce(int fd)
{
	int on = 1;
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

struct rx_batch *rx_new(void)
{
	struct rx_batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	if ((b->slots = aligned_alloc(64, (size_t)BATCH * SLOT)) == NULL) {
		free(b);
		return NULL;
	}
	for (unsigned i = 0; i < BATCH; i++) {
		b->iov[i] = (struct iovec){ b->slots + (size_t)i * SLOT, 65536 };
		b->msg[i].msg_hdr = (struct msghdr){ .msg_name = &b->from[i], .msg_iov = &b->iov[i], .msg_iovlen = 1,
						     .msg_control = &b->control[i] };
	}
	return b;
}

void rx_free(struct rx_batch *b)
{
	if (b == NULL)
		return;
	free(b->slots);
	free(b);
}

void rx_reset(struct rx_batch *b)
{
	b->n = b->at = 0;
	b->offset = 0;
}

unsigned rx_room(const struct rx_batch *b)
{
	return BATCH - b->n;
}

unsigned rx_count(const struct rx_batch *b)
{
	return b->n;
}

unsigned rx_receive(struct rx_batch *b, int fd, unsigned max)
{
	unsigned first = b->n, n = max < rx_room(b) ? max : rx_room(b);
	int got;

	for (unsigned i = first; i < first + n; i++) {
		b->msg[i].msg_hdr.msg_namelen = sizeof(b->from[i]);
		b->msg[i].msg_hdr.msg_controllen = sizeof(b->control[i]);
	}
	do
		got = recvmmsg(fd, b->msg + first, n, MSG_DONTWAIT, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return 0;
	b->n += (unsigned)got;
	return (unsigned)got;
}

struct endpoint rx_from(const struct rx_batch *b, unsigned buffer)
{
	return endpoint_from_sockaddr((const struct sockaddr *)&b->from[buffer]);
}

static const struct cmsghdr *find_control(const struct rx_batch *b, unsigned buffer, int level, int type)
{
	struct msghdr h = b->msg[buffer].msg_hdr;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c != NULL; c = CMSG_NXTHDR(&h, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return c;
	return NULL;
}

struct ip_addr rx_to(const struct rx_batch *b, unsigned buffer)
{
	struct ip_addr to = { 0 };
	const struct cmsghdr *c;

	if ((c = find_control(b, buffer, IPPROTO_IP, IP_PKTINFO)) != NULL) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		to.family = 4;
		memcpy(to.b, &info.ipi_spec_dst, 4);
	} else if ((c = find_control(b, buffer, IPPROTO_IPV6, IPV6_PKTINFO)) != NULL) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		to.family = 6;
		memcpy(to.b, &info.ipi6_addr, 16);
	}
	return to;
}

/* The size of each datagram in the buffer but the last. */
static size_t segment_size(const struct rx_batch *b, unsigned buffer)
{
	const struct cmsghdr *c = find_control(b, buffer, IPPROTO_UDP, UDP_GRO);
	int size = 0;

	if (c != NULL)
		memcpy(&size, CMSG_DATA(c), sizeof(size));
	return size > 0 ? (size_t)size : b->msg[buffer].msg_len;
}

bool rx_next(struct rx_batch *b, struct rx_datagram *out)
{
	size_t rest;

	if (b->at == b->n)
		return false;
	if (b->offset == 0)
		b->step = segment_size(b, b->at);
	rest = b->msg[b->at].msg_len - b->offset;
	out->data = span_of((const uint8_t *)b->iov[b->at].iov_base + b->offset, rest < b->step ? rest : b->step);
	out->buffer = b->at;
	b->offset += out->data.len;
	if (out->data.len == rest) {
		b->at++;
		b->offset = 0;
	}
	return true;
}

/* --- out --------------------------------------------------------------------------------------------------------- */

/* A run is at most what fits one IP packet; the kernel's other limit, 64 segments, is BATCH. */
enum { RUN_BYTES = 65000, REFUSAL_RUNS = 1000 };
_Static_assert(BATCH <= 64, "more segments than the kernel takes in one message");

bool tx_can_segment(void)
{
	return socket_can(UDP_SEGMENT);
}

struct tx_batch *tx_new(struct tx_counts *counts)
{
	struct tx_batch *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->counts = counts;
	q->can_segment = tx_can_segment();
	return q;
}

void tx_free(struct tx_batch *q)
{
	free(q);
}

bool tx_full(const struct tx_batch *q)
{
	return q->n == BATCH;
}

/* The control message that makes a datagram leave from this address; returns its length. */
static size_t set_source(void *control, const struct ip_addr *ip)
{
	struct cmsghdr *c = control;

	if (ip->family == 4) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, ip->b, 4);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in6_pktinfo info = { 0 };
	memcpy(&info.ipi6_addr, ip->b, 16);
	*c = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

static void *bytes_of(struct span s)	/* an iovec wants to be able to write; sending does not */
{
	union { const uint8_t *in; void *out; } u = { .in = s.p };
	return u.out;
}

static struct tx_refusal *refusal_of(struct tx_batch *q, const struct endpoint *to)
{
	return &q->refusals[(to->port ^ to->ip.b[3] ^ to->ip.b[15]) % TX_REFUSALS];
}

static bool refuses_segments(struct tx_batch *q, const struct endpoint *to)
{
	struct tx_refusal *f = refusal_of(q, to);

	if (f->left == 0 || !endpoint_equal(&f->to, to))
		return false;
	f->left--;
	return true;
}

static bool same_source(const struct tx_run *r, const struct ip_addr *source)
{
	return source == NULL ? r->source.family == 0 : ip_equal(&r->source, source);
}

static bool joins(struct tx_batch *q, const struct tx_run *r, const struct tx_datagram *d, size_t size)
{
	return !r->ended && size > 0 && size <= r->size && r->bytes + size <= RUN_BYTES && r->to.port == d->to->port &&
	       ip_equal(&r->to.ip, &d->to->ip) && same_source(r, d->source) && (r->n > 1 || !refuses_segments(q, d->to));
}

static void join(struct tx_batch *q, struct tx_run *r, size_t n_iov, size_t size)
{
	unsigned i = q->n_runs - 1;
	struct msghdr *h = &q->msg[i].msg_hdr;

	if (r->n++ == 1) {
		struct cmsghdr *c = (void *)(q->control[i].b + h->msg_controllen);
		*c = (struct cmsghdr){ CMSG_LEN(sizeof(r->size)), IPPROTO_UDP, UDP_SEGMENT };
		memcpy(CMSG_DATA(c), &r->size, sizeof(r->size));
		h->msg_control = q->control[i].b;
		h->msg_controllen += CMSG_SPACE(sizeof(r->size));
	}
	r->bytes += (uint32_t)size;
	r->ended = size < r->size;
	h->msg_iovlen += n_iov;
}

static void begin(struct tx_batch *q, const struct tx_datagram *d, struct iovec *v, size_t n_iov, size_t size)
{
	unsigned i = q->n_runs++;
	struct tx_run *r = &q->run[i];
	struct msghdr *h = &q->msg[i].msg_hdr;

	*h = (struct msghdr){ .msg_name = &q->to[i], .msg_iov = v, .msg_iovlen = n_iov };
	h->msg_namelen = endpoint_to_sockaddr(d->to, &q->to[i]);
	r->to = *d->to;
	r->source.family = 0;
	r->bytes = (uint32_t)size;
	r->size = (uint16_t)size;
	r->n = 1;
	r->ended = !q->can_segment;
	if (d->source != NULL) {
		r->source = *d->source;
		h->msg_control = q->control[i].b;
		h->msg_controllen = set_source(q->control[i].b, d->source);
	}
}

void tx_add(struct tx_batch *q, const struct tx_datagram *d)
{
	static uint8_t zeros[8];
	struct tx_run *last = q->n_runs > 0 ? &q->run[q->n_runs - 1] : NULL;
	size_t n = 0, size = d->head.len + d->payload.len + d->tail;
	struct iovec *v = q->iov + q->n_iov;

	if (d->head.len > 0)
		v[n++] = (struct iovec){ bytes_of(d->head), d->head.len };
	if (d->payload.len > 0)
		v[n++] = (struct iovec){ bytes_of(d->payload), d->payload.len };
	if (d->tail > 0)
		v[n++] = (struct iovec){ zeros, d->tail };
	if (last != NULL && joins(q, last, d, size))
		join(q, last, n, size);
	else
		begin(q, d, v, n, size);
	q->n++;
	q->n_iov += (unsigned)n;
}

bool tx_add_copy(struct tx_batch *q, const struct tx_datagram *d)
{
	size_t n = d->head.len + d->payload.len;
	uint8_t *p = q->copies + q->copied;
	struct tx_datagram copy = *d;

	if (tx_full(q) || n > sizeof(q->copies) - q->copied)
		return false;
	if (d->head.len > 0)
		memcpy(p, d->head.p, d->head.len);
	if (d->payload.len > 0)
		memcpy(p + d->head.len, d->payload.p, d->payload.len);
	q->copied += n;
	copy.head = (struct span){ p, n };
	copy.payload = (struct span){ NULL, 0 };
	tx_add(q, &copy);
	return true;
}

static unsigned datagrams(const struct tx_batch *q, unsigned first, unsigned end)
{
	unsigned n = 0;

	for (unsigned i = first; i < end; i++)
		n += q->run[i].n;
	return n;
}

/* The kernel's words for "not as segments": no such offload on this way (EIO, EINVAL), a segment longer than the MTU. */
static bool is_about_segments(int error)
{
	return error == EIO || error == EINVAL || error == EMSGSIZE;
}

static void send_apart(struct tx_batch *q, unsigned i, int fd)
{
	const struct tx_run *r = &q->run[i];
	struct tx_refusal *f = refusal_of(q, &r->to);
	struct msghdr h = q->msg[i].msg_hdr;
	struct iovec *v = h.msg_iov, *end = v + h.msg_iovlen;

	*f = (struct tx_refusal){ r->to, REFUSAL_RUNS };
	h.msg_controllen -= CMSG_SPACE(sizeof(r->size));	/* the last one */
	while (v < end) {
		size_t bytes = 0;
		ssize_t rc;
		for (h.msg_iov = v; v < end && bytes < r->size; v++)
			bytes += v->iov_len;
		h.msg_iovlen = (size_t)(v - h.msg_iov);
		rc = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (rc < 0 && errno != EAGAIN)	/* again, as tx_flush() does */
			rc = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
		count_add(rc >= 0 ? &q->counts->sent : errno == EAGAIN ? &q->counts->full : &q->counts->refused, 1);
	}
}

void tx_flush(struct tx_batch *q, int fd)
{
	unsigned i = 0;
	bool again = false;

	while (i < q->n_runs) {
		int k = sendmmsg(fd, q->msg + i, q->n_runs - i, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			count_add(&q->counts->sent, datagrams(q, i, i + (unsigned)k));
			i += (unsigned)k;
		} else if (errno == EAGAIN) {	/* media that waits is worth less than media that is lost */
			count_add(&q->counts->full, datagrams(q, i, q->n_runs));
			break;
		} else if (errno != EINTR && !again) {
			again = true;	/* an error of an earlier datagram may have come back by ICMP: it is said once */
			continue;
		} else if (q->run[i].n > 1 && is_about_segments(errno)) {
			send_apart(q, i++, fd);
		} else if (errno != EINTR) {
			count_add(&q->counts->refused, q->run[i++].n);
		}
		again = false;
	}
	q->n = q->n_runs = q->n_iov = 0;
	q->copied = 0;
}
