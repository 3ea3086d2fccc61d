#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/wire/channel_data.h"

#include <stdlib.h>

static const uint8_t frame[] = { 0x40, 0x01, 0x00, 0x05, 'h', 'e', 'l', 'l', 'o', 0, 0, 0 };

static void a_frame_cut_before_the_end_of_its_payload_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n <= sizeof(frame); n++) {
		uint8_t *p = malloc(n > 0 ? n : 1);
		struct channel_data c;
		assert_non_null(p);
		memcpy(p, frame, n);
		assert_int_equal(channel_data_parse(&c, span_of(p, n)), n >= 9);
		if (n >= 9) {
			assert_int_equal(c.number, 0x4001);
			assert_true(span_eq_str(c.payload, "hello"));
		}
		free(p);
	}
}

static void the_longest_and_the_empty_payload_pass(void **state)
{
	size_t n = CHANNEL_DATA_HEADER + 65535;
	uint8_t *p = calloc(1, n);
	struct channel_data c;
	(void)state;
	assert_non_null(p);
	channel_data_header(p, CHANNEL_LAST, 65535);
	assert_true(channel_data_parse(&c, span_of(p, n)));
	assert_int_equal(c.payload.len, 65535);
	assert_int_equal(c.number, 0x4FFF);
	assert_false(channel_data_parse(&c, span_of(p, n - 1)));
	channel_data_header(p, CHANNEL_FIRST, 0);
	assert_true(channel_data_parse(&c, span_of(p, CHANNEL_DATA_HEADER)));
	assert_int_equal(c.payload.len, 0);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_cut_before_the_end_of_its_payload_is_refused),
		cmocka_unit_test(the_longest_and_the_empty_payload_pass),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
