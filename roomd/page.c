#include "roomd/page.h"

/* JSON in HTML: these occur inside strings only, where \u says the same. */
static void add_json_for_html(struct buf *out, struct span json)
{
	static const char separator[] = "\xe2\x80";	/* U+2028 and U+2029 begin so */

	for (size_t i = 0; i < json.len; i++) {
		uint8_t c = json.p[i];
		if (c == '<' || c == '>' || c == '&') {
			buf_addf(out, "\\u%04x", c);
		} else if (c == 0xe2 && json.len - i >= 3 && memcmp(json.p + i, separator, 2) == 0 &&
			   (json.p[i + 2] == 0xa8 || json.p[i + 2] == 0xa9)) {
			buf_addf(out, "\\u20%02x", json.p[i + 2] - 0x80);
			i += 2;
		} else {
			buf_add_byte(out, c);
		}
	}
}

bool page_write(const struct site *site, struct span template, const struct params_request *r, struct buf *out)
{
	const uint8_t *mark = memmem(template.p, template.len, PAGE_PLACEHOLDER, strlen(PAGE_PLACEHOLDER));
	size_t before;
	struct buf json;

	if (mark == NULL)
		return false;
	before = (size_t)(mark - template.p);
	buf_init(&json, PAGE_LIMIT);
	if (!params_write(site, r, NULL, &json))
		out->failed = true;
	buf_add_span(out, span_first(template, before));
	buf_add_str(out, "<script type=\"application/json\" id=\"params\">");
	add_json_for_html(out, buf_span(&json));
	buf_add_str(out, "</script>");
	buf_add_span(out, span_skip(template, before + strlen(PAGE_PLACEHOLDER)));
	buf_close(&json);
	return !out->failed;
}

static void add_signal(struct buf *out, const struct signal_server *s)
{
	char url[ORIGIN_TEXT_SIZE];

	for (int tls = 0; tls <= 1; tls++)	/* `wstls` may override what is configured */
		for (int ws = 0; ws <= 1; ws++)
			buf_addf(out, " %s", origin_format(&s->public_at, ws, tls, url));
}

bool page_write_policy(const struct site *site, struct buf *out)
{
	char url[ORIGIN_TEXT_SIZE];

	buf_add_str(out, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
			 "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; connect-src 'self'");
	for (size_t i = 0; i < site->n_bases; i++)	/* ice_server_url may name another of our own origins */
		buf_addf(out, " %s", origin_format(&site->bases[i], false, site->bases[i].tls, url));
	for (size_t i = 0; i < site->n_signals; i++)
		add_signal(out, &site->signals[i]);
	for (size_t i = 0; i < site->servers.n_signal; i++)
		add_signal(out, &site->servers.signal[i].server);
	return !out->failed;
}
