#include "signald/config.h"

#include "common/base/endpoint.h"
#include "common/base/origin.h"
#include "common/crypto/digest.h"
#include "common/proto/node_record.h"
#include "common/redis/redis_url.h"
#include "signald/hub.h"
#include "signald/ws_handshake.h"

#define ROW(text, type, field, value, low, high, line) { \
	.name = (text), .kind = (type), .offset = offsetof(struct signald_config, field), .def = (value), \
	.min = (low), .max = (high), .help = (line) }

const struct option signald_options[] = {
	SERVICE_OPTIONS("9089"),
	/* name, kind, field, default, min, max, help */
	OPTION_GROUP("Listeners"),
	ROW("listening-ip", OPT_STRINGS, listening_ip, "127.0.0.1", NULL, NULL,
	  "address to listen on"),
	ROW("listening-port", OPT_PORT, listening_port, "8089", "0", "65535",
	  "port for WebSocket and HTTP"),
	TLS_OPTIONS(offsetof(struct signald_config, tls), "8090"),
	ROW("public-url", OPT_STRINGS, public_url, NULL, NULL, NULL,
	  "ws://host:port or wss://host:port, as clients reach this server"),
	ROW("room-server", OPT_STRINGS, room_server, NULL, NULL, NULL,
	  "http://host:port that is told of every removed member (POST /bye/<room>/<client>)"),
	ROW("allowed-origin", OPT_STRINGS, allowed_origin, NULL, NULL, NULL,
	  "only WebSockets of pages from here: scheme://host[:port], or 'none' for clients without an Origin"),
	ROW("max-connections", OPT_UINT, max_connections, "0", "0", "10000000",
	  "connections at a time per listener; 0: as many as descriptors allow"),
	ROW("max-connections-per-address", OPT_UINT, max_connections_per_address, "0", "0", "10000000",
	  "of these from one IPv4 address or IPv6 /64; 0: no limit"),
	OPTION_GROUP("The fleet"),
	ROW("redis", OPT_STRING, redis, NULL, NULL, NULL,
	  "unix:///path or redis[s]://[user:password@]host[:port]: roomd finds this server there"),
	ROW("zone", OPT_STRING, zone, NULL, NULL, NULL,
	  "rooms of a roomd with the same zone come here first"),
	ROW("internal-url", OPT_STRING, internal_url, NULL, NULL, NULL,
	  "http://host:port, where roomd reaches this server; the first public-url if that is plain"),
	OPTION_GROUP("Limits"),
	ROW("max-message", OPT_SIZE, max_message, "256k", "1k", "16m",
	  "longest message: of a WebSocket, or body of a POST"),
	ROW("queue-messages", OPT_UINT, queue_messages, "1024", "1", "1000000",
	  "messages of one sender that may wait for its peer"),
	ROW("queue-bytes", OPT_SIZE, queue_bytes, "1m", "1k", "1g", "their bytes"),
	ROW("room-bytes", OPT_SIZE, room_bytes, "2m", "1k", "2g", "bytes of all that wait in one room"),
	ROW("unsent-hold", OPT_SIZE, unsent_hold, "256k", "1k", "1g",
	  "with more unsent bytes to a client, its peer is not read"),
	ROW("unsent-limit", OPT_SIZE, unsent_limit, "1m", "1k", "1g",
	  "a client that would have more unsent bytes is closed (1008)"),
	OPTION_GROUP("Times"),
	ROW("stall-timeout", OPT_MSEC, stall_timeout, "10s", "100ms", "1h",
	  "a client that takes nothing of its unsent bytes for so long is closed (1008)"),
	ROW("grace", OPT_MSEC, grace, "10s", "100ms", "1h",
	  "how long a member without a connection keeps its place"),
	ROW("register-timeout", OPT_MSEC, register_timeout, "60s", "100ms", "24h",
	  "a WebSocket that has not registered by then is closed"),
	ROW("ping-interval", OPT_MSEC, ping_interval, "30s", "100ms", "1h",
	  "time between pings to a registered client"),
	ROW("ping-misses", OPT_UINT, ping_misses, "3", "1", "100",
	  "a client that leaves so many pings in a row unanswered is dropped"),
	ROW("probe-timeout", OPT_MSEC, probe_timeout, "3s", "100ms", "1m",
	  "how long a connection may be silent while its client registers on another"),
	ROW("close-timeout", OPT_MSEC, close_timeout, "2s", "100ms", "1m",
	  "how long to wait for a client's answer to our Close frame"),
	ROW("drain-spread", OPT_MSEC, drain_spread, "5s", "0", "1h",
	  "on SIGTERM clients are closed one after the other over this time (1001)"),
	{ .name = NULL }
};

static bool check_addresses(struct options *o, const struct signald_config *c)
{
	bool good = true;
	struct ip_addr ip;

	for (size_t i = 0; i < c->listening_ip.n; i++) {
		if (ip_parse(&ip, span_str(c->listening_ip.v[i])))
			continue;
		options_bad(o, "listening-ip", i, "'%s' is not an IP address", c->listening_ip.v[i]);
		good = false;
	}
	return good;
}

/* As a browser writes it, for it is compared as it stands. */
static bool origin_exact(const char *text)
{
	char exact[ORIGIN_TEXT_SIZE];
	struct origin o;

	return origin_parse(&o, span_str(text), false) && strcmp(origin_format(&o, false, o.tls, exact), text) == 0;
}

static bool check_urls(struct options *o, const struct signald_config *c)
{
	bool good = true;
	struct origin u;

	for (size_t i = 0; i < c->public_url.n; i++) {
		if (origin_parse(&u, span_str(c->public_url.v[i]), true))
			continue;
		options_bad(o, "public-url", i, "'%s' is not ws://host:port or wss://host:port", c->public_url.v[i]);
		good = false;
	}
	for (size_t i = 0; i < c->room_server.n; i++) {
		if (origin_parse(&u, span_str(c->room_server.v[i]), false) && !u.tls)
			continue;
		options_bad(o, "room-server", i, "'%s' is not http://host:port", c->room_server.v[i]);
		good = false;
	}
	for (size_t i = 0; i < c->allowed_origin.n; i++) {
		const char *text = c->allowed_origin.v[i];
		if (strcmp(text, WS_ORIGIN_NONE) == 0 || origin_exact(text))
			continue;
		options_bad(o, "allowed-origin", i, "'%s' is not an origin as browsers send it: scheme://host in lower case, "
			    ":port unless it is the scheme's own, no slash behind it; or 'none'", text);
		good = false;
	}
	return good;
}

static bool check_fleet(struct options *o, const struct signald_config *c)
{
	struct redis_node node;
	struct origin u;
	char why[160];
	bool good = true;

	if (c->zone != NULL && !node_zone_valid(span_str(c->zone))) {
		options_bad(o, "zone", 0, "'%s' is not a word of at most %d letters, digits, '.', '_' and '-'", c->zone, NODE_ZONE_MAX);
		good = false;
	}
	if (c->internal_url != NULL && (!origin_parse(&u, span_str(c->internal_url), false) || u.tls)) {
		options_bad(o, "internal-url", 0, "'%s' is not http://host:port", c->internal_url);
		good = false;
	}
	if (c->redis == NULL)
		return good;
	if (!redis_url_parse(span_str(c->redis), &node, why)) {
		options_bad(o, "redis", 0, "%s", why);
		good = false;
	}
	secret_wipe(&node, sizeof(node));
	if (c->public_url.n == 0 || c->public_url.n >= NODE_URLS_MAX) {
		options_bad(o, "public-url", 0, "must be given with redis, at most %d times: roomd sends clients there", NODE_URLS_MAX - 1);
		good = false;
	} else if (c->internal_url == NULL && origin_parse(&u, span_str(c->public_url.v[0]), true) && u.tls) {
		options_bad(o, "internal-url", 0, "must be given with redis: the first public-url is reached by TLS, roomd speaks plain HTTP");
		good = false;
	}
	return good;
}

static bool check_sizes(struct options *o, const struct signald_config *c)
{
	size_t longest = config_max_escaped(c) + HUB_MESSAGE_COST;

	if (c->unsent_hold >= c->unsent_limit) {
		options_bad(o, "unsent-hold", 0, "must be below unsent-limit (%zu bytes)", c->unsent_limit);
		return false;
	}
	if (c->unsent_limit < c->queue_bytes || c->unsent_limit < longest) {
		options_bad(o, "unsent-limit", 0, "must be at least queue-bytes (%zu) and twice max-message (%zu): one queue, or "
			    "one message, must fit", c->queue_bytes, longest);
		return false;
	}
	if (c->queue_bytes < longest) {
		options_bad(o, "queue-bytes", 0, "must be at least twice max-message (%zu): one message must fit", longest);
		return false;
	}
	return true;
}

bool signald_config_check(struct options *o, void *config)
{
	const struct signald_config *c = config;
	bool addresses = check_addresses(o, c), urls = check_urls(o, c), sizes = check_sizes(o, c), tls = tls_options_check(o, &c->tls);

	return check_fleet(o, c) && addresses && urls && sizes && tls;
}
