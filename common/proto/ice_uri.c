#include "common/proto/ice_uri.h"

#include "common/base/origin.h"
#include "common/base/text.h"

bool ice_uri_valid(struct span uri, bool turn)
{
	static const struct span head = SPAN_INIT("http://");
	struct span scheme = text_cut(&uri, ':'), place, transport = uri;
	char url[ORIGIN_TEXT_SIZE];
	struct origin at;

	if (turn ? !span_eq_str(scheme, "turn") && !span_eq_str(scheme, "turns") : !span_eq_str(scheme, "stun"))
		return false;
	place = text_cut(&transport, '?');
	if (place.len == 0 || place.len > ORIGIN_HOST_MAX || place.p[place.len - 1] == '/')
		return false;
	if (place.len < uri.len &&
	    (!turn || (!span_eq_str(transport, "transport=udp") && !span_eq_str(transport, "transport=tcp"))))
		return false;
	memcpy(url, head.p, head.len);		/* a host and a port, as in any URL */
	memcpy(url + head.len, place.p, place.len);
	return origin_parse(&at, span_of(url, head.len + place.len), false);
}

int ice_uri_rank(struct span uri)
{
	static const char tcp[] = "?transport=tcp";

	if (text_has_prefix(uri, "turns:"))
		return 2;
	return uri.len > sizeof(tcp) && span_eq_str(span_skip(uri, uri.len - (sizeof(tcp) - 1)), tcp);
}
