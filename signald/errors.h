/* errors.h - what a client is told when its wish is not granted, in Collider's words (apprtc-contract 4.3, 4.5). Pure. */
#ifndef SIGNALD_ERRORS_H
#define SIGNALD_ERRORS_H

#include "signald/hub.h"

enum client_error {
	ERROR_NOT_JSON,		/* followed by message_parse()'s reason */
	ERROR_SECOND_REGISTER, ERROR_NO_IDS, ERROR_BAD_IDS, ERROR_ROOM_FULL, ERROR_DUPLICATE, ERROR_NOT_REGISTERED,
	ERROR_NO_MESSAGE, ERROR_UNKNOWN_COMMAND, ERROR_TOO_MANY, ERROR_UNAVAILABLE, ERROR_NO_MEMORY,
	ERROR_N
};

const char *client_error_text(enum client_error e);	/* plain ASCII, no quotes: needs no escaping in JSON */
enum client_error client_error_of(enum hub_result r);	/* r: one that is a refusal */
static inline bool hub_refused(enum hub_result r) { return r > HUB_QUEUED; }

#endif
