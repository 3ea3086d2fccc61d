#include "common/base/text.h"
#include "roomd/analytics.h"
#include "roomd/handler.h"
#include "roomd/page.h"

static struct params_request page_request(const struct http_request *r, struct span room)
{
	return (struct params_request){
		.query = r->query, .host = r->host, .user_agent = http_header_get(r, "user-agent"), .room = room,
	};
}

static void reply_page(struct roomd *d, struct http_exchange *x, struct span room, bool full)
{
	const struct http_header headers[] = {
		{ SPAN_LIT("Content-Security-Policy"), buf_span(&d->policy) },
		{ SPAN_LIT("Permissions-Policy"), SPAN_LIT("camera=(self), microphone=(self), display-capture=(self)") },
		{ SPAN_LIT("Cache-Control"), SPAN_LIT("no-store") },
	};
	struct params_request p = page_request(http_exchange_request(x), room);
	struct buf out;

	p.page = true;
	p.room_full = full;
	buf_init(&out, PAGE_LIMIT);
	if (page_write(&d->site, assets_find(d->assets, SPAN_LIT("/index.html"))->bytes, &p, &out))
		http_reply(x, &(struct http_reply){
			.status = 200, .content_type = "text/html; charset=utf-8", .body = buf_span(&out),
			.headers = headers, .n_headers = sizeof(headers) / sizeof(headers[0]),
		});
	else
		http_reply_text(x, 500, "the page cannot be made");
	buf_close(&out);
}

void handle_root(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	(void)a;
	reply_page(d, x, (struct span){ NULL, 0 }, false);
}

/* Whether the room is full is a hint for the page, which tries to join all the same; so without the store it is "no". */
static void on_occupancy(void *ctx, const struct room_answer *a)
{
	struct call *c = ctx;

	if (c->x != NULL)
		reply_page(c->d, c->x, c->room, a->result == ROOM_SUCCESS && a->members >= c->d->config->room_capacity);
	call_free(c);
}

void handle_room_page(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	struct call *c = call_new(d, x, a->room, (struct span){ NULL, 0 });

	if (c != NULL)
		d->store->ops->occupancy(d->store, c->room, on_occupancy, c);
}

void handle_params(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	struct params_request p = page_request(http_exchange_request(x), (struct span){ NULL, 0 });
	struct buf out;

	(void)a;
	buf_init(&out, PARAMS_LIMIT);
	if (params_write(&d->site, &p, NULL, &out))
		reply_json(x, 200, buf_span(&out));
	else
		http_reply_text(x, 500, "no memory");
	buf_close(&out);
}

void handle_analytics(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	(void)d, (void)a;
	reply_result(x, analytics_valid(http_exchange_request(x)->body) ? "SUCCESS" : "INVALID_REQUEST");
}

void handle_asset(struct roomd *d, struct http_exchange *x, const struct asset *asset)
{
	const struct http_header headers[] = {
		{ SPAN_LIT("Cache-Control"), SPAN_LIT("no-cache") },	/* keep it, but ask */
		{ SPAN_LIT("ETag"), span_str(asset->etag) },
		{ SPAN_LIT("Content-Security-Policy"), buf_span(&d->policy) },
	};
	struct span known = http_header_get(http_exchange_request(x), "if-none-match");
	bool same = known.len > 0 && memmem(known.p, known.len, asset->etag, strlen(asset->etag)) != NULL;

	http_reply(x, &(struct http_reply){
		.status = same ? 304 : 200, .content_type = same ? NULL : asset->content_type,
		.body = same ? (struct span){ NULL, 0 } : asset->bytes,
		.headers = headers, .n_headers = 2 + (text_has_prefix(span_str(asset->content_type), "text/html") ? 1 : 0),
	});
}
