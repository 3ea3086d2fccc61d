/* endpoint.h - IP addresses and ports: parsed, printed, compared. Pure. */
#ifndef COMMON_BASE_ENDPOINT_H
#define COMMON_BASE_ENDPOINT_H

#include "common/base/span.h"

struct sockaddr;
struct sockaddr_storage;

struct ip_addr {
	uint8_t family;		/* 4, 6, or 0 for "none" */
	uint8_t b[16];		/* network order; IPv4 uses b[0..3] and the rest is 0 */
};

struct endpoint {
	struct ip_addr ip;
	uint16_t port;		/* host order */
};

enum { IP_TEXT = 46, ENDPOINT_TEXT = 54 };	/* with the NUL */

/* IPv4-mapped IPv6 comes out as IPv4. An unknown family gives family 0. */
struct endpoint endpoint_from_sockaddr(const struct sockaddr *sa);
unsigned endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out);	/* returns the socklen_t */

bool ip_parse(struct ip_addr *out, struct span text);		/* "192.0.2.1", "2001:db8::1"; no brackets */
bool endpoint_parse(struct endpoint *out, struct span text);	/* "192.0.2.1:80", "[2001:db8::1]:80" */
const char *ip_format(const struct ip_addr *ip, char out[IP_TEXT]);		/* returns out */
const char *endpoint_format(const struct endpoint *e, char out[ENDPOINT_TEXT]);	/* with brackets for IPv6 */

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
int ip_compare(const struct ip_addr *a, const struct ip_addr *b);	/* family first, then as big-endian numbers */
bool ip_in_prefix(const struct ip_addr *ip, const struct ip_addr *net, unsigned bits);	/* families must agree */
bool ip_is_any(const struct ip_addr *ip);
bool ip_is_loopback(const struct ip_addr *ip);

#endif
