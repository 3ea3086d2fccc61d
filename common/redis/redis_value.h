/* redis_value.h - what a Redis node answers, and the errors that are ours. */
#ifndef COMMON_REDIS_REDIS_VALUE_H
#define COMMON_REDIS_REDIS_VALUE_H

#include "common/base/clock.h"
#include "common/base/span.h"

enum redis_kind {
	REDIS_NIL, REDIS_INTEGER, REDIS_STRING, REDIS_STATUS, REDIS_ARRAY,
	REDIS_ERROR,		/* Redis' own: text in str ("OOM ...", "NOAUTH ...") */
	REDIS_DOWN, REDIS_TIMEOUT, REDIS_LOST, REDIS_NOMEM, REDIS_STOPPED	/* ours; str says it in words */
};

struct redis_value {			/* valid for the callback */
	enum redis_kind kind;
	struct span str;		/* STRING, STATUS, ERROR and ours */
	int64_t integer;		/* INTEGER */
	const struct redis_value *item;	/* ARRAY */
	size_t n;
};
static inline bool redis_failed(const struct redis_value *v) { return v->kind >= REDIS_ERROR; }

bool redis_error_is(const struct redis_value *v, const char *code);	/* an error of Redis' own that begins with code */
/* LOADING, READONLY, MASTERDOWN: not carried out, because that node does not serve now. The connection is being renewed. */
bool redis_unserved(const struct redis_value *v);

typedef void (*redis_reply_cb)(void *ctx, const struct redis_value *v);
typedef void (*redis_message_cb)(void *ctx, struct span channel, struct span body);

struct redis_timing {		/* a zero takes the default; tests shorten them */
	msec_t command;		/* 2 s */
	msec_t backoff_min;	/* 50 ms */
	msec_t backoff_max;	/* 2 s */
};

struct redis_script {		/* static storage of one thread; the SHA-1 is worked out on first use */
	const char *lua;
	char sha[41];
};
bool redis_script_sha(struct redis_script *script);	/* fills in sha; false: no memory */

struct redis_counts {
	uint64_t commands;	/* given to a connection */
	uint64_t errors;	/* answered with an error, Redis' or ours */
	uint64_t timeouts;	/* of these: not answered in time */
	uint64_t reconnects;	/* times the connection came back */
	msec_t last_success;	/* loop time of the last answer that was no error; 0: never */
};

#endif
