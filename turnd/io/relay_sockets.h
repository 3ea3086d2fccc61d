/* relay_sockets.h - all relay sockets of one worker: one epoll set, batches in and out.
 *
 * They are not libuv handles: one uv_poll watches the epoll descriptor, so that a loop turn takes a bounded number
 * of ready sockets whatever their number is, and timers and clients get their turn.
 *
 * A socket may be closed at any time, in the middle of receiving too: its events go to waste.
 *
 * Owner: the worker.   Thread: the worker's.
 */
#ifndef TURND_IO_RELAY_SOCKETS_H
#define TURND_IO_RELAY_SOCKETS_H

#include "turnd/core/flow.h"
#include "turnd/io/batch.h"
#include "turnd/io/relay_addresses.h"

enum { RELAY_EVENTS = 64, RELAY_ROUNDS = 4, RELAY_RECEIVE = 8, RELAY_TURN = 1024 };

struct relay_socket;

struct relay_source {				/* of one received buffer */
	uint32_t socket;			/* its handle; UINT32_MAX: closed since */
	struct allocation *owner;
	struct endpoint peer;
};

struct relay_sockets {
	int epoll;				/* owned; readable when any relay socket is */
	unsigned worker, round;
	size_t buffer;				/* bytes asked of the kernel each way, per socket */
	struct relay_addresses *addresses;	/* borrowed */
	struct tx_batch *out;			/* owned: the datagrams of one socket, on their way */
	/* An ICMP error for a socket of `a`; set after init. It may close nothing. */
	void (*on_icmp)(void *owner, struct allocation *a, const struct icmp_error *e);
	struct relay_socket *v;			/* by handle */
	uint32_t n, cap, free;
	unsigned n_sources;			/* while receiving */
	struct relay_source sources[BATCH];
};

int relay_sockets_init(struct relay_sockets *r, struct relay_addresses *addresses, unsigned worker, size_t buffer,
		       struct tx_counts *counts);	/* 0, or an errno */
void relay_sockets_shut(struct relay_sockets *r);	/* closes all; fine on a zeroed one with epoll -1 */

/* turn_shell.relay_open and relay_close. `server`: the address the client asked at. */
enum relay_result relay_sockets_open(struct relay_sockets *r, struct allocation *owner, uint8_t family, enum relay_parity parity,
				     const struct ip_addr *server, msec_t now, struct relay *out);
void relay_sockets_close(struct relay_sockets *r, struct relay *relay, msec_t now);

/* turn_shell.relay_reserve and relay_adopt. */
bool relay_sockets_reserve(struct relay_sockets *r, struct relay *relay, struct span user, msec_t now, uint8_t token[RELAY_TOKEN]);
enum relay_result relay_sockets_adopt(struct relay_sockets *r, struct allocation *owner, const uint8_t token[RELAY_TOKEN],
				      struct span user, msec_t now, struct relay *out);

/* Receives into the empty batch b: RELAY_ROUNDS times from RELAY_EVENTS ready sockets, at most RELAY_RECEIVE buffers from each; less
 * when RELAY_TURN datagrams have come. Calls deliver with every at most BATCH datagrams, as packets[0 .. n-1]; it may
 * close any socket, and is never called for one after that. b is empty again at the end. */
void relay_sockets_receive(struct relay_sockets *r, struct rx_batch *b, struct flow_packet packets[BATCH],
			   void (*deliver)(void *owner, unsigned n), void *owner);

/* Sends every FLOW_TO_PEER of n <= BATCH verdicts at once: in order for each socket, one system call per socket. What
 * the kernel refuses is counted and lost. */
void relay_sockets_send(struct relay_sockets *r, const struct flow_verdict *v, unsigned n);

#endif
