/* channel.h - which number stands for which peer in one allocation (RFC 8656 section 12).
 *
 * A binding lasts ten minutes from its last bind; until then its number is nobody else's and its peer has no other.
 *
 * Owner: embedded in its allocation.   Thread: that allocation's worker.
 * Time:  `now` is the loop's clock in ms and must never run backwards.
 */
#ifndef TURND_CORE_CHANNEL_H
#define TURND_CORE_CHANNEL_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/map.h"

#define CHANNEL_LIFETIME MINUTES(10)

struct channel {
	struct map_node by_number, by_peer;
	struct endpoint peer;
	uint16_t number;
	msec_t expires;
};

struct channel_table {		/* only channel.c looks inside */
	struct map by_number, by_peer;
	unsigned made;		/* ever */
};

enum channel_result { CHANNEL_OK, CHANNEL_CONFLICT, CHANNEL_FULL, CHANNEL_NOMEM };

void channel_init(struct channel_table *t);	/* allocates nothing, cannot fail */
void channel_close(struct channel_table *t);	/* frees what t holds; fine on a zeroed t */

/* Would a bind contradict a living binding? Changes nothing. */
bool channel_conflicts(const struct channel_table *t, uint16_t number, const struct endpoint *peer, msec_t now);

/* Binds or renews. Unless CHANNEL_OK, all living bindings are as they were. limit: bindings. */
enum channel_result channel_bind(struct channel_table *t, uint16_t number, const struct endpoint *peer, unsigned limit,
				 msec_t now);

/* Living ones only; NULL if there is none. Borrowed until the next bind. */
const struct channel *channel_find(const struct channel_table *t, uint16_t number, msec_t now);
const struct channel *channel_find_peer(const struct channel_table *t, const struct endpoint *peer, msec_t now);

#endif
