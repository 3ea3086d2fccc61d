/* path_tcp.h - the streams that clients talk to: one connection each, all of one worker together.
 *
 *	lander --> STRANGER <--allocates, allocation ends--> CLIENT --> closing --> gone
 *
 * A connection lives on one worker from its first message to its end. What one read brings is cut into frames in place and
 * handed on by the batch; what goes back is collected and written once per loop turn. Relayed data is dropped when too
 * much waits already; answers never are: a client that takes none of them is closed.
 *
 * Owner: the worker.   Thread: the worker's.
 */
#ifndef TURND_IO_PATH_TCP_H
#define TURND_IO_PATH_TCP_H

#include "common/net/landing.h"
#include "common/net/loop_wheel.h"
#include "turnd/core/client_path.h"
#include "turnd/core/counters.h"
#include "turnd/io/batch.h"
#include "turnd/io/relay_addresses.h"
#include "turnd/io/strangers.h"

enum {
	STRANGER_FRAME_MAX = 2048,		/* bytes a frame may have while there is no allocation */
	STREAM_RELAYED_MAX = 256 << 10,		/* bytes that may wait before relayed data is dropped, ... */
	STREAM_ANSWERS_MAX = 64 << 10		/* ... and how many more before the connection is closed */
};

enum path_tcp_end {		/* why a connection ended: a label */
	TCP_END_PEER,		/* the client closed */
	TCP_END_NETWORK,	/* reset, timed out, ... */
	TCP_END_JUNK,		/* bytes that are no frame */
	TCP_END_TOO_LONG,	/* a message beyond STRANGER_FRAME_MAX */
	TCP_END_SLOW_MESSAGE,	/* not whole within 10 s */
	TCP_END_STALLED,	/* takes nothing for 60 s, or too many answers wait */
	TCP_END_NO_ALLOCATION,	/* none within max-allocate-timeout */
	TCP_END_CROWD,		/* the oldest of too many without allocation */
	TCP_END_ADDRESS,	/* too many without allocation from this address */
	TCP_END_CAPACITY,	/* no descriptor, no memory */
	TCP_END_SHUTDOWN,
	TCP_END_N
};
extern const char *const path_tcp_end_names[];	/* NULL-terminated */

struct path_tcp_counts {		/* one writer; any thread may read */
	count_t open[TURN_TRANSPORTS];	/* a gauge */
	count_t opened[TURN_TRANSPORTS];
	count_t ended[TCP_END_N];
	count_t dropped;		/* relayed messages that found too much waiting */
};

/* What the worker does for its connections. None of these may close one. */
struct path_tcp_handler {
	/* 1 .. BATCH frames of one client; valid for the call. */
	void (*frames)(void *owner, const struct client_path *from, const struct span *frames, unsigned n);
	bool (*has_allocation)(void *owner, const struct client_path *client);
	void (*gone)(void *owner, const struct client_path *client);
};

struct path_tcp_options {
	uv_loop_t *loop;
	const struct path_tcp_handler *handler;
	void *owner;
	struct relay_addresses *descriptors;	/* borrowed: where open sockets are counted */
	struct strangers *strangers;		/* borrowed */
	msec_t allocate_timeout;
	uint16_t last_channel;
};

struct path_tcp;

struct path_tcps {			/* only path_tcp.c looks inside */
	struct path_tcp_options opt;
	struct loop_wheel wheel;
	struct path_tcp **v;		/* by client_path.socket */
	uint32_t cap, used;
	uint32_t *free;			/* numbers below `used` that nobody has */
	uint32_t n_free;
	struct list all, strangers, dirty;	/* strangers: the oldest first; dirty: with output to flush */
	struct buf spare[8];		/* output buffers that nobody uses now */
	unsigned n_spare;
	struct path_tcp_counts counts;
};

void path_tcps_init(struct path_tcps *t, const struct path_tcp_options *o);
void path_tcps_shut(struct path_tcps *t);	/* closes all connections; the loop must turn once more */
void path_tcps_free(struct path_tcps *t);	/* the loop has turned, or init was never called on a zeroed t */

void path_tcp_open(struct path_tcps *t, struct landing *l);	/* adopts it, or leaves it to be dropped */

/* Queue for a client. Copies; sent by path_tcp_flush(). */
void path_tcp_relay(struct path_tcps *t, const struct client_path *to, struct span head, struct span payload, uint8_t tail);
void path_tcp_answer(struct path_tcps *t, const struct client_path *to, struct span message);
void path_tcp_flush(struct path_tcps *t);

/* The client's allocation ended or moved away, but not its connection: from now on it is a stranger again. */
void path_tcp_allocation_ended(struct path_tcps *t, const struct client_path *client);

#endif
