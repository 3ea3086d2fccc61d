#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/reader.h"
#include "tests/lib/failing_alloc.h"
#include "signald/ws_codec.h"

enum { LIMIT = 1000, FIN = 0x80 };

/* --- a client's side ---------------------------------------------------------------------------------------- */
static void add_frame(struct buf *out, unsigned first, const void *payload, size_t n)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t head[4] = { (uint8_t)first, (uint8_t)(0x80 | n) };

	if (n < 126) {
		buf_add(out, head, 2);
	} else {
		head[1] = 0x80 | 126;
		store_u16(head + 2, (uint16_t)n);
		buf_add(out, head, 4);
	}
	buf_add(out, mask, 4);
	for (size_t i = 0; i < n; i++)
		buf_add_byte(out, ((const uint8_t *)payload)[i] ^ mask[i % 4]);
	assert_false(out->failed);
}

static void add_text(struct buf *out, unsigned first, const char *text)
{
	add_frame(out, first, text, strlen(text));
}

/* --- what the codec makes of it, one line per event --------------------------------------------------------- */
static void tell(struct buf *story, enum ws_event_kind kind, const struct ws_event *e)
{
	static const char *const names[] = { "none", "text", "binary", "ping", "pong", "piece", "close", "failed" };

	if (kind == WS_EVENT_NONE)
		return;
	buf_addf(story, "%s", names[kind]);
	if (e->message.p != NULL || kind == WS_EVENT_TEXT)
		buf_addf(story, " '%.*s'", SPAN_ARG(e->message));
	if (kind == WS_EVENT_CLOSE || kind == WS_EVENT_FAILED)
		buf_addf(story, " %d", (int)e->code);
	if (e->reply_len > 0) {
		buf_addf(story, " <");
		for (size_t i = 0; i < e->reply_len; i++)
			buf_addf(story, "%02x", e->reply[i]);
		buf_addf(story, ">");
	}
	buf_addf(story, "\n");
}

/* Feeds `in` in pieces of `step` bytes as a connection does: what is no whole frame yet waits. */
static const char *story_of(struct buf *story, struct span in, size_t step)
{
	struct ws_codec c;
	struct ws_event e;
	struct buf waiting;

	buf_init(story, 1 << 20);
	buf_init(&waiting, 1 << 20);
	ws_codec_init(&c, LIMIT);
	while (in.len > 0) {
		struct span left;
		enum ws_event_kind kind;

		buf_add_span(&waiting, span_first(in, step));
		in = span_skip(in, step);
		left = buf_span(&waiting);
		do {
			uint8_t *exact = malloc(left.len ? left.len : 1);	/* so that a sanitizer sees its end */
			struct span view = { exact, left.len };
			if (left.len > 0)
				memcpy(exact, left.p, left.len);
			kind = ws_codec_next(&c, &view, &e);
			left = span_skip(left, left.len - view.len);
			free(exact);
			tell(story, kind, &e);
		} while (kind != WS_EVENT_NONE);
		buf_consume(&waiting, waiting.len - left.len);
	}
	if (!ws_codec_in_message(&c)) {		/* idle connections keep nothing */
		assert_null(c.wslay);
		assert_null(c.message.p);
	}
	ws_codec_close(&c);
	buf_close(&waiting);
	return buf_cstr(story);
}

/* Whole, byte by byte, and in every other step. */
static void assert_story(struct buf *in, const char *expected)
{
	for (size_t step = 1; step <= in->len; step++) {
		struct buf story;
		assert_string_equal(story_of(&story, buf_span(in), step), expected);
		buf_close(&story);
	}
	buf_close(in);
}

#define NEW_INPUT(name) struct buf name; (void)state; buf_init(&name, 1 << 20)

static void a_text_frame_is_a_message(void **state)
{
	NEW_INPUT(in);
	add_text(&in, FIN | WS_OP_TEXT, "one");
	add_text(&in, FIN | WS_OP_TEXT, "");
	add_text(&in, FIN | WS_OP_BINARY, "two");
	assert_story(&in, "text 'one'\ntext ''\nbinary 'two'\n");
}

/* S41 */
static void fragments_are_joined_with_control_frames_between(void **state)
{
	NEW_INPUT(in);
	add_text(&in, WS_OP_TEXT, "one,\xe2\x82");
	add_text(&in, FIN | WS_OP_PING, "?");
	add_text(&in, WS_OP_CONTINUATION, "");
	add_text(&in, FIN | WS_OP_PONG, "!");
	add_text(&in, FIN | WS_OP_CONTINUATION, "\xac,three");
	add_text(&in, FIN | WS_OP_TEXT, "next");
	assert_story(&in, "piece\nping <8a013f>\npiece\npong\ntext 'one,\xe2\x82\xac,three'\ntext 'next'\n");
}

/* S44 */
static void a_ping_is_answered_with_its_payload(void **state)
{
	NEW_INPUT(in);
	add_text(&in, FIN | WS_OP_PING, "abc");
	add_text(&in, FIN | WS_OP_PING, "");
	assert_story(&in, "ping <8a03616263>\nping <8a00>\n");
}

/* S45 */
static void a_close_is_answered_and_ends_it(void **state)
{
	NEW_INPUT(in);
	add_frame(&in, FIN | WS_OP_CLOSE, "\x03\xe8" "ok", 4);
	add_text(&in, FIN | WS_OP_TEXT, "after");
	assert_story(&in, "close 1000 <880403e86f6b>\n");
}

static void a_close_may_be_empty_and_stand_within_a_message(void **state)
{
	NEW_INPUT(in);
	add_text(&in, WS_OP_TEXT, "a");
	add_text(&in, FIN | WS_OP_CLOSE, "");
	assert_story(&in, "piece\nclose 1005 <8800>\n");
}

static void broken_frames_fail_with_their_code(void **state)
{
	const struct { struct span frame; int code; } broken[] = {
		{ SPAN_LIT("\x81\x01" "a"), 1002 },				/* S43: not masked */
		{ SPAN_LIT("\xc1\x81\0\0\0\0" "a"), 1002 },			/* RSV1 */
		{ SPAN_LIT("\x83\x80\0\0\0\0"), 1002 },				/* reserved opcodes */
		{ SPAN_LIT("\x8b\x80\0\0\0\0"), 1002 },
		{ SPAN_LIT("\x80\x80\0\0\0\0"), 1002 },				/* continues nothing */
		{ SPAN_LIT("\x09\x80\0\0\0\0"), 1002 },				/* a ping in fragments */
		{ SPAN_LIT("\x89\xfe\0\x7e\0\0\0\0"), 1002 },			/* a long ping */
		{ SPAN_LIT("\x81\xfe\0\1\0\0\0\0" "a"), 1002 },			/* length not minimal */
		{ SPAN_LIT("\x81\xff\0\0\0\0\0\0\0\1\0\0\0\0" "a"), 1002 },
		{ SPAN_LIT("\x88\x81\0\0\0\0" "a"), 1002 },			/* half a close code */
		{ SPAN_LIT("\x88\x82\0\0\0\0\x03\xec"), 1002 },			/* 1004 must not be sent */
		{ SPAN_LIT("\x88\x83\0\0\0\0\x03\xe8\xff"), 1007 },
		{ SPAN_LIT("\x81\x81\0\0\0\0\xff"), 1007 },			/* S62 */
		{ SPAN_LIT("\x81\x82\0\0\0\0\xe2\x82"), 1007 },			/* ends within a character */
		{ SPAN_LIT("\x01\x81\0\0\0\0" "a" "\x81\x81\0\0\0\0" "b"), 1002 },	/* a new message within one */
		{ SPAN_LIT("\x81\xfe\x03\xe9"), 1009 },				/* S40 */
		{ SPAN_LIT("\x81\xff\0\0\0\x80\0\0\0\0"), 1009 },
		{ SPAN_LIT("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1002 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		char expected[64];
		struct buf in;

		buf_init(&in, 1 << 20);
		buf_add_span(&in, broken[i].frame);
		add_text(&in, FIN | WS_OP_TEXT, "after");
		snprintf(expected, sizeof(expected), "%sfailed %d <8802%04x>\n",
			 broken[i].frame.p[0] == 0x01 ? "piece\n" : "", broken[i].code, (unsigned)broken[i].code);
		assert_story(&in, expected);
	}
}

static void a_message_is_limited_as_a_whole(void **state)
{
	char half[LIMIT / 2 + 1];
	NEW_INPUT(in);

	memset(half, 'x', sizeof(half));
	add_frame(&in, WS_OP_TEXT, half, LIMIT / 2);
	add_frame(&in, FIN | WS_OP_CONTINUATION, half, LIMIT / 2);
	add_frame(&in, WS_OP_TEXT, half, LIMIT / 2);
	add_frame(&in, FIN | WS_OP_CONTINUATION, half, LIMIT / 2 + 1);
	{
		char expected[LIMIT + 200];
		snprintf(expected, sizeof(expected), "piece\ntext '%.*s%.*s'\npiece\nfailed 1009 <880203f1>\n",
			 LIMIT / 2, half, LIMIT / 2, half);
		assert_story(&in, expected);
	}
}

static void a_message_has_at_most_256_fragments(void **state)
{
	struct buf story;
	NEW_INPUT(in);

	add_text(&in, WS_OP_TEXT, "");
	for (unsigned i = 2; i < WS_FRAGMENTS_MAX; i++)
		add_text(&in, WS_OP_CONTINUATION, "");
	add_text(&in, FIN | WS_OP_CONTINUATION, "");
	add_text(&in, WS_OP_TEXT, "");
	for (unsigned i = 2; i <= WS_FRAGMENTS_MAX + 1; i++)
		add_text(&in, WS_OP_CONTINUATION, "");
	story_of(&story, buf_span(&in), in.len);
	assert_non_null(strstr(buf_cstr(&story), "text ''"));
	assert_non_null(strstr(buf_cstr(&story), "failed 1008 <880203f0>"));
	buf_close(&story);
	buf_close(&in);
}

static void many_pings_within_a_message_pile_nothing_up(void **state)
{
	struct ws_codec c;
	struct ws_event e;
	NEW_INPUT(in);

	ws_codec_init(&c, LIMIT);
	add_text(&in, WS_OP_TEXT, "a");
	for (unsigned i = 0; i < 1000; i++)
		add_text(&in, FIN | WS_OP_PING, "x");
	for (struct span left = buf_span(&in); left.len > 0;) {
		enum ws_event_kind kind = ws_codec_next(&c, &left, &e);
		if (kind == WS_EVENT_PING)
			assert_int_equal(e.reply_len, 3);
		else
			assert_int_equal(kind, WS_EVENT_PIECE);
	}
	assert_int_equal(c.message.len, 1);
	ws_codec_close(&c);
	buf_close(&in);
}

static void without_memory_it_fails_with_1011(void **state)
{
	struct ws_codec c;
	struct ws_event e;
	struct span left;
	NEW_INPUT(in);

	add_text(&in, FIN | WS_OP_TEXT, "a");
	left = buf_span(&in);
	ws_codec_init(&c, LIMIT);
	alloc_fail_at(0);
	assert_int_equal(ws_codec_next(&c, &left, &e), WS_EVENT_FAILED);
	alloc_fail_never();
	assert_true(alloc_failed());
	assert_int_equal(e.code, WS_CODE_INTERNAL);
	ws_codec_close(&c);
	buf_close(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_frame_is_a_message),
		cmocka_unit_test(fragments_are_joined_with_control_frames_between),
		cmocka_unit_test(a_ping_is_answered_with_its_payload),
		cmocka_unit_test(a_close_is_answered_and_ends_it),
		cmocka_unit_test(a_close_may_be_empty_and_stand_within_a_message),
		cmocka_unit_test(broken_frames_fail_with_their_code),
		cmocka_unit_test(a_message_is_limited_as_a_whole),
		cmocka_unit_test(a_message_has_at_most_256_fragments),
		cmocka_unit_test(without_memory_it_fails_with_1011),
		cmocka_unit_test(many_pings_within_a_message_pile_nothing_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
