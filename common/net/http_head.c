#include "common/net/http_head.h"

#include "common/base/text.h"

struct span http_header_get(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (span_eq_str(r->headers[i].name, name))
			return r->headers[i].value;
	return span_of(NULL, 0);
}

static size_t count_headers(const struct http_request *r, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_headers; i++)
		n += span_eq_str(r->headers[i].name, name);
	return n;
}

/* Is `token` among the comma-separated ones of any header of that name? */
static bool header_lists(const struct http_request *r, const char *name, const char *token)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		struct span rest = r->headers[i].value;
		if (!span_eq_str(r->headers[i].name, name))
			continue;
		while (rest.len > 0)
			if (text_eq_nocase(text_trim(text_cut(&rest, ',')), token))
				return true;
	}
	return false;
}

/* --- framing ----------------------------------------------------------------------------------------------- */

static const char *framing_doubt(const struct http_request *r, const struct http_head *h)
{
	size_t codings = count_headers(r, "transfer-encoding");

	if (codings == 0)
		return NULL;
	if (h->minor == 0)
		return "Transfer-Encoding in HTTP/1.0";
	if (codings > 1 || !text_eq_nocase(http_header_get(r, "transfer-encoding"), "chunked"))
		return "Transfer-Encoding must be chunked, once";
	if (count_headers(r, "content-length") > 0)
		return "Transfer-Encoding beside Content-Length";
	return NULL;
}

/* --- Host and the request's target --------------------------------------------------------------------------- */

static bool is_reg_name(struct span s)	/* RFC 3986 section 3.2.2 */
{
	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = s.p[i];
		bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
		if (!alnum && (c == '\0' || strchr("-._~!$&'()*+,;=%", c) == NULL))
			return false;
	}
	return s.len > 0 && s.len <= 255;
}

static bool is_port(struct span s)	/* may be empty */
{
	uint64_t port = 0;

	return s.len == 0 || (s.len <= 5 && parse_u64(s, &port) && port <= UINT16_MAX);
}

static bool host_valid(struct span s)	/* uri-host [ ":" port ] */
{
	struct span name;

	if (s.len > 0 && s.p[0] == '[') {
		struct ip_addr ip;
		s = span_skip(s, 1);
		if (memchr(s.p, ']', s.len) == NULL)
			return false;
		name = text_cut(&s, ']');
		return ip_parse(&ip, name) && ip.family == 6 && (s.len == 0 || s.p[0] == ':') &&
			is_port(span_skip(s, 1));
	}
	name = text_cut(&s, ':');
	return is_reg_name(name) && is_port(s);
}

static size_t find_any(struct span s, const char *of)
{
	size_t i = 0;

	while (i < s.len && (s.p[i] == '\0' || strchr(of, s.p[i]) == NULL))
		i++;
	return i;
}

/* Leaves path and query in *target and the authority of an absolute form in r->host (RFC 9112 section 3.2). */
static bool take_authority(struct http_request *r, struct span *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		size_t n = strlen(schemes[i]);
		if (!text_eq_nocase(span_first(*target, n), schemes[i]))
			continue;
		*target = span_skip(*target, n);
		n = find_any(*target, "/?");
		r->host = span_first(*target, n);
		*target = span_skip(*target, n);
		return true;
	}
	return false;
}

static const char *split_target(struct http_request *r, struct span target, struct buf *path)
{
	bool absolute = take_authority(r, &target);

	if (absolute && !host_valid(r->host))
		return "invalid host in the request target";
	if (find_any(target, "#") < target.len)
		return "fragment in the request target";
	r->query = target;
	r->raw_path = text_cut(&r->query, '?');
	if (absolute && r->raw_path.len == 0)
		r->raw_path = SPAN_LIT("/");
	if (r->raw_path.len == 0 || r->raw_path.p[0] != '/')
		return "the request target must begin with /";
	if (!percent_decode(r->raw_path, path))
		return "broken percent escape in the path";
	r->path = buf_span(path);
	if (memchr(r->path.p, '\0', r->path.len) != NULL)
		return "NUL in the path";
	return NULL;
}

static const char *host_doubt(struct http_request *r, unsigned minor)
{
	size_t hosts = count_headers(r, "host");

	if (hosts > 1 || (hosts == 0 && minor > 0))
		return "exactly one Host is needed";
	r->host = http_header_get(r, "host");
	return hosts == 1 && !host_valid(r->host) ? "invalid Host" : NULL;
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

static int body_check(const struct http_request *r, struct http_head *h, size_t body_limit, const char **why)
{
	struct span expect = http_header_get(r, "expect");
	uint64_t length = 0;
	bool chunked = count_headers(r, "transfer-encoding") > 0;

	(void)parse_u64(http_header_get(r, "content-length"), &length);	/* llhttp has checked it */
	h->has_body = chunked || length > 0;
	if (expect.p != NULL && h->minor > 0) {
		*why = "the only expectation met here is 100-continue";
		if (!text_eq_nocase(expect, "100-continue"))
			return 417;
		h->wants_continue = h->has_body;
	}
	*why = "the body is too large";
	return length > body_limit ? 413 : 0;
}

int http_head_check(struct http_request *r, struct http_head *h, size_t body_limit, struct buf *path, const char **why)
{
	int status;

	*why = "CONNECT is not served here";
	if (span_eq_str(r->method, "CONNECT"))
		return 501;
	*why = framing_doubt(r, h);
	if (*why == NULL)
		*why = host_doubt(r, h->minor);
	if (*why == NULL)
		*why = split_target(r, h->target, path);
	if (path->failed) {
		*why = "out of memory";
		return 503;
	}
	if (*why != NULL)
		return 400;
	status = body_check(r, h, body_limit, why);
	r->upgrade = status == 0 && !h->has_body && h->minor > 0 && span_eq_str(r->method, "GET") &&
		header_lists(r, "connection", "upgrade") && count_headers(r, "upgrade") > 0;
	return status;
}
