/* origin.h - scheme://host[:port], as public-url, signal-server and room-server name a server. Pure.
 *
 * Only what may stand in a URL unescaped passes, so an origin can be printed into JSON, HTML and a CSP header as it is.
 */
#ifndef COMMON_BASE_ORIGIN_H
#define COMMON_BASE_ORIGIN_H

#include "common/base/buf.h"

enum { ORIGIN_HOST_MAX = 253, ORIGIN_TEXT_SIZE = 272 };	/* "https://" host ":65535" and the NUL */

struct origin {
	bool tls;			/* https, wss */
	uint16_t port;			/* the scheme's own when none was given */
	char host[ORIGIN_HOST_MAX + 1];	/* lower case; IPv6 in its brackets */
};

/* "http://h:1", "wss://h/": a trailing slash is allowed, a path is not. ws: the schemes are ws and wss instead of
 * http and https. */
bool origin_parse(struct origin *o, struct span text, bool ws);

/* Cuts host[:port]; *port stays as it is when there is none. False: not a host (a name, or an address, IPv6 in its
 * brackets), or not a port. */
bool authority_split(struct span authority, struct span *host, uint16_t *port);

/* Is this host[:port] (a Host header, a parameter) that origin? Without a port the scheme's own is meant. */
bool origin_is(const struct origin *o, struct span authority);

/* The four ways to write it; `tls` as asked, not as o says. A scheme's own port is left out. */
const char *origin_format(const struct origin *o, bool ws, bool tls, char out[ORIGIN_TEXT_SIZE]);	/* returns out */

/* The host as connect wants it: an IPv6 address without its brackets. */
const char *origin_host(const struct origin *o, char out[ORIGIN_HOST_MAX + 1]);	/* returns out */

#endif
