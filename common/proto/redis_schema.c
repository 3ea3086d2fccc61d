/* The fields of rtc:{pNN}:room:<room>. Each has one writer; whoever else needs a change asks it. Times are Redis'
 * own (TIME inside the script that writes).
 *
 * | field        | writer  | value                                                                               |
 * |--------------|---------|-------------------------------------------------------------------------------------|
 * | `epoch`      | roomd   | random text, new whenever the first member joins: what belongs to another epoch is  |
 * |              |         | of an earlier meeting under the same name                                           |
 * | `sig`        | roomd   | id of the signald that orders this room's messages, chosen at the first join; later |
 * |              |         | changed only by the owner's own flush, or when its lease has ended                  |
 * | `s:<client>` | roomd   | the seat: `initiator` or `member`, its number in the order of joining, joined at     |
 * |              |         | (Unix ms), id of the join request in hex, so that a repeated join gets its first    |
 * |              |         | answer; a loopback room has the seat of LOOPBACK_CLIENT_ID too                      |
 * | `next`       | roomd   | number of the newest seat                                                           |
 * | `wb`         | roomd   | bytes of the messages in rtc:{pNN}:msg:<room>                                       |
 * | `to`, `gb`   | roomd   | who got the messages in rtc:{pNN}:given:<room>, and their bytes                     |
 * | `a:<client>` | signald | the attachment: node, generation, position in the log, last seen (Unix ms)          |
 *
 * A room exists while it has a seat. An entry of its lists is the request's id in hex (32 characters), then the message.
 *
 * A seat whose backend is signald ends with its attachment; any other one by /bye, /leave or the key's expiry. The
 * key expires 24 h after its last change, as AppRTC's memcache entries did, or 60 s if nobody ever attached.
 */
#include "common/proto/redis_schema.h"

#include <stdio.h>

unsigned redis_partition(struct span room)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < room.len; i++) {
		crc ^= (uint16_t)(room.p[i] << 8);
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
	}
	return crc % REDIS_PARTITIONS;
}

static size_t room_key(char out[REDIS_KEY_SIZE], const char *kind, struct span room)
{
	return (size_t)snprintf(out, REDIS_KEY_SIZE, "rtc:{p%02u}:%s:%.*s", redis_partition(room), kind,
		SPAN_ARG(room));
}

size_t redis_key_room(char out[REDIS_KEY_SIZE], struct span room)
{
	return room_key(out, "room", room);
}

size_t redis_key_messages(char out[REDIS_KEY_SIZE], struct span room)
{
	return room_key(out, "msg", room);
}

size_t redis_key_given(char out[REDIS_KEY_SIZE], struct span room)
{
	return room_key(out, "given", room);
}

size_t redis_key_node(char out[REDIS_KEY_SIZE], struct span node)
{
	return (size_t)snprintf(out, REDIS_KEY_SIZE, "rtc:node:%.*s", SPAN_ARG(node));
}

size_t redis_key_drain(char out[REDIS_KEY_SIZE], struct span node)
{
	return (size_t)snprintf(out, REDIS_KEY_SIZE, "rtc:drain:%.*s", SPAN_ARG(node));
}

size_t redis_key_nodes(char out[REDIS_KEY_SIZE], unsigned partition)
{
	return (size_t)snprintf(out, REDIS_KEY_SIZE, "rtc:{p%02u}:nodes", partition);
}

size_t redis_key_coturn(char out[REDIS_COTURN_KEY_SIZE], struct span realm)
{
	return (size_t)snprintf(out, REDIS_COTURN_KEY_SIZE, "turn/realm/%.*s/secret", SPAN_ARG(realm));
}
