#include "common/base/endpoint.h"

#include "common/base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };	/* ::ffff:0:0/96 */

static size_t ip_size(const struct ip_addr *ip)
{
	return ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0;
}

static struct endpoint from_in(const struct sockaddr_in *in)
{
	struct endpoint e = { .ip.family = 4, .port = ntohs(in->sin_port) };

	memcpy(e.ip.b, &in->sin_addr, 4);
	return e;
}

static struct endpoint from_in6(const struct sockaddr_in6 *in)
{
	struct endpoint e = { .ip.family = 6, .port = ntohs(in->sin6_port) };
	const uint8_t *b = in->sin6_addr.s6_addr;

	if (memcmp(b, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		e.ip.family = 4;
		memcpy(e.ip.b, b + sizeof(mapped_prefix), 4);
	} else {
		memcpy(e.ip.b, b, 16);
	}
	return e;
}

struct endpoint endpoint_from_sockaddr(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return from_in((const void *)sa);
	if (sa->sa_family == AF_INET6)
		return from_in6((const void *)sa);
	return (struct endpoint){ 0 };
}

unsigned endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	switch (e->ip.family) {
	case 4:
		in->sin_family = AF_INET;
		in->sin_port = htons(e->port);
		memcpy(&in->sin_addr, e->ip.b, 4);
		return sizeof(*in);
	case 6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(e->port);
		memcpy(&in6->sin6_addr, e->ip.b, 16);
		return sizeof(*in6);
	default:
		return 0;
	}
}

bool ip_parse(struct ip_addr *out, struct span text)
{
	char s[IP_TEXT];
	struct ip_addr ip = { 0 };

	*out = ip;
	if (text.len == 0 || text.len >= sizeof(s) || memchr(text.p, '\0', text.len) != NULL)
		return false;
	memcpy(s, text.p, text.len);
	s[text.len] = '\0';
	ip.family = strchr(s, ':') != NULL ? 6 : 4;
	if (inet_pton(ip.family == 6 ? AF_INET6 : AF_INET, s, ip.b) != 1)
		return false;
	*out = ip;
	return true;
}

bool endpoint_parse(struct endpoint *out, struct span text)
{
	bool brackets = text_has_prefix(text, "[");
	struct span port = brackets ? span_skip(text, 1) : text;
	struct span host = text_cut(&port, brackets ? ']' : ':');
	struct ip_addr ip;
	uint64_t number;

	*out = (struct endpoint){ 0 };
	if (brackets) {
		if (!text_has_prefix(port, ":"))
			return false;
		port = span_skip(port, 1);
	}
	if (!ip_parse(&ip, host) || ip.family != (brackets ? 6 : 4))
		return false;
	if (!parse_u64(port, &number) || number > UINT16_MAX)
		return false;
	*out = (struct endpoint){ .ip = ip, .port = (uint16_t)number };
	return true;
}

const char *ip_format(const struct ip_addr *ip, char out[IP_TEXT])
{
	if (ip_size(ip) == 0 || inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->b, out, IP_TEXT) == NULL)
		memcpy(out, "none", sizeof("none"));
	return out;
}

const char *endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT])
{
	char ip[IP_TEXT];

	ip_format(&e->ip, ip);
	snprintf(out, ENDPOINT_TEXT, e->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip, e->port);
	return out;
}

int ip_compare(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, ip_size(a));
}

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_compare(a, b) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && ip_equal(&a->ip, &b->ip);
}

bool ip_in_prefix(const struct ip_addr *ip, const struct ip_addr *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (ip->family != net->family || bits > ip_size(ip) * 8 || ip_size(ip) == 0)
		return false;
	if (memcmp(ip->b, net->b, whole) != 0)
		return false;
	return rest == 0 || (ip->b[whole] ^ net->b[whole]) >> (8 - rest) == 0;
}

bool ip_is_any(const struct ip_addr *ip)
{
	static const uint8_t zero[16];

	return ip_size(ip) > 0 && memcmp(ip->b, zero, ip_size(ip)) == 0;
}

bool ip_is_loopback(const struct ip_addr *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	return ip->family == 4 ? ip->b[0] == 127 : ip->family == 6 && memcmp(ip->b, one, 16) == 0;
}
