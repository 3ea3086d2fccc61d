/* http_reply.h - the head of an answer as bytes. Inner to common/net; pure. */
#ifndef COMMON_NET_HTTP_REPLY_H
#define COMMON_NET_HTTP_REPLY_H

#include "common/net/http_server.h"

struct http_reply_frame {		/* what the connection adds to a handler's reply */
	const struct http_header *headers;	/* those of the server */
	size_t n_headers;
	int64_t now;			/* Unix time, for Date */
	bool close;			/* Connection: close */
	bool keep_alive;		/* Connection: keep-alive, which HTTP/1.0 wants to hear */
};

const char *http_reason(int status);	/* "Not Found"; "Unknown" for one we do not send */

/* Appends status line and headers up to the empty line. Control characters in values become blanks, so that no value
 * can end its line. False: *out failed. */
bool http_reply_head(const struct http_reply *r, const struct http_reply_frame *f, struct buf *out);
bool http_upgrade_head(const char *protocol, const struct http_header *headers, size_t n, struct buf *out);	/* 101 */

#endif
