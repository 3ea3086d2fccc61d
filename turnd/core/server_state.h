/* server_state.h - what the files of the server share: its state, one request on its way, and a function per method.
 *
 * Private to turnd/core. A method decides and returns an outcome; turn_server.c writes it down and answer.c sends it.
 */
#ifndef TURND_CORE_SERVER_STATE_H
#define TURND_CORE_SERVER_STATE_H

#include "common/base/rate_limit.h"
#include "turnd/core/alloc_table.h"
#include "turnd/core/allocation.h"
#include "turnd/core/counters.h"
#include "turnd/core/settings.h"
#include "turnd/core/transactions.h"
#include "turnd/core/turn_server.h"

struct turn_server {
	const struct turn_settings *settings;
	struct turn_shell shell;
	void *shell_ctx;
	struct auth auth;
	struct alloc_table allocations;
	struct wheel wheel;
	struct transactions transactions;
	struct rate_limit rates;
	struct turn_counters counters;
	struct capacity_lease capacity;
	uint8_t number;			/* of its worker, in tickets */
	bool draining;
};

struct discovery;	/* discovery.h */

struct request {
	struct turn_server *s;
	const struct client_path *path;
	const struct stun_msg *m;
	enum turn_method method;
	msec_t now;
	int64_t unix_now;
	struct allocation *allocation;	/* on this 5-tuple, or NULL */
	const struct discovery *discovery;	/* a Binding that RFC 5780 is served to, or NULL */
	struct identity who;
	bool authenticated;		/* who is set; the answer is signed with its key */
};

/* --- methods: the request is authenticated and has no unknown attribute ------------------------------------------ */
struct outcome method_allocate(struct request *r);		/* sets r->allocation on success */
struct outcome method_refresh(struct request *r);		/* unsets it if that ended it */
struct outcome method_create_permission(struct request *r);
struct outcome method_channel_bind(struct request *r);

/* LIFETIME as asked for, within our bounds and those of the credential; false: malformed. */
bool request_lifetime(const struct request *r, bool zero_is_zero, uint32_t *lifetime);

static inline bool request_has(const struct request *r, uint16_t attribute)
{
	struct span ignored;
	return stun_find(r->m, attribute, &ignored);
}

static inline struct outcome outcome_error(unsigned code)
{
	return (struct outcome){ .code = code };
}

/* May this peer be reached? Counts the rule that says no. */
bool server_peer_allowed(struct turn_server *s, const struct endpoint *peer, bool for_data);

/* The comprehension-required attributes that we do not know; at most UNKNOWN_MAX; returns how many. */
enum { UNKNOWN_MAX = 64 };
unsigned message_unknown_attributes(const struct stun_msg *m, uint16_t types[UNKNOWN_MAX]);

/* --- answer.c ---------------------------------------------------------------------------------------------------- */
void answer_send(const struct request *r, struct outcome o);
void answer_unknown_attributes(const struct request *r, const uint16_t *types, unsigned n);

#endif
