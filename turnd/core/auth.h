/* auth.h - who sent this request (turn-contract section 3): long-term credentials of RFC 8489 section 9.2.
 *
 * Static users, also by USERHASH, and TURN REST credentials (common/proto/turn_cred.h); MESSAGE-INTEGRITY or, where it is
 * offered, MESSAGE-INTEGRITY-SHA256, and only that if both are there. Checks in the order of the contract; answers to an
 * unknown user, an expired credential and a wrong password are the same, and cost about the same time.
 *
 * Owner: embedded in its turn_server; borrows the settings.   Thread: that server's.
 */
#ifndef TURND_CORE_AUTH_H
#define TURND_CORE_AUTH_H

#include "turnd/core/counters.h"
#include "turnd/core/settings.h"
#include "turnd/wire/stun.h"

struct auth {
	const struct turn_settings *settings;
	const struct turn_user **users;		/* owned; all of them by name, then all by USERHASH */
};

struct identity {		/* of a user who proved to be one */
	struct span user;		/* lives as long as message and settings, or as its allocation */
	struct span name;		/* inside it, the part that quotas count: without a credential's expiry */
	struct long_term_key key;
	int64_t expiry;			/* Unix seconds; INT64_MAX for static users */
};

struct auth_owner {		/* whose allocation the request concerns, if there is one */
	const struct identity *who;
	struct span nonce;		/* the last good one */
};

struct auth_query {
	const struct stun_msg *m;
	const struct ip_addr *client;
	const struct auth_owner *owner;	/* NULL: no allocation on the 5-tuple */
	int64_t unix_now;
	bool refuse;			/* this source failed too often: 401 without any HMAC, unless it is the owner */
};

struct auth_result {
	enum auth_failure failure;	/* AUTH_OK: *who is set */
	unsigned code;			/* the error to answer: 400, 401, 438, 441; 0 if AUTH_OK */
	bool nonce_ours;		/* it showed a nonce that we gave to this address lately */
};

bool auth_init(struct auth *a, const struct turn_settings *settings);	/* false: no memory */
void auth_close(struct auth *a);					/* fine on a zeroed one */

/* Is it MESSAGE-INTEGRITY-SHA256 that counts? The answer then has it too. */
static inline bool auth_by_sha256(const struct turn_settings *set, const struct stun_msg *m)
{
	return (set->algorithms & ALGORITHM_SHA256) && m->integrity_sha256.len > 0;
}

struct auth_result auth_check(const struct auth *a, const struct auth_query *q, struct identity *who);

#endif
