#include "turnd/config.h"

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/redis/redis_url.h"

#include <ifaddrs.h>
#include <net/if.h>

static void add_unique(struct ip_addr *v, size_t *n, const struct ip_addr *ip)
{
	for (size_t i = 0; i < *n; i++)
		if (ip_equal(&v[i], ip))
			return;
	if (*n < ADDRESSES_MAX)
		v[(*n)++] = *ip;
}

void interfaces_read(struct interfaces *out)
{
	static const struct ip_addr link_local = { 6, { 0xfe, 0x80 } };
	struct ifaddrs *all;

	*out = (struct interfaces){ .n = 0 };
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		struct endpoint e;
		if (a->ifa_addr == NULL || (a->ifa_flags & IFF_UP) == 0)
			continue;
		e = endpoint_from_sockaddr(a->ifa_addr);
		if (e.ip.family == 0 || ip_in_prefix(&e.ip, &link_local, 10))
			continue;
		add_unique(out->ip, &out->n, &e.ip);
		if (e.ip.family != 4 || (a->ifa_flags & IFF_BROADCAST) == 0 || a->ifa_broadaddr == NULL)
			continue;
		e = endpoint_from_sockaddr(a->ifa_broadaddr);
		if (e.ip.family == 4)
			add_unique(out->broadcast, &out->n_broadcast, &e.ip);
	}
	freeifaddrs(all);
}

static bool parse_list(const struct string_list *list, const char *option, struct ip_addr *out, const struct complaints *say)
{
	bool ok = true;

	if (list->n > ADDRESSES_MAX) {
		config_complain(say, option, ADDRESSES_MAX, "more than %d addresses", ADDRESSES_MAX);
		return false;
	}
	for (size_t i = 0; i < list->n; i++)
		if (!ip_parse(&out[i], span_str(list->v[i]))) {
			config_complain(say, option, i, "'%s' is not an IP address", list->v[i]);
			ok = false;
		}
	return ok;
}

static uint16_t alt_port(const struct turnd_config *c)
{
	if (c->alt_listening_port != 0)
		return c->alt_listening_port != c->listening_port ? c->alt_listening_port : 0;
	return c->rfc5780 ? (uint16_t)(c->listening_port + 1) : 0;
}

size_t config_listeners(const struct turnd_config *c, struct endpoint out[ADDRESSES_MAX], const struct complaints *say)
{
	struct ip_addr ip[ADDRESSES_MAX] = { { .family = 4 }, { .family = 6 } };	/* 0.0.0.0 and :: */
	size_t n = c->listening_ip.n == 0 ? 2 : c->listening_ip.n;
	uint16_t alt = alt_port(c);

	if (!parse_list(&c->listening_ip, "listening-ip", ip, say))
		return 0;
	if (alt != 0 && 2 * n > ADDRESSES_MAX) {
		config_complain(say, "listening-ip", n - 1, "more than %d addresses with two ports each", ADDRESSES_MAX / 2);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = (struct endpoint){ ip[i], c->listening_port };
		if (alt != 0)
			out[n + i] = (struct endpoint){ ip[i], alt };
	}
	return alt != 0 ? 2 * n : n;
}

bool config_is_loopback(const struct endpoint *listeners, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!ip_is_loopback(&listeners[i].ip))
			return false;
	return n > 0;
}

static bool parse_external(const char *text, struct ip_addr *pub, struct ip_addr *priv)
{
	struct span rest = span_str(text), first = text_cut(&rest, '/');

	*priv = (struct ip_addr){ .family = 0 };
	if (!ip_parse(pub, text_trim(first)) || ip_is_any(pub))
		return false;
	if (strchr(text, '/') == NULL)
		return true;
	return ip_parse(priv, text_trim(rest)) && priv->family == pub->family;
}

/* A pair with a private address says what that one is called; one without, all others of its family. */
static bool apply_external(const struct turnd_config *c, struct relay_pair *relays, size_t n, const struct complaints *say)
{
	bool ok = true;

	for (unsigned named = 0; named < 2; named++)
		for (size_t i = 0; i < c->external_ip.n; i++) {
			struct ip_addr pub, priv;
			if (!parse_external(c->external_ip.v[i], &pub, &priv)) {
				if (named == 0)
					config_complain(say, "external-ip", i, "'%s' is not an address, or two of one family as public/private",
						 c->external_ip.v[i]);
				ok = false;
				continue;
			}
			if ((priv.family != 0) != named)
				continue;
			for (size_t k = 0; k < n; k++)
				if (relays[k].ip.family == pub.family && (priv.family == 0 || ip_equal(&priv, &relays[k].ip)))
					relays[k].advertised = pub;
		}
	return ok;
}

static void add_of_host(const struct interfaces *host, uint8_t family, bool loopback, struct ip_addr *out, size_t *n)
{
	for (size_t i = 0; i < host->n; i++)
		if (host->ip[i].family == family && ip_is_loopback(&host->ip[i]) == loopback)
			add_unique(out, n, &host->ip[i]);
}

bool config_relays(const struct turnd_config *c, const struct interfaces *host, struct relay_pair out[ADDRESSES_MAX],
		   size_t *n, const struct complaints *say)
{
	struct ip_addr ip[ADDRESSES_MAX];
	struct endpoint listeners[ADDRESSES_MAX];
	size_t n_listeners;
	bool ok = parse_list(&c->relay_ip, "relay-ip", ip, say);

	*n = c->relay_ip.n;
	for (size_t i = 0; ok && i < *n; i++)
		if (ip_is_any(&ip[i])) {
			config_complain(say, "relay-ip", i, "'%s' is not one address: relays need one that peers can answer to", c->relay_ip.v[i]);
			ok = false;
		}
	if (!ok)
		return false;
	n_listeners = *n == 0 ? config_listeners(c, listeners, NULL) : 0;	/* their mistakes are said by the caller's own call */
	for (size_t i = 0; i < n_listeners; i++)
		if (ip_is_any(&listeners[i].ip))
			add_of_host(host, listeners[i].ip.family, false, ip, n);
		else
			add_unique(ip, n, &listeners[i].ip);
	for (size_t i = 0; *n == 0 && i < n_listeners; i++)
		add_of_host(host, listeners[i].ip.family, true, ip, n);
	for (size_t i = 0; i < *n; i++)
		out[i] = (struct relay_pair){ ip[i], ip[i] };
	return apply_external(c, out, *n, say);
}

/* The first two listening addresses of the family. */
static bool find_two(const struct endpoint *listeners, size_t n, uint8_t family, uint32_t two[2])
{
	size_t found = 0;

	for (size_t i = 0; i < n && found < 2; i++)
		if (listeners[i].ip.family == family && !ip_is_any(&listeners[i].ip) &&
		    (found == 0 || !ip_equal(&listeners[i].ip, &listeners[two[0]].ip)))
			two[found++] = (uint32_t)i;
	return found == 2;
}

size_t config_discovery(const struct turnd_config *c, struct discovery_group out[2], const struct complaints *say)
{
	struct endpoint listeners[ADDRESSES_MAX];
	size_t n = c->rfc5780 && alt_port(c) != 0 ? config_listeners(c, listeners, NULL) : 0, groups = 0;

	for (uint8_t family = 4; family <= 6; family += 2) {
		uint32_t two[2];
		if (!find_two(listeners, n / 2, family, two))
			continue;
		for (unsigned i = 0; i < 4; i++) {
			uint32_t socket = two[i >> 1] + (i & 1 ? (uint32_t)n / 2 : 0);
			struct endpoint at = listeners[socket];
			struct relay_pair pair = { at.ip, at.ip };
			(void)apply_external(c, &pair, 1, NULL);	/* its mistakes are said where relays are configured */
			out[groups].v[i >> 1][i & 1] = (struct discovery_socket){ at, { pair.advertised, at.port }, socket };
		}
		groups++;
	}
	if (c->rfc5780 && groups == 0)
		config_complain(say, "rfc5780", 0, "needs two listening-ip of one family, and two ports");
	return groups;
}

static size_t add_service(const struct endpoint *at, const struct interfaces *host, struct endpoint *out, size_t n, size_t max)
{
	if (!ip_is_any(&at->ip)) {
		if (n < max)
			out[n++] = *at;
		return n;
	}
	for (size_t i = 0; i < host->n && n < max; i++)
		if (host->ip[i].family == at->ip.family)
			out[n++] = (struct endpoint){ host->ip[i], at->port };
	return n;
}

/* Where clients reach us: every listening address, as external-ip calls it. */
static size_t public_addresses(const struct turnd_config *c, const struct interfaces *host, struct relay_pair out[ADDRESSES_MAX])
{
	struct endpoint listeners[ADDRESSES_MAX];
	struct ip_addr ip[ADDRESSES_MAX];
	size_t n_listeners = config_listeners(c, listeners, NULL), n = 0;

	for (size_t i = 0; i < n_listeners; i++)
		if (ip_is_any(&listeners[i].ip))
			add_of_host(host, listeners[i].ip.family, false, ip, &n);
		else
			add_unique(ip, &n, &listeners[i].ip);
	for (size_t i = 0; n == 0 && i < n_listeners; i++)
		add_of_host(host, listeners[i].ip.family, true, ip, &n);
	for (size_t i = 0; i < n; i++)
		out[i] = (struct relay_pair){ ip[i], ip[i] };
	apply_external(c, out, n, NULL);
	return n;
}

static void add_uri(struct buf *text, const struct endpoint *at, const char *transport, struct span out[NODE_URLS_MAX], size_t *n)
{
	char where[ENDPOINT_TEXT];
	size_t begin = text->len;
	bool known = *n == NODE_URLS_MAX;
	struct span uri;

	buf_addf(text, "turn:%s?transport=%s", endpoint_format(at, where), transport);
	uri = span_skip(buf_span(text), begin);
	for (size_t i = 0; i < *n; i++)
		known |= span_eq(out[i], uri);
	if (!known)
		out[(*n)++] = uri;
}

bool config_uris(const struct turnd_config *c, const struct interfaces *host, struct buf *text,
		 struct span out[NODE_URLS_MAX], size_t *n)
{
	struct relay_pair at[ADDRESSES_MAX];
	size_t n_at;

	for (*n = 0; *n < c->turn_uri.n && *n < NODE_URLS_MAX; ++*n)
		out[*n] = span_str(c->turn_uri.v[*n]);
	if (*n > 0)
		return true;
	if (buf_reserve(text, CONFIG_URIS_TEXT) == NULL)	/* views of it stay */
		return false;
	n_at = public_addresses(c, host, at);
	for (int tcp = 0; tcp <= 1; tcp++)
		for (size_t i = 0; i < n_at && !(tcp ? c->no_tcp : c->no_udp); i++) {
			const struct endpoint e = { at[i].advertised, c->listening_port };
			add_uri(text, &e, tcp ? "tcp" : "udp", out, n);
		}
	return true;
}

static size_t add_redis(const struct turnd_config *c, struct endpoint *out, size_t n, size_t max)
{
	struct endpoint at;
	struct redis_node node;
	char why[160];

	if (n < max && c->redis != NULL && redis_url_parse(span_str(c->redis), &node, why) && ip_parse(&at.ip, span_str(node.host))) {
		at.port = node.port;
		out[n++] = at;
	}
	secret_wipe(&node, sizeof(node));
	return n;
}

size_t config_services(const struct turnd_config *c, const struct interfaces *host, struct endpoint *out, size_t max)
{
	struct endpoint listeners[ADDRESSES_MAX], admin = { .port = c->service.admin_port };
	size_t n_listeners = config_listeners(c, listeners, NULL), n = 0;

	for (size_t i = 0; i < n_listeners; i++) {
		const uint16_t ports[] = { listeners[i].port, c->tls_listening_port, c->tcp_proxy_port, c->tls_proxy_port };
		for (size_t k = 0; k < sizeof(ports) / sizeof(*ports); k++)
			if (ports[k] != 0)
				n = add_service(&(struct endpoint){ listeners[i].ip, ports[k] }, host, out, n, max);
	}
	if (admin.port != 0 && c->service.admin_ip != NULL && ip_parse(&admin.ip, span_str(c->service.admin_ip)))
		n = add_service(&admin, host, out, n, max);
	return add_redis(c, out, n, max);
}
