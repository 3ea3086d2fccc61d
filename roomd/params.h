/* params.h - the parameters that page and API share (apprtc-contract 2.3, 2.4). Pure.
 *
 * One JSON object; many of its members are JSON texts inside strings, because that is what the clients of ten years read.
 */
#ifndef ROOMD_PARAMS_H
#define ROOMD_PARAMS_H

#include "common/proto/ids.h"
#include "roomd/site.h"

struct params_request {
	struct span query;		/* as sent */
	struct span host;		/* the Host header */
	struct span user_agent;		/* may be empty (R46) */
	struct span room;		/* empty: no room_id, no room_link */
	struct span client;		/* empty: nobody joined: no client_id, is_initiator, messages */
	bool initiator;
	const struct span *messages;	/* valid UTF-8 */
	size_t n_messages;
	const struct signal_server *signal;	/* the room's; NULL: params_signal()'s choice */
	bool page;			/* room_full goes in, for the page's data block */
	bool room_full;
};

enum { PARAMS_LIMIT = 8 * 1024 * 1024 };	/* for the buffer: messages may take six bytes for one */

/* Appends the object under `key` (json_write.h). False: no memory, over out's limit. */
bool params_write(const struct site *site, const struct params_request *r, const char *key, struct buf *out);

/* Which server a request asks for: the one of ours that `wshpp` names, else the best. */
const struct signal_server *params_signal(const struct site *site, struct span query);
bool params_loopback(struct span query);

/* The value of an identifier among the parameters, such as `rejoin`; empty if it is absent or not legal. */
struct span params_id(struct span query, const char *name, char out[ID_MAX]);

#endif
