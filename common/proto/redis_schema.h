/* redis_schema.h - every key, channel and record we keep in Redis, with its version.
 *
 * Room keys carry a partition tag {pNN}, P = CRC16(room) mod 64 (signaling-scale section 3), so that one script
 * reaches all keys of a room in Redis Cluster too. Pure.
 *
 *	rtc:cfg                     hash    schema, partitions: checked at start, written if absent
 *	rtc:{pNN}:room:<room>       hash    see the table in redis_schema.c
 *	rtc:{pNN}:msg:<room>        list    what the first member stored for the next one (roomd)
 *	rtc:{pNN}:given:<room>      list    what the last joiner was given of that, until it acts (roomd)
 */
#ifndef COMMON_PROTO_REDIS_SCHEMA_H
#define COMMON_PROTO_REDIS_SCHEMA_H

#include "common/base/span.h"

#define REDIS_SCHEMA_VERSION 1
enum { REDIS_PARTITIONS = 64, REDIS_KEY_SIZE = 128 };	/* key text with the NUL */
#define REDIS_KEY_CFG "rtc:cfg"

unsigned redis_partition(struct span room);	/* 0..63; CRC16 as Redis Cluster counts it (XMODEM) */
size_t redis_key_room(char out[REDIS_KEY_SIZE], struct span room);	/* room must be id_valid; returns the length */
size_t redis_key_messages(char out[REDIS_KEY_SIZE], struct span room);
size_t redis_key_given(char out[REDIS_KEY_SIZE], struct span room);

#endif
