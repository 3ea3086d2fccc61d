#include "signald/fleet.h"

#include <signal.h>
#include <stdio.h>

static void on_drain_asked(void *owner)
{
	(void)owner;
	(void)raise(SIGTERM);		/* service.h has the one way to drain and end */
}

static uint32_t load(void *owner)
{
	return (uint32_t)((const struct fleet *)owner)->clients->n;
}

int fleet_join(struct fleet *f, uv_loop_t *loop, const struct signald_config *cfg, const struct clients *clients, char why[256])
{
	struct span urls[NODE_URLS_MAX];
	struct node_lease_options o = {
		.kind = NODE_SIGNAL, .urls = urls, .zone = span_str(cfg->zone != NULL ? cfg->zone : ""),
		.load = load, .drain_asked = on_drain_asked,
	};

	if (cfg->redis == NULL)
		return 0;
	for (size_t i = 0; i < cfg->public_url.n; i++)
		urls[o.n_urls++] = span_str(cfg->public_url.v[i]);
	if (cfg->internal_url != NULL)
		urls[o.n_urls++] = span_str(cfg->internal_url);
	f->clients = clients;
	f->route = redis_route_new(loop, cfg->redis, NULL, NULL, NULL, why);
	if (f->route == NULL)
		return -1;
	(void)snprintf(why, 256, "out of memory");
	f->lease = node_lease_new(f->route, &o, f);
	return f->lease != NULL ? 0 : -1;
}

void fleet_drain(struct fleet *f)
{
	if (f->lease != NULL)
		node_lease_drain(f->lease);
}

void fleet_metrics(const struct fleet *f, struct buf *out)
{
	if (f->route == NULL)
		return;
	buf_addf(out, "# HELP signald_redis_up 1 while Redis can be reached\n# TYPE signald_redis_up gauge\nsignald_redis_up %d\n",
		 redis_route_up(f->route));
	buf_addf(out, "# HELP signald_lease_held 1 while the lease in Redis is renewed in time\n# TYPE signald_lease_held gauge\n"
		 "signald_lease_held %d\n", node_lease_held(f->lease));
}

static void on_route_gone(void *ctx)
{
	(void)ctx;
}

static void on_lease_gone(void *owner)
{
	redis_route_stop(((struct fleet *)owner)->route, on_route_gone, NULL);
}

void fleet_leave(struct fleet *f)
{
	if (f->lease != NULL)
		node_lease_stop(f->lease, on_lease_gone);
	else if (f->route != NULL)
		redis_route_stop(f->route, on_route_gone, NULL);
}

void fleet_close(struct fleet *f)
{
	node_lease_free(f->lease);
	*f = (struct fleet){ .lease = NULL };
}
