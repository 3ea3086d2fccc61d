#include "turnd/core/mobility.h"

#include "common/base/random.h"
#include "turnd/core/server_state.h"

#include <stdlib.h>

static struct alloc_table *table(const struct allocation *a)
{
	return &a->server->allocations;
}

static void set_state(struct mobility *m, enum mobility_state state, msec_t now)
{
	struct wheel *wheel = &m->allocation->server->wheel;

	m->state = (uint8_t)state;
	if (state == MOBILITY_SETTLED)
		wheel_clear(wheel, &m->timer);
	else
		wheel_set(wheel, &m->timer, now + MOBILITY_PATIENCE);
}

static void tell_left(const struct turn_server *s, const struct client_path *path)
{
	if (s->shell.path_left != NULL)
		s->shell.path_left(s->shell_ctx, path);
}

void mobility_settle(struct allocation *a)
{
	struct mobility *m = a->mobility;
	struct client_path left;

	if (m == NULL || m->state != MOBILITY_MOVING)
		return;
	left = m->old_path;
	alloc_table_drop_old(table(a), a);
	set_state(m, MOBILITY_SETTLED, 0);
	tell_left(a->server, &left);
}

static void on_timer(struct wheel_timer *t)
{
	struct mobility *m = container_of(t, struct mobility, timer);

	if (m->state == MOBILITY_MOVING)
		mobility_settle(m->allocation);
	else
		allocation_end(m->allocation, TURN_END_CLIENT_GONE, m->allocation->server->wheel.now);
}

static void make_ticket(struct allocation *a)
{
	random_bytes(a->mobility->ticket, TICKET_SIZE);
	a->mobility->ticket[0] = a->server->number;
}

bool mobility_begin(struct allocation *a)
{
	a->mobility = calloc(1, sizeof(*a->mobility));
	if (a->mobility == NULL)
		return false;
	a->mobility->allocation = a;
	a->mobility->timer.fire = on_timer;
	make_ticket(a);
	if (alloc_table_add_ticket(table(a), a))
		return true;
	free(a->mobility);
	a->mobility = NULL;
	return false;
}

void mobility_end(struct allocation *a)
{
	struct mobility *m = a->mobility;

	if (m == NULL)
		return;
	if (m->state == MOBILITY_MOVING)
		alloc_table_drop_old(table(a), a);
	wheel_clear(&a->server->wheel, &m->timer);
	alloc_table_take_ticket(table(a), a);
	free(m);
	a->mobility = NULL;
}

void mobility_renew(struct allocation *a)
{
	alloc_table_take_ticket(table(a), a);
	make_ticket(a);
	(void)alloc_table_add_ticket(table(a), a);	/* there is a table: it held the one before */
}

void mobility_move(struct allocation *a, const struct client_path *to, msec_t now)
{
	struct mobility *m = a->mobility;
	count_t *current = a->server->counters.allocations_current;

	count_add(&current[a->path.transport], (uint64_t)-1);
	count_add(&current[to->transport], 1);
	if (m->state == MOBILITY_SETTLED) {
		m->old_path = a->path;
		set_state(m, alloc_table_keep_old(table(a), a) ? MOBILITY_MOVING : MOBILITY_SETTLED, now);
		if (m->state == MOBILITY_SETTLED)	/* no memory for two paths: the new one it is, at once */
			tell_left(a->server, &m->old_path);
	} else {
		if (m->state == MOBILITY_MOVING)	/* once more, before anything came by the path of last time */
			tell_left(a->server, &a->path);
		else
			set_state(m, MOBILITY_SETTLED, now);
	}
	alloc_table_change_path(table(a), a, to);
}

void mobility_heard(struct allocation *a, const struct client_path *from)
{
	struct mobility *m = a->mobility;

	if (m == NULL || m->state == MOBILITY_SETTLED || !path_equal(&a->path, from))
		return;
	if (m->state == MOBILITY_MOVING) {
		mobility_settle(a);
	} else {
		a->path.socket = from->socket;
		set_state(m, MOBILITY_SETTLED, 0);
	}
}

bool mobility_path_lost(struct allocation *a, const struct client_path *path, msec_t now)
{
	struct mobility *m = a->mobility;
	struct client_path old;

	if (m == NULL)
		return false;
	if (m->state != MOBILITY_MOVING) {
		set_state(m, MOBILITY_ADRIFT, now);
		return true;
	}
	old = m->old_path;
	alloc_table_drop_old(table(a), a);
	set_state(m, MOBILITY_SETTLED, now);
	if (path_equal(&a->path, path)) {	/* the new one went first */
		count_add(&a->server->counters.allocations_current[a->path.transport], (uint64_t)-1);
		count_add(&a->server->counters.allocations_current[old.transport], 1);
		alloc_table_change_path(table(a), a, &old);
	}
	return true;
}
