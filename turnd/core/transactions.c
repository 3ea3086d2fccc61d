#include "turnd/core/transactions.h"

#include "common/base/list.h"
#include "common/base/reader.h"

#include <stdlib.h>

struct transaction {
	struct map_node node;
	msec_t until;		/* 0: this place of the ring is empty */
	struct outcome outcome;
};

bool transactions_init(struct transactions *t)
{
	*t = (struct transactions){ .ring = calloc(TRANSACTIONS_KEPT, sizeof(struct transaction)) };
	map_init(&t->index);
	return t->ring != NULL;
}

void transactions_close(struct transactions *t)
{
	map_close(&t->index);
	free(t->ring);
	t->ring = NULL;
}

uint64_t transaction_key(const struct client_path *path, const uint8_t tid[12], uint16_t method)
{
	uint8_t key[PATH_KEY_SIZE + 12 + 2];
	size_t n = path_key(path, key);
	memcpy(key + n, tid, 12);
	store_u16(key + n + 12, method);
	return map_hash(span_of(key, n + 14));
}

const struct outcome *transactions_find(const struct transactions *t, uint64_t key, msec_t now)
{
	for (struct map_node *n = map_first(&t->index, key); n != NULL; n = map_next(n)) {
		const struct transaction *x = container_of(n, struct transaction, node);
		if (now < x->until)
			return &x->outcome;
	}
	return NULL;
}

void transactions_add(struct transactions *t, uint64_t key, struct outcome o, msec_t now)
{
	struct transaction *x = &t->ring[t->next];

	if (x->until != 0)
		map_remove(&t->index, &x->node);
	x->until = 0;
	x->outcome = o;
	if (!map_add(&t->index, &x->node, key))
		return;			/* forgotten: the price of having no memory */
	x->until = now + TRANSACTION_LIFETIME;
	t->next = (t->next + 1) % TRANSACTIONS_KEPT;
}
