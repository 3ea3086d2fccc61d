/* covers: common/proto/node_record.c common/proto/turn_secret.c common/proto/ice_uri.c */
#include "common/proto/ice_uri.h"
#include "common/proto/node_record.h"
#include "common/proto/turn_secret.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* A record that was read is written as it stood, number by number. */
static void lease(struct span text)
{
	struct node_record r, again;
	struct buf out;

	if (!node_record_parse(text, &r))
		return;
	require(r.n_urls > 0 && r.n_urls <= NODE_URLS_MAX && node_zone_valid(r.zone));
	for (size_t i = 0; i < r.n_urls; i++) {
		require(node_url_valid(r.kind, r.url[i]) && memchr(r.url[i].p, '\n', r.url[i].len) == NULL);
		require(r.kind != NODE_TURN || (ice_uri_rank(r.url[i]) >= 0 && ice_uri_rank(r.url[i]) <= 2));
	}
	buf_init(&out, 2 * NODE_RECORD_MAX);
	require(node_record_write(&r, &out) && node_record_parse(buf_span(&out), &again));
	require(again.started == r.started && again.load == r.load && again.draining == r.draining && again.n_urls == r.n_urls);
	buf_close(&out);
}

/* "<id>\n<value>\n<id>\n..." */
static void secrets(struct span text)
{
	struct turn_secrets set = { .n = 0 };

	while (text.len > 0) {
		struct span part[2];
		struct turn_secret s, again;
		char value[TURN_SECRET_VALUE_SIZE];
		for (int i = 0; i < 2; i++) {
			const uint8_t *end = memchr(text.p, '\n', text.len);
			part[i] = end != NULL ? span_of(text.p, (size_t)(end - text.p)) : text;
			text = span_skip(text, part[i].len + 1);
			if (text.len == 0)
				text.p = (const uint8_t *)"";
		}
		if (!turn_secret_parse(part[0], part[1], &s))
			continue;
		require(turn_secret_write(&s, value) < sizeof(value));
		require(turn_secret_parse(part[0], span_str(value), &again) && memcmp(&s, &again, sizeof(s)) == 0);
		turn_secrets_add(&set, &s);
	}
	for (size_t i = 1; i < set.n; i++)
		require(set.v[i - 1].created >= set.v[i].created);
	if (set.n > 0)
		require(turn_secrets_find(&set, span_str(set.v[0].text)) != NULL && turn_secrets_same(&set, &set));
	if (turn_secrets_minting(&set, 100) != NULL) {
		turn_secrets_drop_retired(&set, 100);
		require(set.n > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 's')
		secrets(span_of(data + 1, size - 1));
	else if (size > 0)
		lease(span_of(data + 1, size - 1));
	return 0;
}
