/* listener.h - a listening TCP socket that cannot be exhausted.
 *
 * The first listener of a group is bound without SO_REUSEPORT and gets the option only then, so that a port that
 * somebody else holds is an error and not a silent sharing. [::] does not include IPv4. On EMFILE/ENFILE a spare
 * descriptor is spent to refuse one waiting connection, and accepting pauses for 100 ms (threat model D-A4). Above
 * max_connections, or max_per_address (an IPv4 address, an IPv6 /64), a connection is accepted and closed at once,
 * and counted.
 *
 * Owner: whoever opened it, until listener_close().   Thread: its loop's.
 */
#ifndef COMMON_NET_LISTENER_H
#define COMMON_NET_LISTENER_H

#include <uv.h>

#include "common/net/stream.h"

struct listener_options {
	struct endpoint at;		/* port 0: any free one, see listener_at() */
	unsigned max_connections;	/* living streams of this listener; 0: no limit */
	unsigned max_per_address;	/* 0: no limit */
	bool reuseport;			/* more listeners of this process will share the address ... */
	bool join;			/* ... and this is one of them: the first has checked that nobody else has it */
};

struct listener;	/* heap: freed by itself once closed */

/* A new connection. Call listener_accept() inside to own it, or do nothing and it is closed. */
typedef void (*listener_cb)(void *owner, struct listener *l, struct endpoint peer);

/* NULL with a sentence in why[]: "cannot listen on 127.0.0.1:8080: address already in use". */
struct listener *listener_open(uv_loop_t *loop, const struct listener_options *o, listener_cb on_connection,
			       void *owner, char why[128]);
struct stream *listener_accept(struct listener *l, const struct stream_handler *h, void *owner);	/* NULL: no memory */
struct endpoint listener_at(const struct listener *l);	/* the real address and port */
void listener_close(struct listener *l);		/* living streams go on; l is dead at once for the caller. NULL is fine */

struct listener_counts {
	uint64_t accepted, refused_limit, refused_address, refused_descriptors;
	unsigned open;		/* streams, now; one that was exported is not counted any more */
};
struct listener_counts listener_counts(const struct listener *l);

#endif
