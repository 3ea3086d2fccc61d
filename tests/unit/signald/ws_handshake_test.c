#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "signald/ws_handshake.h"

enum { MAX_HEADERS = 8 };

struct request {
	struct http_request r;
	struct http_header headers[MAX_HEADERS];
};

static struct request *sample(struct request *q)
{
	static const char *const names[] = { "host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version" };
	static const char *const values[] = { "example.org", "websocket", "Upgrade", "dGhlIHNhbXBsZSBub25jZQ==", "13" };

	*q = (struct request){ .r = { .method = SPAN_LIT("GET"), .path = SPAN_LIT("/ws"), .upgrade = true } };
	for (size_t i = 0; i < 5; i++)
		q->headers[i] = (struct http_header){ span_str(names[i]), span_str(values[i]) };
	q->r.headers = q->headers;
	q->r.n_headers = 5;
	return q;
}

static void set(struct request *q, const char *name, const char *value)		/* NULL: takes it away */
{
	size_t i = 0;

	while (i < q->r.n_headers && !span_eq_str(q->headers[i].name, name))
		i++;
	assert_true(i < MAX_HEADERS);
	if (i == q->r.n_headers)
		q->r.n_headers++;
	q->headers[i] = (struct http_header){ span_str(value != NULL ? name : "x"), span_str(value != NULL ? value : "") };
}

static enum ws_handshake_result check(const struct request *q)
{
	static const struct string_list any = { NULL, 0 };
	char accept[WS_ACCEPT_SIZE];

	return ws_handshake_check(&q->r, &any, accept);
}

static void the_accept_value_is_the_one_of_rfc_6455(void **state)
{
	static const struct string_list any = { NULL, 0 };
	char accept[WS_ACCEPT_SIZE];
	struct request q;
	(void)state;

	assert_int_equal(ws_handshake_check(&sample(&q)->r, &any, accept), WS_HANDSHAKE_OK);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* S06 */
static void what_asks_for_no_websocket_is_told_so(void **state)
{
	struct request q;
	(void)state;

	sample(&q)->r.upgrade = false;
	assert_int_equal(check(&q), WS_HANDSHAKE_NONE);
	set(sample(&q), "upgrade", "h2c");
	assert_int_equal(check(&q), WS_HANDSHAKE_NONE);
	set(sample(&q), "upgrade", NULL);
	assert_int_equal(check(&q), WS_HANDSHAKE_NONE);
	set(sample(&q), "upgrade", "h2c , WebSocket");
	assert_int_equal(check(&q), WS_HANDSHAKE_OK);
	sample(&q)->r.method = SPAN_LIT("POST");
	assert_int_equal(check(&q), WS_HANDSHAKE_METHOD);
}

/* S07 */
static void only_version_13_is_spoken(void **state)
{
	static const char *const others[] = { "8", "14", "013", "13, 8", "", NULL };
	struct request q;
	(void)state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		set(sample(&q), "sec-websocket-version", others[i]);
		assert_int_equal(check(&q), WS_HANDSHAKE_VERSION);
	}
}

static void the_key_is_16_bytes_in_base64(void **state)
{
	static const char *const bad[] = { "", "AAAA", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==x", "dGhlIHNhbXBsZSBub25jZQAA",
		"dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==", NULL };
	struct request q;
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(sample(&q), "sec-websocket-key", bad[i]);
		assert_int_equal(check(&q), WS_HANDSHAKE_KEY);
	}
}

/* S05 */
static void any_origin_or_none_is_fine_unless_some_are_allowed(void **state)
{
	char *listed[] = { (char[]){ "https://a.example" }, (char[]){ "http://b:8080" } };
	char *with_none[] = { (char[]){ "https://a.example" }, (char[]){ "none" } };
	static const struct { const char *origin; bool if_listed, if_none; } cases[] = {
		{ "https://a.example", true, true }, { "http://b:8080", true, false }, { "https://a.example.evil", false, false },
		{ "http://a.example", false, false }, { "null", false, false }, { "none", false, false }, { "", false, false },
		{ NULL, false, true },
	};
	char accept[WS_ACCEPT_SIZE];
	struct request q;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sample(&q);
		if (cases[i].origin != NULL)
			set(&q, "origin", cases[i].origin);
		assert_int_equal(check(&q), WS_HANDSHAKE_OK);
		assert_int_equal(ws_handshake_check(&q.r, &(struct string_list){ listed, 2 }, accept),
				 cases[i].if_listed ? WS_HANDSHAKE_OK : WS_HANDSHAKE_ORIGIN);
		assert_int_equal(ws_handshake_check(&q.r, &(struct string_list){ with_none, 2 }, accept),
				 cases[i].if_none ? WS_HANDSHAKE_OK : WS_HANDSHAKE_ORIGIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_accept_value_is_the_one_of_rfc_6455),
		cmocka_unit_test(what_asks_for_no_websocket_is_told_so),
		cmocka_unit_test(only_version_13_is_spoken),
		cmocka_unit_test(the_key_is_16_bytes_in_base64),
		cmocka_unit_test(any_origin_or_none_is_fine_unless_some_are_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
