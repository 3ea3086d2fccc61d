#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/origin.h"

static void an_origin_is_a_scheme_a_host_and_perhaps_a_port(void **state)
{
	static const struct { const char *text; bool ws; const char *plain, *tls; } rows[] = {
		{ "http://localhost:8080", false, "http://localhost:8080", "https://localhost:8080" },
		{ "http://LocalHost", false, "http://localhost", "https://localhost:80" },
		{ "https://h.example/", false, "http://h.example:443", "https://h.example" },
		{ "https://h:443", false, "http://h:443", "https://h" },
		{ "wss://[2001:db8::1]:8090", true, "ws://[2001:db8::1]:8090", "wss://[2001:db8::1]:8090" },
		{ "ws://127.0.0.1", true, "ws://127.0.0.1", "wss://127.0.0.1:80" },
	};
	char out[ORIGIN_TEXT_SIZE];
	struct origin o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(origin_parse(&o, span_str(rows[i].text), rows[i].ws));
		assert_string_equal(origin_format(&o, rows[i].ws, false, out), rows[i].plain);
		assert_string_equal(origin_format(&o, rows[i].ws, true, out), rows[i].tls);
	}
}

static void whatever_else_is_none(void **state)
{
	static const char *const texts[] = {
		"", "http", "http:/h", "http://", "http://:80", "http:///", "http://h/path", "http://h:0", "http://h:65536",
		"http://h:", "http://h:8a", "ftp://h", "ws://h", "http://a b", "http://a\"b", "http://a<b", "http://user@h",
		"http://[::1", "http://::1", "http://[]", "http://[::g]", "HTTP://h", "http://h?q",
	};
	char longest[300] = "http://";
	struct origin o;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (origin_parse(&o, span_str(texts[i]), false))
			fail_msg("'%s' was taken", texts[i]);
	memset(longest + 7, 'a', 253);
	assert_true(origin_parse(&o, span_str(longest), false));
	longest[7 + 253] = 'a';
	assert_false(origin_parse(&o, span_str(longest), false));
}

static void a_host_header_names_it_with_or_without_the_schemes_own_port(void **state)
{
	struct origin o;

	(void)state;
	assert_true(origin_parse(&o, SPAN_LIT("https://h.example"), false));
	assert_true(origin_is(&o, SPAN_LIT("h.example")));
	assert_true(origin_is(&o, SPAN_LIT("H.Example:443")));
	assert_false(origin_is(&o, SPAN_LIT("h.example:80")));
	assert_false(origin_is(&o, SPAN_LIT("h.example.")));
	assert_false(origin_is(&o, SPAN_LIT("")));
	assert_false(origin_is(&o, SPAN_LIT("x")));
	assert_true(origin_parse(&o, SPAN_LIT("http://[::1]:8080"), false));
	assert_true(origin_is(&o, SPAN_LIT("[::1]:8080")));
	assert_false(origin_is(&o, SPAN_LIT("[::1]")));
}

static void a_resolver_wants_ipv6_without_brackets(void **state)
{
	char host[ORIGIN_HOST_MAX + 1];
	struct origin o;

	(void)state;
	assert_true(origin_parse(&o, SPAN_LIT("http://[2001:db8::1]:8080"), false));
	assert_string_equal(origin_host(&o, host), "2001:db8::1");
	assert_true(origin_parse(&o, SPAN_LIT("http://h.example"), false));
	assert_string_equal(origin_host(&o, host), "h.example");
}

static void an_authority_is_cut_into_host_and_port(void **state)
{
	uint16_t port = 3478;
	struct span host;

	(void)state;
	assert_true(authority_split(SPAN_LIT("h.example"), &host, &port));
	assert_true(span_eq_str(host, "h.example"));
	assert_int_equal(port, 3478);
	assert_true(authority_split(SPAN_LIT("[::1]:80"), &host, &port));
	assert_true(span_eq_str(host, "[::1]"));
	assert_int_equal(port, 80);
	assert_false(authority_split(SPAN_LIT("h:0"), &host, &port));
	assert_false(authority_split(SPAN_LIT("u@h"), &host, &port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_origin_is_a_scheme_a_host_and_perhaps_a_port),
		cmocka_unit_test(whatever_else_is_none),
		cmocka_unit_test(a_host_header_names_it_with_or_without_the_schemes_own_port),
		cmocka_unit_test(a_resolver_wants_ipv6_without_brackets),
		cmocka_unit_test(an_authority_is_cut_into_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
