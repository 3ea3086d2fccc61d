#include "turnd/config.h"

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/redis/redis_url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD(f) offsetof(struct turnd_config, f)
#define SWITCH(n, f, text) { .name = (n), .kind = OPT_SWITCH, .offset = FIELD(f), .def = "no", .help = (text) }
#define LIST(n, f, text) { .name = (n), .kind = OPT_STRINGS, .offset = FIELD(f), .help = (text) }
#define PORT(n, f, d, low, text) \
	{ .name = (n), .kind = OPT_PORT, .offset = FIELD(f), .def = (d), .min = (low), .max = "65535", .help = (text) }
#define UINT(n, f, d, high, text) \
	{ .name = (n), .kind = OPT_UINT, .offset = FIELD(f), .def = (d), .max = (high), .help = (text) }
#define DROPPED(n, text) { .name = (n), .kind = OPT_DROPPED, .help = (text) }

#define TLS_FIXED "TLS 1.2 or later, ECDHE with AEAD: always"
#define NO_DATABASE "users stand in this file (user = name:password); dynamic ones use REST credentials"
#define NO_CLI "the admin listener (admin-ip, admin-port) has /healthz /readyz /metrics /status"
#define METRICS_ALWAYS "metrics are always on the admin listener: see admin-ip and admin-port"
#define ECDHE_ONLY "no TLS of ours ever uses it"
#define OBSOLETE "it is obsolete or unsafe"

static const char *const algorithm_names[] = { "md5", "sha256", "both", NULL };
static const char *const redirects[] = { "always", "draining", NULL };
static const char *const rest_hashes[] = { "sha1", "sha256", "both", NULL };

const struct option turnd_options[] = {
	SERVICE_OPTIONS("9641"),
	OPTION_GROUP("Addresses and ports"),
	LIST("listening-ip", listening_ip, "address to listen on; all addresses of the host if absent"),
	PORT("listening-port", listening_port, "3478", "1", "UDP and TCP port to listen on"),
	PORT("alt-listening-port", alt_listening_port, "0", "0", "second port; 0: none, or with rfc5780 the one above listening-port"),
	SWITCH("mobility", mobility, "allocations may move to another address, with a ticket (RFC 8016)"),
	SWITCH("rfc5780", rfc5780, "NAT behaviour discovery: needs two listening-ip of one family"),
	PORT("tls-listening-port", tls_listening_port, "5349", "1", "TLS port to listen on; needs cert and pkey"),
	PORT("tcp-proxy-port", tcp_proxy_port, "0", "0", "TCP port for proxies that send a PROXY header; 0: none"),
	PORT("tls-proxy-port", tls_proxy_port, "0", "0", "the same for TLS behind that header; 0: none"),
	{ .name = "trusted-proxy", .kind = OPT_STRINGS, .offset = FIELD(trusted_proxy), .def = "127.0.0.0/8",
	  .help = "address, a-b or a/n whose PROXY header is believed" },
	SWITCH("no-udp", no_udp, "no clients over UDP"),
	SWITCH("no-tcp", no_tcp, "no clients over TCP"),
	SWITCH("no-tls", no_tls, "no clients over TLS"),
	LIST("relay-ip", relay_ip, "address to open relays on; the listening addresses if absent"),
	LIST("external-ip", external_ip, "public[/private]: what clients are told instead of a relay address"),
	PORT("min-port", min_port, "49152", "1024", "lowest relay port"),
	PORT("max-port", max_port, "65535", "1024", "highest relay port"),
	{ .name = "threads", .kind = OPT_UINT, .offset = FIELD(threads), .def = "0", .max = "256", .alias = "relay-threads",
	  .help = "worker threads; 0: one for each processor that may be used" },
	{ .name = "sock-buf-size", .kind = OPT_SIZE, .offset = FIELD(sock_buf_size), .def = "0", .max = "256m",
	  .help = "socket buffers, in bytes; 0: 4m for listeners, 256k for relays" },

	OPTION_GROUP("Certificates"),
	LIST("cert", cert, "PEM file: certificate and chain; may be given once for ECDSA and once for RSA"),
	LIST("pkey", pkey, "PEM file: its key; the same file if absent"),
	{ .name = "pkey-pwd", .kind = OPT_SECRET, .offset = FIELD(pkey_pwd), .help = "password of the key" },

	OPTION_GROUP("Credentials"),
	{ .name = "realm", .kind = OPT_STRING, .offset = FIELD(realm), .help = "the realm; the host's name if absent" },
	{ .name = "user", .kind = OPT_SECRETS, .offset = FIELD(users),
	  .help = "name:password or name:0xKEY (KEY as turnadmin -k prints it)" },
	SWITCH("lt-cred-mech", lt_cred_mech, "long-term credentials (always on; needs user or static-auth-secret)"),
	SWITCH("use-auth-secret", use_auth_secret, "TURN REST credentials (on as soon as there is a secret)"),
	{ .name = "static-auth-secret", .kind = OPT_SECRETS, .offset = FIELD(secrets),
	  .help = "TURN REST secret, the newest first, up to 8" },
	{ .name = "secret-file", .kind = OPT_STRING, .offset = FIELD(secret_file),
	  .help = "file of TURN REST secrets, one a line, the newest first" },
	{ .name = "rest-api-separator", .kind = OPT_STRING, .offset = FIELD(rest_separator), .def = ":",
	  .help = "character between expiry and name of a REST user name" },
	SWITCH("strict-expiry", strict_expiry, "no allocation outlives its REST credential"),
	{ .name = "stale-nonce", .kind = OPT_MSEC, .offset = FIELD(stale_nonce), .def = "600", .min = "0", .max = "24h",
	  .help = "how long a nonce is good; 0: for ever" },
	{ .name = "stateless-nonce-secret", .kind = OPT_SECRETS, .offset = FIELD(nonce_secrets),
	  .help = "shared by servers that shall accept each other's nonces, the newest first, up to 2; random if absent" },
	{ .name = "password-algorithms", .kind = OPT_CHOICE, .offset = FIELD(password_algorithms), .def = "both",
	  .choices = algorithm_names, .help = "what keys are made with: md5 (RFC 5389), sha256 (RFC 8489) or both" },
	{ .name = "rest-hash", .kind = OPT_CHOICE, .offset = FIELD(rest_hash), .def = "sha1", .choices = rest_hashes,
	  .help = "what REST passwords are made with: sha1, sha256 or both" },
	{ .name = "credential-max-lifetime", .kind = OPT_MSEC, .offset = FIELD(credential_max_lifetime), .def = "0", .min = "0",
	  .max = "8760h", .help = "REST credentials that are good for longer are refused; 0: none is" },
	SWITCH("secure-stun", secure_stun, "Binding needs credentials too"),
	SWITCH("no-auth", no_auth, "no credentials at all: on loopback only, or with yes-open-relay"),
	SWITCH("yes-open-relay", yes_open_relay, "I know what an open relay is used for, and want one"),

	OPTION_GROUP("The fleet"),
	{ .name = "redis", .kind = OPT_STRING, .offset = FIELD(redis),
	  .help = "unix:///path or redis://[user:password@]host[:port]: secrets come from there, and roomd finds this server there" },
	{ .name = "zone", .kind = OPT_STRING, .offset = FIELD(zone), .help = "clients of a roomd with the same zone are sent here first" },
	LIST("turn-uri", turn_uri, "turn:host[:port][?transport=udp|tcp] or turns:..., as clients reach this server; "
	     "the listening addresses if absent"),

	OPTION_GROUP("Limits"),
	UINT("user-quota", user_quota, "0", "1000000", "allocations a user may have at a time; 0: no limit"),
	UINT("total-quota", total_quota, "0", "1000000", "allocations there may be at a time; 0: what ports and descriptors allow"),
	UINT("max-permissions", max_permissions, "1024", "65535", "permissions of one allocation"),
	UINT("max-channels", max_channels, "256", "4096", "channels of one allocation"),
	UINT("drain-min-allocations", drain_min_allocations, "0", "1000000", "a draining server ends when so few allocations are left"),
	{ .name = "unauthorized-ratelimit", .kind = OPT_SWITCH, .offset = FIELD(refusal_limit), .def = "yes",
	  .help = "refusals to a source that has not shown a nonce of ours are limited" },
	{ .name = "unauthorized-ratelimit-rps", .kind = OPT_UINT, .offset = FIELD(refusal_rate), .def = "100", .min = "1",
	  .max = "1000000", .help = "how many such refusals a second, and five times as many at once" },
	{ .name = "max-bps", .kind = OPT_SIZE, .offset = FIELD(max_bps), .def = "0", .max = "1024g",
	  .help = "bytes a second that one allocation may relay, each way; 0: no limit" },
	{ .name = "bps-capacity", .kind = OPT_SIZE, .offset = FIELD(bps_capacity), .def = "0", .max = "1024g",
	  .help = "bytes a second that all together may relay, each way; 0: no limit" },
	{ .name = "max-allocate-lifetime", .kind = OPT_MSEC, .offset = FIELD(max_allocate_lifetime), .def = "3600", .min = "600",
	  .max = "24h", .help = "longest lifetime that is granted at a time" },

	{ .name = "max-allocate-timeout", .kind = OPT_MSEC, .offset = FIELD(max_allocate_timeout), .def = "60", .min = "1", .max = "1h",
	  .help = "how long a connection may live without an allocation" },

	OPTION_GROUP("Other servers"),
	LIST("alternate-server", alternates, "address[:port] of another server: clients over UDP and TCP are sent there"),
	LIST("udp-alternate-server", udp_alternates, "likewise, for clients over UDP only"),
	LIST("tcp-alternate-server", tcp_alternates, "likewise, for clients over TCP only"),
	LIST("tls-alternate-server", tls_alternates, "address[:port][/name in its certificate], for clients over TLS and DTLS"),
	{ .name = "redirect", .kind = OPT_CHOICE, .offset = FIELD(redirect), .def = "always", .choices = redirects,
	  .help = "when clients are sent to the alternate servers: always, as coturn does, or draining: while this one ends" },

	OPTION_GROUP("Peers that may be reached"),
	LIST("allowed-peer-ip", allowed_peer_ip, "address, a-b or a/n that may be a peer whatever else says no"),
	LIST("denied-peer-ip", denied_peer_ip, "address, a-b or a/n that may not be a peer"),
	SWITCH("allow-loopback-peers", allow_loopback_peers, "127/8 and ::1 may be peers: for tests"),
	SWITCH("allow-private-peers", allow_private_peers, "10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7 may be peers"),
	SWITCH("allow-multicast-peers", allow_multicast_peers, "224/4 and ff00::/8 may be peers"),

	OPTION_GROUP("Answers"),
	SWITCH("fingerprint", fingerprint, "FINGERPRINT in every answer, not only where the request had one"),
	SWITCH("software-attribute", software_attribute, "answers say what software this is"),
	SWITCH("include-reason-string", include_reason_string, "error answers carry a reason phrase"),
	SWITCH("rfc5766-channel-numbers", rfc5766_channel_numbers, "channel numbers up to 0x7FFF, for old clients"),
	SWITCH("verbose", verbose, "log-level = debug"),

	/* coturn's, not served yet */
	DROPPED("dtls", "DTLS is not served yet"), DROPPED("no-dtls", "DTLS is not served yet"),
	DROPPED("cipher-list", TLS_FIXED), DROPPED("ec-curve-name", TLS_FIXED), DROPPED("CA-file", "clients show no certificates"),
	DROPPED("no-tlsv1", TLS_FIXED), DROPPED("no-tlsv1_1", TLS_FIXED), DROPPED("no-tlsv1_2", TLS_FIXED),
	DROPPED("no-tcp-relay", "UDP is all that this version relays"),
	DROPPED("no-udp-relay", "UDP is all that this version relays"),
	DROPPED("alt-tls-listening-port", "TLS has one port in this version"), DROPPED("no-rfc5780", "it is off anyway"),
	DROPPED("no-stun", "Binding is always answered"),
	DROPPED("stun-only", "not in this version; a secret that nobody is told has the same effect"),
	DROPPED("allocation-default-address-family", "clients that ask for no family get IPv4"),
	DROPPED("redis-userdb", "use redis = redis://[user:password@]host[:port]: its secrets (turn/realm/REALM/secret) are used"),
	DROPPED("redis-statsdb", "use the metrics of the admin listener"),
	/* coturn's, gone */
	DROPPED("no-multicast-peers", "that is the default; allow-multicast-peers undoes it"),
	DROPPED("no-loopback-peers", "that is the default; allow-loopback-peers undoes it"),
	DROPPED("no-software-attribute", "that is the default; software-attribute undoes it"), DROPPED("prod", "that is the default"),
	DROPPED("syslog", "the log goes to standard error or log-file"), DROPPED("simple-log", "log files are never renamed"),
	DROPPED("new-log-timestamp", "the log always has full time stamps"), DROPPED("no-stdout-log", "see log-file"),
	DROPPED("daemon", "turnd stays in the foreground: leave that to systemd or a container"),
	DROPPED("cpus", "use threads"), DROPPED("prometheus", METRICS_ALWAYS), DROPPED("prometheus-address", METRICS_ALWAYS),
	DROPPED("prometheus-port", METRICS_ALWAYS), DROPPED("prometheus-path", METRICS_ALWAYS),
	DROPPED("prometheus-username-labels", "labels never come from users: that would grow without limit"),
	DROPPED("userdb", NO_DATABASE), DROPPED("psql-userdb", NO_DATABASE), DROPPED("mysql-userdb", NO_DATABASE),
	DROPPED("mongo-userdb", NO_DATABASE), DROPPED("secret-key-file", NO_DATABASE),
	DROPPED("no-cli", NO_CLI), DROPPED("cli-ip", NO_CLI), DROPPED("cli-port", NO_CLI), DROPPED("cli-password", NO_CLI),
	DROPPED("cli-max-output-sessions", NO_CLI), DROPPED("web-admin", NO_CLI), DROPPED("web-admin-ip", NO_CLI),
	DROPPED("web-admin-port", NO_CLI), DROPPED("web-admin-listen-on-workers", NO_CLI),
	DROPPED("tlsv1", ECDHE_ONLY), DROPPED("tlsv1_1", ECDHE_ONLY), DROPPED("dh566", ECDHE_ONLY), DROPPED("dh1066", ECDHE_ONLY),
	DROPPED("dh2066", ECDHE_ONLY), DROPPED("dh-file", ECDHE_ONLY), DROPPED("aux-server", OBSOLETE),
	DROPPED("udp-self-balance", OBSOLETE), DROPPED("server-relay", OBSOLETE), DROPPED("check-origin", OBSOLETE),
	DROPPED("stun-backward-compatibility", OBSOLETE), DROPPED("rfc3489-compatibility", OBSOLETE),
	DROPPED("listening-device", "use listening-ip"), DROPPED("relay-device", "use relay-ip"),
	DROPPED("oauth", "RFC 7635 is not served"), DROPPED("server-name", "RFC 7635 is not served"),
	{ .name = NULL }
};

void config_complain(const struct complaints *say, const char *option, size_t i, const char *sentence, ...)
{
	char text[256];
	va_list args;

	if (say == NULL)
		return;
	va_start(args, sentence);
	vsnprintf(text, sizeof(text), sentence, args);
	va_end(args);
	say->say(say->ctx, option, i, text);
}

static void say_at_option(void *ctx, const char *option, size_t i, const char *sentence)
{
	options_bad(ctx, option, i, "%s", sentence);
}

static bool check_credentials(struct options *o, const struct turnd_config *c, bool loopback)
{
	bool any = c->users.n + c->secrets.n > 0 || c->secret_file != NULL || c->redis != NULL;

	if (c->no_auth && !loopback && !c->yes_open_relay) {
		options_bad(o, "no-auth", 0, "a relay without credentials that others can reach is abused within hours; "
			    "if that is wanted, say yes-open-relay too");
		return false;
	}
	if (c->use_auth_secret && c->secrets.n == 0 && c->secret_file == NULL && c->redis == NULL) {
		options_bad(o, "use-auth-secret", 0, "there is no secret: give static-auth-secret, secret-file or redis");
		return false;
	}
	if (any || c->no_auth)
		return true;
	if (!loopback) {
		options_bad(o, "static-auth-secret", 0, "there is neither a secret nor a user, and no default: "
			    "give static-auth-secret, secret-file, redis or user");
		return false;
	}
	options_warn(o, "static-auth-secret", 0, "there is neither a secret nor a user: nobody can allocate, only Binding is answered");
	return true;
}

static bool check_fleet(struct options *o, const struct turnd_config *c)
{
	struct redis_node node;
	char why[160];
	bool ok = true;

	if (c->redis != NULL && !redis_url_parse(span_str(c->redis), &node, why)) {
		options_bad(o, "redis", 0, "%s", why);
		ok = false;
	}
	secret_wipe(&node, sizeof(node));
	if (c->zone != NULL && !node_zone_valid(span_str(c->zone))) {
		options_bad(o, "zone", 0, "'%s' is not a word of at most %d letters, digits, '.', '_' and '-'", c->zone, NODE_ZONE_MAX);
		ok = false;
	}
	if (c->turn_uri.n > NODE_URLS_MAX) {
		options_bad(o, "turn-uri", NODE_URLS_MAX, "more than %d", NODE_URLS_MAX);
		ok = false;
	}
	for (size_t i = 0; i < c->turn_uri.n; i++)
		if (!node_url_valid(NODE_TURN, span_str(c->turn_uri.v[i]))) {
			options_bad(o, "turn-uri", i, "'%s' is not turn:host[:port][?transport=udp|tcp] or turns:...", c->turn_uri.v[i]);
			ok = false;
		}
	return ok;
}

bool config_tls(const struct turnd_config *c, struct tls_server_options *out)
{
	*out = (struct tls_server_options){ .password = c->pkey_pwd, .alpn = { "stun.turn", "stun.nat-discovery" } };
	for (; out->n_pairs < c->cert.n && out->n_pairs < TLS_PAIRS_MAX; out->n_pairs++)
		out->pairs[out->n_pairs] = (struct tls_pair_files){
			c->cert.v[out->n_pairs], c->pkey.n > 0 ? c->pkey.v[out->n_pairs] : c->cert.v[out->n_pairs] };
	return out->n_pairs > 0;
}

/* That the files can be used is seen at the start, as it may be another user who checks. */
static bool check_certificates(struct options *o, const struct turnd_config *c)
{
	if (c->cert.n > TLS_PAIRS_MAX) {
		options_bad(o, "cert", TLS_PAIRS_MAX, "more than %d certificates", TLS_PAIRS_MAX);
		return false;
	}
	if (c->pkey.n == 0 || c->pkey.n == c->cert.n)
		return true;
	options_bad(o, "pkey", 0, "there are %zu keys for %zu certificates", c->pkey.n, c->cert.n);
	return false;
}

bool turnd_check(struct options *o, void *config)
{
	struct ip_range *proxies;
	struct turnd_config *c = config;
	const struct complaints say = { say_at_option, o };
	const struct interfaces host = { .n = 0 };	/* what is found on this host is not the configuration's fault */
	const uint8_t no_key[32] = { 0 };
	struct endpoint listeners[ADDRESSES_MAX];
	struct relay_pair relays[ADDRESSES_MAX];
	struct turnd_settings *s;
	size_t n = config_listeners(c, listeners, &say), n_relays;
	bool ok = n > 0;

	if (c->min_port > c->max_port) {
		options_bad(o, "min-port", 0, "%u is above max-port, %u", c->min_port, c->max_port);
		ok = false;
	}
	if (c->no_udp && c->no_tcp && (c->no_tls || c->cert.n == 0)) {
		options_bad(o, "no-udp", 0, "nothing is left that could be served");
		ok = false;
	}
	ok = check_certificates(o, c) && ok;
	proxies = config_ranges(&c->trusted_proxy, "trusted-proxy", &say);
	ok = proxies != NULL && ok;
	free(proxies);
	if (c->verbose && !options_given(o, "log-level"))
		c->service.log_level = LOG_DEBUG;
	ok = config_relays(c, &host, relays, &n_relays, &say) && ok;
	ok = check_fleet(o, c) && ok;
	ok = (n == 0 || check_credentials(o, c, config_is_loopback(listeners, n))) && ok;
	s = turnd_settings_new(c, &host, no_key, NULL, &say);
	for (size_t i = 0; s != NULL && i < c->users.n; i++)
		if ((s->turn.algorithms & ALGORITHM_SHA256) && s->users[i].sha256.len == 0)
			options_warn(o, "user", i, "has a key for MD5 only, and RFC 8489 clients will try SHA-256: give the password, "
				     "or a key of 64 digits, or say password-algorithms = md5");
	turnd_settings_free(s);
	return s != NULL && ok;
}
