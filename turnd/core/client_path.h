/* client_path.h - how one client is reached: the 5-tuple, as RFC 8656 calls it.
 *
 * A value, copied freely. Two packets belong to one client if path_equal() says so; `socket` and `server` tell the
 * shell where an answer must leave from (the address and port that were asked).
 */
#ifndef TURND_CORE_CLIENT_PATH_H
#define TURND_CORE_CLIENT_PATH_H

#include "common/base/endpoint.h"

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS, TRANSPORT_DTLS };

struct client_path {
	struct endpoint client;		/* where it sends from; IPv4-mapped is IPv4 already */
	struct endpoint server;		/* which of our addresses it sent to */
	uint8_t transport;		/* enum transport */
	uint32_t socket;		/* the shell's number for the socket or stream; not part of the identity */
};

bool path_equal(const struct client_path *a, const struct client_path *b);

/* The identity as bytes: equal for equal paths, and for no others of one socket. Returns the length. */
enum { PATH_KEY_SIZE = 2 * (16 + 2) + 1 };
size_t path_key(const struct client_path *p, uint8_t out[PATH_KEY_SIZE]);
uint64_t path_hash(const struct client_path *p);	/* map_hash() of path_key() */

#endif
