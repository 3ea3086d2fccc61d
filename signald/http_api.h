/* http_api.h - Collider's HTTP: POST and DELETE /<room>/<client>, /status, and the way to /ws (apprtc-contract 4.5, 4.6).
 *
 * A DELETE waits one turn of the loop, so that what its client has said before on the WebSocket takes effect first:
 * `bye` and DELETE travel on two connections.
 *
 * Owner: struct signald.   Thread: the loop's.
 */
#ifndef SIGNALD_HTTP_API_H
#define SIGNALD_HTTP_API_H

#include "signald/client.h"

struct http_api {
	uv_loop_t *loop;
	const struct signald_config *cfg;
	struct hub *hub;
	struct clients *clients;
	struct metrics *metrics;
	msec_t started;
	struct list deferred;		/* DELETEs that wait for their turn */
	uv_idle_t idle;			/* active while some do: the loop must not sleep */
	uv_check_t check;		/* runs behind each turn's input */
};

/* The fields above `started` are the caller's to fill. */
void http_api_init(struct http_api *a);
void http_api_close(struct http_api *a);	/* handles close with the loop; the exchanges must be gone by then */

void http_api_status(const struct http_api *a, struct buf *out);	/* Collider's five fields, a JSON object */

extern const struct http_server_ops http_api_ops;	/* owner: struct http_api */
extern const struct http_header http_api_headers[];	/* for every answer */
enum { HTTP_API_HEADERS = 1 };

#endif
