#include "common/proto/turn_secret.h"

#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>

bool turn_secret_text_valid(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] <= ' ' || text.p[i] > '~')
			return false;
	return text.len > 0 && text.len <= TURN_SECRET_MAX;
}

static bool cut_time(struct span *rest, int64_t *out)
{
	uint64_t t;

	if (!parse_u64(text_cut(rest, ' '), &t) || t > INT64_MAX)
		return false;
	*out = (int64_t)t;
	return true;
}

bool turn_secret_parse(struct span id, struct span value, struct turn_secret *out)
{
	*out = (struct turn_secret){ .id = "" };
	if (!id_valid(id) || !span_eq_str(text_cut(&value, ' '), "1") || !cut_time(&value, &out->created) ||
	    !cut_time(&value, &out->activate_at) || !cut_time(&value, &out->retire_at) || !turn_secret_text_valid(value))
		return false;
	memcpy(out->id, id.p, id.len);
	memcpy(out->text, value.p, value.len);
	return true;
}

size_t turn_secret_write(const struct turn_secret *s, char out[TURN_SECRET_VALUE_SIZE])
{
	return (size_t)snprintf(out, TURN_SECRET_VALUE_SIZE, "1 %" PRId64 " %" PRId64 " %" PRId64 " %s", s->created,
				s->activate_at, s->retire_at, s->text);
}

static bool newer(const struct turn_secret *a, const struct turn_secret *b)
{
	if (a->created != b->created)
		return a->created > b->created;
	if (a->activate_at != b->activate_at)	/* made in the same second: the first of a fleet is active at once */
		return a->activate_at > b->activate_at;
	return strcmp(a->id, b->id) < 0;
}

void turn_secrets_add(struct turn_secrets *set, const struct turn_secret *s)
{
	size_t at = 0;

	while (at < set->n && newer(&set->v[at], s))
		at++;
	if (at == TURN_SECRETS_MAX)
		return;
	set->n += set->n < TURN_SECRETS_MAX;
	memmove(&set->v[at + 1], &set->v[at], (set->n - at - 1) * sizeof(*s));
	set->v[at] = *s;
}

void turn_secrets_drop_retired(struct turn_secrets *set, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].retire_at == 0 || set->v[i].retire_at > now)
			set->v[kept++] = set->v[i];
	set->n = kept;
}

const struct turn_secret *turn_secrets_find(const struct turn_secrets *set, struct span text)
{
	for (size_t i = 0; i < set->n; i++)
		if (span_eq_str(text, set->v[i].text))
			return &set->v[i];
	return NULL;
}

const struct turn_secret *turn_secrets_minting(const struct turn_secrets *set, int64_t now)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i].activate_at <= now && (set->v[i].retire_at == 0 || set->v[i].retire_at > now))
			return &set->v[i];
	return NULL;
}

bool turn_secrets_same(const struct turn_secrets *a, const struct turn_secrets *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].id, b->v[i].id) != 0 || strcmp(a->v[i].text, b->v[i].text) != 0 ||
		    a->v[i].created != b->v[i].created || a->v[i].activate_at != b->v[i].activate_at ||
		    a->v[i].retire_at != b->v[i].retire_at)
			return false;
	return true;
}
