#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/core/peer_policy.h"

#include <stdio.h>

static const struct policy_settings defaults;

static struct endpoint at(const char *ip, uint16_t port)
{
	struct endpoint e = { .port = port };
	if (!ip_parse(&e.ip, span_str(ip)))
		fail_msg("%s is no address", ip);
	return e;
}

static enum policy_rule judge(const struct policy_settings *p, const char *ip)
{
	struct endpoint e = at(ip, 4000);
	return peer_policy_judge(p, &e, POLICY_FOR_DATA, false);
}

static void expect(const struct policy_settings *p, const char *ip, enum policy_rule want)
{
	enum policy_rule got = judge(p, ip);
	if (got != want)
		fail_msg("%s: %s instead of %s", ip, policy_rule_names[got], policy_rule_names[want]);
}

/* D-T10: both edges of every range, and their neighbours outside. */
static const struct {
	const char *before, *first, *last, *after;	/* NULL: nothing there */
	enum policy_rule rule, outside_before, outside_after;
} ranges[] = {
	{ NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", POLICY_UNSPECIFIED, 0, 0 },
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", POLICY_PRIVATE, 0, 0 },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", POLICY_PRIVATE, 0, 0 },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", POLICY_LOOPBACK, 0, 0 },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", POLICY_LINK_LOCAL, 0, 0 },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", POLICY_PRIVATE, 0, 0 },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", POLICY_RESERVED, 0, 0 },
	{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", POLICY_RESERVED, 0, 0 },
	{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", POLICY_RESERVED, 0, 0 },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", POLICY_PRIVATE, 0, 0 },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", POLICY_RESERVED, 0, 0 },
	{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", POLICY_RESERVED, 0, 0 },
	{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", POLICY_RESERVED, 0, 0 },
	{ "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", POLICY_MULTICAST, 0, POLICY_BROADCAST },
	{ "239.255.255.255", "240.0.0.0", "255.255.255.255", NULL, POLICY_BROADCAST, POLICY_MULTICAST, 0 },
	{ NULL, "::", "::", "::1", POLICY_UNSPECIFIED, 0, POLICY_LOOPBACK },
	{ "::", "::1", "::1", "::2", POLICY_LOOPBACK, POLICY_UNSPECIFIED, POLICY_UNSPECIFIED },	/* ::2 is 0.0.0.2 */
	{ "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", POLICY_RESERVED, 0, 0 },
	{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::",
		POLICY_RESERVED, 0, 0 },
	{ "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe00::",
		POLICY_PRIVATE, 0, 0 },
	{ "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::",
		POLICY_LINK_LOCAL, 0, POLICY_LINK_LOCAL },
	{ "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::",
		POLICY_LINK_LOCAL, POLICY_LINK_LOCAL, POLICY_MULTICAST },
	{ "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL,
		POLICY_MULTICAST, POLICY_LINK_LOCAL, 0 },
};

static void every_range_is_denied_from_its_first_to_its_last_address(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		expect(&defaults, ranges[i].first, ranges[i].rule);
		expect(&defaults, ranges[i].last, ranges[i].rule);
		if (ranges[i].before != NULL)
			expect(&defaults, ranges[i].before, ranges[i].outside_before);
		if (ranges[i].after != NULL)
			expect(&defaults, ranges[i].after, ranges[i].outside_after);
	}
}

static void public_addresses_are_allowed(void **state)
{
	static const char *const texts[] = { "1.1.1.1", "8.8.8.8", "2a00:1450::8", "2606:4700::1111", "2001:4860::8888" };
	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(&defaults, texts[i], POLICY_ALLOW);
}

/* D-T8: each spelling of an IPv4 address inside an IPv6 one; %u.. are its bytes in hex. */
static void embed(char out[64], unsigned spelling, const uint8_t b[4])
{
	static const char *const formats[] = {
		"::ffff:%02x%02x:%02x%02x",			/* mapped */
		"::%02x%02x:%02x%02x",				/* compatible */
		"::ffff:0:%02x%02x:%02x%02x",			/* translated, SIIT */
		"64:ff9b::%02x%02x:%02x%02x",			/* NAT64 */
		"64:ff9b:1::%02x%02x:%02x%02x",			/* local NAT64, /96 */
		"64:ff9b:1:%02x%02x:00%02x:%02x00::",		/* local NAT64, /48 */
		"64:ff9b:1:ab%02x:00%02x:%02x%02x::",		/* local NAT64, /56 */
		"64:ff9b:1:abcd:00%02x:%02x%02x:%02x00::",	/* local NAT64, /64 */
		"2002:%02x%02x:%02x%02x::1",			/* 6to4 */
		"2001:0:%02x%02x:%02x%02x::f7f7:f7f7",		/* Teredo server; the client is 8.8.8.8 */
		"2001:0:808:808::%02x%02x:%02x%02x",		/* Teredo client, inverted below */
	};
	enum { N = sizeof(formats) / sizeof(formats[0]) };
	uint8_t c[4];
	for (unsigned i = 0; i < 4; i++)
		c[i] = spelling == N - 1 ? (uint8_t)~b[i] : b[i];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, 64, formats[spelling % N], c[0], c[1], c[2], c[3]);
#pragma GCC diagnostic pop
}
enum { SPELLINGS = 11 };

static void an_embedded_ipv4_address_is_judged_in_every_spelling(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SPELLINGS; s++) {
		char text[64];
		embed(text, s, (const uint8_t[]){ 8, 8, 8, 8 });
		expect(&defaults, text, POLICY_ALLOW);
		embed(text, s, (const uint8_t[]){ 127, 0, 0, 1 });
		expect(&defaults, text, POLICY_LOOPBACK);
		embed(text, s, (const uint8_t[]){ 10, 1, 2, 3 });
		expect(&defaults, text, POLICY_PRIVATE);
		/* From here on another layout's reading of the same bytes may be what denies. */
		embed(text, s, (const uint8_t[]){ 169, 254, 169, 254 });
		assert_int_not_equal(judge(&defaults, text), POLICY_ALLOW);
		embed(text, s, (const uint8_t[]){ 192, 168, 255, 255 });
		assert_int_not_equal(judge(&defaults, text), POLICY_ALLOW);
		embed(text, s, (const uint8_t[]){ 224, 0, 0, 251 });
		assert_int_not_equal(judge(&defaults, text), POLICY_ALLOW);
		embed(text, s, (const uint8_t[]){ 255, 255, 255, 255 });
		assert_int_not_equal(judge(&defaults, text), POLICY_ALLOW);
	}
	expect(&defaults, "64:ff9b:1::", POLICY_UNSPECIFIED);
	expect(&defaults, "64:ff9b::", POLICY_UNSPECIFIED);
	expect(&defaults, "2002::1", POLICY_UNSPECIFIED);
}

static void either_address_of_teredo_denies(void **state)
{
	(void)state;
	expect(&defaults, "2001:0:0a00:1::f7f7:f7f7", POLICY_PRIVATE);		/* server 10.0.0.1 */
	expect(&defaults, "2001:0:808:808::80ff:fffe", POLICY_LOOPBACK);	/* client 127.0.0.1 */
	expect(&defaults, "2001:0:808:808::f7f7:f7f7", POLICY_ALLOW);
}

static void switches_open_what_they_name_and_nothing_else(void **state)
{
	const struct policy_settings loopback = { .allow_loopback = true }, private = { .allow_private = true },
		multicast = { .allow_multicast = true };
	(void)state;
	expect(&loopback, "127.0.0.1", POLICY_ALLOW);
	expect(&loopback, "::1", POLICY_ALLOW);
	expect(&loopback, "::ffff:127.0.0.1", POLICY_ALLOW);
	expect(&loopback, "10.0.0.1", POLICY_PRIVATE);
	expect(&loopback, "0.0.0.0", POLICY_UNSPECIFIED);
	expect(&private, "10.0.0.1", POLICY_ALLOW);
	expect(&private, "100.64.0.1", POLICY_ALLOW);
	expect(&private, "fd00::1", POLICY_ALLOW);
	expect(&private, "64:ff9b::10.0.0.1", POLICY_ALLOW);
	expect(&private, "127.0.0.1", POLICY_LOOPBACK);
	expect(&private, "169.254.1.1", POLICY_LINK_LOCAL);
	expect(&private, "fe80::1", POLICY_LINK_LOCAL);
	expect(&multicast, "224.0.0.1", POLICY_ALLOW);
	expect(&multicast, "ff02::1", POLICY_ALLOW);
	expect(&multicast, "255.255.255.255", POLICY_BROADCAST);
}

static struct ip_range range(const char *low, const char *high)
{
	return (struct ip_range){ at(low, 0).ip, at(high, 0).ip };
}

static void lists_are_judged_allowed_first_then_denied(void **state)
{
	const struct ip_range allowed[] = {
		range("10.1.0.5", "10.1.0.9"), range("169.254.169.254", "169.254.169.254"), range("2001:db8::5", "2001:db8::1:0"),
		range("0.0.0.1", "0.0.0.9"),
	};
	const struct ip_range denied[] = { range("10.1.0.0", "10.1.0.255"), range("8.8.8.8", "8.8.8.8"),
		range("2a00::", "2a00:ffff:ffff:ffff:ffff:ffff:ffff:ffff") };
	const struct policy_settings p = {
		.allow_private = true, .allowed = allowed, .n_allowed = 4, .denied = denied, .n_denied = 3
	};
	(void)state;
	expect(&p, "10.1.0.4", POLICY_DENIED_LIST);
	expect(&p, "10.1.0.5", POLICY_ALLOW);
	expect(&p, "10.1.0.9", POLICY_ALLOW);
	expect(&p, "10.1.0.10", POLICY_DENIED_LIST);
	expect(&p, "10.1.1.0", POLICY_ALLOW);			/* by the switch */
	expect(&p, "169.254.169.254", POLICY_ALLOW);
	expect(&p, "169.254.169.253", POLICY_LINK_LOCAL);
	expect(&p, "2001:db8::4", POLICY_RESERVED);
	expect(&p, "2001:db8::1:0", POLICY_ALLOW);
	expect(&p, "2001:db8::1:1", POLICY_RESERVED);
	expect(&p, "8.8.8.8", POLICY_DENIED_LIST);
	expect(&p, "::ffff:8.8.8.8", POLICY_DENIED_LIST);
	expect(&p, "64:ff9b::808:808", POLICY_DENIED_LIST);
	expect(&p, "8.8.8.9", POLICY_ALLOW);
	expect(&p, "2a00:1450::8", POLICY_DENIED_LIST);
	expect(&p, "0.0.0.5", POLICY_UNSPECIFIED);		/* no list opens what is always denied */
}

static void directed_broadcasts_are_denied(void **state)
{
	const struct ip_addr broadcasts[] = { at("8.8.8.255", 0).ip };
	const struct policy_settings p = { .directed_broadcasts = broadcasts, .n_directed_broadcasts = 1 };
	(void)state;
	expect(&p, "8.8.8.255", POLICY_BROADCAST);
	expect(&p, "::ffff:8.8.8.255", POLICY_BROADCAST);
	expect(&p, "8.8.8.254", POLICY_ALLOW);
}

static void own_services_are_no_peers_whatever_the_switches_say(void **state)	/* D-T12 */
{
	const struct endpoint own[] = { at("9.9.9.9", 3478), at("127.0.0.1", 6379), at("9.9.9.10", 0) };
	const struct ip_range everything[] = { range("0.0.0.0", "255.255.255.255") };
	const struct policy_settings p = {
		.allow_loopback = true, .own_services = own, .n_own_services = 3, .allowed = everything, .n_allowed = 1
	};
	struct endpoint e = at("9.9.9.9", 3478);
	(void)state;
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_DATA, false), POLICY_OWN_SERVICE);
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_DATA, true), POLICY_OWN_SERVICE);
	e = at("::ffff:9.9.9.9", 3478);
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_DATA, false), POLICY_OWN_SERVICE);
	e = at("9.9.9.9", 50000);				/* two clients of one server meet there */
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_DATA, false), POLICY_ALLOW);
	e = at("64:ff9b::7f00:1", 6379);
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_DATA, false), POLICY_OWN_SERVICE);
	/* A permission is for an address, so a service at one port of it does not count; at every port it does. */
	e = at("9.9.9.9", 3478);
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_PERMISSION, false), POLICY_ALLOW);
	e = at("9.9.9.10", 50000);
	assert_int_equal(peer_policy_judge(&p, &e, POLICY_FOR_PERMISSION, false), POLICY_OWN_SERVICE);
}

static void an_own_relay_in_use_is_allowed_even_in_private_space(void **state)
{
	struct endpoint e = at("10.0.0.5", 50000);
	(void)state;
	assert_int_equal(peer_policy_judge(&defaults, &e, POLICY_FOR_DATA, true), POLICY_ALLOW);
	assert_int_equal(peer_policy_judge(&defaults, &e, POLICY_FOR_DATA, false), POLICY_PRIVATE);
}

static void port_zero_is_a_peer_for_permissions_only(void **state)
{
	struct endpoint e = at("8.8.8.8", 0);
	(void)state;
	assert_int_equal(peer_policy_judge(&defaults, &e, POLICY_FOR_DATA, false), POLICY_UNSPECIFIED);
	assert_int_equal(peer_policy_judge(&defaults, &e, POLICY_FOR_PERMISSION, false), POLICY_ALLOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_is_denied_from_its_first_to_its_last_address),
		cmocka_unit_test(public_addresses_are_allowed),
		cmocka_unit_test(an_embedded_ipv4_address_is_judged_in_every_spelling),
		cmocka_unit_test(either_address_of_teredo_denies),
		cmocka_unit_test(switches_open_what_they_name_and_nothing_else),
		cmocka_unit_test(lists_are_judged_allowed_first_then_denied),
		cmocka_unit_test(directed_broadcasts_are_denied),
		cmocka_unit_test(own_services_are_no_peers_whatever_the_switches_say),
		cmocka_unit_test(an_own_relay_in_use_is_allowed_even_in_private_space),
		cmocka_unit_test(port_zero_is_a_peer_for_permissions_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
