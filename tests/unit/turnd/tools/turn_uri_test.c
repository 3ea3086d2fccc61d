#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/tools/turn_uri.h"

static void every_form_is_understood(void **state)
{
	static const struct { const char *text; bool stun, tls, tcp; uint16_t port; const char *host; } v[] = {
		{ "turn:turn.example.org", false, false, false, 3478, "turn.example.org" },
		{ "turn:192.0.2.1:3500", false, false, false, 3500, "192.0.2.1" },
		{ "turn:h?transport=udp", false, false, false, 3478, "h" },
		{ "turn:h:1?transport=tcp", false, false, true, 1, "h" },
		{ "turns:h", false, true, true, 5349, "h" },
		{ "turns:h:443?transport=tcp", false, true, true, 443, "h" },
		{ "turns:h?transport=udp", false, true, false, 5349, "h" },
		{ "turn:[2001:db8::1]:3500?transport=udp", false, false, false, 3500, "2001:db8::1" },
		{ "turn:[::1]", false, false, false, 3478, "::1" },
		{ "stun:h", true, false, false, 3478, "h" },
		{ "stuns:h", true, true, true, 5349, "h" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct turn_uri u;
		assert_true(turn_uri_is_one(v[i].text));
		assert_true(turn_uri_parse(&u, span_str(v[i].text)));
		assert_int_equal(u.stun, v[i].stun);
		assert_int_equal(u.tls, v[i].tls);
		assert_int_equal(u.tcp, v[i].tcp);
		assert_int_equal(u.port, v[i].port);
		assert_string_equal(u.host, v[i].host);
	}
}

static void what_is_no_turn_uri_is_refused(void **state)
{
	static const char *const v[] = {
		"", "turn:", "turn", "http:h", "turn:h:0", "turn:h:65536", "turn:h:x", "turn:h?transport=sctp", "turn:h?transport=",
		"turn:h?", "turn:h?transport=udp?", "turn:a b", "turn://h", "turn:u@h", "turn:[::1", "turn:h/", "turn:[]",
	};
	char long_one[300];
	struct turn_uri u;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_false(turn_uri_parse(&u, span_str(v[i])));
	memset(long_one, 'h', sizeof(long_one));
	memcpy(long_one, "turn:", 5);
	assert_true(turn_uri_parse(&u, span_of(long_one, 5 + ORIGIN_HOST_MAX)));
	assert_false(turn_uri_parse(&u, span_of(long_one, 6 + ORIGIN_HOST_MAX)));
	assert_false(turn_uri_is_one("--user"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_understood),
		cmocka_unit_test(what_is_no_turn_uri_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
