/* admin.h - the admin listener: /healthz /readyz /metrics /status, on an address of its own.
 *
 * /healthz  200 "ok" as long as the loop turns; depends on nothing else.
 * /readyz   200 "ready" or 503 with the reason: may new work come here?
 * /metrics  Prometheus text.   /status  JSON.
 *
 * Owner: service.   Thread: the main loop's; ops are called there.
 */
#ifndef COMMON_DAEMON_ADMIN_H
#define COMMON_DAEMON_ADMIN_H

#include "common/net/http_server.h"

struct admin_page {		/* one more, in JSON */
	const char *path;
	void (*print)(void *ctx, struct buf *out);
};

struct admin_ops {
	bool (*ready)(void *ctx, const char **why_not);
	void (*metrics)(void *ctx, struct buf *out);
	void (*status)(void *ctx, struct buf *out);	/* a JSON object; NULL: {} */
	const struct admin_page *pages;			/* a path of NULL ends them; may be NULL */
};

struct admin {			/* embedded; must stay until the loop is empty */
	struct http_server *http;
	const struct admin_ops *ops;
	void *ctx;
};

/* -1: why[] says it; what was opened is closing. */
int admin_start(struct admin *a, uv_loop_t *loop, const struct endpoint *at, const struct admin_ops *ops, void *ctx,
		char why[128]);
void admin_stop(struct admin *a);	/* asynchronous; fine on a zeroed one, and twice */

#endif
