#include "turnd/core/quota.h"

#include "common/base/list.h"
#include "common/base/map.h"

#include <pthread.h>
#include <stdlib.h>

struct quota_user {		/* exists while it holds at least one allocation */
	struct map_node node;
	unsigned n;
	size_t len;
	uint8_t name[];
};

struct quota {
	pthread_mutex_t lock;
	struct map users;
	unsigned n, per_user, total;
};

struct quota *quota_new(unsigned per_user, unsigned total)
{
	struct quota *q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	if (pthread_mutex_init(&q->lock, NULL) != 0) {
		free(q);
		return NULL;
	}
	map_init(&q->users);
	q->per_user = per_user;
	q->total = total;
	return q;
}

void quota_free(struct quota *q)
{
	if (q == NULL)
		return;
	map_close(&q->users);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void quota_limits(struct quota *q, unsigned per_user, unsigned total)
{
	pthread_mutex_lock(&q->lock);
	q->per_user = per_user;
	q->total = total;
	pthread_mutex_unlock(&q->lock);
}

static struct quota_user *find(struct quota *q, struct span name, uint64_t hash)
{
	for (struct map_node *n = map_first(&q->users, hash); n != NULL; n = map_next(n)) {
		struct quota_user *u = container_of(n, struct quota_user, node);
		if (span_eq(name, span_of(u->name, u->len)))
			return u;
	}
	return NULL;
}

static struct quota_user *add(struct quota *q, struct span name, uint64_t hash)
{
	struct quota_user *u = calloc(1, sizeof(*u) + name.len);
	if (u == NULL)
		return NULL;
	u->len = name.len;
	if (name.len > 0)
		memcpy(u->name, name.p, name.len);
	if (!map_add(&q->users, &u->node, hash)) {
		free(u);
		return NULL;
	}
	return u;
}

static enum quota_result take(struct quota *q, struct span name, struct quota_user **taken)
{
	uint64_t hash = map_hash(name);
	struct quota_user *u = find(q, name, hash);

	if (q->total != 0 && q->n >= q->total)
		return QUOTA_TOTAL_FULL;
	if (u != NULL && q->per_user != 0 && u->n >= q->per_user)
		return QUOTA_USER_FULL;
	if (u == NULL && (u = add(q, name, hash)) == NULL)
		return QUOTA_NOMEM;
	u->n++;
	q->n++;
	*taken = u;
	return QUOTA_OK;
}

enum quota_result quota_take(struct quota *q, struct span name, struct quota_user **taken)
{
	enum quota_result rc;
	pthread_mutex_lock(&q->lock);
	rc = take(q, name, taken);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

void quota_give(struct quota *q, struct quota_user *taken)
{
	pthread_mutex_lock(&q->lock);
	q->n--;
	if (--taken->n == 0) {
		map_remove(&q->users, &taken->node);
		free(taken);
	}
	pthread_mutex_unlock(&q->lock);
}
