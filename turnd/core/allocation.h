/* allocation.h - one allocation: its client, its relays and their lifetimes, its permissions and channels.
 *
 * Holds up to two relayed addresses, one of each family (RFC 8656 section 7, dual allocation), which may end one by one;
 * with the last of them the allocation ends.
 *
 * Owner: the alloc_table of its server.   Thread: that server's.
 */
#ifndef TURND_CORE_ALLOCATION_H
#define TURND_CORE_ALLOCATION_H

#include "common/base/wheel.h"
#include "turnd/core/auth.h"
#include "turnd/core/bandwidth.h"
#include "turnd/core/channel.h"
#include "turnd/core/nonce.h"
#include "turnd/core/permission.h"
#include "turnd/core/quota.h"
#include "turnd/core/turn_server.h"

enum { RELAY_IPV4, RELAY_IPV6, RELAYS };	/* places in allocation.relay[] */

struct allocation {
	struct map_node node;		/* alloc_table */
	struct wheel_timer timer;	/* the earliest of expires[] */
	struct turn_server *server;
	struct client_path path;
	struct relay relay[RELAYS];
	msec_t expires[RELAYS];		/* of an open relay */
	struct perm_table permissions;
	struct channel_table channels;
	struct identity who;		/* its spans point into user[] */
	char nonce[NONCE_SIZE];		/* the last good one */
	uint8_t nonce_len;
	struct quota *quota;		/* which quota_user belongs to */
	struct quota_user *quota_user;	/* NULL: not counted */
	uint64_t id;
	msec_t born;
	uint8_t tid[STUN_TID_SIZE];	/* of the Allocate that made it */
	uint32_t lifetime;		/* seconds, as granted then */
	uint8_t missing_family;		/* ADDRESS-ERROR-CODE of a dual allocation: 4, 6, or 0 for none */
	uint16_t missing_code;
	struct mobility *mobility;	/* mobility.h; owned; NULL: it stays where it is */
	bool reserved;			/* it has reserved the port behind its own: token */
	uint8_t token[RELAY_TOKEN];
	uint64_t packets_in, bytes_in, packets_out, bytes_out;	/* relayed payload from and to the client */
	msec_t icmp_since;		/* when the second began in which icmp_told were told */
	uint8_t icmp_told;
	struct bucket bandwidth[DIR_N];	/* relayed payload */
	uint8_t user[];
};

/* Not in any table yet, no relay open, not counted by a quota. NULL: no memory. */
struct allocation *allocation_new(struct turn_server *s, const struct client_path *path, const struct identity *who,
				  msec_t now);

/* Closes what is open, gives back what was taken, frees. Reports nothing; must be in no table. */
void allocation_free(struct allocation *a);

static inline unsigned relay_place(uint8_t family)
{
	return family == 6 ? RELAY_IPV6 : RELAY_IPV4;
}

/* The open relay for peers of this family, or NULL. */
static inline struct relay *allocation_relay(struct allocation *a, uint8_t family)
{
	struct relay *r = &a->relay[relay_place(family)];
	return r->open ? r : NULL;
}

void allocation_close_relay(struct allocation *a, unsigned place);	/* fine if it is not open */
bool allocation_has_relay(const struct allocation *a);

/* Gives an open relay this long from now, and sets the timer. */
void allocation_extend(struct allocation *a, unsigned place, uint32_t lifetime, msec_t now);

/* Takes it out of the table, tells the shell, counts, frees. */
void allocation_end(struct allocation *a, enum turn_end why, msec_t now);

#endif
