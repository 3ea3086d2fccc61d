/* auth.h - who sent this request (turn-contract section 3): long-term credentials with MESSAGE-INTEGRITY.
 *
 * Static users and TURN REST credentials (common/proto/turn_cred.h). Checks in the order of the contract; answers to an
 * unknown user, an expired credential and a wrong password are the same, and cost about the same time.
 *
 * Owner: embedded in its turn_server; borrows the settings.   Thread: that server's.
 */
#ifndef TURND_CORE_AUTH_H
#define TURND_CORE_AUTH_H

#include "common/crypto/digest.h"
#include "turnd/core/counters.h"
#include "turnd/core/settings.h"
#include "turnd/wire/stun.h"

struct auth {
	const struct turn_settings *settings;
	const struct turn_user **users;		/* owned; by name */
};

struct identity {		/* of a user who proved to be one */
	struct span user;		/* USERNAME; lives as long as the message, or as its allocation */
	struct span name;		/* inside it, the part that quotas count: without a credential's expiry */
	uint8_t key[MD5_SIZE];		/* MD5(user:realm:password) */
	int64_t expiry;			/* Unix seconds; INT64_MAX for static users */
};

struct auth_owner {		/* whose allocation the request concerns, if there is one */
	const struct identity *who;
	const char *nonce;		/* the last good one, NONCE_SIZE characters */
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

struct auth_result auth_check(const struct auth *a, const struct auth_query *q, struct identity *who);

#endif
