/* turn_uri.h - turn:host[:port][?transport=udp|tcp], turns:..., stun:host[:port] (RFC 7064, RFC 7065). Pure. */
#ifndef TURND_TOOLS_TURN_URI_H
#define TURND_TOOLS_TURN_URI_H

#include "common/base/origin.h"

struct turn_uri {
	bool stun;			/* a STUN server: it relays nothing */
	bool tls, tcp;			/* turns: without a transport is TCP; turns: over UDP is DTLS */
	uint16_t port;			/* 3478 and 5349 when none is given */
	char host[ORIGIN_HOST_MAX + 1];	/* as connect wants it: IPv6 without its brackets */
};

bool turn_uri_is_one(const char *text);		/* does it begin as one? */
bool turn_uri_parse(struct turn_uri *out, struct span text);

#endif
