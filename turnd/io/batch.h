/* batch.h - datagrams by the batch: received into one, sent from another.
 *
 * This is the seam for whatever moves datagrams better than recvmmsg and sendmmsg do: segment offload (a slot
 * that holds several segments), io_uring. Above it nobody makes a receive or send call on a datagram socket.
 *
 * A worker has one rx_batch and goes round: receive into it (from one socket, or a little from each of many), let the core
 * judge, queue and send what comes of it, and only then rx_reset(). Spans point into the batch until that, so that
 * a relayed payload is never copied in user space.
 *
 * Owner: the worker, or the socket that embeds a tx_batch.   Thread: the worker's.
 */
#ifndef TURND_IO_BATCH_H
#define TURND_IO_BATCH_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/endpoint.h"
#include "turnd/core/counters.h"

enum { BATCH = 64 };		/* datagrams */

struct rx_batch;

struct rx_batch *rx_new(void);		/* NULL: no memory */
void rx_free(struct rx_batch *b);	/* NULL is fine */
void rx_reset(struct rx_batch *b);
unsigned rx_room(const struct rx_batch *b);
unsigned rx_count(const struct rx_batch *b);

/* Appends at most max datagrams from a non-blocking socket and never waits. Returns how many came, 0 also on an error. */
unsigned rx_receive(struct rx_batch *b, int fd, unsigned max);

struct span rx_data(const struct rx_batch *b, unsigned i);
struct endpoint rx_from(const struct rx_batch *b, unsigned i);
/* The address the datagram was sent to; family 0 unless the socket has packet info on. */
struct ip_addr rx_to(const struct rx_batch *b, unsigned i);

/* Datagrams accepted by the kernel, refused by it, dropped at a full socket buffer. Any thread may read. */
struct tx_counts {
	count_t sent, refused, full;
};

struct packet_info {		/* room for one control message */
	_Alignas(struct cmsghdr) uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* One queue per sending socket. */
struct tx_batch {
	unsigned n;
	size_t copied;			/* bytes of `copies` in use */
	struct tx_counts *counts;	/* borrowed */
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH][3];
	struct sockaddr_storage to[BATCH];
	struct packet_info control[BATCH];
	uint8_t copies[16384];
};

struct tx_datagram {
	const struct endpoint *to;	/* of the socket's family */
	const struct ip_addr *source;	/* NULL: the socket's own address */
	struct span head, payload;	/* borrowed until the next tx_flush() */
	uint8_t tail;			/* zero bytes behind; at most 8 */
};

struct tx_batch *tx_new(struct tx_counts *counts);	/* NULL: no memory */
void tx_free(struct tx_batch *q);			/* NULL is fine */
bool tx_full(const struct tx_batch *q);
void tx_add(struct tx_batch *q, const struct tx_datagram *d);	/* the queue must not be full */
bool tx_add_copy(struct tx_batch *q, const struct tx_datagram *d);	/* d's bytes are copied; false: no room, flush first */

/* Sends all in order and empties the queue. What the kernel refuses is counted and skipped: an error that belongs to one
 * datagram or destination never holds up the others (RFC 8656 allows loss). */
void tx_flush(struct tx_batch *q, int fd);

#endif
