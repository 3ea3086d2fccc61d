#include "common/daemon/admin.h"

#include <stdio.h>

enum { PAGE_LIMIT = 4 << 20, MAX_CONNECTIONS = 64 };

static const struct http_header no_store[] = {
	{ .name = SPAN_INIT("Cache-Control"), .value = SPAN_INIT("no-store") },
};

static void show_health(struct admin *a, struct http_exchange *x)
{
	(void)a;
	http_reply_text(x, 200, "ok\n");
}

static void show_readiness(struct admin *a, struct http_exchange *x)
{
	const char *why_not = "not ready";
	char text[256];

	if (a->ops->ready(a->ctx, &why_not)) {
		http_reply_text(x, 200, "ready\n");
		return;
	}
	snprintf(text, sizeof(text), "%s\n", why_not);
	http_reply_text(x, 503, text);
}

static void show_text(struct http_exchange *x, struct buf *page, const char *content_type)
{
	if (page->failed)
		http_reply_text(x, 500, "no memory is left for this page\n");
	else
		http_reply(x, &(struct http_reply){ .status = 200, .content_type = content_type, .body = buf_span(page) });
	buf_close(page);
}

static void show_metrics(struct admin *a, struct http_exchange *x)
{
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	a->ops->metrics(a->ctx, &page);
	show_text(x, &page, "text/plain; version=0.0.4; charset=utf-8");
}

static void show_json(struct admin *a, struct http_exchange *x, void (*print)(void *ctx, struct buf *out))
{
	struct buf page;

	buf_init(&page, PAGE_LIMIT);
	if (print != NULL)
		print(a->ctx, &page);
	else
		buf_add_str(&page, "{}");
	buf_add_byte(&page, '\n');
	show_text(x, &page, "application/json");
}

static void show_status(struct admin *a, struct http_exchange *x)
{
	show_json(a, x, a->ops->status);
}

static const struct {
	const char *path;
	void (*show)(struct admin *a, struct http_exchange *x);
} pages[] = {
	{ "/healthz", show_health },
	{ "/readyz", show_readiness },
	{ "/metrics", show_metrics },
	{ "/status", show_status },
};

static bool may_be_read(struct http_exchange *x, const struct http_request *r)
{
	static const struct http_header allow = { .name = SPAN_INIT("Allow"), .value = SPAN_INIT("GET, HEAD") };

	if (span_eq_str(r->method, "GET") || span_eq_str(r->method, "HEAD"))
		return true;
	http_reply(x, &(struct http_reply){ .status = 405, .headers = &allow, .n_headers = 1 });
	return false;
}

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	struct admin *a = owner;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (span_eq_str(r->path, pages[i].path)) {
			if (may_be_read(x, r))
				pages[i].show(a, x);
			return;
		}
	for (const struct admin_page *p = a->ops->pages; p != NULL && p->path != NULL; p++)
		if (span_eq_str(r->path, p->path)) {
			if (may_be_read(x, r))
				show_json(a, x, p->print);
			return;
		}
	http_reply_text(x, 404, "there are /healthz /readyz /metrics /status\n");
}

int admin_start(struct admin *a, uv_loop_t *loop, const struct endpoint *at, const struct admin_ops *ops, void *ctx,
		char why[128])
{
	static const struct http_server_ops server_ops = { .request = on_request };
	static const struct http_limits limits = { .body = 1024 };
	const struct listener_options listen = { .at = *at, .max_connections = MAX_CONNECTIONS };

	*a = (struct admin){ .ops = ops, .ctx = ctx };
	a->http = http_server_new(loop, &limits, &server_ops, a);
	if (a->http == NULL) {
		snprintf(why, 128, "no memory is left for the admin listener");
		return -1;
	}
	http_server_set_headers(a->http, no_store, 1);
	if (http_server_listen(a->http, &listen, why) < 0) {
		admin_stop(a);
		return -1;
	}
	return 0;
}

void admin_stop(struct admin *a)
{
	if (a->http != NULL)
		http_server_stop(a->http, NULL);
	a->http = NULL;
}
