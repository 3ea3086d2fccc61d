/* nonce.h - the challenge: no state is kept for it (turn-contract section 3, threat model D-T1).
 *
 * A nonce is base64 of the time of issue (32 bits of Unix seconds), of the terms it was given on (which password algorithms,
 * which security features) and a MAC of them and of the client's address, without its port: a NAT that forgets us must
 * not cost a round trip. In front stands the nonce cookie of RFC 8489 section 9.2, unless MD5 is all that was offered.
 * Instances that share a key accept each other's. Pure.
 */
#ifndef TURND_CORE_NONCE_H
#define TURND_CORE_NONCE_H

#include "common/base/endpoint.h"
#include "turnd/core/settings.h"

enum { NONCE_BODY = 24, NONCE_COOKIE = 13, NONCE_SIZE = NONCE_COOKIE + NONCE_BODY };	/* characters, the most there are */

enum nonce_result {
	NONCE_OK,
	NONCE_STALE,		/* ours, but older than its lifetime */
	NONCE_FOREIGN		/* not ours, not for this address, or given on other terms than those of today */
};

/* Returns the length, without a NUL; 0: no memory. */
size_t nonce_make(const struct turn_settings *set, const struct ip_addr *client, int64_t unix_now, char out[NONCE_SIZE]);

/* `known` is a nonce that was found to be ours for this client before, or empty: it is not computed again. */
enum nonce_result nonce_check(const struct turn_settings *set, const struct ip_addr *client, struct span nonce,
			      struct span known, int64_t unix_now);

#endif
