#include "roomd/ice_config.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/proto/ids.h"
#include "common/proto/turn_cred.h"
#include "roomd/json_write.h"

bool ice_key_valid(const struct site *site, struct span key)
{
	const struct string_list *keys = &site->options->api_key;
	bool found = keys->n == 0;

	for (size_t i = 0; i < keys->n; i++)
		if (key.len == strlen(keys->v[i]))
			found |= digest_equal(key.p, keys->v[i], key.len);
	return found;
}

/* What one answer hands out: two live servers, else all that are configured. */
struct ice_choice {
	struct span uri[TURN_PER_ANSWER * NODE_URLS_MAX];
	size_t n;
	const char *const *configured;	/* instead of uri */
	size_t n_configured;
	const struct live_turn *live[TURN_PER_ANSWER];
	size_t n_live;
	const char *secret;
};

static void choose(struct site *site, int64_t now, struct ice_choice *c)
{
	*c = (struct ice_choice){ .n_live = 0 };
	c->secret = site_secret(site, site->servers.n_turn > 0, now);
	if (c->secret == NULL)
		return;
	c->n_live = servers_pick_turn(&site->servers, c->live);
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < c->n_live; i++)
			for (size_t k = 0; k < c->live[i]->n_uris; k++)
				if (ice_uri_rank(c->live[i]->uri[k]) == rank)
					c->uri[c->n++] = c->live[i]->uri[k];
	if (c->n_live > 0)
		return;
	c->configured = site->turn_uris;
	c->n_configured = site->n_turn_uris;
}

static bool gives_turn(const struct ice_choice *c)
{
	return c->n + c->n_configured > 0;
}

static bool mint(const struct site *site, const struct ice_choice *c, struct span name, int64_t now, struct turn_cred *out)
{
	uint32_t ttl = (uint32_t)(site->options->credential_lifetime / 1000);

	return turn_cred_mint(out, span_str(c->secret), name, now, ttl) == 0;
}

static void put_turn_uris(struct buf *out, const char *key, const struct ice_choice *c)
{
	json_open(out, key, '[');
	for (size_t i = 0; i < c->n; i++)
		json_string(out, NULL, c->uri[i]);
	for (size_t i = 0; i < c->n_configured; i++)
		json_string(out, NULL, span_str(c->configured[i]));
	json_close(out, ']');
}

/* A TURN server over UDP is a STUN server too. */
static size_t stun_of(const struct live_turn *t, char out[ICE_URI_MAX + 1])
{
	for (size_t i = 0; i < t->n_uris; i++) {
		struct span place = t->uri[i], scheme = text_cut(&place, ':');
		if (ice_uri_rank(t->uri[i]) == 0 && span_eq_str(scheme, "turn")) {
			place = text_cut(&place, '?');
			return (size_t)snprintf(out, ICE_URI_MAX + 1, "stun:%.*s", SPAN_ARG(place));
		}
	}
	return 0;
}

static void put_stun(struct buf *out, const struct string_list *configured, const struct ice_choice *c)
{
	char uri[TURN_PER_ANSWER][ICE_URI_MAX + 1];
	size_t len[TURN_PER_ANSWER], n = 0;

	for (size_t i = 0; i < c->n_live && configured->n == 0; i++)
		n += (len[n] = stun_of(c->live[i], uri[n])) > 0;
	if (n + configured->n == 0)
		return;
	json_open(out, NULL, '{');
	json_open(out, "urls", '[');
	for (size_t i = 0; i < configured->n; i++)
		json_string(out, NULL, span_str(configured->v[i]));
	for (size_t i = 0; i < n; i++)
		json_string(out, NULL, span_of(uri[i], len[i]));
	json_close(out, ']');
	json_close(out, '}');
}

bool ice_write_config(struct site *site, int64_t now, struct buf *out)
{
	const struct site_options *o = site->options;
	char name[CLIENT_ID_SIZE], lifetime[24];
	struct ice_choice c;
	struct turn_cred cred;

	choose(site, now, &c);
	client_id_make(name);	/* so that quotas tell users apart */
	snprintf(lifetime, sizeof(lifetime), "%llus", (unsigned long long)(o->credential_lifetime / 1000));
	json_open(out, NULL, '{');
	json_string(out, "lifetimeDuration", span_str(lifetime));
	json_open(out, "iceServers", '[');
	if (gives_turn(&c)) {
		if (!mint(site, &c, span_str(name), now, &cred))
			return false;
		json_open(out, NULL, '{');
		put_turn_uris(out, "urls", &c);
		json_string(out, "username", span_str(cred.username));
		json_string(out, "credential", span_str(cred.password));
		json_close(out, '}');
		secret_wipe(&cred, sizeof(cred));
	}
	put_stun(out, &o->stun_server, &c);
	json_close(out, ']');
	json_close(out, '}');
	return !out->failed;
}

bool ice_write_turn(struct site *site, struct span name, int64_t now, struct buf *out)
{
	struct turn_cred cred = { "", "" };
	struct ice_choice c;
	char ttl[24];

	choose(site, now, &c);
	/* Without TURN servers all members stand there all the same: the oldest clients fail without them (R47). */
	if (gives_turn(&c) && !mint(site, &c, name, now, &cred))
		return false;
	snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)(site->options->credential_lifetime / 1000));
	json_open(out, NULL, '{');
	json_string(out, "username", span_str(cred.username));
	json_string(out, "password", span_str(cred.password));
	json_raw(out, "ttl", ttl);
	put_turn_uris(out, "uris", &c);
	json_close(out, '}');
	secret_wipe(&cred, sizeof(cred));
	return !out->failed;
}
