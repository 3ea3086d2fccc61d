/* turn_cred.h - TURN REST credentials (draft-uberti-behave-turn-rest-00): roomd mints, turnd verifies.
 *
 * user name = expiry, or expiry:name, or name:expiry; expiry in decimal Unix seconds.
 * password  = base64(HMAC-SHA1(secret, user name)), or with HMAC-SHA256 where both sides agreed on it.
 * Pure.
 */
#ifndef COMMON_PROTO_TURN_CRED_H
#define COMMON_PROTO_TURN_CRED_H

#include "common/base/base64.h"
#include "common/crypto/digest.h"

enum { TURN_PASSWORD_SIZE = BASE64_SIZE(SHA256_SIZE), TURN_USERNAME_SIZE = 96 };	/* with the NUL */

enum turn_hash { TURN_HASH_SHA1, TURN_HASH_SHA256 };

struct turn_cred {
	char username[TURN_USERNAME_SIZE];
	char password[TURN_PASSWORD_SIZE];
};

/* May `name` be asked for at all? [A-Za-z0-9._@-]{0,64}: nothing by which a caller could forge an expiry. */
bool turn_name_valid(struct span name);

/* Makes "<now + ttl>:<name>", or "<now + ttl>" for an empty name. now: Unix seconds; ttl: seconds.
 * -1: the name is not valid, or no memory. */
int turn_cred_mint(struct turn_cred *out, struct span secret, struct span name, int64_t now, uint32_t ttl);

/* -1: no memory. */
int turn_cred_password(struct span secret, struct span username, char out[TURN_PASSWORD_SIZE]);
int turn_cred_password_by(enum turn_hash hash, struct span secret, struct span username, char out[TURN_PASSWORD_SIZE]);

/* Splits a user name in any of the three forms. Of two numeric parts the first is the expiry.
 * False: no part is a plain decimal number below 2^63. */
struct turn_username {
	int64_t expiry;		/* Unix seconds */
	struct span name;	/* for quotas and logs: the part beside the expiry, or all of it if there is none */
};
bool turn_username_parse(struct span username, char separator, struct turn_username *out);

#endif
