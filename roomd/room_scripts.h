/* room_scripts.h - the atomic steps of room_store.h as Lua, one script a step. They run inside Redis; the fields and lists are
 * those of common/proto/redis_schema.
 *
 * KEYS: the room, its waiting messages, its given messages.	ARGV: life in ms, then as each says.
 * Answer: { result, initiator 1|0, members, client, signal, { messages } }, shorter where a step has no more to say.
 *
 *	join	client, rejoin or "", request, signal, capacity, loopback 1|0
 *	message	client, request, body, repeated 1|0, most messages, most bytes of a sender, most bytes of the room
 *	leave	client
 *	schema	(KEYS: rtc:cfg) version, partitions; answer: what Redis holds of both, ours if it held nothing
 */
#ifndef ROOMD_ROOM_SCRIPTS_H
#define ROOMD_ROOM_SCRIPTS_H

#include "common/redis/redis_value.h"
#include "roomd/room_store.h"

enum { ROOM_REQUEST_TEXT = 2 * ROOM_REQUEST_SIZE };	/* a request id in hex, as the scripts take it */

extern const char room_script_join[], room_script_message[], room_script_leave[], room_script_schema[];

/* Reads what join, message or leave answered. Spans in *a are v's and *messages', which the caller frees. False: it is no such
 * answer, or no memory; *a is zero then, and *messages NULL. */
bool room_script_answer(const struct redis_value *v, struct room_answer *a, struct span **messages);

#endif
