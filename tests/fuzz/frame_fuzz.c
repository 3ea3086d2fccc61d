/* covers: turnd/wire/frame.c */
#include "turnd/wire/frame.h"

#include "common/base/reader.h"
#include "turnd/wire/channel_data.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool refused(enum frame_result r)
{
	return r == FRAME_JUNK || r == FRAME_TOO_LONG;
}

/* A stream of any bytes: however little of a frame is there, the verdict is the one of the whole, or "more". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size };
	size_t max;
	uint16_t last;

	if (size == 0)
		return 0;
	max = data[0] & 1 ? 2048 : FRAME_MAX;
	last = data[0] & 2 ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST;
	in = span_skip(in, 1);
	for (;;) {
		struct frame f, less;
		enum frame_result r = frame_cut(in, max, last, &f), before;
		size_t header = in.len < 8 ? in.len : 8;
		for (size_t n = 0; n < header; n++) {
			before = frame_cut(span_first(in, n), max, last, &less);
			require(before == FRAME_MORE ? less.size > n : refused(before) ? refused(r) : before == r && less.size == f.size && less.size <= n);
		}
		if (r != FRAME_OK) {
			require(r != FRAME_MORE || (f.size > in.len && f.size <= max));
			return 0;
		}
		require(f.size <= max && f.size >= CHANNEL_DATA_HEADER && f.size % 4 == 0);
		require(f.data.p == in.p && f.data.len <= f.size && f.size - f.data.len < 4);
		if (f.data.p[0] >= 4) {
			struct channel_data c;
			require(channel_data_parse(&c, f.data) && c.payload.len + CHANNEL_DATA_HEADER == f.data.len);
		}
		in = span_skip(in, f.size);
	}
}
