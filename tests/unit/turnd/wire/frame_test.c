#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/wire/frame.h"

#include <stdlib.h>

enum { LAST = 0x4FFF };

static const uint8_t binding[] = { 0, 1, 0, 4, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x80, 0x22, 0, 0 };
static const uint8_t padded[] = { 0x40, 1, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0 };
static const uint8_t whole_words[] = { 0x4f, 0xff, 0, 4, 'f', 'o', 'u', 'r' };
static const uint8_t empty[] = { 0x40, 0, 0, 0 };

static const struct vector {
	struct span bytes;
	size_t data;
} vectors[] = {
	{ { binding, sizeof(binding) }, sizeof(binding) }, { { padded, sizeof(padded) }, 9 },
	{ { whole_words, sizeof(whole_words) }, 8 }, { { empty, sizeof(empty) }, 4 },
};

static enum frame_result cut(struct span in, size_t max, struct frame *f)
{
	uint8_t *p = malloc(in.len > 0 ? in.len : 1);	/* exact, so that a byte too many is noticed */
	enum frame_result r;

	assert_non_null(p);
	memcpy(p, in.p, in.len);
	r = frame_cut(span_of(p, in.len), max, LAST, f);
	free(p);
	return r;
}

static void a_frame_is_whole_at_its_last_byte_and_not_before(void **state)
{
	(void)state;
	for (size_t v = 0; v < sizeof(vectors) / sizeof(*vectors); v++) {
		struct span whole = vectors[v].bytes;
		struct frame f;
		for (size_t n = 0; n < whole.len; n++) {
			assert_int_equal(cut(span_first(whole, n), FRAME_MAX, &f), FRAME_MORE);
			assert_in_range(f.size, n + 1, whole.len);
			assert_true(n < 4 || f.size == whole.len);
		}
		assert_int_equal(cut(whole, FRAME_MAX, &f), FRAME_OK);
		assert_int_equal(f.size, whole.len);
		assert_int_equal(f.data.len, vectors[v].data);
	}
}

static void frames_follow_each_other(void **state)
{
	uint8_t all[64];
	size_t n = 0;
	struct span in;
	struct frame f;
	(void)state;

	for (size_t v = 0; v < sizeof(vectors) / sizeof(*vectors); v++) {
		memcpy(all + n, vectors[v].bytes.p, vectors[v].bytes.len);
		n += vectors[v].bytes.len;
	}
	in = span_of(all, n);
	for (size_t v = 0; v < sizeof(vectors) / sizeof(*vectors); v++) {
		assert_int_equal(frame_cut(in, FRAME_MAX, LAST, &f), FRAME_OK);
		assert_true(span_eq(f.data, span_first(vectors[v].bytes, vectors[v].data)));
		in = span_skip(in, f.size);
	}
	assert_int_equal(in.len, 0);
}

static void junk_is_known_at_its_first_wrong_byte(void **state)
{
	struct frame f;
	(void)state;

	for (unsigned first = 0; first < 256; first++) {
		uint8_t b = (uint8_t)first;
		bool good = first < 4 || (first >= 0x40 && first <= 0x4f);
		assert_int_equal(cut(span_of(&b, 1), FRAME_MAX, &f), good ? FRAME_MORE : FRAME_JUNK);
	}
	for (size_t at = 4; at < 8; at++) {
		uint8_t bad[sizeof(binding)];
		memcpy(bad, binding, sizeof(bad));
		bad[at] ^= 1;
		assert_int_equal(cut(span_of(bad, at), FRAME_MAX, &f), FRAME_MORE);
		assert_int_equal(cut(span_of(bad, at + 1), FRAME_MAX, &f), FRAME_JUNK);
		assert_int_equal(cut(span_of(bad, sizeof(bad)), FRAME_MAX, &f), FRAME_JUNK);
	}
}

static void a_stun_length_that_is_no_multiple_of_four_is_junk(void **state)
{
	struct frame f;
	(void)state;

	for (uint8_t length = 0; length < 16; length++) {
		const uint8_t head[] = { 0, 1, 0, length };
		assert_int_equal(cut(span_of(head, 4), FRAME_MAX, &f), length % 4 == 0 ? FRAME_MORE : FRAME_JUNK);
	}
}

static void what_is_too_long_is_known_from_its_header(void **state)
{
	const uint8_t stun[] = { 0, 1, 0x07, 0xec }, stun_too_long[] = { 0, 1, 0x07, 0xf0 };	/* 2028, 2032 */
	const uint8_t channel[] = { 0x40, 0, 0x07, 0xfc }, channel_too_long[] = { 0x40, 0, 0x07, 0xfd };	/* 2044, 2045 */
	const uint8_t longest_stun[] = { 0, 1, 0xff, 0xfc }, longest_channel[] = { 0x40, 0, 0xff, 0xff };
	struct frame f;
	(void)state;

	assert_int_equal(cut(span_of(stun, 4), 2048, &f), FRAME_MORE);
	assert_int_equal(f.size, 2048);
	assert_int_equal(cut(span_of(stun_too_long, 4), 2048, &f), FRAME_TOO_LONG);
	assert_int_equal(cut(span_of(channel, 4), 2048, &f), FRAME_MORE);
	assert_int_equal(f.size, 2048);
	assert_int_equal(cut(span_of(channel_too_long, 4), 2048, &f), FRAME_TOO_LONG);
	assert_int_equal(cut(span_of(longest_stun, 4), FRAME_MAX, &f), FRAME_MORE);
	assert_int_equal(f.size, FRAME_MAX);
	assert_int_equal(cut(span_of(longest_channel, 4), FRAME_MAX, &f), FRAME_MORE);
	assert_int_equal(f.size, 4 + 65536);
}

static void old_clients_may_use_more_channels(void **state)
{
	const uint8_t old[] = { 0x7f, 0xff, 0, 0 }, never[] = { 0x80, 0, 0, 0 };
	struct frame f;
	(void)state;

	assert_int_equal(frame_cut(span_of(old, 4), FRAME_MAX, LAST, &f), FRAME_JUNK);
	assert_int_equal(frame_cut(span_of(old, 4), FRAME_MAX, 0x7FFF, &f), FRAME_OK);
	assert_int_equal(frame_cut(span_of(never, 4), FRAME_MAX, 0x7FFF, &f), FRAME_JUNK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_whole_at_its_last_byte_and_not_before),
		cmocka_unit_test(frames_follow_each_other),
		cmocka_unit_test(junk_is_known_at_its_first_wrong_byte),
		cmocka_unit_test(a_stun_length_that_is_no_multiple_of_four_is_junk),
		cmocka_unit_test(what_is_too_long_is_known_from_its_header),
		cmocka_unit_test(old_clients_may_use_more_channels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
