/* redis_route.h - the only way in to Redis: every command names its partition.
 *
 * Kinds of route: fixed (unix:///path, redis://[user:password@]host[:port][/db]); rediss://, redis-sentinel:// and
 * redis-cluster:// are recognised and refused with a sentence until they exist.
 *
 * A reply comes exactly once for each command, in order within a partition, never from inside redis_command():
 * a value, or an error of ours (REDIS_DOWN at once while there is no connection, REDIS_TIMEOUT, REDIS_LOST when
 * the connection ended with the answer outstanding: unknown whether it took effect).
 *
 * Owner: the daemon's shell.   Thread: the loop's.
 */
#ifndef COMMON_REDIS_REDIS_ROUTE_H
#define COMMON_REDIS_REDIS_ROUTE_H

#include <uv.h>

#include "common/base/clock.h"
#include "common/base/span.h"

struct redis_route;

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

typedef void (*redis_reply_cb)(void *ctx, const struct redis_value *v);
typedef void (*redis_message_cb)(void *ctx, struct span channel, struct span body);

struct redis_timing {		/* a zero takes the default; tests shorten them */
	msec_t command;		/* 2 s */
	msec_t backoff_min;	/* 50 ms */
	msec_t backoff_max;	/* 2 s */
};

struct redis_script {		/* static storage; the SHA-1 is worked out on first use */
	const char *lua;
	char sha[41];
};

enum { REDIS_ANY_PARTITION = 0 };	/* for keys without a partition tag */

/* NULL with a sentence in why[]: what is wrong with the URL and what would be right. The password never appears in it.
 * Connecting starts at once and never blocks; `state` (may be NULL) tells of up and down. */
struct redis_route *redis_route_new(uv_loop_t *loop, const char *url, const struct redis_timing *timing,
				    void (*state)(void *owner, bool up), void *owner, char why[160]);

void redis_command(struct redis_route *r, unsigned partition, const struct span *argv, size_t argc,
		   redis_reply_cb cb, void *ctx);
/* EVALSHA, and EVAL when the node does not know the script. */
void redis_eval(struct redis_route *r, unsigned partition, struct redis_script *script,
		const struct span *keys, size_t n_keys, const struct span *args, size_t n_args,
		redis_reply_cb cb, void *ctx);
/* On a connection of its own; renewed after every reconnect. `lost` messages are the caller's to repair: `resubscribed` says when. */
int redis_subscribe(struct redis_route *r, unsigned partition, struct span channel, redis_message_cb cb,
		    void (*resubscribed)(void *ctx), void *ctx);	/* -1: no memory */

bool redis_route_up(const struct redis_route *r);
struct redis_counts { uint64_t commands, errors, timeouts, reconnects; msec_t last_success; };
struct redis_counts redis_route_counts(const struct redis_route *r);

/* Outstanding commands end with REDIS_STOPPED; r is freed before done. */
void redis_route_stop(struct redis_route *r, void (*done)(void *ctx), void *ctx);

#endif
