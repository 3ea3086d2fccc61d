/* flow.h - the data door: a batch of packets in, a verdict for each out.
 *
 * The core owns the table of flows (client 5-tuple, channel or permission, peer). Anything that forwards by itself
 * (segment offload, io_uring, eBPF) is a cache of these verdicts and of that table.
 *
 * Spans in a packet are borrowed from the shell and stay valid until the shell releases its batch: verdicts point
 * into them. Nothing is copied but a header of at most FLOW_HEAD bytes.
 * What goes out for one verdict is head, payload, then `tail` zero bytes (padding of a Data indication or a stream frame).
 * Verdicts stand in the order of their packets; the shell keeps that order for each allocation and direction.
 *
 * Tests call it with n = 1. Thread: the worker's.
 */
#ifndef TURND_CORE_FLOW_H
#define TURND_CORE_FLOW_H

#include "turnd/core/counters.h"
#include "turnd/core/turn_server.h"

enum { FLOW_HEAD = 48 };	/* STUN header, XOR-PEER-ADDRESS of IPv6, DATA's own header */

struct flow_packet {
	struct span data;			/* one datagram, or one frame of a stream */
	const struct client_path *path;		/* from a client; NULL: from a peer */
	struct allocation *allocation;		/* from a peer: the relay socket's owner */
	struct endpoint peer;			/* from a peer: who sent it, to the relay of its own family */
};

enum flow_action {
	FLOW_DROP,		/* counted by the core under `reason` */
	FLOW_CONTROL,		/* a STUN message other than Send: give it to turn_server_message(), in its place in the order */
	FLOW_TO_PEER,		/* send payload from relay->socket to peer */
	FLOW_TO_CLIENT		/* send head + payload + tail to *path */
};

struct flow_verdict {
	uint8_t action;			/* enum flow_action */
	uint8_t reason;			/* enum turn_drop */
	uint8_t head_len, tail;
	bool dont_fragment;		/* TO_PEER: DF was asked for */
	uint8_t head[FLOW_HEAD];
	struct span payload;
	const struct relay *relay;	/* TO_PEER */
	struct endpoint peer;		/* TO_PEER */
	const struct client_path *path;	/* TO_CLIENT: valid until the next control message or tick */
};

void flow_forward(struct turn_server *s, const struct flow_packet *in, struct flow_verdict *out, size_t n, msec_t now);

#endif
