#include "roomd/routes.h"

#include "common/base/text.h"
#include "roomd/handler.h"

enum { GET = 1, POST = 2 };

static const struct route {
	unsigned methods;	/* HEAD is allowed where GET is */
	const char *pattern;	/* ROOM and CLIENT stand for one id each */
	handler handle;
	enum rate_kind rate;
} routes[] = {
	{ GET,		"/",			handle_root, RATE_NONE },
	{ GET,		"/r/ROOM",		handle_room_page, RATE_NONE },
	{ POST,		"/join/ROOM",		handle_join, RATE_JOIN },
	{ POST,		"/message/ROOM/CLIENT",	handle_message, RATE_NONE },
	{ POST,		"/leave/ROOM/CLIENT",	handle_leave, RATE_NONE },
	{ POST,		"/bye/ROOM/CLIENT",	handle_bye, RATE_NONE },
	{ GET,		"/params",		handle_params, RATE_NONE },
	{ GET | POST,	"/v1alpha/iceconfig",	handle_iceconfig, RATE_ICE },
	{ GET | POST,	"/turn",		handle_turn, RATE_ICE },
	{ POST,		"/a/",			handle_analytics, RATE_NONE },
};

static size_t slashes(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '/';
	return n;
}

static bool matches(const char *pattern, struct span path, struct route_args *a)
{
	struct span left = span_str(pattern);

	if (slashes(left) != slashes(path))
		return false;
	while (left.len > 0 || path.len > 0) {
		struct span want = text_cut(&left, '/'), is = text_cut(&path, '/');
		struct span *id = span_eq_str(want, "ROOM") ? &a->room : span_eq_str(want, "CLIENT") ? &a->client : NULL;
		if (id != NULL ? !id_valid(is) : !span_eq(want, is))
			return false;
		if (id != NULL)
			*id = is;
	}
	return true;
}

static bool allowed(struct span method, unsigned methods)
{
	if (span_eq_str(method, "GET") || span_eq_str(method, "HEAD"))
		return methods & GET;
	return span_eq_str(method, "POST") && (methods & POST);
}

/* Loopback is a proxy on this host, which knows its callers better, or ourselves. */
static bool too_often(struct roomd *d, const struct http_request *r, enum rate_kind kind)
{
	const struct rate rates[] = {
		[RATE_JOIN] = { d->config->join_rate, d->config->join_rate * 10 },
		[RATE_ICE] = { d->config->ice_rate, d->config->ice_rate * 10 },
	};

	if (kind == RATE_NONE || ip_is_loopback(&r->peer.ip) ||
	    rate_limit_take(&d->rates, &r->peer.ip, kind, rates[kind], uv_now(d->loop)))
		return false;
	metric_add(&d->metrics, M_RATE_LIMITED, 1);
	return true;
}

static void refuse_method(struct http_exchange *x, unsigned methods)
{
	static const char *const names[] = { [GET] = "GET, HEAD", [POST] = "POST", [GET | POST] = "GET, HEAD, POST" };
	const struct http_header allow = { SPAN_LIT("Allow"), span_str(names[methods]) };

	http_reply(x, &(struct http_reply){
		.status = 405, .content_type = "text/plain", .body = SPAN_LIT("method not allowed\n"),
		.headers = &allow, .n_headers = 1,
	});
}

void routes_handle(struct roomd *d, struct http_exchange *x, const struct http_request *r)
{
	const struct asset *asset;
	struct route_args args;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		args = (struct route_args){ { NULL, 0 }, { NULL, 0 } };
		if (!matches(routes[i].pattern, r->path, &args))
			continue;
		if (!allowed(r->method, routes[i].methods))
			refuse_method(x, routes[i].methods);
		else if (too_often(d, r, routes[i].rate))
			reply_later(x, 429);
		else
			routes[i].handle(d, x, &args);
		return;
	}
	asset = assets_find(d->assets, r->path);
	if (asset == NULL || span_eq_str(r->path, "/index.html"))	/* a template, not a page */
		http_reply_text(x, 404, "not found");
	else if (allowed(r->method, GET))
		handle_asset(d, x, asset);
	else
		refuse_method(x, GET);
}
