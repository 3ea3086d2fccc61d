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

static bool mint(const struct site *site, struct span name, int64_t now, struct turn_cred *out)
{
	uint32_t ttl = (uint32_t)(site->options->credential_lifetime / 1000);

	return turn_cred_mint(out, span_str(site->options->static_auth_secret), name, now, ttl) == 0;
}

static void put_uris(struct buf *out, const char *key, const char *const *uris, size_t n)
{
	json_open(out, key, '[');
	for (size_t i = 0; i < n; i++)
		json_string(out, NULL, span_str(uris[i]));
	json_close(out, ']');
}

bool ice_write_config(const struct site *site, int64_t now, struct buf *out)
{
	const struct site_options *c = site->options;
	char name[CLIENT_ID_SIZE], lifetime[24];
	struct turn_cred cred;

	client_id_make(name);	/* so that quotas tell users apart */
	snprintf(lifetime, sizeof(lifetime), "%llus", (unsigned long long)(c->credential_lifetime / 1000));
	json_open(out, NULL, '{');
	json_string(out, "lifetimeDuration", span_str(lifetime));
	json_open(out, "iceServers", '[');
	if (site->n_turn_uris > 0) {
		if (!mint(site, span_str(name), now, &cred))
			return false;
		json_open(out, NULL, '{');
		put_uris(out, "urls", site->turn_uris, site->n_turn_uris);
		json_string(out, "username", span_str(cred.username));
		json_string(out, "credential", span_str(cred.password));
		json_close(out, '}');
		secret_wipe(&cred, sizeof(cred));
	}
	if (c->stun_server.n > 0) {
		json_open(out, NULL, '{');
		put_uris(out, "urls", (const char *const *)c->stun_server.v, c->stun_server.n);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_close(out, '}');
	return !out->failed;
}

bool ice_write_turn(const struct site *site, struct span name, int64_t now, struct buf *out)
{
	struct turn_cred cred = { "", "" };
	char ttl[24];

	/* Without TURN servers all members stand there all the same: the oldest clients fail without them (R47). */
	if (site->n_turn_uris > 0 && !mint(site, name, now, &cred))
		return false;
	snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)(site->options->credential_lifetime / 1000));
	json_open(out, NULL, '{');
	json_string(out, "username", span_str(cred.username));
	json_string(out, "password", span_str(cred.password));
	json_raw(out, "ttl", ttl);
	put_uris(out, "uris", site->turn_uris, site->n_turn_uris);
	json_close(out, '}');
	secret_wipe(&cred, sizeof(cred));
	return !out->failed;
}
