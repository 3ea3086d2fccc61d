#include "turnd/wire/frame.h"

#include "common/base/reader.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun.h"

static bool cookie_so_far(struct span in)
{
	uint8_t cookie[4];
	struct span there = span_first(span_skip(in, 4), sizeof(cookie));

	store_u32(cookie, STUN_COOKIE);
	return there.len == 0 || memcmp(there.p, cookie, there.len) == 0;
}

enum frame_result frame_cut(struct span in, size_t max, uint16_t last_channel, struct frame *f)
{
	bool stun = in.len > 0 && in.p[0] < 4;
	size_t length;

	f->size = CHANNEL_DATA_HEADER;
	if (in.len == 0)
		return FRAME_MORE;
	if (!stun && (in.p[0] < CHANNEL_FIRST >> 8 || in.p[0] > last_channel >> 8))
		return FRAME_JUNK;
	if (in.len < CHANNEL_DATA_HEADER)
		return FRAME_MORE;
	length = load_u16(in.p + 2);
	if (stun && (length % 4 != 0 || !cookie_so_far(in)))
		return FRAME_JUNK;
	f->size = stun ? STUN_HEADER + length : CHANNEL_DATA_HEADER + (length + 3) / 4 * 4;
	if (f->size > max)
		return FRAME_TOO_LONG;
	if (in.len < f->size)
		return FRAME_MORE;
	f->data = span_first(in, stun ? f->size : CHANNEL_DATA_HEADER + length);
	return FRAME_OK;
}
