/* channel_data.h - the four-byte header of ChannelData (RFC 8656 section 12.4). Pure. */
#ifndef TURND_WIRE_CHANNEL_DATA_H
#define TURND_WIRE_CHANNEL_DATA_H

#include "common/base/span.h"

enum { CHANNEL_DATA_HEADER = 4 };	/* bytes */
enum { CHANNEL_FIRST = 0x4000, CHANNEL_LAST = 0x4FFF, CHANNEL_LAST_RFC5766 = 0x7FFF };

struct channel_data {
	uint16_t number;
	struct span payload;
};

/* A datagram: bytes behind the payload are ignored. False: too short for what its header says. */
bool channel_data_parse(struct channel_data *c, struct span in);

void channel_data_header(uint8_t out[CHANNEL_DATA_HEADER], uint16_t number, uint16_t length);

#endif
