/* covers: signald/ws_frame.c signald/ws_codec.c */
#include "signald/ws_codec.h"

#include <stdlib.h>

#include "common/base/text.h"

enum { LIMIT = 512 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* What must be true of every event; and of every frame we send. */
static void check_event(enum ws_event_kind kind, const struct ws_event *e)
{
	if (kind == WS_EVENT_TEXT)
		require(utf8_valid(e->message));
	require(e->message.len <= LIMIT);
	if (kind == WS_EVENT_PING || kind == WS_EVENT_CLOSE || kind == WS_EVENT_FAILED) {
		require(e->reply_len >= 2 && e->reply[1] == e->reply_len - 2);
		require(e->reply[0] == (kind == WS_EVENT_PING ? 0x8a : 0x88));
	} else {
		require(e->reply_len == 0);
	}
}

/* A number that stands for all events and messages of a run. */
static uint64_t mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * 0x100000001b3;
}

/* Feeds `in` as a connection does, `step` bytes at a time. Beyond these limits nothing may be buffered. */
static uint64_t run(struct span in, size_t step)
{
	struct ws_codec c;
	struct ws_event e;
	struct buf waiting;
	uint64_t sum = 0;

	buf_init(&waiting, LIMIT + WS_CLIENT_HEAD_MAX + step);
	ws_codec_init(&c, LIMIT);
	while (in.len > 0) {
		struct span left;
		enum ws_event_kind kind;

		require(buf_add_span(&waiting, span_first(in, step)));
		in = span_skip(in, step);
		left = buf_span(&waiting);
		while ((kind = ws_codec_next(&c, &left, &e)) != WS_EVENT_NONE) {
			check_event(kind, &e);
			sum = mix(sum, kind);
			for (size_t i = 0; i < e.message.len; i++)
				sum = mix(sum, e.message.p[i]);
			for (size_t i = 0; i < e.reply_len; i++)
				sum = mix(sum, e.reply[i]);
		}
		buf_consume(&waiting, waiting.len - left.len);
	}
	require(ws_codec_in_message(&c) || c.wslay == NULL);
	ws_codec_close(&c);
	buf_close(&waiting);
	return sum;
}

static void check_server_head(struct span in)
{
	uint8_t head[WS_SERVER_HEAD_MAX];
	size_t payload = 0, n;

	for (size_t i = 0; i < in.len && i < 5; i++)
		payload = payload << 8 | in.p[i];
	n = ws_frame_head(head, WS_OP_TEXT, payload);
	require(n == (payload < 126 ? 2u : payload < 65536 ? 4u : 10u) && head[0] == 0x81);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	require(run(in, size) == run(in, 1));	/* how it was cut on its way makes no difference */
	check_server_head(in);
	return 0;
}
