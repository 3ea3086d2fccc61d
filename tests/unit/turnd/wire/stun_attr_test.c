#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/wire/stun_attr.h"

#include <stdlib.h>

static const uint8_t tid[12] = { 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae };

static void addresses_survive_their_encoding(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1:32853", "0.0.0.0:0", "255.255.255.255:65535", "[::]:0", "[2001:db8::1]:3478"
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t value[XOR_ADDRESS_MAX];
		struct endpoint in, out;
		size_t n;
		assert_true(endpoint_parse(&in, span_str(texts[i])));
		n = attr_write_xor_address(&in, tid, value);
		assert_int_equal(n, in.ip.family == 6 ? 20 : 8);
		assert_true(attr_read_xor_address(span_of(value, n), tid, &out));
		assert_true(endpoint_equal(&in, &out));
	}
}

static void an_address_of_wrong_length_or_family_is_malformed(void **state)
{
	(void)state;
	for (unsigned family = 0; family < 4; family++) {
		for (size_t len = 0; len < 32; len++) {
			uint8_t *value = calloc(1, len > 0 ? len : 1);
			struct endpoint e;
			bool good = (family == 1 && len == 8) || (family == 2 && len == 20);
			assert_non_null(value);
			if (len > 1)
				value[1] = (uint8_t)family;
			assert_int_equal(attr_read_xor_address(span_of(value, len), tid, &e), good);
			if (!good)
				assert_int_equal(e.ip.family, 0);
			free(value);
		}
	}
}

static void numbers_of_wrong_length_are_malformed(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 8; len++) {
		uint8_t *value = calloc(1, len > 0 ? len : 1);
		uint32_t u32;
		uint16_t channel;
		uint8_t protocol, family;
		assert_non_null(value);
		if (len > 0)
			value[0] = 2;
		assert_int_equal(attr_read_u32(span_of(value, len), &u32), len == 4);
		assert_int_equal(u32, len == 4 ? 0x02000000 : 0);
		assert_int_equal(attr_read_channel(span_of(value, len), &channel), len == 4);
		assert_int_equal(channel, len == 4 ? 0x0200 : 0);
		assert_int_equal(attr_read_protocol(span_of(value, len), &protocol), len == 4);
		assert_int_equal(protocol, len == 4 ? 2 : 0);
		assert_int_equal(attr_read_family(span_of(value, len), &family), len == 4);
		assert_int_equal(family, len == 4 ? 6 : 0);
		free(value);
	}
}

static void families_have_numbers(void **state)
{
	uint8_t family;
	(void)state;
	assert_int_equal(attr_family_number(4), 1);
	assert_int_equal(attr_family_number(6), 2);
	assert_true(attr_read_family(span_of("\1\0\0\0", 4), &family));
	assert_int_equal(family, 4);
	assert_true(attr_read_family(span_of("\3\0\0\0", 4), &family));
	assert_int_equal(family, 0);
}

static void an_error_is_class_and_number(void **state)
{
	unsigned code;
	(void)state;
	assert_true(attr_read_error(span_of("\0\0\4\46Stale Nonce", 15), &code));
	assert_int_equal(code, 438);
	assert_true(attr_read_error(span_of("\377\377\375\10", 4), &code));	/* reserved bits are ignored */
	assert_int_equal(code, 508);
	assert_false(attr_read_error(span_of("\0\0\2\0", 4), &code));
	assert_false(attr_read_error(span_of("\0\0\7\0", 4), &code));
	assert_false(attr_read_error(span_of("\0\0\4\144", 4), &code));
	assert_false(attr_read_error(span_of("\0\0\4", 3), &code));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_survive_their_encoding),
		cmocka_unit_test(an_address_of_wrong_length_or_family_is_malformed),
		cmocka_unit_test(numbers_of_wrong_length_are_malformed),
		cmocka_unit_test(families_have_numbers),
		cmocka_unit_test(an_error_is_class_and_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
