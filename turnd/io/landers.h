/* landers.h - where turnd's streams come in: plain and with TLS, each also behind a proxy that says for whom it speaks.
 *
 *	client, proxy --> common/net/lander (threads of their own) --> the worker with the fewest streams
 *
 * On the proxy ports the addresses of trusted-proxy begin with a PROXY header; anybody else there is a client like others.
 *
 * Owner: io/workers.   Thread: the main loop's.
 */
#ifndef TURND_IO_LANDERS_H
#define TURND_IO_LANDERS_H

#include "common/net/lander.h"
#include "turnd/core/settings.h"
#include "turnd/io/worker.h"

enum land_kind { LAND_TCP, LAND_TLS, LAND_TCP_PROXY, LAND_TLS_PROXY, LAND_KINDS };
extern const char *const land_kind_names[];

enum { LAND_ADDRESSES = 16 };		/* to listen on, of one kind */

struct landers_options {
	struct endpoint at[LAND_KINDS][LAND_ADDRESSES];
	size_t n_at[LAND_KINDS];
	struct tls_server *tls;		/* borrowed; not NULL if a kind with TLS is wanted */
	const struct ip_range *proxies;	/* trusted; borrowed */
	size_t n_proxies;
	struct worker **workers;	/* borrowed; they outlive it */
	unsigned n_workers;
};

struct landers {			/* embedded in its owner; only landers.c looks inside */
	struct landers_options opt;
	struct lander *v[LAND_KINDS];	/* NULL: not served */
	atomic_uint turn;
	unsigned stopping;
	void (*done)(void *ctx);
	void *done_ctx;
};

/* Binds and starts. False with a sentence in why[]; landers_stop() is right in any case, on a zeroed one too. */
bool landers_start(struct landers *l, uv_loop_t *loop, const struct landers_options *o, char why[256]);

/* Nobody lands any more once done is called: as the loop turns, or at once if there is nothing to stop. */
void landers_stop(struct landers *l, void (*done)(void *ctx), void *ctx);

struct lander_counts landers_counts(const struct landers *l, enum land_kind kind);	/* zeros if it is not served */

#endif
