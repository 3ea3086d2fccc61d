#include "roomd/config.h"

#include "common/base/endpoint.h"
#include "common/proto/node_record.h"
#include "common/proto/redis_schema.h"
#include "roomd/room_store.h"
#include "roomd/site.h"

#define FIELD(f) offsetof(struct roomd_config, f)

const struct option roomd_options[] = {
	SERVICE_OPTIONS("9080"),
	OPTION_GROUP("Addresses"),
	{ .name = "listening-ip", .kind = OPT_STRINGS, .offset = FIELD(listening_ip), .def = "127.0.0.1",
	  .help = "address to listen on" },
	{ .name = "listening-port", .kind = OPT_PORT, .offset = FIELD(listening_port), .def = "8080", .min = "0", .max = "65535",
	  .help = "its port; 0: any free one" },
	TLS_OPTIONS(FIELD(tls), "8443"),
	{ .name = "public-url", .kind = OPT_STRINGS, .offset = FIELD(site.public_url), .def = "http://localhost:8080",
	  .help = "base of all links: the one that a request named, else the first" },
	{ .name = "redis", .kind = OPT_STRING, .offset = FIELD(redis),
	  .help = "unix:///path or redis[s]://[user:password@]host[:port]: rooms and the fleet; without it rooms live in this process" },
	{ .name = "signal-server", .kind = OPT_STRINGS, .offset = FIELD(site.signal_server), .def = "ws://localhost:8089",
	  .help = "where clients find signald, and behind a blank, if it is another place, where roomd does: "
		  "\"wss://signal.example.org http://10.0.0.2:8089\"" },
	{ .name = "trusted-signal", .kind = OPT_STRINGS, .offset = FIELD(trusted_signal), .def = "127.0.0.1,::1",
	  .help = "addresses that may POST /bye/<room>/<client>, as signald without Redis and Collider do" },
	OPTION_GROUP("Calls"),
	{ .name = "turn-server", .kind = OPT_STRINGS, .offset = FIELD(site.turn_server),
	  .help = "turn:host[:port][?transport=udp|tcp] or turns:..., given to clients with a credential" },
	{ .name = "stun-server", .kind = OPT_STRINGS, .offset = FIELD(site.stun_server),
	  .help = "stun:host[:port], given to clients" },
	{ .name = "static-auth-secret", .kind = OPT_SECRET, .offset = FIELD(site.static_auth_secret),
	  .help = "the TURN REST secret that turnd has too" },
	{ .name = "api-key", .kind = OPT_SECRETS, .offset = FIELD(site.api_key),
	  .help = "iceconfig and /turn want one of these keys; pages are given the first" },
	{ .name = "credential-lifetime", .kind = OPT_MSEC, .offset = FIELD(site.credential_lifetime), .def = "24h", .min = "1m",
	  .max = "24h", .help = "how long a TURN credential is valid" },
	{ .name = "realm", .kind = OPT_STRING, .offset = FIELD(realm),
	  .help = "realm of the TURN servers, as turnd has it; the host's name if absent" },
	{ .name = "zone", .kind = OPT_STRING, .offset = FIELD(zone), .help = "servers of the same zone are given first" },
	{ .name = "secret-rotation", .kind = OPT_MSEC, .offset = FIELD(secret_rotation), .def = "0", .min = "0", .max = "8760h",
	  .help = "age at which the fleet's TURN secret is replaced (with Redis); 0: only by `roomd rotate-secret`" },
	{ .name = "room-capacity", .kind = OPT_UINT, .offset = FIELD(room_capacity), .def = "2", .min = "2", .max = "8",
	  .help = "members of a room; more than two only for clients that are made for it" },
	OPTION_GROUP("Web client"),
	{ .name = "web-root", .kind = OPT_STRING, .offset = FIELD(web_root),
	  .help = "serve the web client from this folder instead of the built-in one (read at start and on SIGHUP)" },
	OPTION_GROUP("Limits"),
	{ .name = "max-rooms", .kind = OPT_SIZE, .offset = FIELD(max_rooms), .def = "100000", .min = "1", .max = "100m",
	  .help = "rooms kept in memory (without Redis)" },
	{ .name = "max-waiting", .kind = OPT_SIZE, .offset = FIELD(max_waiting), .def = "256m", .min = "1m", .max = "64g",
	  .help = "bytes of waiting messages kept in memory, all rooms together (without Redis)" },
	{ .name = "max-connections", .kind = OPT_UINT, .offset = FIELD(max_connections), .def = "10000", .min = "1",
	  .max = "1000000", .help = "open connections; beyond them new ones are closed" },
	{ .name = "max-connections-per-address", .kind = OPT_UINT, .offset = FIELD(max_connections_per_address), .def = "0",
	  .min = "0", .max = "1000000", .help = "of them, from one IPv4 address or IPv6 /64; 0: no limit" },
	{ .name = "join-rate", .kind = OPT_UINT, .offset = FIELD(join_rate), .def = "10", .min = "0", .max = "1000000",
	  .help = "joins a second from one IPv4 address or IPv6 /64, ten times as many at once; not from loopback; 0: no limit" },
	{ .name = "ice-rate", .kind = OPT_UINT, .offset = FIELD(ice_rate), .def = "2", .min = "0", .max = "1000000",
	  .help = "likewise, requests for ICE servers" },
	{ .name = "signal-deadline", .kind = OPT_MSEC, .offset = FIELD(signal_deadline), .def = "5s", .min = "100ms", .max = "1m",
	  .help = "how long signald may take to accept a message" },
	{ .name = "head-timeout", .kind = OPT_MSEC, .offset = FIELD(head_timeout), .def = "10s", .min = "100ms", .max = "5m",
	  .help = "from the first byte of a request to the end of its header" },
	{ .name = "body-timeout", .kind = OPT_MSEC, .offset = FIELD(body_timeout), .def = "15s", .min = "100ms", .max = "5m",
	  .help = "for the body of a request" },
	{ .name = "idle-timeout", .kind = OPT_MSEC, .offset = FIELD(idle_timeout), .def = "30s", .min = "100ms", .max = "1h",
	  .help = "between two requests of a connection" },
	{ .name = NULL }
};

static void complain(void *ctx, const char *option, size_t i, const char *value, const char *sentence)
{
	if (value != NULL)
		options_bad(ctx, option, i, "'%s' %s", value, sentence);
	else
		options_bad(ctx, option, i, "%s", sentence);
}

static bool addresses_valid(struct options *o, const char *option, const struct string_list *l)
{
	struct ip_addr ip;
	bool good = true;

	for (size_t i = 0; i < l->n; i++)
		if (!ip_parse(&ip, span_str(l->v[i]))) {
			options_bad(o, option, i, "'%s' is not an IP address", l->v[i]);
			good = false;
		}
	return good;
}

static bool only_loopback(const struct string_list *l)
{
	struct ip_addr ip;

	for (size_t i = 0; i < l->n; i++)
		if (!ip_parse(&ip, span_str(l->v[i])) || !ip_is_loopback(&ip))
			return false;
	return true;
}

bool roomd_config_check(struct options *o, void *config)
{
	const struct roomd_config *c = config;
	struct site site;
	bool good = addresses_valid(o, "listening-ip", &c->listening_ip);

	if (!addresses_valid(o, "trusted-signal", &c->trusted_signal) || !tls_options_check(o, &c->tls))
		good = false;
	if (!site_init(&site, &c->site, complain, o))
		good = false;
	site_close(&site);
	if (!only_loopback(&c->listening_ip) && !options_given(o, "public-url")) {
		options_bad(o, "public-url", 0, "must be given where strangers can come in: links are made of it");
		good = false;
	}
	if (c->zone != NULL && !node_zone_valid(span_str(c->zone))) {
		options_bad(o, "zone", 0, "'%s' is not a word of at most %d letters, digits, '.', '_' and '-'", c->zone, NODE_ZONE_MAX);
		good = false;
	}
	if (c->realm != NULL && (c->realm[0] == '\0' || strlen(c->realm) > REDIS_REALM_MAX)) {
		options_bad(o, "realm", 0, "must have 1 to %d bytes", REDIS_REALM_MAX);
		good = false;
	}
	if (c->secret_rotation > 0 && c->secret_rotation * (TURN_SECRETS_MAX - 2) < c->site.credential_lifetime) {
		options_bad(o, "secret-rotation", 0, "is too short for credential-lifetime: at most %d secrets are valid at a time",
			    TURN_SECRETS_MAX);
		good = false;
	}
	if (c->site.turn_server.n > 0 && c->site.static_auth_secret == NULL && c->redis == NULL) {
		options_bad(o, "static-auth-secret", 0, "is missing: without it clients get no credential for the turn-server");
		good = false;
	}
	return good;
}
