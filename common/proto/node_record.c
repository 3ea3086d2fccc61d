#include "common/proto/node_record.h"

#include "common/base/origin.h"
#include "common/base/text.h"
#include "common/proto/ice_uri.h"

#include <inttypes.h>

static const char *const kinds[NODE_KINDS] = { [NODE_TURN] = "turn", [NODE_SIGNAL] = "signal" };

const char *node_kind_name(enum node_kind kind)
{
	return kinds[kind];
}

bool node_zone_valid(struct span zone)
{
	return zone.len <= NODE_ZONE_MAX && text_is_word(zone, "._-");
}

static bool is_inner(struct span url)
{
	struct origin at;
	return origin_parse(&at, url, false) && !at.tls;
}

bool node_url_valid(enum node_kind kind, struct span url)
{
	struct origin at;

	if (kind == NODE_TURN)
		return url.len <= ICE_URI_MAX && ice_uri_valid(url, true);
	return url.len < ORIGIN_TEXT_SIZE && (origin_parse(&at, url, true) || is_inner(url));
}

bool node_record_write(const struct node_record *r, struct buf *out)
{
	buf_addf(out, "%s 1\nstarted %" PRId64 "\nzone %.*s\nload %" PRIu32 "\ndraining %d\n", kinds[r->kind], r->started,
		 SPAN_ARG(r->zone), r->load, r->draining);
	for (size_t i = 0; i < r->n_urls; i++)
		buf_addf(out, "url %.*s\n", SPAN_ARG(r->url[i]));
	return !out->failed;
}

/* The rest of the next line, which must begin with name and a blank. */
static bool line(struct span *text, const char *name, struct span *value)
{
	const uint8_t *end = text->len > 0 ? memchr(text->p, '\n', text->len) : NULL;
	size_t head = strlen(name) + 1;
	struct span whole;

	if (end == NULL)
		return false;
	whole = span_of(text->p, (size_t)(end - text->p));
	*text = span_skip(*text, whole.len + 1);
	if (!text_has_prefix(whole, name) || whole.len < head || whole.p[head - 1] != ' ')
		return false;
	*value = span_skip(whole, head);
	return true;
}

static bool number(struct span *text, const char *name, uint64_t max, uint64_t *out)
{
	struct span value;
	return line(text, name, &value) && parse_u64(value, out) && *out <= max;
}

static bool kind_line(struct span *text, enum node_kind *out)
{
	for (unsigned k = 0; k < NODE_KINDS; k++) {
		struct span rest = *text, version;
		if (!line(&rest, kinds[k], &version))
			continue;
		*out = (enum node_kind)k;
		*text = rest;
		return span_eq_str(version, "1");
	}
	return false;
}

static bool urls(struct span *text, struct node_record *r)
{
	unsigned n_inner = 0;

	for (; text->len > 0; r->n_urls++) {
		struct span *url = &r->url[r->n_urls];
		if (r->n_urls == NODE_URLS_MAX || !line(text, "url", url) || !node_url_valid(r->kind, *url))
			return false;
		if (r->kind == NODE_SIGNAL && is_inner(*url) && (r->n_urls == 0 || n_inner++ > 0))
			return false;
	}
	return r->n_urls > 0;
}

bool node_record_parse(struct span text, struct node_record *out)
{
	uint64_t started, load, draining;

	*out = (struct node_record){ .n_urls = 0 };
	if (text.len > NODE_RECORD_MAX || !kind_line(&text, &out->kind) || !number(&text, "started", INT64_MAX, &started) ||
	    !line(&text, "zone", &out->zone) || !node_zone_valid(out->zone) ||
	    !number(&text, "load", UINT32_MAX, &load) || !number(&text, "draining", 1, &draining))
		return false;
	out->started = (int64_t)started;
	out->load = (uint32_t)load;
	out->draining = draining == 1;
	return urls(&text, out);
}
