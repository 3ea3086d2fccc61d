/* covers: roomd/params.c roomd/media.c */
/* A query, a Host and a User-Agent from outside -> the params object and the page: always JSON, and nothing in the page
 * can end its data block. Input: query LF host LF user agent. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "common/base/text.h"
#include "roomd/page.h"

static char public_url[] = "http://localhost:8080", other_url[] = "https://rooms.example.org", signal_url[] = "ws://localhost:8089",
	other_signal[] = "wss://s.example.org http://10.0.0.1:1", turn[] = "turn:h?transport=udp", secret[] = "s", key[] = "k";

static void no_complaint(void *ctx, const char *option, size_t i, const char *value, const char *sentence)
{
	(void)ctx, (void)option, (void)i, (void)value, (void)sentence;
	abort();
}

static const struct site *the_site(void)
{
	static char *urls[] = { public_url, other_url }, *signals[] = { signal_url, other_signal }, *turns[] = { turn }, *keys[] = { key };
	static struct site_options options = {
		.public_url = { urls, 2 }, .signal_server = { signals, 2 }, .turn_server = { turns, 1 }, .api_key = { keys, 1 },
		.static_auth_secret = secret, .credential_lifetime = HOURS(1),
	};
	static struct site site;

	if (site.options == NULL && !site_init(&site, &options, no_complaint, NULL))
		abort();
	return &site;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char opening[] = "<script type=\"application/json\" id=\"params\">", closing[] = "</script>";
	struct span rest = span_of(data, size), query, host, message = SPAN_LIT("m");
	struct params_request r = { .room = SPAN_LIT("r"), .page = true };
	struct buf out;
	cJSON *json;

	if (size == 0)
		return 0;
	query = text_cut(&rest, '\n');
	host = text_cut(&rest, '\n');
	r.query = query;
	r.host = host;
	r.user_agent = rest;
	if (host.len % 2 == 1) {
		r.client = SPAN_LIT("c");
		r.messages = &message;
		r.n_messages = 1;
	}
	buf_init(&out, PAGE_LIMIT);
	if (page_write(the_site(), SPAN_LIT(PAGE_PLACEHOLDER), &r, &out)) {
		size_t at = strlen(opening), n = out.len - at - strlen(closing);
		for (size_t i = 0; i < n; i++)
			if (out.p[at + i] == '<' || out.p[at + i] == '>' || out.p[at + i] == '&')
				abort();
		json = cJSON_ParseWithLength((const char *)out.p + at, n);
		if (json == NULL && memmem(out.p, out.len, "\\u0000", 6) == NULL)
			abort();
		cJSON_Delete(json);
	} else if (query.len < 4096) {
		abort();
	}
	buf_close(&out);
	return 0;
}
