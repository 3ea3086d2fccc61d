#include "turnd/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/redis/node_lease.h"
#include "common/redis/secret_feed.h"

struct fleet {
	const struct fleet_handler *h;
	void *owner;
	struct redis_route *route;
	struct secret_feed *secrets;
	struct node_lease *lease;
};

static void on_secrets(void *owner)
{
	struct fleet *f = owner;

	if (f->secrets != NULL)
		f->h->secrets_changed(f->owner);
}

static uint32_t load(void *owner)
{
	struct fleet *f = owner;
	return f->h->load(f->owner);
}

static void on_drain_asked(void *owner)
{
	struct fleet *f = owner;
	f->h->drain_asked(f->owner);
}

static bool announce(struct fleet *f, const struct turnd_config *c)
{
	struct span uris[NODE_URLS_MAX];
	struct node_lease_options o = {
		.kind = NODE_TURN, .urls = uris, .zone = span_str(c->zone != NULL ? c->zone : ""),
		.load = load, .drain_asked = on_drain_asked,
	};
	struct interfaces host;
	struct buf text;

	interfaces_read(&host);
	buf_init(&text, CONFIG_URIS_TEXT);
	if (config_uris(c, &host, &text, uris, &o.n_urls) && o.n_urls > 0)
		f->lease = node_lease_new(f->route, &o, f);
	buf_close(&text);
	return f->lease != NULL;
}

struct fleet *fleet_new(uv_loop_t *loop, const struct turnd_config *c, struct span realm, const struct fleet_handler *h,
			void *owner, char why[256])
{
	static const struct secret_feed_handler secrets = { .changed = on_secrets };
	struct fleet *f = calloc(1, sizeof(*f));

	snprintf(why, 256, "no memory, or no address to announce: give turn-uri");
	if (f == NULL)
		return NULL;
	f->h = h;
	f->owner = owner;
	f->route = redis_route_new(loop, c->redis, NULL, NULL, NULL, why);
	if (f->route != NULL && (f->secrets = secret_feed_new(f->route, realm, 0, &secrets, f)) != NULL && announce(f, c))
		return f;
	fleet_stop(f);
	uv_run(loop, UV_RUN_DEFAULT);	/* lets the close callbacks run */
	fleet_free(f);
	return NULL;
}

const struct turn_secrets *fleet_secrets(const struct fleet *f)
{
	return secret_feed_get(f->secrets);
}

void fleet_drain(struct fleet *f)
{
	node_lease_drain(f->lease);
}

void fleet_metrics(const struct fleet *f, struct buf *out)
{
	struct redis_counts n = redis_route_counts(f->route);

	buf_addf(out, "# HELP turnd_redis_up 1 while Redis can be reached.\n# TYPE turnd_redis_up gauge\nturnd_redis_up %d\n",
		 redis_route_up(f->route));
	buf_addf(out, "# HELP turnd_lease_held 1 while the lease in Redis is renewed in time.\n# TYPE turnd_lease_held gauge\n"
		 "turnd_lease_held %d\n", node_lease_held(f->lease));
	buf_addf(out, "# HELP turnd_redis_errors_total Commands to Redis that failed.\n# TYPE turnd_redis_errors_total counter\n"
		 "turnd_redis_errors_total %" PRIu64 "\n", n.errors);
}

static void route_gone(void *ctx)
{
	(void)ctx;
}

static void lease_gone(void *owner)
{
	struct fleet *f = owner;
	redis_route_stop(f->route, route_gone, f);
}

void fleet_stop(struct fleet *f)
{
	if (f->secrets != NULL)
		secret_feed_stop(f->secrets);
	if (f->lease != NULL)
		node_lease_stop(f->lease, lease_gone);
	else if (f->route != NULL)
		redis_route_stop(f->route, route_gone, f);
}

void fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	node_lease_free(f->lease);
	secret_feed_free(f->secrets);
	free(f);
}
