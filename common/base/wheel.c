/* A timer stands on the level of the highest digit (of WHEEL_BITS bits) in which its due time differs from
 * now, in the slot of that digit. As time passes a slot, its timers move down a level; level 0 is exact. So
 * every timer of a level is due before every timer of the next, and slots of one level are in order. Only the
 * top level is circular; what is further away waits in its last slot and is placed anew from there.
 */
#include "common/base/wheel.h"

#include <stdbool.h>

enum { TOP = WHEEL_LEVELS - 1, DIGIT = WHEEL_SLOTS - 1 };

void wheel_init(struct wheel *w, msec_t now)
{
	w->now = now;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		w->busy[level] = 0;
		for (unsigned i = 0; i < WHEEL_SLOTS; i++)
			list_init(&w->slot[level][i]);
	}
}

static void place(struct wheel *w, struct wheel_timer *t)
{
	msec_t due = t->due > w->now ? t->due : w->now;
	unsigned level = due == w->now ? 0 : (63 - (unsigned)__builtin_clzll(due ^ w->now)) / WHEEL_BITS;
	unsigned shift, slot;
	msec_t ahead;

	if (level > TOP)
		level = TOP;
	shift = level * WHEEL_BITS;
	ahead = (due >> shift) - (w->now >> shift);
	if (ahead > DIGIT)
		ahead = DIGIT;
	slot = (unsigned)((w->now >> shift) + ahead) & DIGIT;
	list_add_tail(&w->slot[level][slot], &t->link);
	w->busy[level] |= UINT64_C(1) << slot;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, msec_t due)
{
	list_del(&t->link);
	t->due = due;
	place(w, t);
}

/* The slot's busy bit stays: at worst one wheel_next() is early, and advancing over the slot clears it. */
void wheel_clear(struct wheel *w, struct wheel_timer *t)
{
	(void)w;
	list_del(&t->link);
}

struct position {
	msec_t at;	/* when the slot begins */
	unsigned level, slot;
};

static bool next_busy(const struct wheel *w, struct position *p)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = level * WHEEL_BITS;
		msec_t first = w->now >> shift;
		unsigned turn = (unsigned)first & DIGIT;
		uint64_t busy = w->busy[level];

		if (busy == 0)
			continue;
		if (turn > 0)
			busy = busy >> turn | busy << (WHEEL_SLOTS - turn);
		first += (unsigned)__builtin_ctzll(busy);
		*p = (struct position){ first << shift, level, (unsigned)first & DIGIT };
		return true;
	}
	return false;
}

msec_t wheel_next(const struct wheel *w)
{
	struct position p;

	return next_busy(w, &p) ? p.at : NEVER;
}

static void move_all(struct list *from, struct list *to)
{
	while (!list_empty(from)) {
		struct list *l = from->next;
		list_del(l);
		list_add_tail(to, l);
	}
}

/* Takes the slot p out, at the time p->at: timers of level 0 are due, others go where they belong now. */
static void open_slot(struct wheel *w, const struct position *p, struct list *due)
{
	struct list here;

	w->now = p->at;
	w->busy[p->level] &= ~(UINT64_C(1) << p->slot);
	if (p->level == 0) {
		move_all(&w->slot[0][p->slot], due);
		return;
	}
	list_init(&here);
	move_all(&w->slot[p->level][p->slot], &here);
	while (!list_empty(&here)) {
		struct wheel_timer *t = container_of(here.next, struct wheel_timer, link);
		list_del(&t->link);
		place(w, t);
	}
}

void wheel_advance(struct wheel *w, msec_t now)
{
	struct position p;
	struct list due;

	list_init(&due);
	while (next_busy(w, &p) && p.at <= now)
		open_slot(w, &p, &due);
	if (now > w->now)
		w->now = now;
	while (!list_empty(&due)) {
		struct wheel_timer *t = container_of(due.next, struct wheel_timer, link);
		list_del(&t->link);
		t->fire(t);
	}
}
