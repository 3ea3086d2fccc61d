/* counters.h - what happened, by fixed labels (turn-contract section 12).
 *
 * One writer, the worker; anybody may read at any time (count_read) and sees each number whole, though not all of
 * the same moment. The shell adds up its workers.
 */
#ifndef TURND_CORE_COUNTERS_H
#define TURND_CORE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum turn_method {
	METHOD_BINDING, METHOD_ALLOCATE, METHOD_REFRESH, METHOD_CREATE_PERMISSION, METHOD_CHANNEL_BIND, METHOD_N
};

enum turn_code {		/* responses: success, or the error's code */
	CODE_SUCCESS, CODE_300, CODE_400, CODE_401, CODE_403, CODE_405, CODE_420, CODE_437, CODE_438, CODE_440,
	CODE_441, CODE_442, CODE_443, CODE_446, CODE_447, CODE_486, CODE_500, CODE_508, CODE_N
};

enum turn_drop {		/* why a packet or message got neither answer nor way */
	DROP_NONE,
	DROP_MALFORMED,		/* no protocol of ours, or broken */
	DROP_NO_ALLOCATION, DROP_NO_PERMISSION, DROP_NO_CHANNEL,
	DROP_POLICY,		/* a peer that may not be reached; which rule: policy[] */
	DROP_TOO_LONG,		/* for the transport it would leave by */
	DROP_METHOD,		/* a method or class that a TURN server does not answer */
	DROP_RATE_LIMIT,	/* answers to strangers, section 9 */
	DROP_REPLAY,		/* a repeated Allocate whose allocation has ended since */
	DROP_NO_MEMORY,		/* an answer could not be made */
	DROP_BANDWIDTH,		/* max-bps or bps-capacity */
	DROP_N
};

enum policy_rule {		/* turn-contract section 6; peer_policy.h */
	POLICY_ALLOW,
	POLICY_OWN_SERVICE, POLICY_UNSPECIFIED, POLICY_LOOPBACK, POLICY_LINK_LOCAL, POLICY_PRIVATE, POLICY_RESERVED,
	POLICY_MULTICAST, POLICY_BROADCAST, POLICY_DENIED_LIST, POLICY_N
};

enum auth_failure {		/* why a request was not authenticated; 441 by another user included */
	AUTH_OK, AUTH_NO_INTEGRITY, AUTH_INCOMPLETE, AUTH_FOREIGN_NONCE, AUTH_STALE_NONCE, AUTH_REALM, AUTH_ALGORITHM,
	AUTH_UNKNOWN_USER, AUTH_EXPIRED, AUTH_TOO_LONG, AUTH_BAD_INTEGRITY, AUTH_OTHER_USER, AUTH_N
};

enum turn_leg { LEG_CLIENT, LEG_PEER, LEG_N };
enum turn_direction { DIR_IN, DIR_OUT, DIR_N };

enum { TURN_TRANSPORTS = 4, TURN_ENDS = 4 };	/* enum transport, enum turn_end */

typedef _Atomic uint64_t count_t;

struct turn_counters {
	count_t requests[METHOD_N];
	count_t responses[METHOD_N][CODE_N];
	count_t drops[DROP_N];
	count_t policy[POLICY_N];			/* 403s and dropped Send indications by rule */
	count_t auth_failures[AUTH_N];
	count_t allocations_current[TURN_TRANSPORTS];	/* gauge, by the client's transport */
	count_t allocations_total[TURN_TRANSPORTS];
	count_t allocations_ended[TURN_ENDS];
	count_t permissions, channels;			/* made, not renewed */
	count_t packets[LEG_N][DIR_N], bytes[LEG_N][DIR_N];	/* datagrams or frames, all their bytes; OUT: handed to the shell */
};

/* Names for labels, in the order of the enums: lower case, NULL-terminated. */
extern const char *const turn_method_names[], *const turn_code_names[], *const turn_drop_names[],
	*const policy_rule_names[], *const auth_failure_names[], *const turn_end_names[], *const transport_names[];

enum turn_code turn_code_of(unsigned code);	/* of an error's number; 0: CODE_SUCCESS; unknown: CODE_500 */

/* The only writer needs no locked instruction: load and store apart are enough. */
static inline void count_add(count_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t count_read(const count_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

#endif
