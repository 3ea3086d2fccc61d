#include "common/base/origin.h"

#include <ctype.h>
#include <stdio.h>

#include "common/base/text.h"

static uint16_t own_port(bool tls)
{
	return tls ? 443 : 80;
}

static bool host_valid(struct span h)
{
	bool v6 = h.len > 2 && h.p[0] == '[' && h.p[h.len - 1] == ']';

	if (h.len == 0 || h.len > ORIGIN_HOST_MAX)
		return false;
	for (size_t i = v6; i < h.len - v6; i++)
		if (v6 ? !isxdigit(h.p[i]) && h.p[i] != ':' && h.p[i] != '.'
		       : !isalnum(h.p[i]) && h.p[i] != '-' && h.p[i] != '.' && h.p[i] != '_')
			return false;
	return true;
}

bool authority_split(struct span a, struct span *host, uint16_t *port)
{
	size_t colon = a.len;
	uint64_t n;

	for (size_t i = a.len; i-- > 0 && a.p[i] != ']';)
		if (a.p[i] == ':') {
			colon = i;
			break;
		}
	*host = span_first(a, colon);
	if (colon < a.len) {
		if (!parse_u64(span_skip(a, colon + 1), &n) || n == 0 || n > UINT16_MAX)
			return false;
		*port = (uint16_t)n;
	}
	return host_valid(*host);
}

bool origin_parse(struct origin *o, struct span text, bool ws)
{
	static const char *const schemes[2][2] = { { "http://", "https://" }, { "ws://", "wss://" } };
	struct span host;

	*o = (struct origin){ .tls = text_has_prefix(text, schemes[ws][1]) };
	if (!text_has_prefix(text, schemes[ws][o->tls]))
		return false;
	text = span_skip(text, strlen(schemes[ws][o->tls]));
	if (text.len > 0 && text.p[text.len - 1] == '/')
		text.len--;
	o->port = own_port(o->tls);
	if (!authority_split(text, &host, &o->port))
		return false;
	for (size_t i = 0; i < host.len; i++)
		o->host[i] = (char)tolower(host.p[i]);
	return true;
}

bool origin_is(const struct origin *o, struct span authority)
{
	struct span host;
	uint16_t port = own_port(o->tls);

	return authority_split(authority, &host, &port) && port == o->port && text_eq_nocase(host, o->host);
}

const char *origin_format(const struct origin *o, bool ws, bool tls, char out[ORIGIN_TEXT_SIZE])
{
	int n = snprintf(out, ORIGIN_TEXT_SIZE, "%s%s://%s", ws ? "ws" : "http", tls ? "s" : "", o->host);

	if (o->port != own_port(tls))
		snprintf(out + n, ORIGIN_TEXT_SIZE - (size_t)n, ":%u", o->port);
	return out;
}

const char *origin_host(const struct origin *o, char out[ORIGIN_HOST_MAX + 1])
{
	size_t bracket = o->host[0] == '[', n = strlen(o->host) - 2 * bracket;

	memcpy(out, o->host + bracket, n);
	out[n] = '\0';
	return out;
}
