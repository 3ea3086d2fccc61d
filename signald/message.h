/* message.h - the JSON that Collider's clients and server speak (apprtc-contract 4.2, 4.3).
 *
 *	client:  {"cmd":"register","roomid":"<room>","clientid":"<client>"}   {"cmd":"send","msg":"<text>"}
 *	server:  {"msg":"<text>","error":""}   {"msg":"","error":"<reason>"}
 *
 * The text of a message is opaque and stays in its escaped form from one client to the other: it is checked (UTF-8,
 * escapes, whole surrogate pairs), never decoded. Member names and ids are compared as they are written; nobody
 * escapes those. Beyond JSON itself it is refused: a repeated member, nesting above 32 (threat model D-P6). Pure.
 */
#ifndef SIGNALD_MESSAGE_H
#define SIGNALD_MESSAGE_H

#include "common/base/span.h"

enum { MESSAGE_DEPTH_MAX = 32 };

enum message_kind { MESSAGE_REGISTER, MESSAGE_SEND, MESSAGE_OTHER /* no `cmd`, or one we do not know */ };

struct message {
	enum message_kind kind;
	struct span room, client;	/* REGISTER: as written; empty if absent */
	struct span text;		/* SEND: escaped and valid; empty if absent */
};

/* Views into `in`. NULL, or why it is refused: a literal, the end of an error text. */
const char *message_parse(struct message *m, struct span in);

/* What a server frame is made of: head, escaped text, tail. */
#define MESSAGE_HEAD "{\"msg\":\""
#define MESSAGE_TAIL "\",\"error\":\"\"}"
#define MESSAGE_ERROR_HEAD "{\"msg\":\"\",\"error\":\""
#define MESSAGE_ERROR_TAIL "\"}"
enum { MESSAGE_FRAMING = sizeof(MESSAGE_HEAD) + sizeof(MESSAGE_TAIL) - 2 };

#endif
