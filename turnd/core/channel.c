#include "turnd/core/channel.h"

#include "common/base/list.h"
#include "common/base/reader.h"

#include <stdlib.h>

void channel_init(struct channel_table *t)
{
	*t = (struct channel_table){ .made = 0 };
	map_init(&t->by_number);
	map_init(&t->by_peer);
}

static void drop(struct channel_table *t, struct channel *c)
{
	map_remove(&t->by_number, &c->by_number);
	map_remove(&t->by_peer, &c->by_peer);
	free(c);
}

struct sweep {
	struct channel_table *t;
	msec_t now;
};

static void sweep_one(struct map_node *n, void *ctx)
{
	struct channel *c = container_of(n, struct channel, by_number);
	struct sweep *s = ctx;
	if (c->expires <= s->now)
		drop(s->t, c);
}

void channel_close(struct channel_table *t)
{
	map_each(&t->by_number, sweep_one, &(struct sweep){ t, NEVER });
	map_close(&t->by_number);
	map_close(&t->by_peer);
}

/* Numbers are few and mostly consecutive: they are their own hash, which makes the map a direct index. */
static struct channel *at_number(const struct channel_table *t, uint16_t number)
{
	struct map_node *n = map_first(&t->by_number, number);
	return n == NULL ? NULL : container_of(n, struct channel, by_number);
}

static uint64_t hash_peer(const struct endpoint *e)
{
	uint8_t key[18];
	size_t n = e->ip.family == 6 ? 16 : 4;
	memcpy(key, e->ip.b, n);
	store_u16(key + n, e->port);
	return map_hash(span_of(key, n + 2));
}

static struct channel *at_peer(const struct channel_table *t, const struct endpoint *peer)
{
	if (t->by_peer.n == 0)
		return NULL;
	for (struct map_node *n = map_first(&t->by_peer, hash_peer(peer)); n != NULL; n = map_next(n)) {
		struct channel *c = container_of(n, struct channel, by_peer);
		if (endpoint_equal(&c->peer, peer))
			return c;
	}
	return NULL;
}

static const struct channel *living(const struct channel *c, msec_t now)
{
	return c != NULL && now < c->expires ? c : NULL;
}

const struct channel *channel_find(const struct channel_table *t, uint16_t number, msec_t now)
{
	return living(at_number(t, number), now);
}

const struct channel *channel_find_peer(const struct channel_table *t, const struct endpoint *peer, msec_t now)
{
	return living(at_peer(t, peer), now);
}

bool channel_conflicts(const struct channel_table *t, uint16_t number, const struct endpoint *peer, msec_t now)
{
	const struct channel *by_number = channel_find(t, number, now), *by_peer = channel_find_peer(t, peer, now);
	return by_number != by_peer;
}

static enum channel_result add(struct channel_table *t, uint16_t number, const struct endpoint *peer, msec_t now)
{
	struct channel *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return CHANNEL_NOMEM;
	c->number = number;
	c->peer = *peer;
	c->expires = now + CHANNEL_LIFETIME;
	if (!map_add(&t->by_number, &c->by_number, number)) {
		free(c);
		return CHANNEL_NOMEM;
	}
	if (!map_add(&t->by_peer, &c->by_peer, hash_peer(peer))) {
		map_remove(&t->by_number, &c->by_number);
		free(c);
		return CHANNEL_NOMEM;
	}
	t->made++;
	return CHANNEL_OK;
}

enum channel_result channel_bind(struct channel_table *t, uint16_t number, const struct endpoint *peer, unsigned limit,
				 msec_t now)
{
	struct channel *old = at_number(t, number), *other;

	if (channel_conflicts(t, number, peer, now))
		return CHANNEL_CONFLICT;
	if (living(old, now)) {
		old->expires = now + CHANNEL_LIFETIME;
		return CHANNEL_OK;
	}
	/* What is left of this number or this peer has expired. */
	if (old != NULL)
		drop(t, old);
	other = at_peer(t, peer);
	if (other != NULL)
		drop(t, other);
	if (t->by_number.n >= limit)
		map_each(&t->by_number, sweep_one, &(struct sweep){ t, now });
	return t->by_number.n >= limit ? CHANNEL_FULL : add(t, number, peer, now);
}
