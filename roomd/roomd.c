#include "roomd/roomd.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/daemon/service.h"
#include "roomd/commands.h"
#include "roomd/handler.h"
#include "roomd/json_write.h"
#include "roomd/page.h"
#include "roomd/routes.h"
#include "roomd/store_memory.h"
#include "roomd/store_redis.h"

enum { TICK_MS = 1000 };

#define JOINS "roomd_joins_total", .type = METRIC_COUNTER
#define MESSAGES "roomd_messages_total", .type = METRIC_COUNTER
#define BYES "roomd_byes_total", .type = METRIC_COUNTER
#define ICE_ANSWERS "roomd_ice_answers_total", .type = METRIC_COUNTER
#define ANSWERS "roomd_http_answers_total", .type = METRIC_COUNTER

const struct metric_desc roomd_metrics[ROOMD_METRICS] = {
	[M_JOIN_SUCCESS] = { JOINS, .labels = "result=\"success\"", .help = "Joins, by their answer" },
	[M_JOIN_FULL] = { JOINS, .labels = "result=\"full\"" },
	[M_JOIN_UNAVAILABLE] = { JOINS, .labels = "result=\"unavailable\"" },
	[M_JOIN_ERROR] = { JOINS, .labels = "result=\"error\"" },
	[M_REJOIN] = { "roomd_rejoins_total", .type = METRIC_COUNTER, .help = "Seats taken back by their client id" },
	[M_MESSAGE_STORED] = { MESSAGES, .labels = "result=\"stored\"", .help = "Messages of members, by what became of them" },
	[M_MESSAGE_FORWARDED] = { MESSAGES, .labels = "result=\"forwarded\"" },
	[M_MESSAGE_REFUSED] = { MESSAGES, .labels = "result=\"refused\"" },
	[M_MESSAGE_FAILED] = { MESSAGES, .labels = "result=\"failed\"" },
	[M_LEAVE] = { "roomd_leaves_total", .type = METRIC_COUNTER, .help = "POST /leave" },
	[M_BYE] = { BYES, .labels = "result=\"taken\"", .help = "POST /bye of a signaling server" },
	[M_BYE_REFUSED] = { BYES, .labels = "result=\"refused\"" },
	[M_ICE] = { ICE_ANSWERS, .labels = "result=\"given\"", .help = "Answers about ICE servers" },
	[M_ICE_REFUSED] = { ICE_ANSWERS, .labels = "result=\"refused\"" },
	[M_RATE_LIMITED] = { "roomd_rate_limited_total", .type = METRIC_COUNTER,
			     .help = "Requests refused because their address asks too often" },
	[M_HTTP_2XX] = { ANSWERS, .labels = "class=\"2xx\"", .help = "HTTP answers" },
	[M_HTTP_3XX] = { ANSWERS, .labels = "class=\"3xx\"" },
	[M_HTTP_4XX] = { ANSWERS, .labels = "class=\"4xx\"" },
	[M_HTTP_5XX] = { ANSWERS, .labels = "class=\"5xx\"" },
	[M_ROOMS] = { "roomd_rooms", .type = METRIC_GAUGE, .help = "Rooms in this process; with Redis they are there" },
	[M_FORWARD_BYTES] = { "roomd_forward_waiting_bytes", .type = METRIC_GAUGE, .help = "Messages that signald has not taken yet" },
	[M_TURN_SERVERS] = { "roomd_fleet_servers", .labels = "kind=\"turn\"", .type = METRIC_GAUGE,
			     .help = "Live servers of the fleet to which clients are sent" },
	[M_SIGNAL_SERVERS] = { "roomd_fleet_servers", .labels = "kind=\"signal\"", .type = METRIC_GAUGE },
	[M_CONNECTIONS] = { "roomd_http_connections", .type = METRIC_GAUGE, .help = "Open HTTP connections" },
};

/* --- requests --------------------------------------------------------------------------------------------- */

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	routes_handle(owner, x, r);
}

static void on_gone(void *owner, struct http_exchange *x)
{
	struct call *c = http_exchange_context(x);

	(void)owner;
	if (c != NULL)
		c->x = NULL;
}

static void on_answered(void *owner, int status)
{
	struct roomd *d = owner;

	if (status >= 200 && status < 600)
		metric_add(&d->metrics, (size_t)(M_HTTP_2XX + status / 100 - 2), 1);
}

static const struct http_server_ops http_ops = { .request = on_request, .gone = on_gone, .answered = on_answered };

static const struct http_header every_answer[] = {
	{ SPAN_INIT("X-Content-Type-Options"), SPAN_INIT("nosniff") },
	{ SPAN_INIT("Referrer-Policy"), SPAN_INIT("no-referrer") },
	{ SPAN_INIT("X-Frame-Options"), SPAN_INIT("DENY") },
};

static int http_open(struct roomd *d, char why[256])
{
	const struct roomd_config *c = d->config;
	const struct http_limits limits = {
		.body = ROOM_MESSAGE_MAX, .head_time = c->head_timeout, .body_time = c->body_timeout, .idle_time = c->idle_timeout,
	};
	struct listener_options o = {
		.max_connections = c->max_connections, .max_per_address = c->max_connections_per_address,
	};

	d->http = http_server_new(d->loop, &limits, &http_ops, d);
	if (d->http == NULL)
		return -1;
	http_server_set_headers(d->http, every_answer, sizeof(every_answer) / sizeof(every_answer[0]));
	o.at.port = c->listening_port;
	for (size_t i = 0; i < c->listening_ip.n; i++) {
		ip_parse(&o.at.ip, span_str(c->listening_ip.v[i]));
		if (http_server_listen(d->http, &o, why) != 0)
			return -1;
		struct endpoint at = http_server_at(d->http, (unsigned)i);
		LOG(LOG_INFO, "listening", LOG_ENDPOINT("at", &at), LOG_STR("public_url", c->site.public_url.v[0]));
	}
	return tls_identity_listen(&d->tls, d->http, &c->listening_ip, &o, why);
}

/* --- start and stop ---------------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *t)
{
	struct roomd *d = t->data;

	store_memory_advance(d->store, uv_now(d->loop));
}

static void on_redis_state(void *owner, bool up)
{
	struct roomd *d = owner;

	if (d->store != NULL)
		store_redis_state(d->store, up);
}

static void on_fleet_changed(void *owner)
{
	struct roomd *d = owner;
	struct buf policy;

	signal_link_prune(d->signal);
	buf_init(&policy, PAGE_POLICY_LIMIT);
	if (page_write_policy(&d->site, &policy)) {
		buf_close(&d->policy);
		d->policy = policy;
		return;
	}
	buf_close(&policy);
	if (!d->policy_is_old)
		LOG(LOG_WARNING, "fleet_policy", LOG_STR("msg", "too many signaling servers for one Content-Security-Policy, or no memory"));
	d->policy_is_old = true;
}

static int store_open(struct roomd *d, char why[256])
{
	const struct store_memory_limits limits = {
		.rooms = d->config->max_rooms, .bytes = d->config->max_waiting, .life = ROOM_LIFE,
	};

	if (d->config->redis == NULL) {
		LOG(LOG_INFO, "standalone", LOG_STR("msg", "no redis: rooms live in this process, so there can be one roomd only"));
		d->store = store_memory_new(&limits, uv_now(d->loop));
		return d->store != NULL ? 0 : -1;
	}
	d->route = redis_route_new(d->loop, d->config->redis, NULL, on_redis_state, d, why);
	if (d->route == NULL)
		return -1;
	snprintf(why, 256, "no memory");
	d->store = store_redis_new(d->route, ROOM_LIFE);
	return d->store != NULL ? 0 : -1;
}

static bool fleet_open(struct roomd *d)
{
	if (d->route == NULL)
		return true;
	d->fleet = fleet_new(d->route, d->config, &d->site, on_fleet_changed, d);
	return d->fleet != NULL && fleet_complete(d->fleet);
}

static void route_gone(void *ctx)
{
	(void)ctx;
}

static void roomd_stop(void *self)
{
	struct roomd *d = self;

	if (d->http != NULL)
		http_server_stop(d->http, NULL);
	if (d->store != NULL)
		d->store->ops->stop(d->store, NULL, NULL);
	d->store = NULL;
	if (d->fleet != NULL)
		fleet_stop(d->fleet);
	if (d->route != NULL)
		redis_route_stop(d->route, route_gone, NULL);
	if (d->signal != NULL)
		signal_link_stop(d->signal, NULL, NULL);
	tls_identity_stop(&d->tls);
	uv_close((uv_handle_t *)&d->tick, NULL);
}

static void roomd_free(void *self)
{
	struct roomd *d = self;

	tls_identity_free(&d->tls);
	assets_free(d->assets);
	buf_close(&d->policy);
	fleet_free(d->fleet);
	site_close(&d->site);
	metrics_close(&d->metrics);
	rate_limit_close(&d->rates);
	free(d);
}

static void no_complaint(void *ctx, const char *option, size_t i, const char *value, const char *sentence)
{
	(void)ctx, (void)option, (void)i, (void)value, (void)sentence;	/* roomd_config_check() has said it */
}

static void *roomd_start(uv_loop_t *loop, const void *config, char why[256])
{
	struct roomd *d = calloc(1, sizeof(*d));

	snprintf(why, 256, "no memory");
	if (d == NULL)
		return NULL;
	d->loop = loop;
	d->config = config;
	buf_init(&d->policy, PAGE_POLICY_LIMIT);
	uv_timer_init(loop, &d->tick);
	d->tick.data = d;
	if (!site_init(&d->site, &d->config->site, no_complaint, NULL) ||
	    metrics_init(&d->metrics, roomd_metrics, ROOMD_METRICS) != 0 || !rate_limit_init(&d->rates) ||
	    !page_write_policy(&d->site, &d->policy))
		goto stop;
	d->assets = assets_load(d->config->web_root, why);
	if (d->assets == NULL || store_open(d, why) != 0)
		goto stop;
	snprintf(why, 256, "no memory");
	d->signal = signal_link_new(loop, &d->site, d->config->signal_deadline);
	if (d->signal == NULL || !fleet_open(d) || tls_identity_open(&d->tls, loop, &d->config->tls, tls_alpn_http, why) != 0 ||
	    http_open(d, why) != 0)
		goto stop;
	if (d->route == NULL)
		uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
	return d;

stop:
	roomd_stop(d);
	uv_run(loop, UV_RUN_DEFAULT);	/* lets the close callbacks run */
	roomd_free(d);
	return NULL;
}

static void roomd_drain(void *self)
{
	struct roomd *d = self;

	http_server_drain(d->http);
}

static bool roomd_drained(void *self)
{
	struct roomd *d = self;

	return http_server_connections(d->http) == 0;
}

static void roomd_reload(void *self)
{
	struct roomd *d = self;
	char why[256];
	struct assets *fresh;

	tls_identity_reload(&d->tls);
	if (d->config->web_root == NULL)
		return;
	fresh = assets_load(d->config->web_root, why);
	if (fresh == NULL) {
		LOG(LOG_ERROR, "web_root_kept", LOG_STR("msg", why));
		return;
	}
	assets_free(d->assets);
	d->assets = fresh;
}

/* --- the admin pages --------------------------------------------------------------------------------------- */

static bool roomd_ready(void *self, const char **why_not)
{
	struct roomd *d = self;

	*why_not = "stopping";
	if (d->store == NULL || !d->store->ops->ready(d->store, why_not))
		return false;
	*why_not = "Redis has not said yet which servers there are";
	return d->fleet == NULL || fleet_loaded(d->fleet);
}

static void roomd_print_fleet(void *self, struct buf *out)
{
	const struct roomd *d = self;

	fleet_print(d->fleet, clock_unix() * 1000, out);
}

static size_t rooms_here(const struct roomd *d)
{
	return d->route == NULL && d->store != NULL ? store_memory_rooms(d->store) : 0;
}

static void roomd_print_metrics(void *self, struct buf *out)
{
	struct roomd *d = self;
	const struct metrics *sets[] = { &d->metrics };

	metric_set(&d->metrics, M_ROOMS, rooms_here(d));
	metric_set(&d->metrics, M_CONNECTIONS, http_server_connections(d->http));
	metric_set(&d->metrics, M_FORWARD_BYTES, signal_link_counts(d->signal).waiting);
	metric_set(&d->metrics, M_TURN_SERVERS, d->site.servers.n_turn);
	metric_set(&d->metrics, M_SIGNAL_SERVERS, d->site.servers.n_signal);
	metrics_print(sets, 1, out);
	tls_identity_print_metrics(&d->tls, "roomd", out);
}

static void roomd_print_status(void *self, struct buf *out)
{
	struct roomd *d = self;
	char number[24];

	json_open(out, NULL, '{');
	json_string(out, "version", span_str(SUITE_VERSION));
	json_string(out, "realm", span_str(d->config->realm != NULL ? d->config->realm : ""));
	json_string(out, "store", span_str(d->route == NULL ? "memory" : "redis"));
	snprintf(number, sizeof(number), "%zu", rooms_here(d));
	json_raw(out, "rooms", number);
	snprintf(number, sizeof(number), "%u", http_server_connections(d->http));
	json_raw(out, "connections", number);
	json_close(out, '}');
}

static const struct admin_page pages[] = { { "/fleet", roomd_print_fleet }, { .path = NULL } };

const struct service roomd_service = {
	.name = "roomd",
	.purpose = "AppRTC-compatible room server: pages, rooms, ICE servers",
	.options = roomd_options,
	.config_size = sizeof(struct roomd_config),
	.commands = roomd_commands,
	.check = roomd_config_check,
	.start = roomd_start,
	.drain = roomd_drain,
	.drained = roomd_drained,
	.reload = roomd_reload,
	.stop = roomd_stop,
	.free = roomd_free,
	.admin = { .ready = roomd_ready, .metrics = roomd_print_metrics, .status = roomd_print_status, .pages = pages },
};
