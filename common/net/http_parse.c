#include "common/net/http_parse.h"
#include "common/net/http_head.h"

#include "common/base/list.h"
#include "common/base/text.h"

#include <llhttp.h>
#include <stdlib.h>

enum phase { LINE, HEADER, BODY };
enum { CHUNK_OVERHEAD = 8 };	/* bytes on the wire per byte of body: "1\r\nx\r\n" has 6 */
enum { MAX_INTERIM = 10 };	/* 1xx responses before the real one */

struct field {			/* a header, as places in text */
	uint32_t name, name_len, value, value_len;
};

struct http_parse {
	llhttp_t ll;
	struct http_limits limits;
	enum phase phase;
	enum http_verdict verdict;
	size_t raw;		/* bytes fed in this phase */
	bool line_start;	/* the next byte begins a line of the header */
	bool name_whole;	/* the next piece of a name begins a field */
	bool line_good;		/* up to its version; its end of line may be missing */
	bool answers_head, keep_alive, over;
	unsigned interim;
	int first;		/* byte of the message, behind empty lines; -1: not yet */
	struct buf text;	/* the target, then names in lower case and values */
	size_t target_len;
	struct buf fields;	/* of struct field */
	struct buf path, body;
	struct http_header *headers;	/* made of fields when all have come */
	struct http_head head;
	struct http_request request;
	int refusal;
	const char *why;
};

static struct http_parse *parse_of(llhttp_t *ll)
{
	return container_of(ll, struct http_parse, ll);
}

static int refuse(struct http_parse *p, int status, const char *why)	/* returns what stops llhttp */
{
	p->verdict = HTTP_REFUSED;
	p->refusal = status;
	p->why = why;
	return -1;
}

static int refuse_memory(struct http_parse *p)
{
	return refuse(p, 503, "out of memory");
}

/* --- a request's header ------------------------------------------------------------------------------------ */

static int on_url(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parse *p = parse_of(ll);

	if (!buf_add(&p->text, at, len))
		return refuse_memory(p);
	p->target_len += len;
	return 0;
}

static struct field *last_field(const struct http_parse *p)
{
	return (struct field *)(void *)(p->fields.p + p->fields.len) - 1;
}

static int begin_field(struct http_parse *p)
{
	const struct field f = { .name = (uint32_t)p->text.len };

	if (p->fields.len / sizeof f >= p->limits.header_fields)
		return refuse(p, 431, "too many header fields");
	if (!buf_add(&p->fields, &f, sizeof f))
		return refuse_memory(p);
	p->name_whole = false;
	return 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parse *p = parse_of(ll);

	if (p->phase == BODY)	/* trailers are dropped */
		return 0;
	if (p->name_whole && begin_field(p) < 0)
		return -1;
	if (!buf_add(&p->text, at, len))
		return refuse_memory(p);
	for (uint8_t *c = p->text.p + p->text.len - len; c < p->text.p + p->text.len; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	last_field(p)->name_len += (uint32_t)len;
	return 0;
}

static int on_header_field_complete(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);

	if (p->phase == BODY)
		return 0;
	if (p->name_whole || last_field(p)->name_len == 0)
		return refuse(p, 400, "header field without a name");
	p->name_whole = true;
	last_field(p)->value = (uint32_t)p->text.len;
	return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parse *p = parse_of(ll);

	if (p->phase == BODY)
		return 0;
	if (!buf_add(&p->text, at, len))
		return refuse_memory(p);
	last_field(p)->value_len += (uint32_t)len;
	return 0;
}

static bool make_headers(struct http_parse *p)
{
	size_t n = p->fields.len / sizeof(struct field);

	p->headers = calloc(n + 1, sizeof *p->headers);
	if (p->headers == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct field *f = (const struct field *)(const void *)p->fields.p + i;
		p->headers[i].name = span_of(p->text.p + f->name, f->name_len);
		p->headers[i].value = text_trim(span_of(p->text.p + f->value, f->value_len));
	}
	p->request.headers = p->headers;
	p->request.n_headers = n;
	return true;
}

static void enter(struct http_parse *p, enum phase phase)
{
	p->phase = phase;
	p->raw = 0;
}

static int on_request_header(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);
	const char *why;
	int status;

	if (ll->http_major != 1 || ll->http_minor > 1)
		return refuse(p, 505, "this is an HTTP/1.1 server");
	if (!make_headers(p))
		return refuse_memory(p);
	p->request.method = span_str(llhttp_method_name((llhttp_method_t)ll->method));
	p->head = (struct http_head){ .minor = ll->http_minor, .target = span_of(p->text.p, p->target_len) };
	status = http_head_check(&p->request, &p->head, p->limits.body, &p->path, &why);
	if (status != 0)
		return refuse(p, status, why);
	enter(p, BODY);
	return 0;
}

/* --- a response's header ----------------------------------------------------------------------------------- */

static int on_response_header(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);

	if (ll->status_code / 100 == 1 && (ll->status_code == 101 || ++p->interim > MAX_INTERIM))
		return refuse(p, 400, "nobody asked for this interim response");
	if ((ll->flags & F_CONTENT_LENGTH) != 0 && ll->content_length > p->limits.body && !p->answers_head)
		return refuse(p, 413, "the body is too large");
	enter(p, BODY);
	return p->answers_head;		/* 1: has no body, whatever it says */
}

/* --- both -------------------------------------------------------------------------------------------------- */

static int on_version_complete(llhttp_t *ll)
{
	parse_of(ll)->line_good = true;
	return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
	struct http_parse *p = parse_of(ll);

	if (len > p->limits.body - p->body.len)
		return refuse(p, 413, "the body is too large");
	return buf_add(&p->body, at, len) ? 0 : refuse_memory(p);
}

static int on_message_complete(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);

	if (ll->type == HTTP_RESPONSE && ll->status_code / 100 == 1) {
		enter(p, LINE);
		p->line_good = false;
		return 0;
	}
	p->keep_alive = llhttp_should_keep_alive(ll);
	p->over = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t request_settings = {
	.on_url = on_url,
	.on_version_complete = on_version_complete,
	.on_header_field = on_header_field,
	.on_header_field_complete = on_header_field_complete,
	.on_header_value = on_header_value,
	.on_headers_complete = on_request_header,
	.on_body = on_body,
	.on_message_complete = on_message_complete
};

static const llhttp_settings_t response_settings = {
	.on_version_complete = on_version_complete,
	.on_headers_complete = on_response_header,
	.on_body = on_body,
	.on_message_complete = on_message_complete
};

static struct http_parse *parse_new(llhttp_type_t type, const llhttp_settings_t *settings,
				    const struct http_limits *limits)
{
	struct http_parse *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	llhttp_init(&p->ll, type, settings);
	p->limits = *limits;
	p->name_whole = true;
	p->first = -1;
	buf_init(&p->text, limits->request_line + limits->header_block);
	buf_init(&p->fields, limits->header_fields * sizeof(struct field));
	buf_init(&p->path, limits->request_line);
	buf_init(&p->body, limits->body);
	return p;
}

struct http_parse *http_parse_request(const struct http_limits *limits)
{
	return parse_new(HTTP_REQUEST, &request_settings, limits);
}

struct http_parse *http_parse_response(const struct http_limits *limits, bool answers_head)
{
	struct http_parse *p = parse_new(HTTP_RESPONSE, &response_settings, limits);

	if (p != NULL)
		p->answers_head = answers_head;
	return p;
}

void http_parse_free(struct http_parse *p)
{
	if (p == NULL)
		return;
	buf_close(&p->text);
	buf_close(&p->fields);
	buf_close(&p->path);
	buf_close(&p->body);
	free(p->headers);
	free(p);
}

/* --- feeding ----------------------------------------------------------------------------------------------- */

/* Line and header are fed line by line, so that limits are exact and a folded line shows by its first byte.
 * 0: refused. */
static size_t head_piece(struct http_parse *p, struct span in)
{
	size_t limit = p->phase == LINE ? p->limits.request_line : p->limits.header_block;
	struct span piece = span_first(in, limit - p->raw);
	const uint8_t *lf;

	if (piece.len == 0) {
		if (p->phase == LINE)
			refuse(p, 414, "the request line is too long");
		else
			refuse(p, 431, "the header is too large");
		return 0;
	}
	if (p->phase == HEADER && p->line_start && (in.p[0] == ' ' || in.p[0] == '\t')) {
		refuse(p, 400, "folded header line");
		return 0;
	}
	for (size_t i = 0; i < piece.len && p->first < 0; i++)
		p->first = piece.p[i] == '\r' || piece.p[i] == '\n' ? -1 : piece.p[i];
	lf = memchr(piece.p, '\n', piece.len);
	return lf != NULL ? (size_t)(lf - piece.p) + 1 : piece.len;
}

static void refuse_syntax(struct http_parse *p, llhttp_errno_t err)
{
	const char *why = llhttp_get_error_reason(&p->ll);

	if (p->verdict == HTTP_REFUSED)		/* by one of our callbacks */
		return;
	if (err == HPE_INVALID_VERSION || err == HPE_PAUSED_H2_UPGRADE)
		refuse(p, 505, "this is an HTTP/1.1 server");
	else if (err == HPE_INVALID_METHOD && p->first >= 'A' && p->first <= 'Z')
		refuse(p, 501, "unknown method");
	else
		refuse(p, 400, why != NULL ? why : "this is not HTTP");
}

static size_t feed_piece(struct http_parse *p, struct span in)
{
	enum phase phase = p->phase;
	size_t n = phase == BODY ? in.len : head_piece(p, in);
	llhttp_errno_t err;

	if (n == 0)
		return 0;
	p->raw += n;
	err = llhttp_execute(&p->ll, (const char *)in.p, n);
	if (p->over && (err == HPE_PAUSED || err == HPE_PAUSED_UPGRADE)) {
		p->verdict = HTTP_WHOLE;
		p->request.body = buf_span(&p->body);
		return (size_t)((const uint8_t *)llhttp_get_error_pos(&p->ll) - in.p);
	}
	p->line_start = in.p[n - 1] == '\n';
	if (phase == LINE && p->line_good && p->line_start)
		enter(p, HEADER);
	if (err != HPE_OK)
		refuse_syntax(p, err);
	else if (p->phase == BODY && p->raw / CHUNK_OVERHEAD > p->body.len + p->limits.header_block)
		refuse(p, 400, "more framing than body");
	return n;
}

enum http_verdict http_parse_feed(struct http_parse *p, struct span in, size_t *used)
{
	*used = 0;
	while (*used < in.len && p->verdict == HTTP_MORE)
		*used += feed_piece(p, span_skip(in, *used));
	return p->verdict;
}

enum http_verdict http_parse_end(struct http_parse *p)
{
	if (p->verdict != HTTP_MORE)
		return p->verdict;
	(void)llhttp_finish(&p->ll);
	if (p->over)
		p->verdict = HTTP_WHOLE;
	else
		refuse(p, 400, "cut short");
	return p->verdict;
}

/* --- what came of it --------------------------------------------------------------------------------------- */

bool http_parse_in_body(const struct http_parse *p)
{
	return p->phase == BODY;
}

bool http_parse_wants_continue(const struct http_parse *p)
{
	return p->verdict == HTTP_MORE && p->phase == BODY && p->raw == 0 && p->head.wants_continue;
}

int http_parse_refusal(const struct http_parse *p, const char **why)
{
	*why = p->why;
	return p->refusal;
}

struct http_request *http_parse_get_request(struct http_parse *p)
{
	return &p->request;
}

unsigned http_parse_minor(const struct http_parse *p)
{
	return p->ll.http_minor;
}

int http_parse_status(const struct http_parse *p)
{
	return p->ll.status_code;
}

struct span http_parse_body(const struct http_parse *p)
{
	return buf_span(&p->body);
}

bool http_parse_keep_alive(const struct http_parse *p)
{
	return p->keep_alive;
}
