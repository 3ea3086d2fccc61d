/* worker.h - one worker: a thread with its loop, its sockets, its turn_server. Nothing is shared on the packet path.
 *
 *	client --path_udp--> rx batch --flow_forward--> relay_sockets --> peer
 *	       --path_tcp--> frames ----^   \-- FLOW_CONTROL --> turn_server_message --> answer
 *	client <--path_udp-- flow_forward <-- rx batch <-- relay_sockets <-- peer
 *	       <--path_tcp--/
 *
 * Built and freed on the main thread, so that every socket of every worker is bound before the first of them serves, and
 * that a worker that cannot start stops the start with a reason. What main wants of a running one goes by message.
 *
 * Owner: io/workers.   Thread: main's, unless said otherwise.
 */
#ifndef TURND_IO_WORKER_H
#define TURND_IO_WORKER_H

#include "turnd/core/settings.h"
#include "turnd/core/turn_server.h"
#include "turnd/io/batch.h"
#include "turnd/io/path_tcp.h"
#include "turnd/io/relay_addresses.h"

struct worker;

struct worker_options {
	unsigned index;
	const struct endpoint *listeners;
	size_t n_listeners;
	size_t listener_buffer, relay_buffer;	/* bytes asked of the kernel each way, per socket */
	struct relay_addresses *addresses;	/* borrowed; outlives the worker */
	struct strangers *strangers;		/* borrowed; outlives the worker */
	msec_t allocate_timeout;		/* how long a stream may live without an allocation */
	const struct turn_settings *settings;	/* borrowed; until worker_settings_in_use() names others */
};

struct worker *worker_new(const struct worker_options *o, char why[256]);	/* NULL: why[] says it */
int worker_start(struct worker *w);		/* the thread runs; 0 or a libuv error */
void worker_drain(struct worker *w);		/* no new allocations */
void worker_settings(struct worker *w, const struct turn_settings *s);
const struct turn_settings *worker_settings_in_use(const struct worker *w);
void worker_stop(struct worker *w);		/* the thread will end its allocations and itself; several may be told first */
void worker_join(struct worker *w);		/* waits for that */
void worker_free(struct worker *w);		/* joined, or never started; closes the sockets */

struct landing_place *worker_landing_place(struct worker *w);	/* where landers bring streams; until worker_stop() */
unsigned worker_streams(const struct worker *w);	/* any thread: how many live here */

/* How late the loop is for what it wants to do at a time, in microseconds: the worst of late, fading within seconds. */
uint64_t worker_lag(const struct worker *w);

const struct turn_counters *worker_counters(const struct worker *w);
/* Datagrams that left, or did not: to clients, to peers. */
const struct tx_counts *worker_sent(const struct worker *w, enum turn_leg leg);
const struct path_tcp_counts *worker_stream_counts(const struct worker *w);

#endif
