/* counters.h - what signald counts; the rows of /metrics. One writer: the loop. */
#ifndef SIGNALD_COUNTERS_H
#define SIGNALD_COUNTERS_H

#include "common/daemon/metrics.h"
#include "signald/errors.h"

/* Why a WebSocket ended: name, label. */
#define CLOSE_REASONS(X) \
	X(PEER, "peer")			/* the client closed it */ \
	X(LOST, "lost")			/* the connection broke without a Close frame */ \
	X(ERROR, "error")		/* after an error frame (1000) */ \
	X(PROTOCOL, "protocol")		/* RFC 6455 was violated (1002) */ \
	X(NOT_TEXT, "not_text")		/* not UTF-8 (1007), or a binary message (1003) */ \
	X(TOO_BIG, "too_big")		/* 1009 */ \
	X(FRAGMENTS, "fragments")	/* too many, or a message that never ends (1008) */ \
	X(SLOW, "slow")			/* took too long, or too much was unsent (1008) */ \
	X(SILENT, "silent")		/* answered no ping (1008) */ \
	X(UNREGISTERED, "unregistered")	/* in time (1008) */ \
	X(DELETED, "deleted")		/* by DELETE (1000) */ \
	X(SUPERSEDED, "superseded")	/* was silent while its client registered anew (1008) */ \
	X(DRAIN, "drain")		/* 1001 */ \
	X(STOP, "stop")			/* 1001 */ \
	X(NO_MEMORY, "no_memory")	/* 1011 */

enum close_reason {
#define X(name, label) CLOSE_##name,
	CLOSE_REASONS(X)
#undef X
	CLOSE_N
};
const char *close_reason_label(enum close_reason why);

enum counter {
	COUNT_CONNECTIONS, COUNT_REGISTERED,			/* gauges */
	COUNT_REGISTRATIONS,
	COUNT_DELIVERED, COUNT_QUEUED, COUNT_DROPPED,
	COUNT_PAUSED,
	COUNT_REMOVED_DELETED, COUNT_REMOVED_GRACE,
	COUNT_HTTP_ERRORS,
	COUNT_BYE_DONE, COUNT_BYE_FAILED, COUNT_BYE_DROPPED,
	COUNT_ERROR,						/* one for each client_error */
	COUNT_CLOSE = COUNT_ERROR + ERROR_N,			/* one for each close_reason */
	COUNT_N = COUNT_CLOSE + CLOSE_N
};

extern const struct metric_desc counter_table[COUNT_N];

#endif
