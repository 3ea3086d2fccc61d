/* proxy_protocol.h - who is behind a proxy in front of us: the PROXY protocol, versions 1 and 2. Pure.
 *
 * https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. Ask it only about connections of trusted addresses:
 * whoever may send the header may claim any address.
 */
#ifndef COMMON_NET_PROXY_PROTOCOL_H
#define COMMON_NET_PROXY_PROTOCOL_H

#include "common/base/endpoint.h"

enum { PROXY_HEADER_MAX = 4096 };	/* version 2 with its extensions; longer ones are refused */

enum proxy_result {
	PROXY_HEADER,	/* whole; *out is set */
	PROXY_MORE,	/* may become one */
	PROXY_NONE	/* never will: it is something else, or broken */
};

struct proxy_header {
	size_t size;			/* bytes; what follows is the connection's own */
	bool local;			/* no client is behind it (a health check), or none with a TCP address */
	struct endpoint source, destination;	/* unless local */
};

enum proxy_result proxy_parse(struct span in, struct proxy_header *out);

#endif
