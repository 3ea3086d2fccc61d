#include "signald/signald.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/net/loop_wheel.h"
#include "signald/bus_local.h"
#include "signald/bye.h"
#include "signald/fleet.h"
#include "signald/http_api.h"

struct signald {
	const struct signald_config *cfg;
	struct metrics metrics;
	struct loop_wheel wheel;	/* of every client and every slot */
	uv_prepare_t prepare;		/* arms it before the loop sleeps: the hub knows no loop */
	struct bus bus;
	struct hub hub;
	struct clients clients;
	struct http_api api;
	struct tls_identity tls;
	struct http_server *http;
	struct bye bye;
	struct fleet fleet;
};

static void on_prepare(uv_prepare_t *p)
{
	loop_wheel_arm(&((struct signald *)p->data)->wheel);
}

/* --- what the hub tells -------------------------------------------------------------------------------------- */

static void on_removed(void *ctx, struct span room, struct span client, enum hub_gone why)
{
	struct signald *s = ctx;

	metric_add(&s->metrics, why == HUB_GONE_DELETED ? COUNT_REMOVED_DELETED : COUNT_REMOVED_GRACE, 1);
	if (why == HUB_GONE_GRACE && s->clients.draining)
		return;			/* we closed it ourselves; it has its seat at whoever it comes to */
	bye_tell(&s->bye, room, client);
}

/* --- start and stop ------------------------------------------------------------------------------------------ */

static bool listen_all(struct signald *s, char why[256])
{
	struct listener_options o = {
		.at.port = s->cfg->listening_port, .max_connections = s->cfg->max_connections,
		.max_per_address = s->cfg->max_connections_per_address,
	};

	for (size_t i = 0; i < s->cfg->listening_ip.n; i++) {
		char at[ENDPOINT_TEXT];
		struct endpoint real;

		ip_parse(&o.at.ip, span_str(s->cfg->listening_ip.v[i]));	/* config.c has checked it */
		if (http_server_listen(s->http, &o, why) < 0)
			return false;
		real = http_server_at(s->http, (unsigned)i);
		LOG(LOG_INFO, "listening", LOG_STR("at", endpoint_format(&real, at)));
	}
	return tls_identity_listen(&s->tls, s->http, &s->cfg->listening_ip, &o, why) == 0;
}

static void init_parts(struct signald *s, uv_loop_t *loop)
{
	static const struct hub_events events = { .removed = on_removed };
	const struct signald_config *cfg = s->cfg;
	const struct hub_settings settings = {
		.room_capacity = 2, .queue_messages = cfg->queue_messages, .queue_bytes = cfg->queue_bytes,
		.room_bytes = cfg->room_bytes, .grace = cfg->grace, .probe = cfg->probe_timeout,
	};

	loop_wheel_init(&s->wheel, loop);
	(void)uv_prepare_init(loop, &s->prepare);
	s->prepare.data = s;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	bus_local_init(&s->bus);
	hub_init(&s->hub, &settings, &s->wheel.wheel, &s->bus, &events, s);
	s->clients = (struct clients){ .loop = loop, .cfg = cfg, .hub = &s->hub, .wheel = &s->wheel.wheel, .metrics = &s->metrics };
	clients_init(&s->clients);
	s->api = (struct http_api){ .loop = loop, .cfg = cfg, .hub = &s->hub, .clients = &s->clients, .metrics = &s->metrics };
	http_api_init(&s->api);
}

static void say_what_is_missing(const struct signald_config *cfg)
{
	if (cfg->redis == NULL)
		LOG(LOG_INFO, "standalone", LOG_STR("msg", "without Redis: this is the only instance, its rooms are in memory"));
	if (cfg->room_server.n == 0)
		LOG(LOG_WARNING, "no_room_server", LOG_STR("msg", "no room-server: nobody is told when a member is gone, so its "
			"seat there stays taken until it leaves by itself"));
}

void *signald_start(uv_loop_t *loop, const void *config, char why[256])
{
	struct signald *s = calloc(1, sizeof(*s));
	const struct http_limits limits = { .body = ((const struct signald_config *)config)->max_message };

	snprintf(why, 256, "out of memory");
	if (s == NULL)
		return NULL;
	s->cfg = config;
	if (metrics_init(&s->metrics, counter_table, COUNT_N) < 0) {
		free(s);
		return NULL;
	}
	init_parts(s, loop);
	s->http = http_server_new(loop, &limits, &http_api_ops, &s->api);
	if (s->http != NULL && bye_open(&s->bye, loop, s->cfg, &s->metrics) == 0 &&
	    tls_identity_open(&s->tls, loop, &s->cfg->tls, tls_alpn_http, why) == 0) {
		http_server_set_headers(s->http, http_api_headers, HTTP_API_HEADERS);
		if (listen_all(s, why) && fleet_join(&s->fleet, loop, s->cfg, &s->clients, why) == 0) {
			say_what_is_missing(s->cfg);
			return s;
		}
	}
	signald_stop(s);
	(void)uv_run(loop, UV_RUN_DEFAULT);	/* lets the close callbacks run */
	signald_free(s);
	return NULL;
}

void signald_drain(void *self)
{
	struct signald *s = self;

	fleet_drain(&s->fleet);
	http_server_drain(s->http);
	clients_drain(&s->clients);
}

bool signald_drained(void *self)
{
	struct signald *s = self;

	return s->clients.n == 0 && http_server_connections(s->http) == 0 && s->bye.open == 0;
}

static void on_wheel_closed(struct loop_wheel *w)
{
	(void)w;		/* signald_free() comes once the loop is empty */
}

void signald_reload(void *self)
{
	struct signald *s = self;

	tls_identity_reload(&s->tls);
}

void signald_stop(void *self)
{
	struct signald *s = self;

	clients_stop(&s->clients);
	if (s->http != NULL)
		http_server_stop(s->http, NULL);
	bye_close(&s->bye);
	fleet_leave(&s->fleet);
	http_api_close(&s->api);
	tls_identity_stop(&s->tls);
	uv_close((uv_handle_t *)&s->prepare, NULL);
	loop_wheel_close(&s->wheel, on_wheel_closed);
}

void signald_free(void *self)
{
	struct signald *s = self;

	clients_close(&s->clients);
	hub_close(&s->hub);
	fleet_close(&s->fleet);
	tls_identity_free(&s->tls);
	metrics_close(&s->metrics);
	free(s);
}

/* --- admin pages --------------------------------------------------------------------------------------------- */

void signald_metrics(void *self, struct buf *out)
{
	const struct signald *s = self;
	const struct metrics *const all[] = { &s->metrics };

	metrics_print(all, 1, out);
	buf_addf(out, "# HELP signald_rooms rooms with at least one member\n# TYPE signald_rooms gauge\nsignald_rooms %zu\n",
		 s->hub.rooms.n);
	fleet_metrics(&s->fleet, out);
	tls_identity_print_metrics(&s->tls, "signald", out);
}

void signald_status(void *self, struct buf *out)
{
	const struct signald *s = self;
	const struct string_list *urls = &s->cfg->public_url;

	buf_add_str(out, "{\"collider\":");
	http_api_status(&s->api, out);
	buf_addf(out, ",\"rooms\":%zu,\"websockets\":%u,\"draining\":%s,\"public_url\":[", s->hub.rooms.n, s->clients.n,
		 s->clients.draining ? "true" : "false");
	for (size_t i = 0; i < urls->n; i++)
		buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", urls->v[i]);	/* origins need no escaping */
	buf_add_str(out, "]}");
}
