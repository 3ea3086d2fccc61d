/* nonce.h - the challenge: no state is kept for it (turn-contract section 3, threat model D-T1).
 *
 * A nonce is base64 of the time of issue (32 bits of Unix seconds) and a MAC of it and of the client's address, without
 * its port: a NAT that forgets us must not cost a round trip. Instances that share the key accept each other's. Pure.
 */
#ifndef TURND_CORE_NONCE_H
#define TURND_CORE_NONCE_H

#include "common/base/endpoint.h"

enum { NONCE_SIZE = 24, NONCE_KEY_SIZE = 32 };	/* characters; bytes */

enum nonce_result {
	NONCE_OK,
	NONCE_STALE,		/* ours, but older than its lifetime */
	NONCE_FOREIGN		/* not ours, or not for this address */
};

/* No NUL behind it. False: no memory. */
bool nonce_make(const uint8_t key[NONCE_KEY_SIZE], const struct ip_addr *client, int64_t unix_now, char out[NONCE_SIZE]);

/* lifetime: seconds, 0 for ever. `known`, if not NULL, is a nonce that was found to be ours for this client before: it
 * is not computed again. */
enum nonce_result nonce_check(const uint8_t key[NONCE_KEY_SIZE], const struct ip_addr *client, struct span nonce,
			      const char *known, uint32_t lifetime, int64_t unix_now);

#endif
