/* transactions.h - what was answered lately, so that a repeated request gets the same answer and no second effect
 * (turn-contract section 5).
 *
 * A ring of fixed size in the order of time, indexed by a keyed hash of 5-tuple, transaction and method. Beyond some 400
 * requests a second it remembers less than 40 seconds; repetitions come within a few. Only authenticated requests are
 * written down.
 *
 * Owner: embedded in its turn_server.   Thread: that server's.
 */
#ifndef TURND_CORE_TRANSACTIONS_H
#define TURND_CORE_TRANSACTIONS_H

#include "common/base/clock.h"
#include "common/base/map.h"
#include "turnd/core/client_path.h"

#define TRANSACTION_LIFETIME SECONDS(40)
enum { TRANSACTIONS_KEPT = 16384 };

struct outcome {		/* an answer, but for what the allocation itself knows */
	unsigned code;		/* 0: success, else the error */
	uint32_t lifetime;	/* LIFETIME of Allocate and Refresh, seconds */
};

struct transaction;
struct transactions {		/* only transactions.c looks inside */
	struct transaction *ring;
	unsigned next;
	struct map index;
};

bool transactions_init(struct transactions *t);		/* false: no memory */
void transactions_close(struct transactions *t);

uint64_t transaction_key(const struct client_path *path, const uint8_t tid[12], uint16_t method);
const struct outcome *transactions_find(const struct transactions *t, uint64_t key, msec_t now);	/* NULL: not lately */
void transactions_add(struct transactions *t, uint64_t key, struct outcome o, msec_t now);

#endif
