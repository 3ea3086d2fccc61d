/* path_udp.h - the UDP sockets that clients talk to: one per listening address and worker.
 *
 * All workers' sockets of one address are one SO_REUSEPORT group: the kernel keeps a 5-tuple on its worker. A group
 * must not change while it serves, so all of it is bound before the first packet is read and closed together at exit. A second
 * process would join the group silently and take half the flows: path_udp_probe() finds the port taken.
 *
 * A socket bound to a wildcard answers from the address that was asked, by packet info.
 *
 * Owner: the worker.   Thread: the worker's (open: before it runs).
 */
#ifndef TURND_IO_PATH_UDP_H
#define TURND_IO_PATH_UDP_H

#include <uv.h>

#include "turnd/core/flow.h"
#include "turnd/io/batch.h"

struct path_udp {
	int fd;				/* owned; -1: none */
	uint32_t number;		/* client_path.socket of what arrives here */
	struct endpoint at;
	bool wildcard;
	struct tx_batch *out;		/* owned: the one queue of everything to clients of this socket */
	uv_poll_t poll;			/* data: the owner's */
};

/* Is the address free? 0, or an errno. Port 0 is always free. */
int path_udp_probe(const struct endpoint *at);

/* Binds. Port 0: any, path_udp_at() tells. buffer: bytes asked of the kernel each way. 0, or an errno. */
int path_udp_open(struct path_udp *p, uint32_t number, const struct endpoint *at, size_t buffer, struct tx_counts *counts);
int path_udp_start(struct path_udp *p, uv_loop_t *loop, uv_poll_cb on_readable, void *owner);	/* 0 or a libuv error */
void path_udp_clear_error(struct path_udp *p, uv_poll_cb on_readable);	/* after libuv reported one: watches on */
void path_udp_close(struct path_udp *p);	/* the poll handle has closed, or was never started */

/* Appends at most max buffers to b; paths[i] is filled for each buffer i. */
unsigned path_udp_receive(struct path_udp *p, struct rx_batch *b, struct client_path *paths, unsigned max);
/* The next datagrams of b as packets, at most BATCH; how many. They refer to paths. */
unsigned path_udp_packets(struct rx_batch *b, const struct client_path *paths, struct flow_packet packets[BATCH]);

/* Queue for a client of this socket. What is full is flushed first; at the batch's end the owner flushes. */
void path_udp_send(struct path_udp *p, const struct client_path *to, struct span head, struct span payload, uint8_t tail);
void path_udp_send_copy(struct path_udp *p, const struct client_path *to, struct span message);
void path_udp_flush(struct path_udp *p);

/* Asks for buffers of this many bytes, beyond the system's limit where the process may. */
void socket_set_buffers(int fd, size_t bytes);

#endif
