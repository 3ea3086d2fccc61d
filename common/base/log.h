/* log.h - one event, one line: key=value, or JSON.
 *
 *	LOG(LOG_INFO, "allocation_end", LOG_STR("user", name), LOG_UINT("bytes", n));
 *	time=2026-11-24T13:00:00.123Z level=info event=allocation_end user=alice bytes=1200
 *
 * Every string value passes one escaping function (control, non-ASCII, quotes -> \xNN) and is cut at 256 bytes
 * (threat model D-S3). Never hand it a secret or a user's message.
 *
 * Who logs: the shells and main. Protocol cores return reasons.   Thread: any; one write(2) a line.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include "common/base/endpoint.h"
#include "common/base/span.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_KEY_VALUE, LOG_JSON };

struct log_field {
	const char *key;	/* NULL ends the list */
	enum { LOG_KIND_SPAN, LOG_KIND_UINT, LOG_KIND_INT, LOG_KIND_ENDPOINT } kind;
	union {
		struct span s;
		uint64_t u;
		int64_t i;
		const struct endpoint *e;
	} v;
};

#define LOG_SPAN(k, val) ((struct log_field){ .key = (k), .kind = LOG_KIND_SPAN, .v.s = (val) })
#define LOG_STR(k, val) LOG_SPAN(k, span_str(val))
#define LOG_UINT(k, val) ((struct log_field){ .key = (k), .kind = LOG_KIND_UINT, .v.u = (uint64_t)(val) })
#define LOG_INT(k, val) ((struct log_field){ .key = (k), .kind = LOG_KIND_INT, .v.i = (int64_t)(val) })
#define LOG_ENDPOINT(k, val) ((struct log_field){ .key = (k), .kind = LOG_KIND_ENDPOINT, .v.e = (val) })

/* At least one field; LOG_STR("msg", ...) for a sentence. */
#define LOG(level, event, ...) \
	log_write((level), (event), (const struct log_field[]){ __VA_ARGS__, { .key = NULL } })

/* Before threads start. fd is borrowed; -1 keeps standard error. */
void log_setup(enum log_level threshold, enum log_format format, int fd);
void log_set_level(enum log_level threshold);	/* any time, any thread */
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
