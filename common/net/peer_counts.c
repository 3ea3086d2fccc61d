#include "common/net/peer_counts.h"

#include "common/base/list.h"

#include <stdlib.h>

struct entry {
	struct map_node node;
	struct ip_addr ip;
	unsigned n;
};

void peer_counts_init(struct peer_counts *c, unsigned limit)
{
	map_init(&c->addresses);
	c->limit = limit;
}

void peer_counts_close(struct peer_counts *c)
{
	map_close(&c->addresses);
}

static struct ip_addr counted_as(const struct ip_addr *ip)
{
	struct ip_addr a = *ip;

	if (a.family == 6)
		memset(a.b + 8, 0, 8);
	return a;
}

static struct entry *find(const struct peer_counts *c, const struct ip_addr *ip, uint64_t hash)
{
	for (struct map_node *n = map_first(&c->addresses, hash); n != NULL; n = map_next(n)) {
		struct entry *e = container_of(n, struct entry, node);
		if (ip_equal(&e->ip, ip))
			return e;
	}
	return NULL;
}

static bool add_entry(struct peer_counts *c, const struct ip_addr *ip, uint64_t hash)
{
	struct entry *e = calloc(1, sizeof *e);

	if (e == NULL)
		return false;
	e->ip = *ip;
	e->n = 1;
	if (map_add(&c->addresses, &e->node, hash))
		return true;
	free(e);
	return false;
}

bool peer_counts_add(struct peer_counts *c, const struct ip_addr *peer)
{
	struct ip_addr ip = counted_as(peer);
	uint64_t hash;
	struct entry *e;

	if (c->limit == 0)
		return true;
	hash = map_hash(span_of(ip.b, sizeof ip.b));
	e = find(c, &ip, hash);
	if (e == NULL)
		return add_entry(c, &ip, hash);
	if (e->n >= c->limit)
		return false;
	e->n++;
	return true;
}

void peer_counts_remove(struct peer_counts *c, const struct ip_addr *peer)
{
	struct ip_addr ip = counted_as(peer);
	struct entry *e;

	if (c->limit == 0)
		return;
	e = find(c, &ip, map_hash(span_of(ip.b, sizeof ip.b)));
	if (e == NULL || --e->n > 0)
		return;
	map_remove(&c->addresses, &e->node);
	free(e);
}
