/* covers: common/base/endpoint.c */
#include "common/base/endpoint.h"

#include <stdlib.h>
#include <sys/socket.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_ip(const struct ip_addr *ip)
{
	unsigned width = ip->family == 4 ? 32 : 128;
	char text[IP_TEXT];
	struct ip_addr back;

	require(ip->family == 4 || ip->family == 6);
	require(ip_parse(&back, span_str(ip_format(ip, text))));
	require(ip_equal(ip, &back));
	require(ip_in_prefix(ip, &back, width));
	require(!ip_in_prefix(ip, &back, width + 1));
	require(!(ip_is_any(ip) && ip_is_loopback(ip)));
	for (unsigned bits = 0; bits < width; bits++) {
		struct ip_addr other = *ip;
		other.b[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
		require(ip_in_prefix(ip, &other, bits));
		require(!ip_in_prefix(ip, &other, bits + 1));
		require(ip_compare(ip, &other) < 0 == ip_compare(&other, ip) > 0);
	}
}

static void check_endpoint(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];
	struct endpoint back;
	struct sockaddr_storage sa;

	require(endpoint_parse(&back, span_str(endpoint_format(e, text))));
	require(endpoint_equal(e, &back));
	require(endpoint_to_sockaddr(e, &sa) > 0);
	back = endpoint_from_sockaddr((const struct sockaddr *)&sa);
	require(back.port == e->port);
	require(back.ip.family != e->ip.family || ip_equal(&back.ip, &e->ip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct sockaddr_storage sa = { 0 };
	char none[ENDPOINT_TEXT];
	struct endpoint e;
	struct ip_addr ip;

	if (ip_parse(&ip, text))
		check_ip(&ip);
	if (endpoint_parse(&e, text))
		check_endpoint(&e);
	else
		require(e.ip.family == 0 && endpoint_to_sockaddr(&e, &sa) == 0);
	memcpy(&sa, data, size < sizeof(sa) ? size : sizeof(sa));
	e = endpoint_from_sockaddr((const struct sockaddr *)&sa);
	endpoint_format(&e, none);
	return 0;
}
