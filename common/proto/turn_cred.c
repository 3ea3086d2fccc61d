#include "common/proto/turn_cred.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_MAX_BYTES = 64 };

bool turn_name_valid(struct span name)
{
	return name.len <= NAME_MAX_BYTES && text_is_word(name, "._@-");
}

int turn_cred_password(struct span secret, struct span username, char out[TURN_PASSWORD_SIZE])
{
	return turn_cred_password_by(TURN_HASH_SHA1, secret, username, out);
}

int turn_cred_password_by(enum turn_hash hash, struct span secret, struct span username, char out[TURN_PASSWORD_SIZE])
{
	uint8_t mac[SHA256_SIZE];
	size_t len = hash == TURN_HASH_SHA256 ? SHA256_SIZE : SHA1_SIZE;
	int rc = hash == TURN_HASH_SHA256 ? hmac_sha256(secret, &username, 1, mac) : hmac_sha1(secret, &username, 1, mac);

	out[0] = '\0';
	if (rc == 0)
		base64_encode(span_of(mac, len), out);
	secret_wipe(mac, sizeof(mac));
	return rc;
}

int turn_cred_mint(struct turn_cred *out, struct span secret, struct span name, int64_t now, uint32_t ttl)
{
	int64_t expiry;
	int n;

	*out = (struct turn_cred){ 0 };
	if (!turn_name_valid(name) || now < 0 || __builtin_add_overflow(now, ttl, &expiry))
		return -1;
	n = snprintf(out->username, sizeof(out->username), "%" PRId64 "%s%.*s", expiry, name.len > 0 ? ":" : "",
		SPAN_ARG(name));
	return turn_cred_password(secret, span_of(out->username, (size_t)n), out->password);
}

static bool parse_expiry(struct span s, int64_t *out)
{
	uint64_t v;

	if (!parse_u64(s, &v) || v > INT64_MAX)
		return false;
	*out = (int64_t)v;
	return true;
}

bool turn_username_parse(struct span username, char separator, struct turn_username *out)
{
	struct span rest = username;
	struct span first = text_cut(&rest, separator);
	struct span last = rest;

	*out = (struct turn_username){ .name = username };
	if (parse_expiry(first, &out->expiry)) {
		if (rest.len > 0)
			out->name = rest;
		return true;
	}
	while (rest.len > 0) {
		last = rest;
		text_cut(&rest, separator);
	}
	if (!parse_expiry(last, &out->expiry))
		return false;
	if (last.len + 1 < username.len)
		out->name = span_first(username, username.len - last.len - 1);
	return true;
}
