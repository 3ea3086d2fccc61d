/* discovery.h - NAT behaviour discovery (RFC 5780): a Binding that wants its answer from another address or port of ours, at
 * another port of its own, or padded.
 *
 * Served over UDP for what came to one of settings.discovery's sockets; anywhere else its attributes are unknown ones (420).
 *
 * Private to turnd/core. Pure.
 */
#ifndef TURND_CORE_DISCOVERY_H
#define TURND_CORE_DISCOVERY_H

#include "turnd/core/server_state.h"

enum { DISCOVERY_PADDING = 1500 };	/* bytes: more than one packet of Ethernet holds */

struct discovery {
	struct client_path reply;		/* where the answer leaves from and goes to */
	const struct endpoint *origin, *other;	/* RESPONSE-ORIGIN, OTHER-ADDRESS; as clients see them */
	bool padding;
};

bool discovery_serves(const struct request *r);

/* Takes the attributes of RFC 5780 off a list of unknown ones; returns how many are left. */
unsigned discovery_understood(uint16_t *types, unsigned n);

unsigned discovery_read(const struct request *r, struct discovery *out);	/* 0, or 400; only where it serves */

#endif
