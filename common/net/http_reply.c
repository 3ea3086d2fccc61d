#include "common/net/http_reply.h"

#include <time.h>

const char *http_reason(int status)
{
	static const struct { int status; const char *text; } reasons[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
		{ 307, "Temporary Redirect" }, { 308, "Permanent Redirect" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" }, { 426, "Upgrade Required" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

static void add_clean(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		buf_add_byte(out, s.p[i] < 0x20 || s.p[i] == 0x7f ? ' ' : s.p[i]);
}

static void add_headers(struct buf *out, const struct http_header *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		add_clean(out, h[i].name);
		buf_add_str(out, ": ");
		add_clean(out, h[i].value);
		buf_add_str(out, "\r\n");
	}
}

static void add_date(struct buf *out, int64_t now)	/* RFC 9110 section 5.6.7 */
{
	time_t t = (time_t)now;
	struct tm tm;
	char text[40];

	if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
		return;
	buf_addf(out, "Date: %s\r\n", text);
}

bool http_reply_head(const struct http_reply *r, const struct http_reply_frame *f, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d %s\r\n", r->status, http_reason(r->status));
	add_date(out, f->now);
	if (r->content_type != NULL)
		buf_addf(out, "Content-Type: %s\r\n", r->content_type);
	if (r->status != 204 && r->status != 304)
		buf_addf(out, "Content-Length: %zu\r\n", r->body.len);
	if (f->close)
		buf_add_str(out, "Connection: close\r\n");
	else if (f->keep_alive)
		buf_add_str(out, "Connection: keep-alive\r\n");
	add_headers(out, f->headers, f->n_headers);
	add_headers(out, r->headers, r->n_headers);
	return buf_add_str(out, "\r\n");
}

bool http_upgrade_head(const char *protocol, const struct http_header *headers, size_t n, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\nConnection: Upgrade\r\n", protocol);
	add_headers(out, headers, n);
	return buf_add_str(out, "\r\n");
}
