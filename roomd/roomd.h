/* roomd.h - the running daemon, as its handlers see it.
 *
 * Owner: service (what start() returns).   Thread: the main loop's; there is no other.
 */
#ifndef ROOMD_ROOMD_H
#define ROOMD_ROOMD_H

#include "common/base/rate_limit.h"
#include "common/daemon/metrics.h"
#include "common/net/http_server.h"
#include "common/redis/redis_route.h"
#include "roomd/assets.h"
#include "roomd/config.h"
#include "roomd/fleet.h"
#include "roomd/room_store.h"
#include "roomd/signal_link.h"

enum roomd_metric {
	M_JOIN_SUCCESS, M_JOIN_FULL, M_JOIN_UNAVAILABLE, M_JOIN_ERROR,
	M_REJOIN,
	M_MESSAGE_STORED, M_MESSAGE_FORWARDED, M_MESSAGE_REFUSED, M_MESSAGE_FAILED,
	M_LEAVE, M_BYE, M_BYE_REFUSED,
	M_ICE, M_ICE_REFUSED,
	M_RATE_LIMITED,
	M_HTTP_2XX, M_HTTP_3XX, M_HTTP_4XX, M_HTTP_5XX,
	M_ROOMS, M_CONNECTIONS, M_FORWARD_BYTES, M_TURN_SERVERS, M_SIGNAL_SERVERS,
	ROOMD_METRICS
};
enum rate_kind { RATE_JOIN, RATE_ICE, RATE_NONE };	/* what one address may do so often: threat model D-H10 */

extern const struct metric_desc roomd_metrics[ROOMD_METRICS];

struct roomd {
	uv_loop_t *loop;
	const struct roomd_config *config;
	struct site site;
	struct assets *assets;
	struct buf policy;		/* Content-Security-Policy */
	bool policy_is_old;		/* it could not be made anew */
	struct redis_route *route;	/* NULL: rooms in memory */
	struct fleet *fleet;		/* NULL: without Redis */
	struct room_store *store;
	struct signal_link *signal;
	struct tls_identity tls;
	struct http_server *http;
	uv_timer_t tick;		/* rooms in memory: their life */
	struct metrics metrics;
	struct rate_limit rates;	/* of enum rate_kind */
	bool bye_complained;		/* said once; the counters tell the rest */
	bool forward_complained;	/* said, and no success since */
};

/* The service (common/daemon/service.h). */
struct service;
extern const struct service roomd_service;

#endif
