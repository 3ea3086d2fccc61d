#include "turnd/io/workers.h"

#include "common/base/log.h"
#include "common/base/random.h"
#include "common/crypto/digest.h"
#include "common/crypto/tls_server.h"
#include "turnd/core/counters.h"
#include "turnd/core/quota.h"
#include "turnd/io/cpus.h"
#include "turnd/io/path_udp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	LISTENER_BUFFER = 4 << 20, RELAY_BUFFER = 256 << 10,
	/* Descriptors that relays may not take: the log, admin connections, and what each worker has beside its listeners. */
	RESERVED = 256, RESERVED_WORKER = 8
};

static const msec_t CERTIFICATES_POLL = SECONDS(10);

static void say_first(void *ctx, const char *option, size_t i, const char *sentence)
{
	char *why = ctx;
	(void)i;

	if (why[0] == '\0')
		snprintf(why, 256, "%s: %s", option, sentence);
}

/* Relay addresses that the configuration names must work; of those found on the host, at least one. */
static bool open_relay_addresses(struct workers *ws, const struct interfaces *host, char why[256])
{
	const struct turnd_config *c = ws->config;
	const struct complaints say = { say_first, why };
	struct relay_pair pairs[ADDRESSES_MAX];
	size_t n;

	if (!config_relays(c, host, pairs, &n, &say))
		return false;
	for (size_t i = 0; i < n; i++) {
		char text[IP_TEXT];
		int rc = relay_address_probe(&pairs[i].ip);
		if (rc != 0 && c->relay_ip.n > 0) {
			snprintf(why, 256, "relay-ip: %s cannot be used: %s", ip_format(&pairs[i].ip, text), strerror(rc));
			return false;
		}
		if (rc == 0 && relay_addresses_add(&ws->addresses, &pairs[i].ip, &pairs[i].advertised, c->min_port, c->max_port,
						   ws->n) < 0) {
			snprintf(why, 256, "no memory for the relay ports of %s", ip_format(&pairs[i].ip, text));
			return false;
		}
	}
	if (ws->addresses.n > 0)
		return true;
	snprintf(why, 256, "no relay address: no address of this host can be used for relays; give relay-ip");
	return false;
}

/* A second process would silently join the group and take half the flows. */
static bool ports_are_free(const struct endpoint *listeners, size_t n, char why[256])
{
	for (size_t i = 0; i < n; i++) {
		char text[ENDPOINT_TEXT];
		int rc = path_udp_probe(&listeners[i]);
		if (rc == 0)
			continue;
		snprintf(why, 256, "cannot listen on %s (UDP): %s", endpoint_format(&listeners[i], text),
			 rc == EADDRINUSE ? "address already in use: is another TURN server running there?" : strerror(rc));
		return false;
	}
	return true;
}

/* Without listening-ip, IPv6 is wanted only if the host has it. */
static size_t listeners_of(const struct turnd_config *c, struct endpoint out[ADDRESSES_MAX])
{
	size_t n = config_listeners(c, out, NULL), left = 0;
	int rc = c->listening_ip.n == 0 ? path_udp_probe(&out[1]) : 0;

	if (rc != EAFNOSUPPORT && rc != EADDRNOTAVAIL)
		return n;
	for (size_t i = 0; i < n; i++)
		if (out[i].ip.family == 4)
			out[left++] = out[i];
	return left;
}

static unsigned descriptor_limit(unsigned workers, size_t listeners)
{
	struct rlimit l;
	unsigned reserve = RESERVED + (RESERVED_WORKER + (unsigned)listeners) * workers;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return 1024 - RESERVED;
	if (l.rlim_cur == RLIM_INFINITY || l.rlim_cur > 1 << 24)
		return 1 << 24;
	return l.rlim_cur > 2 * reserve ? (unsigned)l.rlim_cur - reserve : (unsigned)l.rlim_cur / 2;
}

/* Connections without an allocation may never take the descriptors that relays need. */
static unsigned strangers_max(const struct workers *ws)
{
	unsigned half = ws->addresses.max_sockets / 2;
	return half < STRANGERS_MAX ? half : STRANGERS_MAX;
}

static void limit_capacity(struct workers *ws, struct turnd_settings *s, const struct turnd_config *c)
{
	atomic_store(&ws->capacity.bytes_per_second, c->bps_capacity);
	s->turn.capacity = &ws->capacity;
}

static bool make_shared(struct workers *ws, size_t listeners, char why[256])
{
	const struct complaints say = { say_first, why };
	struct interfaces host;

	interfaces_read(&host);
	random_bytes(ws->nonce_key, sizeof(ws->nonce_key));
	ws->addresses.max_sockets = descriptor_limit(ws->n, listeners);
	ws->strangers.max = strangers_max(ws);
	if ((ws->quota = quota_new(ws->config->user_quota, ws->config->total_quota)) == NULL) {
		snprintf(why, 256, "no memory");
		return false;
	}
	ws->settings = turnd_settings_new(ws->config, &host, ws->nonce_key, ws->quota, &say);
	if (ws->settings == NULL)
		return false;
	limit_capacity(ws, ws->settings, ws->config);
	return open_relay_addresses(ws, &host, why);
}

static bool make_workers(struct workers *ws, const struct endpoint *listeners, size_t n, char why[256])
{
	size_t buffer = ws->config->sock_buf_size;

	for (unsigned i = 0; i < ws->n; i++) {
		const struct worker_options o = {
			.index = i, .listeners = listeners, .n_listeners = ws->config->no_udp ? 0 : n, .addresses = &ws->addresses,
			.listener_buffer = buffer != 0 ? buffer : LISTENER_BUFFER, .relay_buffer = buffer != 0 ? buffer : RELAY_BUFFER,
			.settings = &ws->settings->turn, .strangers = &ws->strangers,
			.allocate_timeout = ws->config->max_allocate_timeout,
		};
		if ((ws->v[i] = worker_new(&o, why)) == NULL)
			return false;
	}
	for (unsigned i = 0; i < ws->n; i++) {
		int rc = worker_start(ws->v[i]);
		if (rc < 0) {
			snprintf(why, 256, "cannot start the thread of worker %u: %s", i, uv_strerror(rc));
			return false;
		}
	}
	return true;
}

/* --- streams ----------------------------------------------------------------------------------------------------- */

static void on_certificates_timer(uv_timer_t *t)
{
	struct workers *ws = t->data;
	char why[TLS_FILE_WHY];

	if (!tls_server_files_changed(ws->tls))
		return;
	if (tls_server_reload(ws->tls, NULL, why))
		LOG(LOG_INFO, "certificates_reloaded", LOG_INT("expiry", tls_server_expiry(ws->tls)));
	else
		LOG(LOG_ERROR, "certificates_kept", LOG_STR("msg", why));
}

static bool make_tls(struct workers *ws, uv_loop_t *loop, char why[256])
{
	struct tls_server_options o;
	char sentence[TLS_FILE_WHY];

	if (ws->config->no_tls && !ws->config->dtls)
		return true;
	if (!config_tls(ws->config, &o)) {
		LOG(LOG_WARNING, "no_tls", LOG_STR("msg", "no certificate (cert, pkey): TLS is not served"));
		return true;
	}
	ws->tls = tls_server_new(&o, sentence);
	if (ws->tls == NULL) {
		snprintf(why, 256, "cert, pkey: %.200s", sentence);
		return false;
	}
	(void)uv_timer_init(loop, &ws->certificates);
	ws->certificates.data = ws;
	(void)uv_timer_start(&ws->certificates, on_certificates_timer, CERTIFICATES_POLL, CERTIFICATES_POLL);
	return true;
}

/* The listening addresses with another port; those of the second port not once more. */
static size_t at_port(const struct workers *ws, const struct endpoint *listeners, size_t n, uint16_t port,
		      struct endpoint out[LAND_ADDRESSES])
{
	size_t found = 0;

	for (size_t i = 0; i < n && found < LAND_ADDRESSES; i++)
		if (listeners[i].port == ws->config->listening_port)
			out[found++] = (struct endpoint){ listeners[i].ip, port };
	return found;
}

/* Streams come in only when every worker is there to take them. */
static bool make_landers(struct workers *ws, uv_loop_t *loop, const struct endpoint *listeners, size_t n, char why[256])
{
	const struct turnd_config *c = ws->config;
	const struct complaints say = { say_first, why };
	struct landers_options o = { .tls = ws->tls, .workers = ws->v, .n_workers = ws->n, .n_proxies = c->trusted_proxy.n };
	bool tls = ws->tls != NULL && !c->no_tls;

	o.proxies = ws->proxies = config_ranges(&c->trusted_proxy, "trusted-proxy", &say);
	if (o.proxies == NULL)
		return false;
	if (n > LAND_ADDRESSES && !(c->no_tcp && !tls)) {
		snprintf(why, 256, "listening-ip: more than %d addresses for TCP", LAND_ADDRESSES);
		return false;
	}
	if (!c->no_tcp) {
		memcpy(o.at[LAND_TCP], listeners, n * sizeof(*listeners));
		o.n_at[LAND_TCP] = n;
	}
	if (tls)
		o.n_at[LAND_TLS] = at_port(ws, listeners, n, c->tls_listening_port, o.at[LAND_TLS]);
	if (c->tcp_proxy_port != 0)
		o.n_at[LAND_TCP_PROXY] = at_port(ws, listeners, n, c->tcp_proxy_port, o.at[LAND_TCP_PROXY]);
	if (tls && c->tls_proxy_port != 0)
		o.n_at[LAND_TLS_PROXY] = at_port(ws, listeners, n, c->tls_proxy_port, o.at[LAND_TLS_PROXY]);
	return landers_start(&ws->landers, loop, &o, why);
}

/* --- start ------------------------------------------------------------------------------------------------------- */

static void say_what_is_served(const struct workers *ws, const struct endpoint *listeners, size_t n)
{
	char at[ENDPOINT_TEXT], told[IP_TEXT];

	for (size_t i = 0; i < n && !ws->config->no_udp; i++)
		LOG(LOG_INFO, "listening", LOG_STR("transport", "udp"), LOG_STR("at", endpoint_format(&listeners[i], at)));
	for (unsigned k = 0; k < LAND_KINDS; k++)
		for (size_t i = 0; i < ws->landers.opt.n_at[k]; i++)
			LOG(LOG_INFO, "listening", LOG_STR("transport", land_kind_names[k]),
			    LOG_STR("at", endpoint_format(&ws->landers.opt.at[k][i], at)));
	for (size_t i = 0; i < ws->addresses.n; i++) {
		const struct relay_address *a = &ws->addresses.v[i];
		LOG(LOG_INFO, "relaying", LOG_STR("address", ip_format(&a->ip, at)),
		    LOG_STR("advertised", ip_format(&a->advertised, told)), LOG_UINT("min_port", ws->config->min_port),
		    LOG_UINT("max_port", ws->config->max_port));
	}
	LOG(LOG_INFO, "packet_path", LOG_STR("receive", rx_can_coalesce() ? "recvmmsg, UDP_GRO" : "recvmmsg"),
	    LOG_STR("send", tx_can_segment() ? "sendmmsg, UDP_SEGMENT" : "sendmmsg"));
	LOG(LOG_INFO, "serving", LOG_SPAN("realm", ws->settings->turn.realm), LOG_UINT("workers", ws->n),
	    LOG_UINT("secrets", ws->settings->turn.n_secrets), LOG_UINT("users", ws->settings->turn.n_users),
	    LOG_UINT("max_relays", ws->addresses.max_sockets));
	if (ws->settings->turn.no_auth)
		LOG(LOG_WARNING, "open_relay", LOG_STR("msg", "no-auth: everybody who can reach this server can use it"));
	if (ws->settings->turn.policy.allow_loopback)
		LOG(LOG_WARNING, "loopback_peers", LOG_STR("msg", "clients can reach the services of this host through the relay"));
}

struct workers *workers_start(uv_loop_t *loop, const struct turnd_config *config, char why[256])
{
	struct endpoint listeners[ADDRESSES_MAX];
	struct workers *ws = calloc(1, sizeof(*ws));
	size_t n = listeners_of(config, listeners);

	why[0] = '\0';
	if (ws == NULL || strangers_init(&ws->strangers, 0) < 0) {
		snprintf(why, 256, "no memory");
		free(ws);
		return NULL;
	}
	ws->config = config;
	ws->n = config->threads != 0 ? config->threads : cpus_available();
	ws->v = calloc(ws->n, sizeof(*ws->v));
	if (ws->v == NULL)
		snprintf(why, 256, "no memory");
	else if ((config->no_udp || ports_are_free(listeners, n, why)) && make_shared(ws, n, why) &&
		 make_tls(ws, loop, why) && make_workers(ws, listeners, n, why) && make_landers(ws, loop, listeners, n, why)) {
		say_what_is_served(ws, listeners, n);
		return ws;
	}
	ws->abandoned = true;
	workers_stop(ws);
	return NULL;
}

void workers_drain(struct workers *ws)
{
	ws->draining = true;
	for (unsigned i = 0; i < ws->n; i++)
		worker_drain(ws->v[i]);
}

unsigned workers_allocations(const struct workers *ws)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ws->n; i++)
		for (unsigned t = 0; t < TURN_TRANSPORTS; t++)
			n += count_read(&worker_counters(ws->v[i])->allocations_current[t]);
	return (unsigned)n;
}

/* Has every worker taken the last reload? Then what was before may go. One that had no memory for it is asked again. */
static bool settled(struct workers *ws)
{
	for (unsigned i = 0; i < ws->n; i++)
		if (worker_settings_in_use(ws->v[i]) != &ws->settings->turn) {
			worker_settings(ws->v[i], &ws->settings->turn);
			return false;
		}
	turnd_settings_free(ws->retired);
	ws->retired = NULL;
	return true;
}

bool workers_reload_certificates(struct workers *ws, const struct turnd_config *config, char why[256])
{
	struct tls_server_options o;
	char sentence[TLS_FILE_WHY];

	if (ws->tls == NULL || !config_tls(config, &o) || tls_server_reload(ws->tls, &o, sentence))
		return true;
	snprintf(why, 256, "cert, pkey: %.200s", sentence);
	return false;
}

bool workers_reload(struct workers *ws, const struct turnd_config *config, char why[256])
{
	const struct complaints say = { say_first, why };
	struct turnd_settings *s;
	struct interfaces host;

	why[0] = '\0';
	if (!settled(ws)) {
		snprintf(why, 256, "the last reload is not finished: try again");
		return false;
	}
	interfaces_read(&host);
	if ((s = turnd_settings_new(config, &host, ws->nonce_key, ws->quota, &say)) == NULL)
		return false;
	quota_limits(ws->quota, config->user_quota, config->total_quota);
	limit_capacity(ws, s, config);
	memcpy(s->discovery, ws->settings->discovery, sizeof(s->discovery));	/* the sockets are those of the start */
	s->turn.n_discovery = ws->settings->turn.n_discovery;
	ws->retired = ws->settings;
	ws->settings = s;
	for (unsigned i = 0; i < ws->n; i++)
		worker_settings(ws->v[i], &s->turn);
	return true;
}

/* The last part that lands streams, or would reload, has closed. */
static void on_part_closed(void *self)
{
	struct workers *ws = self;

	if (--ws->closing > 0)
		return;
	for (unsigned i = 0; ws->v != NULL && i < ws->n; i++)
		if (ws->v[i] != NULL)
			worker_stop(ws->v[i]);
	for (unsigned i = 0; ws->v != NULL && i < ws->n; i++)
		if (ws->v[i] != NULL)
			worker_join(ws->v[i]);
	if (ws->abandoned)
		workers_free(ws);
}

static void on_timer_closed(uv_handle_t *h)
{
	on_part_closed(h->data);
}

void workers_stop(struct workers *ws)
{
	ws->closing = 1;
	if (ws->tls != NULL) {
		ws->closing++;
		uv_close((uv_handle_t *)&ws->certificates, on_timer_closed);
	}
	landers_stop(&ws->landers, on_part_closed, ws);
}

void workers_free(struct workers *ws)
{
	for (unsigned i = 0; ws->v != NULL && i < ws->n; i++)
		worker_free(ws->v[i]);
	free(ws->v);
	turnd_settings_free(ws->settings);
	turnd_settings_free(ws->retired);
	quota_free(ws->quota);
	relay_addresses_close(&ws->addresses);
	strangers_close(&ws->strangers);
	tls_server_free(ws->tls);
	free(ws->proxies);
	secret_wipe(ws->nonce_key, sizeof(ws->nonce_key));
	free(ws);
}
