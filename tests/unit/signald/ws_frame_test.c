#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "signald/ws_frame.h"

enum { LIMIT = 1000 };

#define MASK "\x01\x02\x03\x04"

static void a_whole_frame_is_cut_off_and_what_follows_stays(void **state)
{
	const struct { struct span in; size_t size; } frames[] = {
		{ SPAN_LIT("\x81\x80" MASK), 6 },
		{ SPAN_LIT("\x81\x82" MASK "ab"), 8 },
		{ SPAN_LIT("\x01\x82" MASK "ab"), 8 },
		{ SPAN_LIT("\x89\x81" MASK "a"), 7 },
		{ SPAN_LIT("\x82\xfe\x00\x02" MASK "ab"), 10 },
		{ SPAN_LIT("\x82\xff\0\0\0\0\0\0\0\x02" MASK "ab"), 16 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		uint8_t more[64];
		size_t size = 0;

		for (size_t n = 0; n < frames[i].in.len; n++)	/* cut at every length */
			assert_int_equal(ws_frame_peek(span_first(frames[i].in, n), LIMIT, &size), WS_PEEK_PARTIAL);
		assert_int_equal(ws_frame_peek(frames[i].in, LIMIT, &size), WS_PEEK_WHOLE);
		assert_int_equal(size, frames[i].size);

		memcpy(more, frames[i].in.p, frames[i].in.len);
		memcpy(more + frames[i].in.len, "\x81\x80", 2);
		assert_int_equal(ws_frame_peek(span_of(more, frames[i].in.len + 2), LIMIT, &size), WS_PEEK_WHOLE);
		assert_int_equal(size, frames[i].size);
	}
}

/* S40 */
static void a_declared_length_is_refused_before_its_bytes_come(void **state)
{
	size_t size;
	(void)state;

	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\xfe\x03\xe9"), LIMIT, &size), WS_PEEK_TOO_LONG);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\xfe\x03\xe8"), LIMIT, &size), WS_PEEK_PARTIAL);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\xff\0\0\0\1\0\0\0\0"), LIMIT, &size), WS_PEEK_TOO_LONG);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), SIZE_MAX / 2, &size),
			 WS_PEEK_PARTIAL);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\xff\x80\0\0\0\0\0\0\0"), LIMIT, &size), WS_PEEK_BROKEN);
}

/* S43 */
static void an_unmasked_frame_is_broken(void **state)
{
	size_t size;
	(void)state;

	assert_int_equal(ws_frame_peek(SPAN_LIT("\x81\x02"), LIMIT, &size), WS_PEEK_BROKEN);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x88\x00"), LIMIT, &size), WS_PEEK_BROKEN);
}

static void a_control_frame_above_125_bytes_is_broken(void **state)
{
	size_t size;
	(void)state;

	assert_int_equal(ws_frame_peek(SPAN_LIT("\x89\xfd"), LIMIT, &size), WS_PEEK_PARTIAL);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x89\xfe"), LIMIT, &size), WS_PEEK_BROKEN);
	assert_int_equal(ws_frame_peek(SPAN_LIT("\x8a\xff"), LIMIT, &size), WS_PEEK_BROKEN);
}

static void a_server_frame_has_the_shortest_length_form(void **state)
{
	const struct { size_t payload; struct span head; } heads[] = {
		{ 0, SPAN_LIT("\x81\x00") },
		{ 125, SPAN_LIT("\x81\x7d") },
		{ 126, SPAN_LIT("\x81\x7e\x00\x7e") },
		{ 65535, SPAN_LIT("\x81\x7e\xff\xff") },
		{ 65536, SPAN_LIT("\x81\x7f\0\0\0\0\0\1\0\0") },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		uint8_t out[WS_SERVER_HEAD_MAX];
		size_t n = ws_frame_head(out, WS_OP_TEXT, heads[i].payload);
		assert_int_equal(n, heads[i].head.len);
		assert_memory_equal(out, heads[i].head.p, n);
	}
}

static void a_close_frame_carries_code_and_reason(void **state)
{
	uint8_t out[WS_CONTROL_FRAME_MAX];
	char reason[200];
	(void)state;

	assert_int_equal(ws_frame_close(out, WS_CODE_NORMAL, "bye"), 7);
	assert_memory_equal(out, "\x88\x05\x03\xe8" "bye", 7);

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	assert_int_equal(ws_frame_close(out, WS_CODE_POLICY, reason), sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_frame_is_cut_off_and_what_follows_stays),
		cmocka_unit_test(a_declared_length_is_refused_before_its_bytes_come),
		cmocka_unit_test(an_unmasked_frame_is_broken),
		cmocka_unit_test(a_control_frame_above_125_bytes_is_broken),
		cmocka_unit_test(a_server_frame_has_the_shortest_length_form),
		cmocka_unit_test(a_close_frame_carries_code_and_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
