/* turn_client.h - a TURN client (RFC 8656) on one connection to a server: what `turnd probe` speaks with. Pure.
 *
 *	turn_client_request(&c, &(struct turn_request){ .method = STUN_ALLOCATE }, now);
 *	until an event: send what turn_client_output() gives, wait until turn_client_due(), hand in what comes
 *
 * One request at a time. A challenge (401) is answered by itself, a stale nonce (438) too. Over UDP a request is repeated
 * after 0.5 s, 1 s, 2 s, ... (RFC 8489 section 6.2.1); silence for the whole `patience` is an event.
 *
 * Owner: whoever embeds it.   Time: `now` in ms of a clock that never runs backwards.
 */
#ifndef TURND_TOOLS_TURN_CLIENT_H
#define TURND_TOOLS_TURN_CLIENT_H

#include "common/base/clock.h"
#include "turnd/core/long_term.h"
#include "turnd/wire/stun_build.h"

enum { TURN_CLIENT_MESSAGE = 2048, TURN_CLIENT_TEXT = 768, TURN_CLIENT_RTO = 500 /* ms */ };

enum turn_event {
	TURN_NOTHING,		/* wait on */
	TURN_SUCCESS,		/* the answer; what it said stands in the client */
	TURN_REFUSED,		/* an error answer: its code stands in the client */
	TURN_SILENCE,		/* no answer */
	TURN_FORGED,		/* an answer without the integrity that the password makes */
	TURN_BROKEN,		/* an answer without what must be in it; or a request that cannot be made */
	TURN_DATA		/* a datagram of a peer: from, data */
};

struct turn_request {
	uint16_t method;		/* Binding, Allocate, CreatePermission or Refresh */
	uint8_t family;			/* Allocate: 4 or 6 */
	struct endpoint peer;		/* CreatePermission */
	uint32_t lifetime;		/* Refresh: seconds */
};

struct turn_client {
	/* given */
	struct span user, password;	/* borrowed; an empty user: no credential */
	bool reliable;			/* TCP and TLS: nothing is repeated */
	msec_t patience;
	/* what the server said; from the last answer unless it says otherwise */
	unsigned code;			/* 0: no error */
	struct endpoint mapped, relayed;	/* the last known; port 0: none */
	struct endpoint alternate;	/* with code 300 */
	uint32_t lifetime;
	char realm[TURN_CLIENT_TEXT];	/* as it came: not to be printed as it is */
	char software[64];		/* printable */
	bool challenged;		/* has it ever asked for a credential? */
	/* TURN_DATA */
	struct endpoint from;
	struct span data;		/* inside the message that was handed in */
	/* inside */
	struct turn_request request;
	bool waiting;
	unsigned challenges;		/* followed for this request */
	uint8_t nonce[TURN_CLIENT_TEXT];
	size_t nonce_len;
	struct long_term_key key;
	uint8_t out[TURN_CLIENT_MESSAGE];
	size_t out_len;
	msec_t send_at, pause, give_up;
};

void turn_client_init(struct turn_client *c, struct span user, struct span password, bool reliable, msec_t patience);
void turn_client_close(struct turn_client *c);		/* wipes */
void turn_client_credential(struct turn_client *c, struct span user, struct span password);	/* another one from now on */

void turn_client_request(struct turn_client *c, const struct turn_request *r, msec_t now);

/* What is to be sent now, until the next call of anything here; empty: nothing. */
struct span turn_client_output(struct turn_client *c, msec_t now);
msec_t turn_client_due(const struct turn_client *c);	/* call turn_client_output() and _timeout() then; or NEVER */
enum turn_event turn_client_timeout(struct turn_client *c, msec_t now);

/* One whole message or datagram. What is not STUN, or answers nothing we asked, is TURN_NOTHING. */
enum turn_event turn_client_input(struct turn_client *c, struct span message, msec_t now);

/* What others wrote, fit for a terminal: all but printable ASCII becomes '?'. Cut at size - 1. Returns out. */
char *turn_client_printable(struct span text, char *out, size_t size);

/* A Send indication, put together in `mem`; empty if it does not fit. */
struct span turn_client_say(struct span data, const struct endpoint *peer, uint8_t mem[TURN_CLIENT_MESSAGE]);

#endif
