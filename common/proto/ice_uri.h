/* ice_uri.h - the URIs of ICE servers, RFC 7064 and RFC 7065. Pure. */
#ifndef COMMON_PROTO_ICE_URI_H
#define COMMON_PROTO_ICE_URI_H

#include "common/base/span.h"

enum { ICE_URI_MAX = 300 };	/* bytes of a valid one, at most */

/* "stun:host[:port]", or, turn: "turn(s):host[:port][?transport=udp|tcp]". */
bool ice_uri_valid(struct span uri, bool turn);

/* 0: UDP, 1: TCP, 2: TLS. The order in which clients shall try. */
int ice_uri_rank(struct span uri);

#endif
