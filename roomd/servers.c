#include "roomd/servers.h"

#include <stdlib.h>

#include "common/base/text.h"

static bool add_turn(struct servers *s, const struct node_record *r, struct live at)
{
	struct live_turn *t = &s->turn[s->n_turn++];

	t->at = at;
	for (size_t i = 0; i < r->n_urls; i++) {
		size_t begin = s->text.len;
		if (!buf_add_span(&s->text, r->url[i]))
			return false;
		t->uri[t->n_uris++] = span_skip(buf_span(&s->text), begin);
	}
	return true;
}

static void add_signal(struct servers *s, const struct node_record *r, struct live at)
{
	struct live_signal *l = &s->signal[s->n_signal];
	struct origin inner;

	l->at = at;
	origin_parse(&l->server.public_at, r->url[0], true);		/* node_record.c has checked them all */
	origin_format(&l->server.public_at, true, l->server.public_at.tls, l->server.name);
	l->server.inner = l->server.public_at;
	for (size_t i = 1; i < r->n_urls; i++)
		if (text_has_prefix(r->url[i], "http:") && origin_parse(&inner, r->url[i], false))
			l->server.inner = inner;
	if (servers_signal(s, span_str(l->server.name)) == NULL)
		s->n_signal++;
}

bool servers_init(struct servers *s, const struct node_set *nodes, struct span zone)
{
	size_t bytes = 1;

	*s = (struct servers){ .turn = calloc(nodes->n + 1, sizeof(*s->turn)), .signal = calloc(nodes->n + 1, sizeof(*s->signal)) };
	for (size_t i = 0; i < nodes->n; i++)
		for (size_t k = 0; k < nodes->v[i]->r.n_urls; k++)
			bytes += nodes->v[i]->r.url[k].len;
	buf_init(&s->text, bytes);
	if (s->turn == NULL || s->signal == NULL || buf_reserve(&s->text, bytes) == NULL)	/* views of it stay */
		goto close;
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node_record *r = &nodes->v[i]->r;
		const struct live at = { span_eq(r->zone, zone), r->load };
		if (r->draining)
			continue;
		if (r->kind == NODE_SIGNAL)
			add_signal(s, r, at);
		else if (!add_turn(s, r, at))
			goto close;
	}
	return true;

close:
	servers_close(s);
	return false;
}

void servers_close(struct servers *s)
{
	free(s->turn);
	free(s->signal);
	buf_close(&s->text);
	*s = (struct servers){ .n_turn = 0 };
}

static bool better(const struct live *a, const struct live *b)
{
	return a->near != b->near ? a->near : a->load < b->load;
}

static void use(struct live *l)
{
	l->load += l->load < UINT32_MAX;
}

size_t servers_pick_turn(struct servers *s, const struct live_turn *out[TURN_PER_ANSWER])
{
	size_t n = 0;

	while (n < TURN_PER_ANSWER && n < s->n_turn) {
		struct live_turn *best = NULL;
		for (size_t i = 0; i < s->n_turn; i++)
			if ((n == 0 || &s->turn[i] != out[0]) && (best == NULL || better(&s->turn[i].at, &best->at)))
				best = &s->turn[i];
		out[n++] = best;
	}
	for (size_t i = 0; i < s->n_turn; i++)
		for (size_t k = 0; k < n; k++)
			if (out[k] == &s->turn[i])
				use(&s->turn[i].at);
	return n;
}

static struct live_signal *find_signal(const struct servers *s, struct span name)
{
	for (size_t i = 0; i < s->n_signal; i++)
		if (span_eq_str(name, s->signal[i].server.name))
			return &s->signal[i];
	return NULL;
}

const struct signal_server *servers_best_signal(const struct servers *s)
{
	const struct live_signal *best = NULL;

	for (size_t i = 0; i < s->n_signal; i++)
		if (best == NULL || better(&s->signal[i].at, &best->at))
			best = &s->signal[i];
	return best != NULL ? &best->server : NULL;
}

void servers_signal_used(struct servers *s, struct span name)
{
	struct live_signal *l = find_signal(s, name);

	if (l != NULL)
		use(&l->at);
}

const struct signal_server *servers_signal(const struct servers *s, struct span name)
{
	const struct live_signal *l = find_signal(s, name);

	return l != NULL ? &l->server : NULL;
}

/* FNV-1a, mixed: the same everywhere. Rendezvous hashing, so that most rooms stay where they are when another one goes. */
static uint64_t weight(const char *name, struct span room)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; name[i] != '\0'; i++)
		h = (h ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < room.len; i++)
		h = (h ^ room.p[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	return h ^ h >> 33;
}

const struct signal_server *servers_signal_instead(const struct servers *s, struct span room)
{
	const struct live_signal *best = NULL;

	for (size_t i = 0; i < s->n_signal; i++)
		if (best == NULL || weight(s->signal[i].server.name, room) > weight(best->server.name, room))
			best = &s->signal[i];
	return best != NULL ? &best->server : NULL;
}
