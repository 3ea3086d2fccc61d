#include "turnd/io/batch.h"

#include <errno.h>
#include <stdlib.h>

/* A datagram of UDP over IPv4 or IPv6 is at most 65 527 bytes. Slots are an odd number of cache lines apart, so
 * that the first lines of all of them do not fall into one set of the cache. Untouched pages stay unmapped. */
enum { SLOT = 65536 + 3 * 64 };

struct rx_batch {
	unsigned n;
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	struct packet_info control[BATCH];
	uint8_t *slots;
};

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
	b->n = 0;
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

struct span rx_data(const struct rx_batch *b, unsigned i)
{
	return (struct span){ b->iov[i].iov_base, b->msg[i].msg_len };
}

struct endpoint rx_from(const struct rx_batch *b, unsigned i)
{
	return endpoint_from_sockaddr((const struct sockaddr *)&b->from[i]);
}

struct ip_addr rx_to(const struct rx_batch *b, unsigned i)
{
	struct ip_addr to = { 0 };
	const struct msghdr *h = &b->msg[i].msg_hdr;

	if (h->msg_controllen < sizeof(struct cmsghdr))
		return to;
	const struct cmsghdr *c = h->msg_control;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		to.family = 4;
		memcpy(to.b, &info.ipi_spec_dst, 4);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		to.family = 6;
		memcpy(to.b, &info.ipi6_addr, 16);
	}
	return to;
}

struct tx_batch *tx_new(struct tx_counts *counts)
{
	struct tx_batch *q = calloc(1, sizeof(*q));

	if (q != NULL)
		q->counts = counts;
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

void tx_add(struct tx_batch *q, const struct tx_datagram *d)
{
	static uint8_t zeros[8];
	unsigned i = q->n++;
	struct msghdr *h = &q->msg[i].msg_hdr;
	struct iovec *v = q->iov[i];
	size_t n = 0;

	if (d->head.len > 0)
		v[n++] = (struct iovec){ bytes_of(d->head), d->head.len };
	if (d->payload.len > 0)
		v[n++] = (struct iovec){ bytes_of(d->payload), d->payload.len };
	if (d->tail > 0)
		v[n++] = (struct iovec){ zeros, d->tail };
	*h = (struct msghdr){ .msg_name = &q->to[i], .msg_iov = v, .msg_iovlen = n };
	h->msg_namelen = endpoint_to_sockaddr(d->to, &q->to[i]);
	if (d->source != NULL) {
		h->msg_control = &q->control[i];
		h->msg_controllen = set_source(&q->control[i], d->source);
	}
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

void tx_flush(struct tx_batch *q, int fd)
{
	unsigned i = 0;

	while (i < q->n) {
		int k = sendmmsg(fd, q->msg + i, q->n - i, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (k > 0) {
			i += (unsigned)k;
			count_add(&q->counts->sent, (unsigned)k);
		} else if (errno == EAGAIN) {
			count_add(&q->counts->full, q->n - i);	/* media that waits is worth less than media that is lost */
			break;
		} else if (errno != EINTR) {
			count_add(&q->counts->refused, 1);
			i++;
		}
	}
	q->n = 0;
	q->copied = 0;
}
