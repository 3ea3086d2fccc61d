/* A hub whose bus takes its time, or says that a room is ordered elsewhere; and a hub without memory. */
#include "tests/unit/signald/hub_world.h"

#include "tests/lib/failing_alloc.h"

struct fixture {
	struct world *w;
	struct player a, b, c;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.w = world_new(true);
	player_init(&f.a, f.w);
	player_init(&f.b, f.w);
	player_init(&f.c, f.w);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct player *all[] = { &f->a, &f->b, &f->c };

	for (unsigned i = 0; i < 3; i++) {
		leaves(all[i]);
		buf_close(&all[i]->heard);
	}
	world_pass(f->w, SECONDS(10));
	assert_int_equal(rooms(f->w), 0);
	world_free(f->w);
	return 0;
}

#define STORY(name) static void name(struct fixture *f); \
	static void name##_test(void **state) { name(*state); } \
	static void name(struct fixture *f)
#define TOLD(name) { #name, name##_test, set_up, tear_down, NULL }
#define assert_asked(f, words) do { \
	assert_string_equal(buf_cstr(&(f)->w->slow.said), (words)); \
	buf_reset(&(f)->w->slow.said); \
} while (0)

static void both_register(struct fixture *f)
{
	f->w->slow.hesitates = false;
	assert_int_equal(registers(&f->a, "r", "a"), HUB_OK);
	assert_int_equal(registers(&f->b, "r", "b"), HUB_OK);
	f->w->slow.hesitates = true;
	buf_reset(&f->w->slow.said);
}

STORY(a_room_waits_until_the_bus_has_placed_it)
{
	assert_int_equal(registers(&f->a, "r", "a"), RESULT_NONE);
	assert_int_equal(registers(&f->b, "r", "b"), RESULT_NONE);
	assert_asked(f, "locate ");
	bus_places(f->w, BUS_HERE);
	assert_asked(f, "attach ");
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->a.result, HUB_OK);
	assert_asked(f, "attach ");
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->b.result, HUB_OK);
}

STORY(operations_keep_their_order_whatever_the_bus_takes)
{
	f->w->slow.hesitates = false;
	registers(&f->a, "r", "a");
	f->w->slow.hesitates = true;
	buf_reset(&f->w->slow.said);
	assert_int_equal(says(&f->a, "1"), RESULT_NONE);	/* being kept */
	assert_int_equal(registers(&f->b, "r", "b"), RESULT_NONE);
	assert_asked(f, "keep ");
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->a.result, HUB_QUEUED);
	assert_int_equal(says(&f->a, "2"), RESULT_NONE);	/* behind the register */
	assert_asked(f, "attach ");
	bus_answers(f->w, HUB_OK);
	assert_asked(f, "taken:a ");
	assert_int_equal(f->a.result, HUB_DELIVERED);
	assert_hears(&f->b, "1|2|");
}

STORY(what_the_bus_forbids_does_not_happen)
{
	registers(&f->a, "r", "a");
	bus_places(f->w, BUS_HERE);
	bus_answers(f->w, HUB_FULL);
	assert_int_equal(f->a.result, HUB_FULL);
	assert_null(f->a.conn.slot);
	assert_asked(f, "locate attach release ");
	assert_int_equal(rooms(f->w), 0);
}

STORY(a_message_that_cannot_be_kept_is_refused)
{
	f->w->slow.hesitates = false;
	registers(&f->a, "r", "a");
	f->w->slow.hesitates = true;
	says(&f->a, "x");
	bus_answers(f->w, HUB_UNAVAILABLE);
	assert_int_equal(f->a.result, HUB_UNAVAILABLE);
	f->w->slow.hesitates = false;
	registers(&f->b, "r", "b");
	assert_hears_nothing(&f->b);
}

STORY(a_room_that_cannot_be_placed_is_asked_for_again)
{
	registers(&f->a, "r", "a");
	bus_places(f->w, BUS_NOWHERE);
	assert_int_equal(f->a.result, HUB_UNAVAILABLE);
	assert_int_equal(rooms(f->w), 0);
	registers(&f->a, "r", "a");
	assert_asked(f, "locate locate ");
	bus_places(f->w, BUS_HERE);
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->a.result, HUB_OK);
}

STORY(the_bus_hears_of_losses_and_removals)
{
	both_register(f);
	leaves(&f->a);
	world_pass(f->w, SECONDS(10));
	assert_asked(f, "lost:a removed:a ");
	removes(f->w, "r", "b");
	assert_asked(f, "lost:b removed:b release ");
}

STORY(an_operation_may_be_cancelled_at_every_stage)
{
	registers(&f->a, "r", "a");		/* the room is being placed */
	leaves(&f->a);
	bus_places(f->w, BUS_HERE);
	assert_asked(f, "locate release ");

	registers(&f->a, "r", "a");		/* being attached */
	bus_places(f->w, BUS_HERE);
	registers(&f->b, "r", "b");		/* waiting */
	leaves(&f->b);
	leaves(&f->a);
	assert_asked(f, "locate attach cancel release ");
	assert_int_equal(rooms(f->w), 0);

	f->w->slow.hesitates = false;
	registers(&f->a, "r", "a");
	f->w->slow.hesitates = true;
	buf_reset(&f->w->slow.said);
	says(&f->a, "x");			/* being kept */
	leaves(&f->a);
	assert_asked(f, "keep cancel lost:a ");
	registers(&f->a, "r", "a");		/* coming back, in its grace */
	leaves(&f->a);
	world_pass(f->w, SECONDS(10));
	assert_asked(f, "attach cancel removed:a release ");
	assert_int_equal(f->a.result, RESULT_NONE);
}

STORY(a_rival_that_had_to_wait_keeps_its_place_in_the_order)
{
	struct visitor v = { .op = { .kind = HUB_REMOVE, .room = SPAN_LIT("r"), .client = SPAN_LIT("a"), .done = visitor_done },
			     .result = RESULT_NONE };

	f->w->slow.hesitates = false;
	registers(&f->a, "r", "a");
	f->w->slow.hesitates = true;
	registers(&f->b, "r", "a");		/* a is probed */
	registers(&f->c, "r", "c");		/* being attached */
	hub_submit(&f->w->hub, &v.op, f->w->now);
	leaves(&f->a);
	bus_answers(f->w, HUB_OK);		/* of c; b is next, for it came before the removal */
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->b.result, HUB_OK);
	assert_int_equal(f->b.evicted, HUB_EVICT_DELETED);
	assert_int_equal(v.result, HUB_OK);
}

STORY(a_sender_whose_grace_ends_while_its_message_is_kept_takes_it_along)
{
	struct visitor v = { .op = { .kind = HUB_POST, .room = SPAN_LIT("r"), .client = SPAN_LIT("a"), .message = SPAN_LIT("x"),
				     .done = visitor_done }, .result = RESULT_NONE };

	hub_submit(&f->w->hub, &v.op, f->w->now);
	bus_places(f->w, BUS_HERE);
	world_pass(f->w, SECONDS(10));
	assert_asked(f, "locate keep removed:a ");
	bus_answers(f->w, HUB_OK);
	assert_int_equal(v.result, HUB_QUEUED);
	assert_int_equal(rooms(f->w), 0);
}

STORY(a_room_ordered_elsewhere_is_forwarded_to)
{
	registers(&f->a, "r", "a");
	bus_places(f->w, BUS_ELSEWHERE);
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->a.result, HUB_OK);
	assert_true(span_eq_str(hub_conn_client(&f->a.conn), "a"));
	says(&f->a, "x");
	bus_answers(f->w, HUB_DELIVERED);
	assert_int_equal(f->a.result, HUB_DELIVERED);
	assert_asked(f, "locate forward forward ");

	assert_true(hub_deliver(&f->w->hub, SPAN_LIT("r"), SPAN_LIT("a"), SPAN_LIT("from afar"), f->w->now));
	assert_false(hub_deliver(&f->w->hub, SPAN_LIT("r"), SPAN_LIT("b"), SPAN_LIT("nobody"), f->w->now));
	assert_hears(&f->a, "from afar|");

	registers(&f->b, "r", "b");
	bus_answers(f->w, HUB_FULL);
	assert_int_equal(f->b.result, HUB_FULL);
	assert_null(f->b.conn.slot);
	registers(&f->b, "r", "b");
	leaves(&f->b);

	f->a.full = true;
	assert_false(hub_deliver(&f->w->hub, SPAN_LIT("r"), SPAN_LIT("a"), SPAN_LIT("too much"), f->w->now));
	assert_asked(f, "forward forward cancel lost:a release ");
	assert_int_equal(rooms(f->w), 0);
}

STORY(a_member_of_a_room_elsewhere_is_evicted_by_its_sequencer)
{
	registers(&f->a, "r", "a");
	bus_places(f->w, BUS_ELSEWHERE);
	bus_answers(f->w, HUB_OK);
	registers(&f->b, "r", "a");		/* allowed there: so the old one is not wanted any more */
	bus_answers(f->w, HUB_OK);
	assert_int_equal(f->a.evicted, HUB_EVICT_SUPERSEDED);
	assert_int_equal(f->b.result, HUB_OK);
	hub_evict(&f->w->hub, SPAN_LIT("r"), SPAN_LIT("a"), HUB_EVICT_DELETED, f->w->now);
	hub_evict(&f->w->hub, SPAN_LIT("r"), SPAN_LIT("a"), HUB_EVICT_DELETED, f->w->now);
	assert_int_equal(f->b.evicted, HUB_EVICT_DELETED);
	assert_int_equal(rooms(f->w), 0);
}

STORY(every_allocation_may_fail_and_the_hub_lives)
{
	f->w->slow.hesitates = false;
	for (unsigned n = 0, failed = 1; failed; n++) {
		alloc_fail_at(n);
		registers(&f->a, "r", "a");
		says(&f->a, "x");
		alloc_fail_never();
		failed = alloc_failed();
		if (!failed)
			assert_int_equal(f->a.result, HUB_QUEUED);
		else
			assert_true(f->a.result == HUB_NOMEM || f->a.result == HUB_NOT_MEMBER);
		leaves(&f->a);
		world_pass(f->w, SECONDS(10));
		assert_int_equal(rooms(f->w), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(a_room_waits_until_the_bus_has_placed_it),
		TOLD(operations_keep_their_order_whatever_the_bus_takes),
		TOLD(what_the_bus_forbids_does_not_happen),
		TOLD(a_message_that_cannot_be_kept_is_refused),
		TOLD(a_room_that_cannot_be_placed_is_asked_for_again),
		TOLD(the_bus_hears_of_losses_and_removals),
		TOLD(an_operation_may_be_cancelled_at_every_stage),
		TOLD(a_rival_that_had_to_wait_keeps_its_place_in_the_order),
		TOLD(a_sender_whose_grace_ends_while_its_message_is_kept_takes_it_along),
		TOLD(a_room_ordered_elsewhere_is_forwarded_to),
		TOLD(a_member_of_a_room_elsewhere_is_evicted_by_its_sequencer),
		TOLD(every_allocation_may_fail_and_the_hub_lives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
