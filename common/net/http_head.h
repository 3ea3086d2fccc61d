/* http_head.h - what we ask of a request's header beyond its syntax (threat model D-P7), and what it says of itself.
 * Inner to common/net; pure. */
#ifndef COMMON_NET_HTTP_HEAD_H
#define COMMON_NET_HTTP_HEAD_H

#include "common/net/http_server.h"

struct http_head {
	unsigned minor;			/* of HTTP/1.x */
	struct span target;		/* of the request line */
	bool has_body;			/* out: Content-Length above 0, or chunked */
	bool wants_continue;		/* out: "Expect: 100-continue" before a body */
};

/* r: method and headers are set; fills host, path, raw_path, query, upgrade. path: empty, keeps the decoded one.
 * Returns 0, or the status to refuse with and a few words in *why. */
int http_head_check(struct http_request *r, struct http_head *h, size_t body_limit, struct buf *path, const char **why);

#endif
