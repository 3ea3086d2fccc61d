#include "turnd/core/alloc_table.h"

#include "turnd/core/mobility.h"

void alloc_table_init(struct alloc_table *t)
{
	map_init(&t->by_path);
	map_init(&t->by_old_path);
	map_init(&t->by_ticket);
}

void alloc_table_close(struct alloc_table *t)
{
	map_close(&t->by_path);
	map_close(&t->by_old_path);
	map_close(&t->by_ticket);
}

struct allocation *alloc_table_find(const struct alloc_table *t, const struct client_path *path)
{
	uint64_t hash = path_hash(path);

	for (struct map_node *n = map_first(&t->by_path, hash); n != NULL; n = map_next(n)) {
		struct allocation *a = container_of(n, struct allocation, node);
		if (path_equal(&a->path, path))
			return a;
	}
	for (struct map_node *n = map_first(&t->by_old_path, hash); n != NULL; n = map_next(n)) {
		struct mobility *m = container_of(n, struct mobility, old_node);
		if (path_equal(&m->old_path, path))
			return m->allocation;
	}
	return NULL;
}

struct allocation *alloc_table_find_ticket(const struct alloc_table *t, struct span ticket)
{
	for (struct map_node *n = map_first(&t->by_ticket, map_hash(ticket)); n != NULL; n = map_next(n)) {
		struct mobility *m = container_of(n, struct mobility, ticket_node);
		if (span_eq(ticket, span_of(m->ticket, TICKET_SIZE)))
			return m->allocation;
	}
	return NULL;
}

bool alloc_table_add_ticket(struct alloc_table *t, struct allocation *a)
{
	return map_add(&t->by_ticket, &a->mobility->ticket_node, map_hash(span_of(a->mobility->ticket, TICKET_SIZE)));
}

void alloc_table_take_ticket(struct alloc_table *t, struct allocation *a)
{
	map_remove(&t->by_ticket, &a->mobility->ticket_node);
}

bool alloc_table_keep_old(struct alloc_table *t, struct allocation *a)
{
	return map_add(&t->by_old_path, &a->mobility->old_node, path_hash(&a->mobility->old_path));
}

void alloc_table_drop_old(struct alloc_table *t, struct allocation *a)
{
	map_remove(&t->by_old_path, &a->mobility->old_node);
}

void alloc_table_change_path(struct alloc_table *t, struct allocation *a, const struct client_path *to)
{
	map_remove(&t->by_path, &a->node);
	a->path = *to;
	(void)map_add(&t->by_path, &a->node, path_hash(to));	/* there is a table: it held the path before */
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
