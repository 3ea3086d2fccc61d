/* batch.h - datagrams by the batch: received into one, sent from another.
 *
 * This is the seam for whatever moves datagrams better than recvmmsg and sendmmsg do: segment offload, and one day
 * io_uring. Above it nobody makes a receive or send call on a datagram socket.
 *
 * A worker has one rx_batch and goes round: receive into it (from one socket, or a little from each of many), let the core
 * judge, queue and send what comes of it, and only then rx_reset(). Spans point into the batch until that, so that
 * a relayed payload is never copied in user space.
 *
 * Segment offload: datagrams of one sender that arrived together come as one buffer (UDP_GRO), and rx_next() cuts it
 * where the datagrams end. A run of datagrams to one destination, all of one size but the last, which may be
 * shorter, leaves as one message (UDP_SEGMENT). Nobody else sees any of it: what was one datagram stays one.
 *
 * Owner: the worker, or the socket that embeds a tx_batch.   Thread: the worker's.
 */
#ifndef TURND_IO_BATCH_H
#define TURND_IO_BATCH_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/endpoint.h"
#include "turnd/core/counters.h"

enum { BATCH = 64 };		/* buffers received, datagrams judged, datagrams sent at once */

struct rx_batch;

struct rx_batch *rx_new(void);		/* NULL: no memory */
void rx_free(struct rx_batch *b);	/* NULL is fine */
void rx_reset(struct rx_batch *b);
unsigned rx_room(const struct rx_batch *b);	/* in buffers */
unsigned rx_count(const struct rx_batch *b);

/* Appends at most max buffers from a non-blocking socket and never waits. Returns how many came, 0 also on an error. */
unsigned rx_receive(struct rx_batch *b, int fd, unsigned max);

struct endpoint rx_from(const struct rx_batch *b, unsigned buffer);
/* The address the buffer's datagrams were sent to; family 0 unless the socket has packet info on. */
struct ip_addr rx_to(const struct rx_batch *b, unsigned buffer);

struct rx_datagram {
	struct span data;
	unsigned buffer;
};

/* The datagrams of all buffers, in order, each once until rx_reset(). False: no more. */
bool rx_next(struct rx_batch *b, struct rx_datagram *out);

/* From now on this socket may receive several datagrams in one buffer; without effect where the kernel cannot. */
void rx_coalesce(int fd);
bool rx_can_coalesce(void);	/* can this kernel? */

/* Datagrams accepted by the kernel, refused by it, dropped at a full socket buffer. Any thread may read. */
struct tx_counts {
	count_t sent, refused, full;
};

struct tx_control {		/* room for the source address and the size of segments */
	_Alignas(struct cmsghdr) uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
};

struct tx_run {			/* one message: consecutive datagrams with the same addresses */
	struct endpoint to;
	struct ip_addr source;		/* family 0: the socket's own */
	uint32_t bytes;
	uint16_t size;			/* of each datagram but the last */
	uint8_t n;			/* datagrams */
	bool ended;			/* takes no more of them */
};

struct tx_refusal {		/* a destination whose route does not take segments */
	struct endpoint to;
	unsigned left;			/* runs forgone until the next try */
};

enum { TX_REFUSALS = 16 };

/* One queue per sending socket, or for several that are flushed one after the other. */
struct tx_batch {
	unsigned n;			/* datagrams */
	unsigned n_runs, n_iov;
	size_t copied;			/* bytes of `copies` in use */
	bool can_segment;
	struct tx_counts *counts;	/* borrowed */
	struct mmsghdr msg[BATCH];	/* of each run */
	struct tx_run run[BATCH];
	struct iovec iov[BATCH * 3];
	struct sockaddr_storage to[BATCH];
	struct tx_control control[BATCH];
	struct tx_refusal refusals[TX_REFUSALS];
	uint8_t copies[16384];
};

struct tx_datagram {
	const struct endpoint *to;	/* of the socket's family */
	const struct ip_addr *source;	/* NULL: the socket's own address */
	struct span head, payload;	/* borrowed until the next tx_flush() */
	uint8_t tail;			/* zero bytes behind; at most 8 */
};

bool tx_can_segment(void);	/* can this kernel? */

struct tx_batch *tx_new(struct tx_counts *counts);	/* NULL: no memory */
void tx_free(struct tx_batch *q);			/* NULL is fine */
bool tx_full(const struct tx_batch *q);
void tx_add(struct tx_batch *q, const struct tx_datagram *d);	/* the queue must not be full */
bool tx_add_copy(struct tx_batch *q, const struct tx_datagram *d);	/* d's bytes are copied; false: no room, flush first */

/* Sends all in order and empties the queue. What the kernel refuses is counted and skipped: an error that belongs to one
 * datagram or destination never holds up the others (RFC 8656 allows loss). A run that is refused because it is one goes
 * datagram by datagram, and so does what follows to that destination for a while: a datagram longer than the path's
 * MTU is fragmented as ever, unless the socket forbids it. */
void tx_flush(struct tx_batch *q, int fd);

#endif
