/* covers: common/base/json_text.c */
#include "common/base/json_text.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Valid text decodes; what is decoded and escaped again decodes to the same. */
static void check_escaped(struct span in)
{
	struct buf raw, again, raw_again;
	bool valid = json_escaped_valid(in);

	buf_init(&raw, in.len);		/* decoding never makes text longer */
	buf_init(&again, 6 * in.len);
	buf_init(&raw_again, in.len);
	require(json_unescape(in, &raw) == valid);
	require(valid || raw.len == 0);
	if (valid) {
		require(json_escape(buf_span(&raw), &again));
		require(json_escaped_valid(buf_span(&again)));
		require(json_unescape(buf_span(&again), &raw_again));
		require(span_eq(buf_span(&raw), buf_span(&raw_again)));
	}
	buf_close(&raw);
	buf_close(&again);
	buf_close(&raw_again);
}

static void check_raw(struct span in)
{
	struct buf escaped, back;

	buf_init(&escaped, 6 * in.len);
	buf_init(&back, in.len);
	if (json_escape(in, &escaped)) {
		require(json_unescape(buf_span(&escaped), &back));
		require(span_eq(buf_span(&back), in));
	}
	buf_close(&escaped);
	buf_close(&back);
}

/* Too little room must never leave half of something. */
static void check_short_of_room(struct span in)
{
	struct buf b;

	buf_init(&b, in.len / 2);
	require(json_escape(in, &b) || b.len == 0);
	buf_reset(&b);
	require(json_unescape(in, &b) || b.len == 0);
	buf_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_escaped(span_of(data, size));
	check_raw(span_of(data, size));
	check_short_of_room(span_of(data, size));
	return 0;
}
