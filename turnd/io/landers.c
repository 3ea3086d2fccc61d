#include "turnd/io/landers.h"

#include <stdio.h>
#include <stdlib.h>

const char *const land_kind_names[] = { "tcp", "tls", "tcp_proxy", "tls_proxy", NULL };
_Static_assert(sizeof(land_kind_names) / sizeof(char *) == LAND_KINDS + 1, "a name for each kind");

/* Several at once find no worker changed yet: so equals are taken in turn. */
static unsigned least_loaded(void *ctx, struct span first)
{
	struct landers *l = ctx;
	unsigned turn = atomic_fetch_add_explicit(&l->turn, 1, memory_order_relaxed), best = 0, fewest = UINT32_MAX;
	(void)first;

	for (unsigned i = 0; i < l->opt.n_workers; i++) {
		unsigned at = (turn + i) % l->opt.n_workers, n = worker_streams(l->opt.workers[at]);
		if (n < fewest) {
			fewest = n;
			best = at;
		}
	}
	return best;
}

static bool is_trusted_proxy(void *ctx, const struct ip_addr *peer)
{
	const struct landers *l = ctx;

	for (size_t i = 0; i < l->opt.n_proxies; i++)
		if (ip_compare(&l->opt.proxies[i].low, peer) <= 0 && ip_compare(peer, &l->opt.proxies[i].high) <= 0)
			return true;
	return false;
}

static bool start(struct landers *l, uv_loop_t *loop, enum land_kind kind, struct landing_place *const *places, char why[256])
{
	bool tls = kind == LAND_TLS || kind == LAND_TLS_PROXY, proxied = kind == LAND_TCP_PROXY || kind == LAND_TLS_PROXY;
	const struct lander_options o = {
		.tls = tls ? l->opt.tls : NULL, .is_proxy = proxied ? is_trusted_proxy : NULL, .choose = least_loaded, .ctx = l,
	};
	char sentence[128];

	l->v[kind] = lander_new(loop, &o, places, l->opt.n_workers, sentence);
	if (l->v[kind] == NULL) {
		snprintf(why, 256, "%s", sentence);
		return false;
	}
	for (size_t i = 0; i < l->opt.n_at[kind]; i++)
		if (lander_listen(l->v[kind], &l->opt.at[kind][i], sentence) < 0) {
			snprintf(why, 256, "%s (%s)", sentence, tls ? "TLS" : "TCP");
			return false;
		}
	if (lander_start(l->v[kind], sentence) == 0)
		return true;
	snprintf(why, 256, "%s", sentence);
	return false;
}

bool landers_start(struct landers *l, uv_loop_t *loop, const struct landers_options *o, char why[256])
{
	struct landing_place **places = calloc(o->n_workers, sizeof(struct landing_place *));
	bool ok = places != NULL;

	if (!ok)
		snprintf(why, 256, "no memory");
	l->opt = *o;
	for (unsigned i = 0; ok && i < o->n_workers; i++)
		places[i] = worker_landing_place(o->workers[i]);
	for (unsigned kind = 0; ok && kind < LAND_KINDS; kind++)
		ok = o->n_at[kind] == 0 || start(l, loop, (enum land_kind)kind, places, why);
	free(places);
	return ok;
}

static void on_stopped(void *ctx)
{
	struct landers *l = ctx;

	if (--l->stopping == 0)
		l->done(l->done_ctx);
}

void landers_stop(struct landers *l, void (*done)(void *ctx), void *ctx)
{
	l->done = done;
	l->done_ctx = ctx;
	l->stopping = 1;	/* of this function */
	for (unsigned kind = 0; kind < LAND_KINDS; kind++) {
		struct lander *one = l->v[kind];
		l->v[kind] = NULL;
		if (one == NULL)
			continue;
		l->stopping++;
		lander_stop(one, on_stopped, l);
	}
	on_stopped(l);
}

struct lander_counts landers_counts(const struct landers *l, enum land_kind kind)
{
	return l->v[kind] != NULL ? lander_counts(l->v[kind]) : (struct lander_counts){ 0 };
}
