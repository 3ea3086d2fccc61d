#include "turnd/core/permission.h"

#include "common/base/list.h"

#include <stdlib.h>

struct perm {
	struct map_node node;
	struct ip_addr peer;
	msec_t expires;		/* a reserved one: the time of its reservation */
};

void perm_init(struct perm_table *t)
{
	*t = (struct perm_table){ .made = 0 };
	map_init(&t->by_ip);
}

struct sweep {
	struct perm_table *t;
	msec_t before;
};

static void sweep_one(struct map_node *n, void *ctx)
{
	struct perm *p = container_of(n, struct perm, node);
	struct sweep *s = ctx;
	if (p->expires < s->before) {
		map_remove(&s->t->by_ip, n);
		free(p);
	}
}

void perm_close(struct perm_table *t)
{
	map_each(&t->by_ip, sweep_one, &(struct sweep){ t, NEVER });
	map_close(&t->by_ip);
}

static uint64_t hash_ip(const struct ip_addr *ip)
{
	return map_hash(span_of(ip->b, ip->family == 6 ? 16 : 4));
}

static struct perm *find(const struct perm_table *t, const struct ip_addr *peer, uint64_t hash)
{
	for (struct map_node *n = map_first(&t->by_ip, hash); n != NULL; n = map_next(n)) {
		struct perm *p = container_of(n, struct perm, node);
		if (ip_equal(&p->peer, peer))
			return p;
	}
	return NULL;
}

enum perm_result perm_reserve(struct perm_table *t, const struct ip_addr *peer, unsigned limit, msec_t now)
{
	uint64_t hash = hash_ip(peer);
	struct perm *p = find(t, peer, hash);

	if (p != NULL) {
		if (p->expires < now)
			p->expires = now;	/* lapsed stays lapsed, but the sweep passes it by */
		return PERM_OK;
	}
	if (t->by_ip.n >= limit)
		map_each(&t->by_ip, sweep_one, &(struct sweep){ t, now });
	if (t->by_ip.n >= limit)
		return PERM_FULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return PERM_NOMEM;
	p->peer = *peer;
	p->expires = now;
	if (!map_add(&t->by_ip, &p->node, hash)) {
		free(p);
		return PERM_NOMEM;
	}
	t->made++;
	return PERM_OK;
}

void perm_grant(struct perm_table *t, const struct ip_addr *peer, msec_t now)
{
	struct perm *p = find(t, peer, hash_ip(peer));
	if (p != NULL)
		p->expires = now + PERMISSION_LIFETIME;
}

bool perm_allows(const struct perm_table *t, const struct ip_addr *peer, msec_t now)
{
	const struct perm *p;

	if (t->by_ip.n == 0)
		return false;
	p = find(t, peer, hash_ip(peer));
	return p != NULL && now < p->expires;
}
