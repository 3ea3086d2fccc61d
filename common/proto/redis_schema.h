/* redis_schema.h - every key, channel and record we keep in Redis, with its version.
 *
 * Room keys carry a partition tag {pNN}, P = CRC16(room) mod 64 (signaling-scale section 3), so that one script
 * reaches all keys of a room in Redis Cluster too. Pure.
 *
 *	rtc:cfg                     hash    schema, partitions: checked at start, written if absent
 *	rtc:{pNN}:room:<room>       hash    see the table in redis_schema.c
 *	rtc:{pNN}:msg:<room>        list    what the first member stored for the next one (roomd)
 *	rtc:{pNN}:given:<room>      list    what the last joiner was given of that, until it acts (roomd)
 *	rtc:node:<node>             string  a node's lease, see node_record.h; PX 4000, renewed every second (that node)
 *	rtc:{pNN}:nodes             zset    node -> end of its lease in Unix ms of Redis' clock; a signald is in all of them, a
 *	                                    turnd in {p00}, which is where nodes are looked up; an hour (that node)
 *	rtc:drain:<node>            string  anything: that node shall drain, as on SIGTERM (an operator; set an expiry)
 *	rtc:turn:secrets            hash    see turn_secret.h (roomd); for good: calls hang on it
 *	turn/realm/<realm>/secret   set     coturn's: the same secrets, for coturns of the fleet (roomd)
 *
 * Channel rtc:turn:secrets: the hash has changed.
 */
#ifndef COMMON_PROTO_REDIS_SCHEMA_H
#define COMMON_PROTO_REDIS_SCHEMA_H

#include "common/base/span.h"

#define REDIS_SCHEMA_VERSION 1
enum { REDIS_PARTITIONS = 64, REDIS_KEY_SIZE = 128 };	/* key text with the NUL */
enum { REDIS_REALM_MAX = 127, REDIS_COTURN_KEY_SIZE = 160 };
#define REDIS_KEY_CFG "rtc:cfg"
#define REDIS_KEY_SECRETS "rtc:turn:secrets"
#define REDIS_CHANNEL_SECRETS "rtc:turn:secrets"

unsigned redis_partition(struct span room);	/* 0..63; CRC16 as Redis Cluster counts it (XMODEM) */
size_t redis_key_room(char out[REDIS_KEY_SIZE], struct span room);	/* room must be id_valid; returns the length */
size_t redis_key_messages(char out[REDIS_KEY_SIZE], struct span room);
size_t redis_key_given(char out[REDIS_KEY_SIZE], struct span room);
size_t redis_key_node(char out[REDIS_KEY_SIZE], struct span node);	/* id_valid, likewise */
size_t redis_key_drain(char out[REDIS_KEY_SIZE], struct span node);
size_t redis_key_nodes(char out[REDIS_KEY_SIZE], unsigned partition);
/* realm: 1 to REDIS_REALM_MAX bytes; as it is, since coturn does so too. */
size_t redis_key_coturn(char out[REDIS_COTURN_KEY_SIZE], struct span realm);

#endif
