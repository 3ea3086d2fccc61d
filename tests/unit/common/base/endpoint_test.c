#include "common/base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

static struct ip_addr ip(const char *text)
{
	struct ip_addr out;

	assert_true(ip_parse(&out, span_str(text)));
	return out;
}

static void addresses_are_parsed_and_printed_in_canonical_form(void **state)
{
	static const struct {
		const char *in, *out;
		uint8_t family;
	} table[] = {
		{ "192.0.2.1", "192.0.2.1", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "255.255.255.255", "255.255.255.255", 4 },
		{ "::", "::", 6 },
		{ "::1", "::1", 6 },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1", 6 },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", 6 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6 },
	};
	char text[IP_TEXT];
	struct ip_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_true(ip_parse(&a, span_str(table[i].in)));
		assert_int_equal(a.family, table[i].family);
		assert_string_equal(ip_format(&a, text), table[i].out);
	}
}

static void what_is_no_address_is_refused_and_leaves_none(void **state)
{
	static const struct span table[] = {
		SPAN_INIT(""), SPAN_INIT("1"), SPAN_INIT("1.2.3"), SPAN_INIT("1.2.3.4.5"), SPAN_INIT("1.2.3.256"),
		SPAN_INIT("1.2.3.04"), SPAN_INIT(" 1.2.3.4"), SPAN_INIT("1.2.3.4 "), SPAN_INIT("1.2.3.4\0"),
		SPAN_INIT("1.2.3.4\0x"), SPAN_INIT("0x7f.1"), SPAN_INIT("localhost"), SPAN_INIT(":::"), SPAN_INIT("1::2::3"),
		SPAN_INIT("[::1]"), SPAN_INIT("fe80::1%eth0"), SPAN_INIT("12345::"), SPAN_INIT("1:2:3:4:5:6:7:8:9"),
		SPAN_INIT("0000:0000:0000:0000:0000:0000:255.255.255.2550"),
	};
	struct ip_addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		memset(&a, 0xaa, sizeof(a));
		assert_false(ip_parse(&a, table[i]));
		assert_int_equal(a.family, 0);
	}
}

static void endpoints_are_parsed_and_printed(void **state)
{
	static const char *const good[] = {
		"192.0.2.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[2001:db8::1]:443", "[::]:1",
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	};
	static const char *const bad[] = {
		"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1",
		"192.0.2.1:1:2", "[192.0.2.1]:80", "2001:db8::1:80", "[2001:db8::1]", "[2001:db8::1]80", "[2001:db8::1]:",
		"[2001:db8::1:80", "[]:80", "[:80", ":80", "[::1]]:80", "[[::1]]:80",
	};
	char text[ENDPOINT_TEXT];
	struct endpoint e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(endpoint_parse(&e, span_str(good[i])));
		assert_string_equal(endpoint_format(&e, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&e, 0xaa, sizeof(e));
		assert_false(endpoint_parse(&e, span_str(bad[i])));
		assert_int_equal(e.ip.family, 0);
	}
}

static void none_has_a_text_too(void **state)
{
	struct endpoint none = { 0 };
	char text[ENDPOINT_TEXT];

	(void)state;
	assert_string_equal(endpoint_format(&none, text), "none:0");
}

static void sockaddrs_go_there_and_back(void **state)
{
	static const char *const table[] = { "192.0.2.1:80", "[2001:db8::1]:443" };
	struct sockaddr_storage sa;
	struct endpoint e, back;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_true(endpoint_parse(&e, span_str(table[i])));
		assert_int_equal(endpoint_to_sockaddr(&e, &sa),
			i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(sa.ss_family, i == 0 ? AF_INET : AF_INET6);
		back = endpoint_from_sockaddr((struct sockaddr *)&sa);
		assert_true(endpoint_equal(&e, &back));
		assert_memory_equal(&e.ip, &back.ip, sizeof(e.ip));
	}
	e = (struct endpoint){ 0 };
	assert_int_equal(endpoint_to_sockaddr(&e, &sa), 0);
	sa.ss_family = AF_UNIX;
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&sa).ip.family, 0);
}

static void a_mapped_sockaddr_comes_out_as_ipv4(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(99) };
	char text[ENDPOINT_TEXT];
	struct endpoint e;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr), 1);
	e = endpoint_from_sockaddr((struct sockaddr *)&in6);
	assert_string_equal(endpoint_format(&e, text), "10.1.2.3:99");
}

static void order_is_by_family_then_by_number(void **state)
{
	static const char *const ascending[] = {
		"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1", "255.0.0.0", "::", "::1", "2001:db8::", "ff02::1",
	};
	enum { N = sizeof(ascending) / sizeof(ascending[0]) };

	(void)state;
	for (int i = 0; i < N; i++) {
		for (int j = 0; j < N; j++) {
			struct ip_addr a = ip(ascending[i]), b = ip(ascending[j]);
			int c = ip_compare(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
			assert_int_equal(ip_equal(&a, &b), i == j);
		}
	}
}

static void endpoints_are_equal_if_address_and_port_are(void **state)
{
	struct endpoint a = { ip("10.0.0.1"), 1 }, b = a;

	(void)state;
	assert_true(endpoint_equal(&a, &b));
	b.port = 2;
	assert_false(endpoint_equal(&a, &b));
	b = (struct endpoint){ ip("10.0.0.2"), 1 };
	assert_false(endpoint_equal(&a, &b));
}

static void a_prefix_holds_what_shares_its_bits(void **state)
{
	static const struct {
		const char *ip, *net;
		unsigned bits;
		bool in;
	} table[] = {
		{ "10.255.0.1", "10.0.0.0", 8, true },
		{ "11.0.0.1", "10.0.0.0", 8, false },
		{ "172.31.255.255", "172.16.0.0", 12, true },
		{ "172.32.0.0", "172.16.0.0", 12, false },
		{ "100.127.255.255", "100.64.0.0", 10, true },
		{ "100.128.0.0", "100.64.0.0", 10, false },
		{ "192.0.2.1", "192.0.2.1", 32, true },
		{ "192.0.2.1", "192.0.2.0", 32, false },
		{ "192.0.2.1", "192.0.2.0", 31, true },
		{ "192.0.2.1", "192.0.2.1", 33, false },
		{ "1.2.3.4", "0.0.0.0", 0, true },
		{ "fe80::1", "fe80::", 10, true },
		{ "febf::1", "fe80::", 10, true },
		{ "fec0::1", "fe80::", 10, false },
		{ "::1", "::1", 128, true },
		{ "::1", "::1", 129, false },
		{ "::1", "::", 127, true },
		{ "::2", "::", 127, false },
		{ "1.2.3.4", "::", 0, false },
		{ "::", "0.0.0.0", 0, false },
	};
	struct ip_addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ip_addr a = ip(table[i].ip), net = ip(table[i].net);
		assert_int_equal(ip_in_prefix(&a, &net, table[i].bits), table[i].in);
	}
	assert_false(ip_in_prefix(&none, &none, 0));
}

static void a_prefix_ends_at_exactly_its_last_bit(void **state)
{
	static const char *const addresses[] = { "170.85.0.255", "2001:db8:aaaa:5555::ff" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ip_addr a = ip(addresses[i]);
		for (unsigned bits = 0; bits < (a.family == 4 ? 32 : 128); bits++) {
			struct ip_addr other = a;
			other.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
			assert_true(ip_in_prefix(&a, &other, bits));
			assert_false(ip_in_prefix(&a, &other, bits + 1));
		}
	}
}

static void any_and_loopback_are_known(void **state)
{
	static const struct {
		const char *ip;
		bool any, loopback;
	} table[] = {
		{ "0.0.0.0", true, false }, { "::", true, false }, { "127.0.0.1", false, true },
		{ "127.255.1.2", false, true }, { "::1", false, true }, { "128.0.0.1", false, false },
		{ "0.0.0.1", false, false }, { "::2", false, false }, { "1::1", false, false },
	};
	struct ip_addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct ip_addr a = ip(table[i].ip);
		assert_int_equal(ip_is_any(&a), table[i].any);
		assert_int_equal(ip_is_loopback(&a), table[i].loopback);
	}
	assert_false(ip_is_any(&none));
	assert_false(ip_is_loopback(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_parsed_and_printed_in_canonical_form),
		cmocka_unit_test(what_is_no_address_is_refused_and_leaves_none),
		cmocka_unit_test(endpoints_are_parsed_and_printed),
		cmocka_unit_test(none_has_a_text_too),
		cmocka_unit_test(sockaddrs_go_there_and_back),
		cmocka_unit_test(a_mapped_sockaddr_comes_out_as_ipv4),
		cmocka_unit_test(order_is_by_family_then_by_number),
		cmocka_unit_test(endpoints_are_equal_if_address_and_port_are),
		cmocka_unit_test(a_prefix_holds_what_shares_its_bits),
		cmocka_unit_test(a_prefix_ends_at_exactly_its_last_bit),
		cmocka_unit_test(any_and_loopback_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
