#include "common/net/proxy_protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct vector {
	struct span in;
	enum proxy_result result;
	size_t size;
	const char *source;		/* NULL: local */
} vectors[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"), PROXY_HEADER, 45, "192.0.2.1:56324" },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET"), PROXY_HEADER, 45, "192.0.2.1:56324" },
	{ BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), PROXY_HEADER, 44, "[2001:db8::1]:1" },
	{ BYTES("PROXY UNKNOWN\r\n"), PROXY_HEADER, 15, NULL },
	{ BYTES("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY_HEADER, 59, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP6 2001:db8::1 198.51.100.1 1 2\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXY \r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("GET / HTTP/1.1\r\n"), PROXY_NONE, 0, NULL },
	{ BYTES("\x16\x03\x01"), PROXY_NONE, 0, NULL },
	{ BYTES("PROXX"), PROXY_NONE, 0, NULL },
	{ BYTES(V2 "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"), PROXY_HEADER, 28, "192.0.2.1:56324" },
	{ BYTES(V2 "\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb\x04\0\x01" "x" "rest"), PROXY_HEADER, 32, "192.0.2.1:56324" },
	{ BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\0\x02"),
	  PROXY_HEADER, 52, "[2001:db8::1]:1" },
	{ BYTES(V2 "\x20\0\0\0"), PROXY_HEADER, 16, NULL },
	{ BYTES(V2 "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"), PROXY_HEADER, 28, NULL },
	{ BYTES(V2 "\x21\0\0\x02" "xx"), PROXY_HEADER, 18, NULL },
	{ BYTES(V2 "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"), PROXY_HEADER, 28, NULL },
	{ BYTES(V2 "\x21\x11\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01"), PROXY_NONE, 0, NULL },
	{ BYTES(V2 "\x21\x21\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"), PROXY_NONE, 0, NULL },
	{ BYTES(V2 "\x11\x11"), PROXY_NONE, 0, NULL },
	{ BYTES(V2 "\x22"), PROXY_NONE, 0, NULL },
	{ BYTES(V2 "\x21\x11\x10\x01"), PROXY_NONE, 0, NULL },
	{ BYTES("\r\n\r\n\0\r\nQUIX"), PROXY_NONE, 0, NULL },
};

static void headers_say_who_is_behind_the_proxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct proxy_header h;
		char text[ENDPOINT_TEXT];
		enum proxy_result r = proxy_parse(v->in, &h);

		if (r != v->result)
			fail_msg("vector %zu: result %d", i, r);
		if (r != PROXY_HEADER)
			continue;
		assert_int_equal(h.size, v->size);
		assert_int_equal(h.local, v->source == NULL);
		if (v->source != NULL)
			assert_string_equal(endpoint_format(&h.source, text), v->source);
	}
}

static void a_header_cut_anywhere_asks_for_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *v = &vectors[i];
		struct proxy_header h;

		for (size_t n = 0; n < v->size; n++) {
			uint8_t *exact = malloc(n + 1);		/* so that ASan sees a byte read too many */
			memcpy(exact + 1, v->in.p, n);
			assert_int_equal(proxy_parse(span_of(exact + 1, n), &h), PROXY_MORE);
			free(exact);
		}
	}
}

static void a_line_without_end_is_given_up(void **state)
{
	struct proxy_header h;
	uint8_t line[200];

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	assert_int_equal(proxy_parse(span_of(line, 106), &h), PROXY_MORE);
	assert_int_equal(proxy_parse(span_of(line, 107), &h), PROXY_NONE);
	memcpy(line + 105, "\r\n", 2);
	assert_int_equal(proxy_parse(span_of(line, 107), &h), PROXY_HEADER);
	memcpy(line + 105, "x\r\n", 3);
	assert_int_equal(proxy_parse(span_of(line, 108), &h), PROXY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_say_who_is_behind_the_proxy),
		cmocka_unit_test(a_header_cut_anywhere_asks_for_more),
		cmocka_unit_test(a_line_without_end_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
