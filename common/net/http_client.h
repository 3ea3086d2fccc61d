/* http_client.h - requests to one HTTP server, over a few kept connections: roomd to signald, signald to roomd.
 *
 * Requests are spread over at most `connections` kept-alive connections, one in flight on each; the rest wait in
 * order, at most `waiting`. A request that failed on a kept connection before any byte of an answer came is tried once
 * more on a fresh one, if it may be repeated.
 *
 * Owner: whoever called new.   Thread: the loop's.
 */
#ifndef COMMON_NET_HTTP_CLIENT_H
#define COMMON_NET_HTTP_CLIENT_H

#include <uv.h>

#include "common/base/clock.h"
#include "common/base/span.h"

struct http_client;
struct http_call;
struct tls_client;

struct http_client_options {
	const char *host;		/* name or address; copied */
	uint16_t port;
	struct tls_client *trust;	/* https; borrowed. NULL: http */
	unsigned connections;		/* 0: 4 */
	unsigned waiting;		/* 0: 1024 */
	size_t body_limit;		/* of an answer; 0: 64 KiB */
	msec_t deadline;		/* from the call to the whole answer; 0: 5 s */
	msec_t idle_time;		/* a connection is kept unused for so long: less than the server keeps it; 0: 10 s */
};

enum http_call_result {
	HTTP_CALL_OK,			/* an answer came; status and body are set */
	HTTP_CALL_CONNECT,		/* no connection, or none within the deadline: nothing was sent, safe to try elsewhere */
	HTTP_CALL_LOST,			/* the connection ended before the answer: unknown whether it took effect */
	HTTP_CALL_TIMEOUT,
	HTTP_CALL_BROKEN,		/* not HTTP, or too large; a path that is none: nothing was sent */
	HTTP_CALL_FULL,			/* too many waiting, or no memory: nothing was sent */
	HTTP_CALL_STOPPED		/* http_client_stop() */
};

/* Called exactly once, never from inside http_client_call(), but from inside http_client_stop(). body is valid for the call. */
typedef void (*http_call_cb)(void *ctx, enum http_call_result r, int status, struct span body);

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_options *o);	/* NULL: no memory */

/* method: a literal. path, content_type, body: copied. repeatable: may be sent twice. NULL: no memory,
 * or stopped, and cb is not called. */
struct http_call *http_client_call(struct http_client *c, const char *method, struct span path, const char *content_type,
				   struct span body, bool repeatable, http_call_cb cb, void *ctx);
void http_call_forget(struct http_call *call);	/* cb will not be called; the request itself may still happen */
void http_client_stop(struct http_client *c, void (*done)(void *ctx), void *ctx);	/* c is freed; done may be NULL */

#endif
