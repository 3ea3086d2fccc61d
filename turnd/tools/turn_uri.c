#include "turnd/tools/turn_uri.h"

#include "common/base/text.h"

static const struct scheme {
	const char *prefix;
	bool stun, tls;
} schemes[] = {
	{ "turn:", false, false }, { "turns:", false, true }, { "stun:", true, false }, { "stuns:", true, true },
};

static const struct scheme *find_scheme(struct span text)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (text_has_prefix(text, schemes[i].prefix))
			return &schemes[i];
	return NULL;
}

bool turn_uri_is_one(const char *text)
{
	return find_scheme(span_str(text)) != NULL;
}

bool turn_uri_parse(struct turn_uri *out, struct span text)
{
	const struct scheme *scheme = find_scheme(text);
	struct span authority, host;
	bool query = memchr(text.p, '?', text.len) != NULL;

	if (scheme == NULL)
		return false;
	*out = (struct turn_uri){ .stun = scheme->stun, .tls = scheme->tls, .tcp = scheme->tls, .port = scheme->tls ? 5349 : 3478 };
	text = span_skip(text, strlen(scheme->prefix));
	authority = text_cut(&text, '?');
	if (query && !span_eq_str(text, "transport=udp") && !span_eq_str(text, "transport=tcp"))
		return false;
	if (query)
		out->tcp = span_eq_str(text, "transport=tcp");
	if (!authority_split(authority, &host, &out->port))
		return false;
	if (host.p[0] == '[')
		host = span_of(host.p + 1, host.len - 2);
	memcpy(out->host, host.p, host.len);
	return true;
}
