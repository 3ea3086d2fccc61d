#include "turnd/wire/channel_data.h"

#include "common/base/reader.h"

bool channel_data_parse(struct channel_data *c, struct span in)
{
	struct reader r = { .left = in };
	c->number = read_u16(&r);
	c->payload = read_bytes(&r, read_u16(&r));
	return !r.failed;
}

void channel_data_header(uint8_t out[CHANNEL_DATA_HEADER], uint16_t number, uint16_t length)
{
	store_u16(out, number);
	store_u16(out + 2, length);
}
