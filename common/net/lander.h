/* lander.h - threads that accept connections and make them ready, so that no serving loop ever waits for a handshake.
 *
 *	accept -> [PROXY header, from trusted addresses] -> [handshake of TLS] -> [first bytes] -> a landing place
 *
 * The threads are few and nice: a full handshake takes milliseconds, and whoever is served already goes first. All of
 * it within a deadline and limits; when too many are on their way, the oldest is dropped for the newest.
 *
 * Owner: whoever called new, on the loop that it named.   Thread: that loop's; callbacks as said.
 */
#ifndef COMMON_NET_LANDER_H
#define COMMON_NET_LANDER_H

#include "common/net/landing.h"

struct lander;
struct tls_server;

enum lander_verdict { LANDER_READY, LANDER_MORE, LANDER_REFUSE };

struct lander_options {
	unsigned threads;		/* 0: 1 */
	struct tls_server *tls;		/* NULL: plain TCP. Borrowed until it has stopped */
	unsigned max_connections;	/* on their way or landed and alive; 0: no limit */
	unsigned max_per_address;	/* 0: no limit */
	unsigned max_pending;		/* on their way, per thread; 0: 1024 */
	msec_t deadline;		/* from accept to the end of the handshake; 0: 10 s */
	msec_t first_deadline;		/* then for `first`; 0: 10 s */

	/* All may be NULL, and are called on the lander's threads, with ctx. */
	bool (*is_proxy)(void *ctx, const struct ip_addr *peer);	/* starts with a PROXY header, and is believed */
	enum lander_verdict (*first)(void *ctx, struct span so_far);	/* enough to choose a place? */
	unsigned (*choose)(void *ctx, struct span first);		/* which place: an index */
	void *ctx;
};

/* places: borrowed until it has stopped; one after the other is served unless there is `choose`. NULL: why[] says it. */
struct lander *lander_new(uv_loop_t *loop, const struct lander_options *o, struct landing_place *const *places, unsigned n_places,
			  char why[128]);
int lander_listen(struct lander *l, const struct endpoint *at, char why[128]);	/* before the start. -1: why[] says it */
struct endpoint lander_at(const struct lander *l, unsigned i);	/* real address of the i-th; family 0: there is none */
int lander_start(struct lander *l, char why[128]);

/* Accepts no more; what is on its way is closed. done comes on the loop once the threads have ended, and l is freed then.
 * Right also for one that never started. */
void lander_stop(struct lander *l, void (*done)(void *ctx), void *ctx);

struct lander_counts {
	uint64_t accepted, landed;
	uint64_t refused_limit, refused_address;
	uint64_t bad_proxy, bad_handshake, bad_first;	/* not what was to come */
	uint64_t late, overtaken;			/* the deadline; the oldest of too many */
	uint64_t gone;					/* closed by the client on the way */
	uint64_t dropped;				/* the place was full, or no memory or descriptor */
	uint64_t pending;				/* on their way, now */
};
struct lander_counts lander_counts(const struct lander *l);

#endif
