#include "turnd/core/peer_policy.h"

#define V4(a, b, c, d) { 4, { a, b, c, d } }
#define V6(...) { 6, { __VA_ARGS__ } }

struct prefix_rule {
	struct ip_addr net;
	uint8_t bits, rule;	/* enum policy_rule */
};

/* No switch and no list opens these. */
static const struct prefix_rule always[] = {
	{ V4(0, 0, 0, 0), 8, POLICY_UNSPECIFIED },
	{ V4(240, 0, 0, 0), 4, POLICY_BROADCAST },	/* with 255.255.255.255 */
	{ V6(0), 128, POLICY_UNSPECIFIED },
};

static const struct prefix_rule defaults[] = {
	{ V4(10, 0, 0, 0), 8, POLICY_PRIVATE },
	{ V4(100, 64, 0, 0), 10, POLICY_PRIVATE },
	{ V4(127, 0, 0, 0), 8, POLICY_LOOPBACK },
	{ V4(169, 254, 0, 0), 16, POLICY_LINK_LOCAL },
	{ V4(172, 16, 0, 0), 12, POLICY_PRIVATE },
	{ V4(192, 0, 0, 0), 24, POLICY_RESERVED },
	{ V4(192, 0, 2, 0), 24, POLICY_RESERVED },
	{ V4(192, 88, 99, 0), 24, POLICY_RESERVED },
	{ V4(192, 168, 0, 0), 16, POLICY_PRIVATE },
	{ V4(198, 18, 0, 0), 15, POLICY_RESERVED },
	{ V4(198, 51, 100, 0), 24, POLICY_RESERVED },
	{ V4(203, 0, 113, 0), 24, POLICY_RESERVED },
	{ V4(224, 0, 0, 0), 4, POLICY_MULTICAST },
	{ V6([15] = 1), 128, POLICY_LOOPBACK },
	{ V6([0] = 0x01), 64, POLICY_RESERVED },			/* 100::/64 */
	{ V6(0x20, 0x01, 0x0d, 0xb8), 32, POLICY_RESERVED },		/* 2001:db8::/32 */
	{ V6(0xfc), 7, POLICY_PRIVATE },
	{ V6(0xfe, 0x80), 10, POLICY_LINK_LOCAL },
	{ V6(0xfe, 0xc0), 10, POLICY_LINK_LOCAL },			/* site-local, as good as dead */
	{ V6(0xff), 8, POLICY_MULTICAST },
};

static enum policy_rule match(const struct prefix_rule *rules, size_t n, const struct ip_addr *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip_in_prefix(ip, &rules[i].net, rules[i].bits))
			return rules[i].rule;
	}
	return POLICY_ALLOW;
}

static bool in_ranges(const struct ip_range *r, size_t n, const struct ip_addr *ip)
{
	for (size_t i = 0; i < n; i++) {
		if (ip->family == r[i].low.family && ip_compare(&r[i].low, ip) <= 0 && ip_compare(ip, &r[i].high) <= 0)
			return true;
	}
	return false;
}

static bool is_own_service(const struct policy_settings *p, const struct endpoint *e, enum policy_use use)
{
	for (size_t i = 0; i < p->n_own_services; i++) {
		const struct endpoint *own = &p->own_services[i];
		if (ip_equal(&own->ip, &e->ip) &&
		    (own->port == 0 || (use == POLICY_FOR_DATA && own->port == e->port)))
			return true;
	}
	return false;
}

static bool is_directed_broadcast(const struct policy_settings *p, const struct ip_addr *ip)
{
	for (size_t i = 0; i < p->n_directed_broadcasts; i++) {
		if (ip_equal(&p->directed_broadcasts[i], ip))
			return true;
	}
	return false;
}

static bool switched_on(const struct policy_settings *p, enum policy_rule rule)
{
	return (rule == POLICY_LOOPBACK && p->allow_loopback) || (rule == POLICY_PRIVATE && p->allow_private) ||
		(rule == POLICY_MULTICAST && p->allow_multicast);
}

static enum policy_rule judge_ip(const struct policy_settings *p, const struct ip_addr *ip)
{
	enum policy_rule rule = match(always, sizeof(always) / sizeof(always[0]), ip);

	if (rule != POLICY_ALLOW)
		return rule;
	if (is_directed_broadcast(p, ip))
		return POLICY_BROADCAST;
	if (in_ranges(p->allowed, p->n_allowed, ip))
		return POLICY_ALLOW;
	if (in_ranges(p->denied, p->n_denied, ip))
		return POLICY_DENIED_LIST;
	rule = match(defaults, sizeof(defaults) / sizeof(defaults[0]), ip);
	return switched_on(p, rule) ? POLICY_ALLOW : rule;
}

static struct ip_addr ipv4_at(const struct ip_addr *ip, unsigned a, unsigned b, unsigned c, unsigned d)
{
	return (struct ip_addr){ 4, { ip->b[a], ip->b[b], ip->b[c], ip->b[d] } };
}

/* NAT64 with a prefix of the operator's own inside 64:ff9b:1::/48 (RFC 8215): its length is unknown to us, so every
 * layout of RFC 6052 counts. Zeros in front mean that the address has another layout, unless all agree on zeros. */
static unsigned embedded_local_nat64(const struct ip_addr *ip, struct ip_addr out[IP_EMBEDDED_MAX])
{
	const struct ip_addr layout[IP_EMBEDDED_MAX] = {
		ipv4_at(ip, 12, 13, 14, 15), ipv4_at(ip, 6, 7, 9, 10), ipv4_at(ip, 7, 9, 10, 11), ipv4_at(ip, 9, 10, 11, 12)
	};
	unsigned n = 0;

	for (unsigned i = 0; i < IP_EMBEDDED_MAX; i++) {
		if (layout[i].b[0] != 0)
			out[n++] = layout[i];
	}
	if (n == 0)
		out[n++] = layout[0];
	return n;
}

unsigned ip_embedded(const struct ip_addr *ip, struct ip_addr out[IP_EMBEDDED_MAX])
{
	static const struct ip_addr
		low = V6(0),							/* ::/96, IPv4-compatible */
		mapped = V6([10] = 0xff, [11] = 0xff),				/* ::ffff:0:0/96 */
		translated = V6([8] = 0xff, [9] = 0xff),			/* ::ffff:0:0:0/96, SIIT */
		nat64 = V6([1] = 0x64, [2] = 0xff, [3] = 0x9b),			/* 64:ff9b::/96 */
		local_nat64 = V6([1] = 0x64, [2] = 0xff, [3] = 0x9b, [5] = 1),	/* 64:ff9b:1::/48 */
		six_to_four = V6(0x20, 0x02), teredo = V6(0x20, 0x01);

	if (ip->family != 6)
		return 0;
	if (ip_is_any(ip) || ip_is_loopback(ip))
		return 0;
	if (ip_in_prefix(ip, &low, 96) || ip_in_prefix(ip, &mapped, 96) || ip_in_prefix(ip, &translated, 96) ||
	    ip_in_prefix(ip, &nat64, 96)) {
		out[0] = ipv4_at(ip, 12, 13, 14, 15);
		return 1;
	}
	if (ip_in_prefix(ip, &local_nat64, 48))
		return embedded_local_nat64(ip, out);
	if (ip_in_prefix(ip, &six_to_four, 16)) {
		out[0] = ipv4_at(ip, 2, 3, 4, 5);
		return 1;
	}
	if (ip_in_prefix(ip, &teredo, 32)) {
		out[0] = ipv4_at(ip, 4, 5, 6, 7);		/* its server */
		out[1] = ipv4_at(ip, 12, 13, 14, 15);		/* the client, with all bits inverted */
		for (unsigned i = 0; i < 4; i++)
			out[1].b[i] ^= 0xff;
		return 2;
	}
	return 0;
}

enum policy_rule peer_policy_judge(const struct policy_settings *p, const struct endpoint *peer, enum policy_use use,
				   bool own_relay)
{
	struct ip_addr ip[1 + IP_EMBEDDED_MAX] = { peer->ip };
	unsigned n = 1 + ip_embedded(&peer->ip, ip + 1);
	enum policy_rule rule = POLICY_ALLOW;

	for (unsigned i = 0; i < n; i++) {
		if (is_own_service(p, &(struct endpoint){ ip[i], peer->port }, use))
			return POLICY_OWN_SERVICE;
	}
	if (own_relay)
		return POLICY_ALLOW;
	if (use == POLICY_FOR_DATA && peer->port == 0)
		return POLICY_UNSPECIFIED;
	for (unsigned i = 0; i < n && rule == POLICY_ALLOW; i++)
		rule = judge_ip(p, &ip[i]);
	return rule;
}
