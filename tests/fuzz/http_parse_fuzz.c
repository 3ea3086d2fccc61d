/* covers: common/net/http_parse.c common/net/http_head.c */
#include "common/net/http_parse.h"

#include <stdlib.h>

/* The first byte: in which pieces the rest comes, whether it is a response, and one to HEAD. */
enum { STEP = 0x0f, RESPONSE = 0x40, ANSWERS_HEAD = 0x80 };

static const struct http_limits limits = { .request_line = 128, .header_block = 512, .header_fields = 6, .body = 64 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_request(struct http_parse *p)
{
	const struct http_request *r = http_parse_get_request(p);

	require(r->method.len > 0);
	require(r->raw_path.len > 0 && r->raw_path.p[0] == '/');
	require(r->path.len > 0 && r->path.len <= r->raw_path.len);
	require(memchr(r->path.p, '\0', r->path.len) == NULL);
	require(r->host.len > 0 || http_parse_minor(p) == 0);
	require(r->n_headers <= limits.header_fields && r->body.len <= limits.body);
	require(!r->upgrade || (r->body.len == 0 && span_eq_str(r->method, "GET")));
	for (size_t i = 0; i < r->n_headers; i++) {
		struct span v = r->headers[i].value;
		require(r->headers[i].name.len > 0);
		require(memchr(v.p, '\0', v.len) == NULL && memchr(v.p, '\n', v.len) == NULL);
	}
}

static struct http_parse *feed(struct span in, size_t step, uint8_t how, size_t *taken)
{
	struct http_parse *p = how & RESPONSE ? http_parse_response(&limits, how & ANSWERS_HEAD)
					      : http_parse_request(&limits);
	enum http_verdict v = HTTP_MORE;

	require(p != NULL);
	for (*taken = 0; v == HTTP_MORE && *taken < in.len;) {
		struct span piece = span_first(span_skip(in, *taken), step);
		size_t used;
		v = http_parse_feed(p, piece, &used);
		require(used <= piece.len && (v != HTTP_MORE || used == piece.len));
		require(!http_parse_wants_continue(p) || http_parse_in_body(p));
		*taken += used;
	}
	return p;
}

static bool judged_at_a_piece(const struct http_parse *p)
{
	const char *why;

	return http_parse_refusal(p, &why) == 400 && strcmp(why, "more framing than body") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t taken[2];
	struct http_parse *p[2];
	enum http_verdict v[2];
	const char *why[2];
	struct span in;

	if (size < 2)
		return 0;
	in = span_of(data + 1, size - 1);
	p[0] = feed(in, in.len, data[0], &taken[0]);
	p[1] = feed(in, (data[0] & STEP) + 1, data[0], &taken[1]);
	for (unsigned i = 0; i < 2; i++) {
		v[i] = http_parse_end(p[i]);
		require(v[i] != HTTP_MORE && http_parse_end(p[i]) == v[i]);
		require((http_parse_refusal(p[i], &why[i]) != 0) == (v[i] == HTTP_REFUSED));
		if (v[i] == HTTP_WHOLE && (data[0] & RESPONSE) == 0)
			check_request(p[i]);
	}
	if (!judged_at_a_piece(p[0]) && !judged_at_a_piece(p[1])) {
		require(v[0] == v[1]);	/* of two faults in one line either may be told */
		require(v[0] != HTTP_WHOLE || taken[0] == taken[1]);
		require(v[0] != HTTP_WHOLE || span_eq(http_parse_body(p[0]), http_parse_body(p[1])));
		require(v[0] != HTTP_WHOLE || http_parse_status(p[0]) == http_parse_status(p[1]));
		require(http_parse_keep_alive(p[0]) == http_parse_keep_alive(p[1]));
	}
	http_parse_free(p[0]);
	http_parse_free(p[1]);
	return 0;
}
