/* http_parse.h - one HTTP/1.x message from bytes: llhttp's piecewise callbacks become a whole request or response,
 * within limits. Inner to common/net; pure: bytes in, verdict out.
 *
 *	line --> header --> body --> whole		HTTP_MORE ... HTTP_WHOLE
 *	   \________\_________\-----> refused		HTTP_REFUSED, with the status to answer and why
 *
 * A parser is made for one message, when its first byte is there, and freed with it: between messages a connection
 * keeps nothing. What the verdict HTTP_WHOLE does not take belongs to the next message, or to the protocol that was
 * upgraded to.
 *
 * What llhttp lets pass and we refuse (threat model D-P7): a Host that is missing, repeated or no host; folded header
 * lines, and such without a name; Transfer-Encoding other than one "chunked", beside Content-Length, or in HTTP/1.0;
 * versions other than 1.0 and 1.1; NUL in the decoded path; more framing than chunks need.
 */
#ifndef COMMON_NET_HTTP_PARSE_H
#define COMMON_NET_HTTP_PARSE_H

#include "common/net/http_server.h"

struct http_parse;

enum http_verdict { HTTP_MORE, HTTP_WHOLE, HTTP_REFUSED };	/* the last two are final */

/* All limits are set (none is 0); of a response, request_line limits the status line. NULL: no memory. */
struct http_parse *http_parse_request(const struct http_limits *limits);
struct http_parse *http_parse_response(const struct http_limits *limits, bool answers_head);
void http_parse_free(struct http_parse *p);	/* NULL is fine */

/* *used: how many bytes of `in` were taken; all, unless the verdict is final. */
enum http_verdict http_parse_feed(struct http_parse *p, struct span in, size_t *used);
enum http_verdict http_parse_end(struct http_parse *p);	/* the connection ended: may make a response whole */

bool http_parse_in_body(const struct http_parse *p);		/* the header is whole and was found good */
bool http_parse_wants_continue(const struct http_parse *p);	/* right behind the header, once: "100 Continue" is waited for */

/* HTTP_REFUSED: the status to answer (400, 413, 414, 417, 431, 501, 503, 505) and a few words on why. */
int http_parse_refusal(const struct http_parse *p, const char **why);

/* HTTP_WHOLE. Views into the parser. */
struct http_request *http_parse_get_request(struct http_parse *p);	/* peer is the caller's to fill */
unsigned http_parse_minor(const struct http_parse *p);	/* the x of HTTP/1.x */
int http_parse_status(const struct http_parse *p);	/* a response's: never 1xx */
struct span http_parse_body(const struct http_parse *p);
bool http_parse_keep_alive(const struct http_parse *p);	/* the connection may go on after this message */

#endif
