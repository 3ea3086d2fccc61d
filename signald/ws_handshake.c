#include "signald/ws_handshake.h"

#include "common/base/text.h"

enum { KEY_SIZE = 16, KEY_TEXT = BASE64_SIZE(KEY_SIZE) - 1 };
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"	/* RFC 6455 section 1.3 */

/* Is `word` in a comma-separated list? */
static bool list_has(struct span list, const char *word)
{
	while (list.len > 0) {
		if (text_eq_nocase(text_trim(text_cut(&list, ',')), word))
			return true;
	}
	return false;
}

static bool key_valid(struct span key)
{
	uint8_t raw[KEY_TEXT / 4 * 3];
	size_t n;

	return key.len == KEY_TEXT && base64_decode(key, raw, &n) && n == KEY_SIZE;
}

static bool origin_allowed(struct span origin, const struct string_list *allowed)
{
	if (allowed->n == 0)
		return true;
	for (size_t i = 0; i < allowed->n; i++) {
		const char *a = allowed->v[i];
		if (strcmp(a, WS_ORIGIN_NONE) == 0 ? origin.p == NULL : origin.p != NULL && span_eq_str(origin, a))
			return true;
	}
	return false;
}

static bool accept_of(struct span key, char accept[WS_ACCEPT_SIZE])
{
	uint8_t text[KEY_TEXT + sizeof(KEY_SUFFIX) - 1], sha[SHA1_SIZE];

	memcpy(text, key.p, KEY_TEXT);
	memcpy(text + KEY_TEXT, KEY_SUFFIX, sizeof(KEY_SUFFIX) - 1);
	if (digest_sha1(span_of(text, sizeof(text)), sha) != 0)
		return false;
	base64_encode(span_of(sha, sizeof(sha)), accept);
	return true;
}

enum ws_handshake_result ws_handshake_check(const struct http_request *r, const struct string_list *allowed_origins,
					    char accept[WS_ACCEPT_SIZE])
{
	struct span key = http_header_get(r, "sec-websocket-key");

	if (!span_eq_str(r->method, "GET"))
		return WS_HANDSHAKE_METHOD;
	if (!r->upgrade || !list_has(http_header_get(r, "upgrade"), "websocket"))
		return WS_HANDSHAKE_NONE;
	if (!span_eq_str(http_header_get(r, "sec-websocket-version"), WS_VERSION))
		return WS_HANDSHAKE_VERSION;
	if (!key_valid(key))
		return WS_HANDSHAKE_KEY;
	if (!origin_allowed(http_header_get(r, "origin"), allowed_origins))
		return WS_HANDSHAKE_ORIGIN;
	return accept_of(key, accept) ? WS_HANDSHAKE_OK : WS_HANDSHAKE_NOMEM;
}
