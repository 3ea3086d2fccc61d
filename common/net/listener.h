/* listener.h - a listening TCP socket that cannot be exhausted.
 *
 * Before SO_REUSEPORT is used the address is bound once without it, so that a port that somebody else holds
 * is an error and not a silent sharing. On EMFILE/ENFILE a spare descriptor is spent to refuse the waiting
 * connection, and accepting pauses for 100 ms (threat model D-A4). Above max_connections, or
 * max_per_address (an IPv4 address, an IPv6 /64), a connection is accepted and closed at once, and counted.
 *
 * Owner: embedded.   Thread: its loop's.
 */
#ifndef COMMON_NET_LISTENER_H
#define COMMON_NET_LISTENER_H

#include <uv.h>

#include "common/net/stream.h"

struct listener_options {
	struct endpoint at;		/* port 0: any free one, see listener_at() */
	unsigned max_connections;	/* living streams of this listener; 0: no limit */
	unsigned max_per_address;	/* 0: no limit */
	bool reuseport;
};

struct listener;	/* heap: freed by itself once closed */

/* A new connection. Call listener_accept() inside to own it, or do nothing and it is closed. */
typedef void (*listener_cb)(void *owner, struct listener *l, struct endpoint peer);

/* NULL with a sentence in why[]: "cannot listen on 127.0.0.1:8080: address already in use". */
struct listener *listener_open(uv_loop_t *loop, const struct listener_options *o, listener_cb on_connection,
			       void *owner, char why[128]);
struct stream *listener_accept(struct listener *l, const struct stream_handler *h, void *owner);	/* NULL: no memory */
struct endpoint listener_at(const struct listener *l);	/* the real address and port */
void listener_close(struct listener *l);		/* living streams go on; l is dead at once for the caller */

struct listener_counts {
	uint64_t accepted, refused_limit, refused_address, refused_descriptors;
	unsigned open;		/* now */
};
struct listener_counts listener_counts(const struct listener *l);

#endif
