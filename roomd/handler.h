/* handler.h - what every request handler uses, and the list of them.
 *
 * A handler answers at once, or makes a `struct call` and answers from the callback of the store or of signald. A
 * client that goes away meanwhile leaves the call behind with x == NULL; the callback then frees it.
 *
 * Thread: the main loop's.
 */
#ifndef ROOMD_HANDLER_H
#define ROOMD_HANDLER_H

#include "roomd/roomd.h"

struct call {
	struct roomd *d;
	struct http_exchange *x;	/* NULL: nobody waits for the answer any more */
	struct span room, client;	/* in ids[] */
	char ids[2 * ID_MAX];
};

/* NULL: no memory, and 500 was answered. room and client are copied; client may be empty. */
struct call *call_new(struct roomd *d, struct http_exchange *x, struct span room, struct span client);
void call_free(struct call *c);		/* after, or without, an answer */

/* Ids that a path named; legal ones (common/proto/ids.h). */
struct route_args {
	struct span room, client;
};

typedef void (*handler)(struct roomd *d, struct http_exchange *x, const struct route_args *a);

void handle_root(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_room_page(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_join(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_message(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_leave(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_bye(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_params(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_iceconfig(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_turn(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_analytics(struct roomd *d, struct http_exchange *x, const struct route_args *a);
void handle_asset(struct roomd *d, struct http_exchange *x, const struct asset *asset);

/* JSON that nobody may keep. */
void reply_json(struct http_exchange *x, int status, struct span json);
void reply_result(struct http_exchange *x, const char *result);	/* 200 {"result":"..."} */
void reply_later(struct http_exchange *x, int status);		/* 503 or 429, Retry-After */

#endif
