/* Random lives of some players in a few rooms, on a bus that hesitates at random. Whatever they do: no message is heard
 * twice, what was said in the name of one member is heard in its order, and in the end nothing is left.
 */
#include "tests/unit/signald/hub_world.h"

#include <stdio.h>

#include "common/base/text.h"

enum { PLAYERS = 8, ROOMS = 2, CLIENTS = 3, STEPS = 20000, MEMBERS = ROOMS * CLIENTS };

static uint32_t seed;

static unsigned roll(unsigned sides)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % sides;
}

/* --- a bus with any number of open questions ------------------------------------------------------------------- */
struct random_bus {
	struct bus bus;
	struct hub_room *asked[ROOMS * 2];
	struct hub_op *open[PLAYERS * 2];
};

static void later_locate(struct bus *b, struct hub_room *r)
{
	struct random_bus *s = container_of(b, struct random_bus, bus);
	size_t i = 0;

	if (roll(2)) {
		hub_placed(r, roll(8) ? BUS_HERE : BUS_NOWHERE);
		return;
	}
	while (s->asked[i] != NULL)
		i++;
	s->asked[i] = r;
}

static void later_answer(struct bus *b, struct hub_op *op)
{
	struct random_bus *s = container_of(b, struct random_bus, bus);
	size_t i = 0;

	if (roll(2)) {
		hub_answer(op, roll(16) ? HUB_OK : HUB_UNAVAILABLE);
		return;
	}
	while (s->open[i] != NULL)
		i++;
	s->open[i] = op;
}

static void later_cancel(struct bus *b, struct hub_op *op)
{
	struct random_bus *s = container_of(b, struct random_bus, bus);
	size_t i = 0;

	while (s->open[i] != op)
		i++;
	s->open[i] = NULL;
}

static void later_release(struct bus *b, struct hub_room *r) { (void)b, (void)r; }
static void later_note(struct bus *b, const struct hub_room *r, struct span c, enum bus_note n) { (void)b, (void)r, (void)c, (void)n; }

static const struct bus_ops later_ops = {
	later_locate, later_release, later_answer, later_answer, later_answer, later_cancel, later_note
};

static void answer_some(struct random_bus *s, bool all)
{
	for (size_t i = 0; i < ROOMS * 2; i++) {
		struct hub_room *r = s->asked[i];
		if (r != NULL && (all || roll(2))) {
			s->asked[i] = NULL;
			hub_placed(r, roll(8) ? BUS_HERE : BUS_NOWHERE);
		}
	}
	for (size_t i = 0; i < PLAYERS * 2; i++) {
		struct hub_op *op = s->open[i];
		if (op != NULL && (all || roll(2))) {
			s->open[i] = NULL;
			hub_answer(op, roll(16) ? HUB_OK : HUB_UNAVAILABLE);
		}
	}
}

/* --- one life --------------------------------------------------------------------------------------------------- */
static const char *const room_names[ROOMS] = { "r", "s" }, *const client_names[CLIENTS] = { "a", "b", "c" };

static struct life {
	struct world *w;
	struct random_bus bus;
	struct player p[PLAYERS];
	char text[PLAYERS][16];
	unsigned said, heard;		/* messages */
	unsigned last[MEMBERS];		/* heard in the name of each */
} life;

/* A message is its number times MEMBERS, plus in whose name it was said. */
static bool hear(struct hub_conn *c, struct span text)
{
	uint64_t n;

	if (!player_deliver(c, text))
		return false;
	assert_true(parse_u64(text, &n));
	assert_true(n > life.last[n % MEMBERS]);
	life.last[n % MEMBERS] = (unsigned)n;
	life.heard++;
	return true;
}

static unsigned member_index(const struct hub_conn *c)
{
	return (unsigned)(hub_conn_room(c).p[0] - 'r') * CLIENTS + (unsigned)(hub_conn_client(c).p[0] - 'a');
}

static bool busy(const struct player *p)
{
	return p->op.in != NULL;
}

static void act(struct life *l)
{
	unsigned i = roll(PLAYERS);
	struct player *p = &l->p[i];

	switch (roll(8)) {
	case 0:
		leaves(p);
		p->full = false;
		break;
	case 1:
		p->full = roll(4) == 0;
		break;
	case 2:
		if (!busy(p) && p->conn.slot == NULL)
			registers(p, room_names[roll(ROOMS)], client_names[roll(CLIENTS)]);
		break;
	case 3:
		if (!busy(p))
			player_act(p, (struct hub_op){ .kind = HUB_REMOVE, .room = span_str(room_names[roll(ROOMS)]),
						       .client = span_str(client_names[roll(CLIENTS)]) });
		break;
	case 4:
		world_pass(l->w, roll(3000));
		break;
	case 5:
		if (p->probed > 0 && p->conn.slot != NULL)
			hub_alive(&l->w->hub, &p->conn, l->w->now);
		break;
	default:
		if (!busy(p) && p->conn.slot != NULL) {
			snprintf(l->text[i], sizeof(l->text[i]), "%u", ++l->said * MEMBERS + member_index(&p->conn));
			says(p, l->text[i]);
		}
	}
}

static void live(uint32_t with_seed, bool hesitating)
{
	static const struct hub_conn_ops ops = { hear, player_evict, player_probe };
	struct life *l = &life;

	seed = with_seed;
	memset(l, 0, sizeof(*l));
	l->w = world_new(false);
	l->bus.bus.ops = &later_ops;
	if (hesitating)
		l->w->hub.bus = &l->bus.bus;
	for (unsigned i = 0; i < PLAYERS; i++) {
		player_init(&l->p[i], l->w);
		l->p[i].conn.ops = &ops;
	}
	for (unsigned step = 0; step < STEPS; step++) {
		act(l);
		answer_some(&l->bus, false);
		for (unsigned i = 0; i < PLAYERS; i++)
			buf_reset(&l->p[i].heard);
		buf_reset(&l->w->removed);
	}
	for (unsigned i = 0; i < PLAYERS; i++) {
		leaves(&l->p[i]);
		buf_close(&l->p[i].heard);
	}
	for (unsigned i = 0; i < 10; i++) {
		answer_some(&l->bus, true);
		world_pass(l->w, SECONDS(10));
	}
	assert_int_equal(rooms(l->w), 0);
	assert_true(l->heard > STEPS / 100);
	world_free(l->w);
}

static void nothing_is_heard_twice_or_out_of_order(void **state)
{
	(void)state;
	for (uint32_t s = 1; s <= 5; s++)
		live(s, false);
}

static void the_same_with_a_bus_that_hesitates(void **state)
{
	(void)state;
	for (uint32_t s = 1; s <= 5; s++)
		live(s, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_heard_twice_or_out_of_order),
		cmocka_unit_test(the_same_with_a_bus_that_hesitates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
