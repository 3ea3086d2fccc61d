/* reservations.h - ports held for whoever shows the token (RFC 8656 section 7.2: EVEN-PORT with R=1, RESERVATION-TOKEN).
 *
 * One table for the process, so that a token is good at another worker than the one that gave it. What it holds is a
 * socket that is bound already: neither we nor another program can take the port meanwhile. Who lets 30 s pass loses it.
 * The table has a fixed size: reserving ports by the thousand hurts nobody but those who reserve.
 *
 * Owner: relay_addresses.   Thread: any; a mutex, taken by Allocate only where there are reservations at all.
 */
#ifndef TURND_IO_RESERVATIONS_H
#define TURND_IO_RESERVATIONS_H

#include "common/base/clock.h"
#include "common/base/span.h"
#include "turnd/core/relay.h"

#define RESERVATION_LIFETIME SECONDS(30)
enum { RESERVATIONS_MAX = 1024 };

struct relay_addresses;
struct reservations;

struct reserved {
	int fd;				/* bound */
	uint8_t address;		/* of relay_addresses.v[]: it holds the port, and a place among the open sockets */
	uint16_t port;
};

struct reservations *reservations_new(struct relay_addresses *addresses);	/* borrowed. NULL: no memory */
void reservations_free(struct reservations *t);				/* closes what is left; NULL is fine */

/* Takes it over and names it by a token. False: the table is full, or no memory; the caller keeps it. */
bool reservations_add(struct reservations *t, struct reserved what, struct span user, msec_t now, uint8_t token[RELAY_TOKEN]);

/* Hands it over to who shows the token. False: unknown, another user's, or too late. */
bool reservations_take(struct reservations *t, const uint8_t token[RELAY_TOKEN], struct span user, msec_t now,
		       struct reserved *out);
/* Its address's family, 4 or 6; 0 for what reservations_take() would not find. */
uint8_t reservations_family(struct reservations *t, const uint8_t token[RELAY_TOKEN], struct span user, msec_t now);

/* Gives back what nobody has come for. Costs nothing where nothing is reserved. */
void reservations_expire(struct reservations *t, msec_t now);

#endif
