/* lander_internal.h - the inside of a lander, for lander.c (its threads) and approach.c (one connection on its way). */
#ifndef COMMON_NET_LANDER_INTERNAL_H
#define COMMON_NET_LANDER_INTERNAL_H

#include <stdatomic.h>

#include "common/net/lander.h"
#include "common/net/listener.h"
#include "common/net/loop_wheel.h"

enum { LANDER_LISTENERS_MAX = 16, LANDER_THREADS_MAX = 64 };

enum lander_counter {
	ACCEPTED, LANDED, REFUSED_LIMIT, REFUSED_ADDRESS, BAD_PROXY, BAD_HANDSHAKE, BAD_FIRST, LATE, OVERTAKEN, GONE, DROPPED,
	PENDING, N_COUNTERS
};

struct lander_thread {
	struct lander *lander;
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t stop;
	struct loop_wheel wheel;
	struct listener *listeners[LANDER_LISTENERS_MAX];
	struct list pending;		/* of struct approach; oldest first */
	unsigned n_pending;
};

struct lander {
	uv_loop_t *loop;		/* the owner's */
	uv_async_t ended;
	struct lander_options opt;
	struct landing_place **places;
	unsigned n_places;
	struct admission *admission;
	struct endpoint at[LANDER_LISTENERS_MAX];
	unsigned n_listeners, n_threads, n_running;
	atomic_uint next_place, running;
	atomic_uint_fast64_t counts[N_COUNTERS];
	void (*done)(void *ctx);
	void *done_ctx;
	struct lander_thread threads[];
};

/* approach.c: a listener_cb; owner is the lander_thread. */
void approach_begin(void *owner, struct listener *from, struct endpoint peer);
void approach_close_all(struct lander_thread *t);

#endif
