#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/proto/turn_cred.h"
#include "roomd/handler.h"
#include "roomd/ice_config.h"

/* Pages of other origins may ask: the only answers with CORS. */
static void reply_open_json(struct http_exchange *x, int status, struct span json)
{
	static const struct http_header headers[] = {
		{ SPAN_INIT("Access-Control-Allow-Origin"), SPAN_INIT("*") }, { SPAN_INIT("Cache-Control"), SPAN_INIT("no-store") },
	};

	http_reply(x, &(struct http_reply){
		.status = status, .content_type = "application/json", .body = json, .headers = headers, .n_headers = 2,
	});
}

static void refuse(struct roomd *d, struct http_exchange *x, int status, const char *json)
{
	metric_add(&d->metrics, M_ICE_REFUSED, 1);
	reply_open_json(x, status, span_str(json));
}

static bool key_fits(struct roomd *d, struct http_exchange *x)
{
	const struct http_request *r = http_exchange_request(x);
	struct buf key;
	bool fits;

	buf_init(&key, r->query.len + 1);
	query_get(r->query, "key", &key);
	fits = ice_key_valid(&d->site, buf_span(&key));
	buf_close(&key);
	if (!fits)
		refuse(d, x, 403, "{\"error\":\"the key is missing or wrong\"}");
	return fits;
}

static void answer(struct roomd *d, struct http_exchange *x, bool made, struct buf *out)
{
	metric_add(&d->metrics, M_ICE, 1);
	if (made)
		reply_open_json(x, 200, buf_span(out));
	else
		http_reply_text(x, 500, "no memory");
	buf_close(out);
}

void handle_iceconfig(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	struct buf out;

	(void)a;
	if (!key_fits(d, x))
		return;
	buf_init(&out, ICE_ANSWER_LIMIT);
	answer(d, x, ice_write_config(&d->site, clock_unix(), &out), &out);
}

void handle_turn(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	const struct http_request *r = http_exchange_request(x);
	struct buf name, out;

	(void)a;
	if (!key_fits(d, x))
		return;
	buf_init(&name, r->query.len + 1);
	buf_init(&out, ICE_ANSWER_LIMIT);
	query_get(r->query, "username", &name);
	if (turn_name_valid(buf_span(&name)))
		answer(d, x, ice_write_turn(&d->site, buf_span(&name), clock_unix(), &out), &out);
	else
		refuse(d, x, 400, "{\"error\":\"username: at most 64 of A-Z a-z 0-9 . _ @ -\"}");
	buf_close(&name);
}
