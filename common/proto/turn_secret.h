/* turn_secret.h - the secrets of TURN REST credentials as the fleet shares them: the hash rtc:turn:secrets. Pure.
 *
 *	field: the secret's id		value: "1 <created> <activate-at> <retire-at> <secret>", Unix seconds
 *
 *	created ---activation---> roomd mints with it ------> a newer one is activated ---lifetime of a credential---> retired
 *	\----- turnd accepts it ------------------------------------------------------------------------------------/
 *
 * retire-at is 0 while there is no newer one. Times are Redis' own.
 */
#ifndef COMMON_PROTO_TURN_SECRET_H
#define COMMON_PROTO_TURN_SECRET_H

#include "common/proto/ids.h"

enum {
	TURN_SECRETS_MAX = 8,		/* valid at a time */
	TURN_SECRET_MAX = 256,		/* bytes of a secret */
	TURN_SECRET_VALUE_SIZE = 2 + 3 * 20 + TURN_SECRET_MAX + 1	/* of the hash's value, with a NUL */
};

struct turn_secret {
	char id[ID_MAX + 1];
	char text[TURN_SECRET_MAX + 1];
	int64_t created, activate_at, retire_at;
};

struct turn_secrets {		/* a value; wipe what is no longer needed */
	struct turn_secret v[TURN_SECRETS_MAX];	/* the newest first */
	size_t n;
};

bool turn_secret_text_valid(struct span text);	/* 1 to 256 printable ASCII characters, no blank */
bool turn_secret_parse(struct span id, struct span value, struct turn_secret *out);
size_t turn_secret_write(const struct turn_secret *s, char out[TURN_SECRET_VALUE_SIZE]);	/* the value; its length */

/* At its place; of nine the oldest goes. */
void turn_secrets_add(struct turn_secrets *set, const struct turn_secret *s);
void turn_secrets_drop_retired(struct turn_secrets *set, int64_t now);
const struct turn_secret *turn_secrets_find(const struct turn_secrets *set, struct span text);	/* or NULL */
/* The one to mint with: the newest that is active. NULL: there is none. */
const struct turn_secret *turn_secrets_minting(const struct turn_secrets *set, int64_t now);
bool turn_secrets_same(const struct turn_secrets *a, const struct turn_secrets *b);

#endif
