/* http_server.h - HTTP/1.1 for roomd, signald and the admin pages: llhttp inside, nobody else sees it.
 *
 * What a handler gets is a whole request within the limits; what is broken is answered here (400, 405 is the
 * handler's, 408, 413, 414, 417, 431, 501, 505) and the connection closed. Pipelined requests are handled one
 * after the other and answered in order. Strictness beyond llhttp (D-P7): exactly one valid Host in HTTP/1.1, no
 * folded headers, Transfer-Encoding only "chunked", once, and not beside Content-Length, none in HTTP/1.0.
 *
 * Owner: the server owns its listeners, landers and connections; an exchange is borrowed by its handler until it was
 *        answered, was upgraded, or `gone` was called.   Thread: the loop's.
 */
#ifndef COMMON_NET_HTTP_SERVER_H
#define COMMON_NET_HTTP_SERVER_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/net/lander.h"
#include "common/net/listener.h"

struct http_server;
struct http_exchange;

struct http_limits {			/* a zero takes the default */
	size_t request_line;		/* 8 KiB: 414 */
	size_t header_block;		/* 16 KiB: 431 */
	unsigned header_fields;		/* 100: 431 */
	size_t body;			/* 256 KiB: 413, before the body is read where Content-Length tells */
	msec_t head_time;		/* 10 s from the first byte to the end of the header: 408 */
	msec_t body_time;		/* 15 s: 408 */
	msec_t idle_time;		/* 30 s between requests: closed */
	msec_t stall_time;		/* 10 s without the kernel taking a byte of an answer: closed */
	unsigned requests;		/* 1000 on one connection, then Connection: close */
};

struct http_header { struct span name, value; };	/* name in lower case */

struct http_request {			/* valid while the exchange is */
	struct span method;		/* "GET": upper case as sent */
	struct span path;		/* percent-decoded, without the query; contains no NUL; starts with '/' */
	struct span raw_path;		/* as sent */
	struct span query;		/* as sent, without '?' */
	struct span body;
	struct span host;		/* as sent */
	const struct http_header *headers;
	size_t n_headers;
	struct endpoint peer;
	bool upgrade;			/* asks for an upgrade: GET with Connection: upgrade */
};
/* First header of that (lower-case) name; empty span with p == NULL if absent. */
struct span http_header_get(const struct http_request *r, const char *name);

struct http_reply {
	int status;
	const char *content_type;	/* NULL: none */
	struct span body;		/* copied; not sent for HEAD, though counted in Content-Length */
	const struct http_header *headers;	/* more of them, copied; names as they shall be sent */
	size_t n_headers;
	bool close;			/* Connection: close after it */
};

struct http_server_ops {
	/* A whole request. Answer now or later, exactly once; a handler that waits for something has its own deadline.
	 * HEAD comes as GET would. Never called from inside http_reply(). */
	void (*request)(void *owner, struct http_exchange *x, const struct http_request *r);
	/* The client went away before the answer; x is dead. May be NULL if every answer is given at once. */
	void (*gone)(void *owner, struct http_exchange *x);
	/* Called for each reply incl. the server's own errors: for counters. May be NULL. */
	void (*answered)(void *owner, int status);
};

struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *limits,
				    const struct http_server_ops *ops, void *owner);	/* NULL: no memory */
/* Headers that every answer carries, the server's own errors too (CORS, security). Borrowed for ever. */
void http_server_set_headers(struct http_server *s, const struct http_header *h, size_t n);
int http_server_listen(struct http_server *s, const struct listener_options *o, char why[128]);	/* -1: why[] says it */
struct endpoint http_server_at(const struct http_server *s, unsigned i);	/* i-th listener's real address */
/* https: handshakes happen on a lander's threads. Once, with all addresses. -1: why[] says it; then only stop is right. */
int http_server_listen_tls(struct http_server *s, const struct endpoint *at, size_t n, const struct lander_options *o,
			   char why[128]);
struct endpoint http_server_tls_at(const struct http_server *s, unsigned i);
struct lander_counts http_server_lander_counts(const struct http_server *s);
/* Drain: listeners close, idle connections close, busy ones after their answer. */
void http_server_drain(struct http_server *s);
unsigned http_server_connections(const struct http_server *s);
/* Closes everything; `done` (may be NULL) when the last handle is gone and s is freed. */
void http_server_stop(struct http_server *s, void (*done)(void *owner));

const struct http_request *http_exchange_request(const struct http_exchange *x);
void http_exchange_set_context(struct http_exchange *x, void *ctx);	/* the handler's own, for an answer given later */
void *http_exchange_context(const struct http_exchange *x);

void http_reply(struct http_exchange *x, const struct http_reply *reply);	/* x is dead afterwards */
void http_reply_text(struct http_exchange *x, int status, const char *text);	/* text/plain */

/* Answers 101 with these headers (Upgrade and Connection are added) and gives the connection away: the stream is
 * the caller's, with handler h; `unread` bytes that followed the request are appended to *unread.
 * NULL: the write failed or no memory; x is dead either way. */
struct stream *http_upgrade(struct http_exchange *x, const char *protocol, const struct http_header *headers,
			    size_t n_headers, const struct stream_handler *h, void *owner, struct buf *unread);

#endif
