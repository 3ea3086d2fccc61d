#include "turnd/core/alloc_table.h"

#include "turnd/core/allocation.h"

void alloc_table_init(struct alloc_table *t)
{
	map_init(&t->by_path);
}

void alloc_table_close(struct alloc_table *t)
{
	map_close(&t->by_path);
}

struct allocation *alloc_table_find(const struct alloc_table *t, const struct client_path *path)
{
	for (struct map_node *n = map_first(&t->by_path, path_hash(path)); n != NULL; n = map_next(n)) {
		struct allocation *a = container_of(n, struct allocation, node);
		if (path_equal(&a->path, path))
			return a;
	}
	return NULL;
}

bool alloc_table_add(struct alloc_table *t, struct allocation *a)
{
	return map_add(&t->by_path, &a->node, path_hash(&a->path));
}

void alloc_table_take(struct alloc_table *t, struct allocation *a)
{
	map_remove(&t->by_path, &a->node);
}

struct each {
	void (*fn)(struct allocation *a, void *ctx);
	void *ctx;
};

static void each_one(struct map_node *n, void *ctx)
{
	const struct each *e = ctx;
	e->fn(container_of(n, struct allocation, node), e->ctx);
}

void alloc_table_each(struct alloc_table *t, void (*fn)(struct allocation *a, void *ctx), void *ctx)
{
	map_each(&t->by_path, each_one, &(struct each){ fn, ctx });
}
