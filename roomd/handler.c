#include "roomd/handler.h"

#include <stdio.h>
#include <stdlib.h>

static struct span copy_id(char *to, struct span id)
{
	if (id.len > 0)
		memcpy(to, id.p, id.len);
	return span_of(to, id.len);
}

struct call *call_new(struct roomd *d, struct http_exchange *x, struct span room, struct span client)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		http_reply_text(x, 500, "no memory");
		return NULL;
	}
	c->d = d;
	c->x = x;
	c->room = copy_id(c->ids, room);
	c->client = copy_id(c->ids + ID_MAX, client);
	http_exchange_set_context(x, c);
	return c;
}

void call_free(struct call *c)
{
	free(c);
}

void reply_json(struct http_exchange *x, int status, struct span json)
{
	static const struct http_header headers[] = { { SPAN_INIT("Cache-Control"), SPAN_INIT("no-store") } };

	http_reply(x, &(struct http_reply){
		.status = status, .content_type = "application/json", .body = json, .headers = headers, .n_headers = 1,
	});
}

void reply_result(struct http_exchange *x, const char *result)
{
	char json[64];

	snprintf(json, sizeof(json), "{\"result\":\"%s\"}", result);
	reply_json(x, 200, span_str(json));
}

void reply_later(struct http_exchange *x, int status)
{
	static const struct http_header headers[] = {
		{ SPAN_INIT("Cache-Control"), SPAN_INIT("no-store") }, { SPAN_INIT("Retry-After"), SPAN_INIT("2") },
	};

	http_reply(x, &(struct http_reply){
		.status = status, .content_type = "application/json", .body = SPAN_LIT("{\"result\":\"ERROR\"}"),
		.headers = headers, .n_headers = 2,
	});
}
