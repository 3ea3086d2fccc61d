/* alloc_table.h - 5-tuple -> allocation; ticket -> allocation. Owns them.
 *
 * Owner: embedded in its turn_server.   Thread: that server's.
 */
#ifndef TURND_CORE_ALLOC_TABLE_H
#define TURND_CORE_ALLOC_TABLE_H

#include "common/base/map.h"
#include "turnd/core/client_path.h"

struct allocation;

struct alloc_table {
	struct map by_path, by_old_path, by_ticket;
};

void alloc_table_init(struct alloc_table *t);	/* allocates nothing, cannot fail */
void alloc_table_close(struct alloc_table *t);	/* must be empty */

struct allocation *alloc_table_find(const struct alloc_table *t, const struct client_path *path);
bool alloc_table_add(struct alloc_table *t, struct allocation *a);	/* false: no memory; not owned then */
void alloc_table_take(struct alloc_table *t, struct allocation *a);	/* out of the table: the caller's now */
void alloc_table_each(struct alloc_table *t, void (*fn)(struct allocation *a, void *ctx), void *ctx);	/* may take a */

/* --- of those that have a struct mobility, for mobility.c ----------------------------------------------------------- */
struct allocation *alloc_table_find_ticket(const struct alloc_table *t, struct span ticket);
bool alloc_table_add_ticket(struct alloc_table *t, struct allocation *a);	/* false: no memory, and never if it took one just now */
void alloc_table_take_ticket(struct alloc_table *t, struct allocation *a);
bool alloc_table_keep_old(struct alloc_table *t, struct allocation *a);		/* old_path leads to it too; false: no memory */
void alloc_table_drop_old(struct alloc_table *t, struct allocation *a);
void alloc_table_change_path(struct alloc_table *t, struct allocation *a, const struct client_path *to);

static inline unsigned alloc_table_count(const struct alloc_table *t)
{
	return (unsigned)t->by_path.n;
}

#endif
