#include "common/net/http_parse.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"

static const struct http_limits limits = {
	.request_line = 64, .header_block = 256, .header_fields = 6, .body = 32
};

struct good {
	const char *text;
	const char *method, *path, *raw_path, *query, *host, *body;
	bool keep_alive, upgrade;
	const char *left;	/* not taken; NULL: nothing */
};

#define H "Host: x\r\n"

static const struct good good_requests[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", "GET", "/", "/", "", "x", "", true, false, NULL },
	{ "\r\n\r\nGET /a%20b?c=%20&d HTTP/1.1\r\n" H "\r\n", "GET", "/a b", "/a%20b", "c=%20&d", "x", "", true, false, NULL },
	{ "GET /? HTTP/1.1\r\n" H "\r\n", "GET", "/", "/", "", "x", "", true, false, NULL },
	{ "GET /a?b?c HTTP/1.1\r\n" H "\r\n", "GET", "/a", "/a", "b?c", "x", "", true, false, NULL },
	{ "HEAD / HTTP/1.0\r\n\r\n", "HEAD", "/", "/", "", "", "", false, false, NULL },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "/", "", "", "", true, false, NULL },
	{ "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /", "GET", "/", "/", "", "x", "", false, false, "GET /" },
	{ "POST /m HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhelloPOST", "POST", "/m", "/m", "", "x", "hello", true, false, "POST" },
	{ "POST /m HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: u\r\n\r\n!",
	  "POST", "/m", "/m", "", "x", "hello", true, false, "!" },
	{ "DELETE /r/1 HTTP/1.1\r\nHOST:\t[2001:db8::1]:443 \r\n\r\n", "DELETE", "/r/1", "/r/1", "", "[2001:db8::1]:443", "",
	  true, false, NULL },
	{ "GET http://h.example:80?q HTTP/1.1\r\n" H "\r\n", "GET", "/", "/", "q", "h.example:80", "", true, false, NULL },
	{ "GET HTTPS://[::1]/p HTTP/1.1\r\n" H "\r\n", "GET", "/p", "/p", "", "[::1]", "", true, false, NULL },
	{ "GET /ws HTTP/1.1\r\n" H "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05",
	  "GET", "/ws", "/ws", "", "x", "", true, true, "\x81\x05" },
	{ "POST /ws HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nabcd",
	  "POST", "/ws", "/ws", "", "x", "ab", true, false, "cd" },
	{ "GET /ws HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na",
	  "GET", "/ws", "/ws", "", "x", "a", true, false, NULL },
	{ "GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n", "GET", "/ws", "/ws", "", "x", "", true, false, NULL },
	{ "PUT / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", "PUT", "/", "/", "", "x", "x", true, false, NULL },
	{ "GET / HTTP/1.0\r\nExpect: wonders\r\n\r\n", "GET", "/", "/", "", "", "", false, false, NULL },
	{ "GET / HTTP/1.1\r\n" H "A:\r\nB: \r\nC:c\r\n\r\n", "GET", "/", "/", "", "x", "", true, false, NULL },
	{ "SUBSCRIBE / HTTP/1.1\r\n" H "\r\n", "SUBSCRIBE", "/", "/", "", "x", "", true, false, NULL },
};

struct bad {
	const char *text;
	int status;
	const char *why;	/* a part of it; NULL: llhttp's matter */
};

#define L64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct bad bad_requests[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host" },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400, "exactly one Host" },
	{ "GET / HTTP/1.0\r\n" H H "\r\n", 400, "exactly one Host" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.1\r\nHost: [::1]80\r\n\r\n", 400, "invalid Host" },
	{ "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400, "invalid Host" },
	{ "GET http://a@b/ HTTP/1.1\r\n" H "\r\n", 400, "invalid host in the request target" },
	{ "GET http:///p HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, "folded" },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400, "folded" },
	{ "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, "folded" },
	{ "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "A\x01: b\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "A: b\n\r\n", 400, NULL },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "in HTTP/1.0" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, "chunked, once" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 33\r\n\r\n", 413, "body is too large" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n11\r\n0123456789abcdefg", 413, "too large" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, NULL },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400, NULL },
	{ "GET / HTTP/1.1\r\n" H "Expect: wonders\r\n\r\n", 417, "100-continue" },
	{ "GET / HTTP/2.0\r\n" H "\r\n", 505, "HTTP/1.1 server" },
	{ "GET / HTTP/1.2\r\n" H "\r\n", 505, "HTTP/1.1 server" },
	{ "GET / HTTP/9.9\r\n" H "\r\n", 505, "HTTP/1.1 server" },
	{ "GET /\r\n\r\n", 505, "HTTP/1.1 server" },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1 server" },
	{ "BREW /pot HTTP/1.1\r\n" H "\r\n", 501, "unknown method" },
	{ "\r\nBREW /pot HTTP/1.1\r\n" H "\r\n", 501, "unknown method" },
	{ "get / HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "\x16\x03\x01\x02", 400, NULL },
	{ "CONNECT h:1 HTTP/1.1\r\n" H "\r\n", 501, "CONNECT" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400, "must begin with /" },
	{ "GET room HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET ftp://x/ HTTP/1.1\r\n" H "\r\n", 400, "must begin with /" },
	{ "GET /a%00b HTTP/1.1\r\n" H "\r\n", 400, "NUL" },
	{ "GET /a%0 HTTP/1.1\r\n" H "\r\n", 400, "percent escape" },
	{ "GET /a%zz HTTP/1.1\r\n" H "\r\n", 400, "percent escape" },
	{ "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, "fragment" },
	{ "GET /\xff HTTP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET / HTPP/1.1\r\n" H "\r\n", 400, NULL },
	{ "GET /" L64 " HTTP/1.1\r\n" H "\r\n", 414, "request line" },
	{ "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
	  414, "request line" },
	{ "GET / HTTP/1.1\r\n" H "A: " L64 L64 L64 L64 "\r\n\r\n", 431, "header is too large" },
	{ "GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\n\r\n", 431, "too many header fields" },
};

#define N(table) (sizeof (table) / sizeof (table)[0])

static struct http_parse *request(void)
{
	struct http_parse *p = http_parse_request(&limits);

	assert_non_null(p);
	return p;
}

/* Feeds text in pieces of `step` after a first one of `first` bytes; *taken: all that was used. */
static enum http_verdict feed(struct http_parse *p, const char *text, size_t first, size_t step, size_t *taken)
{
	enum http_verdict v = HTTP_MORE;
	size_t len = strlen(text), n = first, used;

	for (*taken = 0; *taken < len && v == HTTP_MORE; n = step) {
		/* an exact copy, so that a read behind it shows */
		uint8_t *copy;
		n = n < len - *taken ? n : len - *taken;
		if (n == 0)
			continue;
		copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, text + *taken, n);
		v = http_parse_feed(p, span_of(copy, n), &used);
		free(copy);
		if (v == HTTP_MORE)
			assert_int_equal(used, n);
		*taken += used;
	}
	return v;
}

static void assert_span(struct span s, const char *expected, const char *text)
{
	if (!span_eq_str(s, expected))
		fail_msg("\"%.*s\" instead of \"%s\" in:\n%s", SPAN_ARG(s), expected, text);
}

static void check_good(const struct good *g, size_t first, size_t step)
{
	struct http_parse *p = request();
	size_t taken, left = g->left != NULL ? strlen(g->left) : 0;
	const struct http_request *r;

	if (feed(p, g->text, first, step, &taken) != HTTP_WHOLE || taken != strlen(g->text) - left)
		fail_msg("%zu bytes taken, fed %zu and then by %zu:\n%s", taken, first, step, g->text);
	r = http_parse_get_request(p);
	assert_span(r->method, g->method, g->text);
	assert_span(r->path, g->path, g->text);
	assert_span(r->raw_path, g->raw_path, g->text);
	assert_span(r->query, g->query, g->text);
	assert_span(r->host, g->host, g->text);
	assert_span(r->body, g->body, g->text);
	assert_int_equal(r->upgrade, g->upgrade);
	assert_int_equal(http_parse_keep_alive(p), g->keep_alive);
	http_parse_free(p);
}

static void good_requests_are_understood_however_they_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(good_requests); i++) {
		const struct good *g = &good_requests[i];
		size_t len = strlen(g->text);
		for (size_t cut = 0; cut <= len; cut++)
			check_good(g, cut, len);
		check_good(g, 1, 1);
		check_good(g, 3, 3);
	}
}

static void nothing_is_whole_before_its_last_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(good_requests); i++) {
		const struct good *g = &good_requests[i];
		size_t whole = strlen(g->text) - (g->left != NULL ? strlen(g->left) : 0);
		for (size_t cut = 0; cut < whole; cut++) {
			struct http_parse *p = request();
			char *text = strndup(g->text, cut);
			size_t taken;
			assert_int_equal(feed(p, text, cut, 1, &taken), HTTP_MORE);
			assert_int_equal(http_parse_end(p), HTTP_REFUSED);
			assert_int_equal(http_parse_end(p), HTTP_REFUSED);
			http_parse_free(p);
			free(text);
		}
	}
}

static void check_bad(const struct bad *b, size_t first, size_t step)
{
	struct http_parse *p = request();
	const char *why;
	size_t taken;
	int status;

	if (feed(p, b->text, first, step, &taken) != HTTP_REFUSED)
		fail_msg("not refused, fed %zu and then by %zu:\n%s", first, step, b->text);
	status = http_parse_refusal(p, &why);
	if (status != b->status || (b->why != NULL && strstr(why, b->why) == NULL))
		fail_msg("refused with %d %s:\n%s", status, why, b->text);
	http_parse_free(p);
}

static void bad_requests_are_refused_however_they_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(bad_requests); i++) {
		const struct bad *b = &bad_requests[i];
		size_t len = strlen(b->text);
		for (size_t cut = 0; cut <= len; cut++)
			check_bad(b, cut, len);
		check_bad(b, 1, 1);
	}
}

static void limits_are_exact(void **state)
{
	struct http_limits l = limits;
	const struct good *g = &good_requests[7];
	size_t line = strlen("POST /m HTTP/1.1\r\n"), header = strlen(H "Content-Length: 5\r\n\r\n"), taken;
	const struct { size_t line, header; unsigned fields; size_t body; int status; } cases[] = {
		{ line, header, 2, 5, 0 }, { line - 1, header, 2, 5, 414 }, { line, header - 1, 2, 5, 431 },
		{ line, header, 1, 5, 431 }, { line, header, 2, 4, 413 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		struct http_parse *p;
		const char *why;
		l.request_line = cases[i].line;
		l.header_block = cases[i].header;
		l.header_fields = cases[i].fields;
		l.body = cases[i].body;
		p = http_parse_request(&l);
		assert_int_equal(feed(p, g->text, 1000, 1, &taken), cases[i].status == 0 ? HTTP_WHOLE : HTTP_REFUSED);
		assert_int_equal(http_parse_refusal(p, &why), cases[i].status);
		http_parse_free(p);
	}
}

static void nul_in_the_header_is_refused(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n";
	struct http_parse *p = request();
	size_t used;

	(void)state;
	assert_int_equal(http_parse_feed(p, span_of(text, sizeof text - 1), &used), HTTP_REFUSED);
	http_parse_free(p);
}

static void chunks_that_are_mostly_framing_are_refused(void **state)
{
	struct http_parse *p = request();
	const char *why;
	size_t used;
	enum http_verdict v;

	(void)state;
	v = feed(p, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;x=", 1000, 1, &used);
	for (unsigned i = 0; v == HTTP_MORE && i < 1000; i++)
		v = http_parse_feed(p, SPAN_LIT("extension-that-goes-on-and-on"), &used);
	assert_int_equal(v, HTTP_REFUSED);
	assert_int_equal(http_parse_refusal(p, &why), 400);
	assert_string_equal(why, "more framing than body");
	http_parse_free(p);
}

static void headers_are_found_in_lower_case_and_trimmed(void **state)
{
	struct http_parse *p = request();
	const struct http_request *r;
	size_t used;

	(void)state;
	feed(p, "GET / HTTP/1.1\r\n" H "X-A:  b c \t\r\nx-a: second\r\nEmpty:\r\n\r\n", 1000, 1, &used);
	r = http_parse_get_request(p);
	assert_int_equal(r->n_headers, 4);
	assert_true(span_eq_str(http_header_get(r, "x-a"), "b c"));
	assert_true(span_eq_str(http_header_get(r, "empty"), ""));
	assert_non_null(http_header_get(r, "empty").p);
	assert_null(http_header_get(r, "absent").p);
	assert_int_equal(http_parse_minor(p), 1);
	http_parse_free(p);
}

static void it_tells_where_it_is(void **state)
{
	struct http_parse *p = request();
	size_t used;

	(void)state;
	http_parse_feed(p, SPAN_LIT("PUT / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r"), &used);
	assert_false(http_parse_in_body(p));
	assert_false(http_parse_wants_continue(p));
	http_parse_feed(p, SPAN_LIT("\n"), &used);
	assert_true(http_parse_in_body(p));
	assert_true(http_parse_wants_continue(p));
	http_parse_feed(p, SPAN_LIT("a"), &used);
	assert_false(http_parse_wants_continue(p));
	assert_int_equal(http_parse_feed(p, SPAN_LIT("b"), &used), HTTP_WHOLE);
	http_parse_free(p);
	http_parse_free(NULL);
}

/* --- responses --------------------------------------------------------------------------------------------- */

struct response {
	const char *text;
	bool head, ends;	/* answers HEAD; the connection ends behind it */
	int status;		/* 0: refused */
	const char *body;
	bool keep_alive;
};

static const struct response responses[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false, 200, "ok", true },
	{ "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, false, 200, "", true },
	{ "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", false, false, 204, "", true },
	{ "HTTP/1.1 304 Not Modified\r\n\r\n", false, false, 304, "", true },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, false, 200, "ok", true },
	{ "HTTP/1.1 404 Not Found\r\nContent-Length: 50\r\n\r\n", true, false, 404, "", true },
	{ "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, false, 200, "ok", false },
	{ "HTTP/1.0 200 OK\r\n\r\nall of it", false, true, 200, "all of it", false },
	{ "HTTP/1.1 200 OK\r\n\r\n", false, true, 200, "", false },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx",
	  false, false, 201, "x", true },
	{ "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false, false, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n", false, false, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\n\r\n0123456789abcdef0123456789abcdefX", false, true, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", false, false, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", false, false, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", false, true, 0, NULL, false },
	{ "HTTP/1.1 200 " L64 "\r\n\r\n" L64 L64 L64 L64, false, true, 0, NULL, false },
	{ "HTTP/1.1 200 OK\r\nA: " L64 L64 L64 L64 "\r\n", false, true, 0, NULL, false },
	{ "ICY 200 OK\r\n\r\n", false, false, 0, NULL, false },
	{ "GET / HTTP/1.1\r\n", false, false, 0, NULL, false },
	{ "", false, true, 0, NULL, false },
	{ "HTTP/1.1 1", false, true, 0, NULL, false },
};

static void check_response(const struct response *r, size_t first, size_t step)
{
	struct http_parse *p = http_parse_response(&limits, r->head);
	enum http_verdict v;
	size_t taken;

	v = feed(p, r->text, first, step, &taken);
	if (r->ends && v == HTTP_MORE)
		v = http_parse_end(p);
	if (v != (r->status != 0 ? HTTP_WHOLE : HTTP_REFUSED))
		fail_msg("verdict %d, fed %zu and then by %zu:\n%s", v, first, step, r->text);
	if (v == HTTP_WHOLE) {
		assert_int_equal(http_parse_status(p), r->status);
		assert_span(http_parse_body(p), r->body, r->text);
		assert_int_equal(http_parse_keep_alive(p), r->keep_alive);
	}
	http_parse_free(p);
}

static void responses_are_understood_or_refused_however_they_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(responses); i++) {
		size_t len = strlen(responses[i].text);
		for (size_t cut = 0; cut <= len; cut++)
			check_response(&responses[i], cut, len);
		check_response(&responses[i], 1, 1);
	}
}

static void interim_responses_do_not_go_on_for_ever(void **state)
{
	struct http_parse *p = http_parse_response(&limits, false);
	enum http_verdict v = HTTP_MORE;
	unsigned n = 0;
	size_t used;

	(void)state;
	for (; v == HTTP_MORE && n < 100; n++)
		v = http_parse_feed(p, SPAN_LIT("HTTP/1.1 102 Processing\r\n\r\n"), &used);
	assert_int_equal(v, HTTP_REFUSED);
	assert_int_equal(n, 11);
	http_parse_free(p);
}

/* --- memory ------------------------------------------------------------------------------------------------ */

static void without_memory_the_verdict_is_503_and_nothing_leaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(good_requests); i++) {
		bool failed = true;
		for (unsigned n = 0; failed; n++) {
			struct http_parse *p;
			const char *why;
			size_t used = 0;
			enum http_verdict v = HTTP_REFUSED;
			alloc_fail_at(n);
			p = http_parse_request(&limits);
			if (p != NULL)
				v = http_parse_feed(p, span_str(good_requests[i].text), &used);
			failed = alloc_failed();
			alloc_fail_never();
			assert_int_equal(v, failed ? HTTP_REFUSED : HTTP_WHOLE);
			if (p != NULL && failed)
				assert_int_equal(http_parse_refusal(p, &why), 503);
			http_parse_free(p);
		}
	}
	alloc_fail_at(0);
	assert_null(http_parse_response(&limits, false));
	alloc_fail_never();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests_are_understood_however_they_come),
		cmocka_unit_test(nothing_is_whole_before_its_last_byte),
		cmocka_unit_test(bad_requests_are_refused_however_they_come),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(nul_in_the_header_is_refused),
		cmocka_unit_test(chunks_that_are_mostly_framing_are_refused),
		cmocka_unit_test(headers_are_found_in_lower_case_and_trimmed),
		cmocka_unit_test(it_tells_where_it_is),
		cmocka_unit_test(responses_are_understood_or_refused_however_they_come),
		cmocka_unit_test(interim_responses_do_not_go_on_for_ever),
		cmocka_unit_test(without_memory_the_verdict_is_503_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
