#include "roomd/params.h"

#include "common/base/text.h"
#include "roomd/json_write.h"
#include "roomd/media.h"

/* Decoded parameters, in memory that is reserved once, so that their spans stay where they are. Together they are never
 * longer than the query. */
struct args {
	struct span query;
	struct buf text;
};

static bool args_init(struct args *a, struct span query)
{
	a->query = query;
	buf_init(&a->text, query.len + 1);
	return buf_reserve(&a->text, query.len + 1) != NULL;
}

/* p is NULL when the parameter is absent, or broken: a bad escape, not UTF-8. */
static struct span arg(struct args *a, const char *name)
{
	size_t at = a->text.len;
	struct span value;

	if (!query_get(a->query, name, &a->text)) {
		a->text.len = at;
		return (struct span){ NULL, 0 };
	}
	value = span_of(a->text.p + at, a->text.len - at);
	return utf8_valid(value) ? value : (struct span){ NULL, 0 };
}

static const char *json_bool(bool b)
{
	return b ? "true" : "false";
}

static void put_bool_text(struct buf *out, const char *key, bool b)
{
	json_string(out, key, span_str(json_bool(b)));
}

/* A JSON text inside a string; `inner` is emptied for the next one. */
static void put_inner(struct buf *out, const char *key, struct buf *inner)
{
	if (inner->failed)
		out->failed = true;
	else
		json_string(out, key, buf_span(inner));
	buf_reset(inner);
}

/* "optional" entries: true, false, or nothing. */
static void put_constraint(struct buf *out, const char *name, struct span value)
{
	bool yes = text_eq_nocase(value, "true");

	if (!yes && !text_eq_nocase(value, "false"))
		return;
	json_open(out, NULL, '{');
	json_raw(out, name, json_bool(yes));
	json_close(out, '}');
}

static bool contains(struct span s, const char *word)
{
	return s.len > 0 && memmem(s.p, s.len, word, strlen(word)) != NULL;
}

static void put_pc_config(struct buf *out, struct args *a, struct buf *inner)
{
	struct span transports = arg(a, "it");

	json_open(inner, NULL, '{');
	json_raw(inner, "iceServers", "[]");	/* must stay empty (R08): then clients ask ice_server_url */
	json_string(inner, "bundlePolicy", SPAN_LIT("max-bundle"));
	json_string(inner, "rtcpMuxPolicy", SPAN_LIT("require"));
	if (transports.len > 0)
		json_string(inner, "iceTransports", transports);
	json_close(inner, '}');
	put_inner(out, "pc_config", inner);
}

static void put_pc_constraints(struct buf *out, struct args *a, bool loopback, struct buf *inner)
{
	json_open(inner, NULL, '{');
	json_open(inner, "optional", '[');
	put_constraint(inner, "DtlsSrtpKeyAgreement", loopback ? SPAN_LIT("false") : arg(a, "dtls"));
	put_constraint(inner, "googDscp", arg(a, "dscp"));
	put_constraint(inner, "googIPv6", arg(a, "ipv6"));
	json_close(inner, ']');
	json_close(inner, '}');
	put_inner(out, "pc_constraints", inner);
}

/* media_constraints and the warnings that choosing them may give. */
static void put_media(struct buf *out, struct args *a, struct span user_agent, struct buf *inner)
{
	struct span audio = arg(a, "audio"), video = arg(a, "video"), hd = arg(a, "hd"), overridden = { NULL, 0 };

	if (hd.len > 0 && video.len > 0)
		overridden = video;
	if (text_eq_nocase(hd, "true"))
		video = SPAN_LIT("mandatory:minWidth=1280,mandatory:minHeight=720");
	else if (hd.len == 0 && video.len == 0 && contains(user_agent, "Chrome") && !contains(user_agent, "Android"))
		video = SPAN_LIT("optional:minWidth=1280,optional:minHeight=720");
	json_open(inner, NULL, '{');
	media_write_track(inner, "audio", audio);
	media_write_track(inner, "video", video);
	if (arg(a, "firefox_fake_device").len > 0)
		json_raw(inner, "fake", "true");
	json_close(inner, '}');
	put_inner(out, "media_constraints", inner);

	json_open(out, "warning_messages", '[');
	if (overridden.len > 0) {
		buf_add_str(inner, "The \"hd\" parameter has overridden video=");
		buf_add_span(inner, overridden);
		put_inner(out, NULL, inner);
	}
	if (arg(a, "minre").len > 0 || arg(a, "maxre").len > 0)
		json_string(out, NULL, SPAN_LIT("The \"minre\" and \"maxre\" parameters are no longer supported. Use \"video\" instead."));
	json_close(out, ']');
}

static void put_signal(struct buf *out, struct args *a, const struct signal_server *s, struct buf *inner)
{
	struct span wstls = arg(a, "wstls");
	bool tls = s->public_at.tls;
	char url[ORIGIN_TEXT_SIZE];

	if (span_eq_str(wstls, "false"))
		tls = false;
	else if (span_eq_str(wstls, "true"))
		tls = true;
	buf_add_str(inner, origin_format(&s->public_at, true, tls, url));
	buf_add_str(inner, "/ws");
	put_inner(out, "wss_url", inner);
	json_string(out, "wss_post_url", span_str(origin_format(&s->public_at, false, tls, url)));
}

/* `ts` may name the base of one of our own public URLs and nothing else: it chooses who sees the key (threat model D-H13). */
static const struct origin *ice_base(const struct site *site, struct span ts, const struct origin *base)
{
	struct origin asked;

	if (ts.len > 0 && origin_parse(&asked, ts, false))
		for (size_t i = 0; i < site->n_bases; i++)
			if (asked.tls == site->bases[i].tls && asked.port == site->bases[i].port &&
			    strcmp(asked.host, site->bases[i].host) == 0)
				return &site->bases[i];
	return base;
}

static void put_ice(struct buf *out, struct args *a, const struct site *site, const struct params_request *r,
		    const struct origin *base, struct buf *inner)
{
	struct span ts = arg(a, "ts"), key = arg(a, "apikey");
	const struct origin *ice = ice_base(site, ts, base);
	char url[ORIGIN_TEXT_SIZE], random_name[CLIENT_ID_SIZE];

	if (key.len == 0 && site->options->api_key.n > 0)
		key = span_str(site->options->api_key.v[0]);
	if (site_gives_ice(site) && !(ts.p != NULL && ts.len == 0)) {
		buf_addf(inner, "%s/v1alpha/iceconfig?key=", origin_format(ice, false, ice->tls, url));
		percent_encode(key, inner);
	}
	put_inner(out, "ice_server_url", inner);
	json_string(out, "ice_server_transports", arg(a, "tt"));

	buf_addf(inner, "%s/turn?username=", origin_format(base, false, base->tls, url));
	if (r->client.len > 0) {
		buf_add_span(inner, r->client);
	} else {
		client_id_make(random_name);
		buf_add_str(inner, random_name);
	}
	buf_add_str(inner, "&key=");
	percent_encode(key, inner);
	put_inner(out, "turn_url", inner);
}

/* The request's query as it may stand in a link: what a URL allows stays, the rest is encoded (Q10); without `rejoin`, which is
 * a member's secret. */
static void add_link_query(struct buf *out, struct span query)
{
	static const char allowed[] = "-._~!$&'()*+,;=:@/?%";
	char join = '?', rejoin[ID_MAX];

	while (query.len > 0) {
		struct span pair = text_cut(&query, '&');
		if (pair.len == 0 || params_id(pair, "rejoin", rejoin).len > 0)
			continue;
		buf_add_byte(out, (uint8_t)join);
		join = '&';
		for (size_t i = 0; i < pair.len; i++) {
			struct span c = span_of(pair.p + i, 1);
			if (memchr(allowed, c.p[0], sizeof(allowed) - 1) != NULL)
				buf_add_span(out, c);
			else
				percent_encode(c, out);
		}
	}
}

static void put_room(struct buf *out, const struct params_request *r, const struct origin *base, struct buf *inner)
{
	char url[ORIGIN_TEXT_SIZE];

	json_string(out, "room_id", r->room);
	buf_addf(inner, "%s/r/", origin_format(base, false, base->tls, url));
	buf_add_span(inner, r->room);
	add_link_query(inner, r->query);
	put_inner(out, "room_link", inner);
}

static void put_member(struct buf *out, const struct params_request *r)
{
	json_string(out, "client_id", r->client);
	put_bool_text(out, "is_initiator", r->initiator);
	json_open(out, "messages", '[');
	for (size_t i = 0; i < r->n_messages; i++)
		json_string(out, NULL, r->messages[i]);
	json_close(out, ']');
}

static void put_fixed(struct buf *out, bool loopback)
{
	json_string(out, "offer_options", SPAN_LIT("{}"));
	put_bool_text(out, "is_loopback", loopback);
	json_string(out, "include_loopback_js",
		    loopback ? SPAN_LIT("<script src=\"/js/loopback.js\"></script>") : SPAN_LIT(""));
	json_raw(out, "error_messages", "[]");
	json_raw(out, "header_message", "null");
	put_bool_text(out, "bypass_join_confirmation", false);
	json_string(out, "version_info", SPAN_LIT("null"));
}

bool params_write(const struct site *site, const struct params_request *r, const char *key, struct buf *out)
{
	const struct origin *base = site_base(site, r->host);
	const struct signal_server *signal = r->signal != NULL ? r->signal : params_signal(site, r->query);
	bool loopback = params_loopback(r->query);
	struct buf inner;
	struct args a;

	if (!args_init(&a, r->query))
		return false;
	buf_init(&inner, PARAMS_LIMIT);
	json_open(out, key, '{');
	if (r->client.len > 0)
		put_member(out, r);
	if (r->room.len > 0)
		put_room(out, r, base, &inner);
	put_signal(out, &a, signal, &inner);
	put_pc_config(out, &a, &inner);
	put_pc_constraints(out, &a, loopback, &inner);
	put_media(out, &a, r->user_agent, &inner);
	put_ice(out, &a, site, r, base, &inner);
	put_fixed(out, loopback);
	if (r->page)
		json_raw(out, "room_full", json_bool(r->room_full));
	json_close(out, '}');
	buf_close(&inner);
	buf_close(&a.text);
	return !out->failed;
}

const struct signal_server *params_signal(const struct site *site, struct span query)
{
	const struct signal_server *s = NULL;
	struct buf wshpp;

	buf_init(&wshpp, ORIGIN_TEXT_SIZE);
	if (query_get(query, "wshpp", &wshpp))
		s = site_signal_at(site, buf_span(&wshpp));
	buf_close(&wshpp);
	return s != NULL ? s : site_best_signal(site);
}

bool params_loopback(struct span query)
{
	struct buf debug;
	bool yes;

	buf_init(&debug, sizeof("loopback"));
	yes = query_get(query, "debug", &debug) && span_eq_str(buf_span(&debug), "loopback");
	buf_close(&debug);
	return yes;
}

struct span params_id(struct span query, const char *name, char out[ID_MAX])
{
	struct span id = { NULL, 0 };
	struct buf value;

	buf_init(&value, ID_MAX);
	if (query_get(query, name, &value) && id_valid(buf_span(&value))) {
		memcpy(out, value.p, value.len);
		id = span_of(out, value.len);
	}
	buf_close(&value);
	return id;
}
