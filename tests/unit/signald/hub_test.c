/* The stories of apprtc-contract 4.3 and 4.4, on one instance. */
#include "tests/unit/signald/hub_world.h"

struct fixture {
	struct world *w;
	struct player a, b, c;
};

static int set_up(void **state)
{
	static struct fixture f;

	f.w = world_new(false);
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
	assert_int_equal(rooms(f->w), 0);	/* whatever happened, nothing stays */
	world_free(f->w);
	return 0;
}

#define STORY(name) static void name(struct fixture *f); \
	static void name##_test(void **state) { name(*state); } \
	static void name(struct fixture *f)
#define TOLD(name) { #name, name##_test, set_up, tear_down, NULL }

/* S13 */
STORY(a_message_reaches_the_other_member_and_nobody_else)
{
	assert_int_equal(registers(&f->a, "r", "a"), HUB_OK);
	assert_int_equal(registers(&f->b, "r", "b"), HUB_OK);
	assert_int_equal(registers(&f->c, "R", "a"), HUB_OK);	/* ids are case-sensitive */
	assert_int_equal(says(&f->a, "one"), HUB_DELIVERED);
	assert_int_equal(says(&f->b, "two"), HUB_DELIVERED);
	assert_hears(&f->b, "one|");
	assert_hears(&f->a, "two|");
	assert_hears_nothing(&f->c);
}

/* S14..S19 */
STORY(what_was_said_alone_waits_for_the_next_member_in_order)
{
	registers(&f->a, "r", "a");
	assert_int_equal(says(&f->a, "1"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "a", "2"), HUB_QUEUED);
	assert_int_equal(says(&f->a, "3"), HUB_QUEUED);
	registers(&f->b, "r", "b");
	assert_int_equal(says(&f->a, "4"), HUB_DELIVERED);
	assert_hears(&f->b, "1|2|3|4|");
	leaves(&f->b);
	registers(&f->c, "r", "b");
	assert_hears_nothing(&f->c);		/* handed out once */
}

/* S52b, S66: a POST for a room nobody is in, then both come */
STORY(a_post_before_anybody_came_reaches_the_other)
{
	assert_int_equal(posts(f->w, "r", "a", "offer"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "a", "candidate"), HUB_QUEUED);
	assert_int_equal(registers(&f->a, "r", "a"), HUB_OK);
	assert_hears_nothing(&f->a);		/* not to the one who said it */
	assert_int_equal(registers(&f->b, "r", "b"), HUB_OK);
	assert_hears(&f->b, "offer|candidate|");
}

STORY(both_may_have_waiting_messages)
{
	assert_int_equal(posts(f->w, "r", "a", "from a"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "b", "from b"), HUB_QUEUED);
	registers(&f->b, "r", "b");
	registers(&f->a, "r", "a");
	assert_hears(&f->a, "from b|");
	assert_hears(&f->b, "from a|");
}

/* S24 */
STORY(a_third_member_is_refused)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "b");
	assert_int_equal(registers(&f->c, "r", "c"), HUB_FULL);
	says(&f->a, "secret");
	assert_hears_nothing(&f->c);
}

/* S25 */
STORY(a_third_sender_is_refused)
{
	registers(&f->a, "r", "a");
	posts(f->w, "r", "b", "x");
	assert_int_equal(posts(f->w, "r", "c", "y"), HUB_FULL);
	assert_hears(&f->a, "x|");
}

/* S28 */
STORY(who_is_no_member_cannot_send)
{
	assert_int_equal(says(&f->a, "x"), HUB_NOT_MEMBER);
}

/* S55, S70, S72, S73 */
STORY(a_lost_connection_keeps_place_and_queue_for_ten_seconds)
{
	registers(&f->a, "r", "a");
	says(&f->a, "early");
	leaves(&f->a);
	world_pass(f->w, SECONDS(10) - 1);
	registers(&f->b, "r", "b");
	assert_hears(&f->b, "early|");
	assert_int_equal(says(&f->b, "for a"), HUB_QUEUED);	/* S52 */
	assert_int_equal(registers(&f->c, "r", "c"), HUB_FULL);
	assert_int_equal(registers(&f->a, "r", "a"), HUB_OK);
	assert_hears(&f->a, "for a|");
	world_pass(f->w, SECONDS(60));				/* S73: its timer is off */
	assert_int_equal(says(&f->b, "still"), HUB_DELIVERED);
	assert_hears(&f->a, "still|");
	assert_string_equal(buf_cstr(&f->w->removed), "");
}

/* S70 */
STORY(a_lost_connection_loses_its_place_after_ten_seconds)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "b");
	leaves(&f->a);
	world_pass(f->w, SECONDS(10));
	assert_string_equal(buf_cstr(&f->w->removed), "r/a grace;");
	assert_int_equal(registers(&f->c, "r", "c"), HUB_OK);
	assert_hears_nothing(&f->b);				/* S54: the peer is never told */
}

/* S71 */
STORY(a_slot_made_by_post_lives_for_ten_seconds)
{
	posts(f->w, "r", "a", "1");
	world_pass(f->w, SECONDS(9));
	posts(f->w, "r", "a", "2");		/* which does not prolong it */
	world_pass(f->w, SECONDS(1) - 1);
	assert_int_equal(rooms(f->w), 1);
	world_pass(f->w, 1);
	assert_int_equal(rooms(f->w), 0);
	registers(&f->b, "r", "b");
	assert_hears_nothing(&f->b);
}

/* S46, S48 */
STORY(delete_closes_the_connection_and_frees_the_place_at_once)
{
	registers(&f->a, "r", "a");
	says(&f->a, "lost with it");
	registers(&f->b, "R", "b");
	assert_int_equal(removes(f->w, "r", "a"), HUB_OK);
	assert_int_equal(f->a.evicted, HUB_EVICT_DELETED);
	assert_null(f->a.conn.slot);
	assert_string_equal(buf_cstr(&f->w->removed), "r/a deleted;");
	assert_int_equal(says(&f->a, "x"), HUB_NOT_MEMBER);
	assert_int_equal(registers(&f->c, "r", "c"), HUB_OK);
	assert_hears_nothing(&f->c);
}

/* S47 */
STORY(delete_of_the_unknown_is_fine)
{
	assert_int_equal(removes(f->w, "nowhere", "nobody"), HUB_OK);
	assert_int_equal(rooms(f->w), 0);
	assert_string_equal(buf_cstr(&f->w->removed), "");
}

/* S49 */
STORY(what_the_peer_had_queued_outlives_a_delete)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "b");
	leaves(&f->b);
	says(&f->a, "for whoever comes");
	removes(f->w, "r", "b");
	registers(&f->c, "r", "c");
	assert_hears(&f->c, "for whoever comes|");
}

/* S50, S53, S76 */
STORY(an_old_connection_does_not_hurt_the_new_one)
{
	registers(&f->a, "r", "a");
	removes(f->w, "r", "a");
	assert_int_equal(registers(&f->b, "r", "a"), HUB_OK);
	leaves(&f->a);
	world_pass(f->w, SECONDS(20));
	registers(&f->c, "r", "c");
	says(&f->c, "hello");
	assert_hears(&f->b, "hello|");
}

/* S26, S65 */
STORY(a_second_registration_is_refused_while_the_first_answers)
{
	registers(&f->a, "r", "a");
	assert_int_equal(registers(&f->b, "r", "a"), RESULT_NONE);
	assert_int_equal(f->a.probed, 1);
	assert_int_equal(registers(&f->c, "r", "a"), HUB_DUPLICATE);	/* one at a time */
	world_pass(f->w, SECONDS(3) - 1);
	assert_int_equal(f->b.result, RESULT_NONE);
	hub_alive(&f->w->hub, &f->a.conn, f->w->now);
	assert_int_equal(f->b.result, HUB_DUPLICATE);
	world_pass(f->w, SECONDS(20));
	assert_int_equal(f->a.evicted, RESULT_NONE);
	assert_int_equal(registers(&f->c, "r", "c"), HUB_OK);
	says(&f->c, "hello");
	assert_hears(&f->a, "hello|");
}

STORY(a_silent_connection_gives_way_after_three_seconds)
{
	registers(&f->a, "r", "a");
	registers(&f->c, "r", "c");
	registers(&f->b, "r", "a");
	assert_int_equal(says(&f->c, "still to the old one"), HUB_DELIVERED);
	world_pass(f->w, SECONDS(3));
	assert_int_equal(f->a.evicted, HUB_EVICT_SUPERSEDED);
	assert_int_equal(f->b.result, HUB_OK);
	says(&f->c, "to the new one");
	assert_hears(&f->a, "still to the old one|");
	assert_hears(&f->b, "to the new one|");
	assert_string_equal(buf_cstr(&f->w->removed), "");
	world_pass(f->w, SECONDS(20));
	assert_int_equal(f->b.evicted, RESULT_NONE);
}

STORY(the_rival_takes_the_place_when_the_first_is_lost)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "a");
	leaves(&f->a);
	assert_int_equal(f->b.result, HUB_OK);
	world_pass(f->w, SECONDS(20));
	assert_ptr_equal(f->b.conn.slot != NULL, true);
}

STORY(the_rival_registers_anew_when_the_first_is_deleted)
{
	registers(&f->a, "r", "a");
	says(&f->a, "of the old one");
	registers(&f->b, "r", "a");
	removes(f->w, "r", "a");
	assert_int_equal(f->b.result, HUB_OK);
	registers(&f->c, "r", "c");
	assert_hears_nothing(&f->c);
}

STORY(a_rival_that_leaves_is_forgotten)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "a");
	leaves(&f->b);
	world_pass(f->w, SECONDS(20));
	assert_int_equal(f->a.evicted, RESULT_NONE);
	assert_int_equal(f->b.result, RESULT_NONE);
	registers(&f->c, "r", "a");
	assert_int_equal(f->a.probed, 2);
}

STORY(a_member_may_come_back_as_often_as_it_likes)
{
	registers(&f->b, "r", "b");
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(registers(&f->a, "r", "a"), HUB_OK);
		says(&f->b, "x");
		leaves(&f->a);
		says(&f->b, "y");
		world_pass(f->w, SECONDS(5));
	}
	registers(&f->a, "r", "a");
	assert_int_equal(f->a.heard.len, 100 * 4);
}

/* S56 */
STORY(the_queue_ends_at_1024_messages)
{
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(posts(f->w, "r", "a", "m"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "a", "m"), HUB_TOO_MANY);
	registers(&f->b, "r", "b");
	assert_int_equal(f->b.heard.len, 1024 * 2);
	assert_int_equal(posts(f->w, "r", "a", "m"), HUB_DELIVERED);
	leaves(&f->b);
	assert_int_equal(posts(f->w, "r", "a", "m"), HUB_QUEUED);	/* there is room again */
}

STORY(the_queue_ends_at_its_bytes)
{
	static uint8_t big[(1 << 18) - HUB_MESSAGE_COST];
	struct span text = span_of(big, sizeof(big));

	memset(big, 'x', sizeof(big));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(visit(f->w, HUB_POST, "r", "a", text), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "a", ""), HUB_TOO_MANY);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(visit(f->w, HUB_POST, "r", "b", text), HUB_QUEUED);
	registers(&f->b, "r", "b");
	registers(&f->a, "r", "a");
	assert_int_equal(f->b.heard.len, 4 * (sizeof(big) + 1));
}

STORY(all_queues_of_a_room_share_a_limit)
{
	f->w->hub.settings.room_bytes = 3 * (1 + HUB_MESSAGE_COST);
	assert_int_equal(posts(f->w, "r", "a", "1"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "b", "2"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "a", "3"), HUB_QUEUED);
	assert_int_equal(posts(f->w, "r", "b", "4"), HUB_TOO_MANY);
	assert_int_equal(posts(f->w, "R", "b", "4"), HUB_QUEUED);	/* another room */
	registers(&f->b, "r", "b");
	assert_hears(&f->b, "1|3|");
	leaves(&f->b);
	assert_int_equal(posts(f->w, "r", "b", "4"), HUB_QUEUED);
}

/* S80, as far as the hub goes: the slow one is dropped, and nothing is lost that was not given to it */
STORY(a_connection_that_takes_no_more_is_lost_and_the_message_waits)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "b");
	says(&f->a, "1");
	f->b.full = true;
	assert_int_equal(says(&f->a, "2"), HUB_QUEUED);
	assert_null(f->b.conn.slot);
	assert_int_equal(says(&f->a, "3"), HUB_QUEUED);
	registers(&f->c, "r", "b");
	assert_hears(&f->b, "1|");
	assert_hears(&f->c, "2|3|");
}

STORY(what_did_not_fit_at_the_register_waits_on)
{
	registers(&f->a, "r", "a");
	says(&f->a, "1");
	says(&f->a, "2");
	f->b.full = true;
	assert_int_equal(registers(&f->b, "r", "b"), HUB_OK);
	assert_null(f->b.conn.slot);
	registers(&f->c, "r", "b");
	assert_hears(&f->c, "1|2|");
}

STORY(a_full_connection_gives_way_to_its_rival_at_once)
{
	registers(&f->a, "r", "a");
	registers(&f->b, "r", "b");
	registers(&f->c, "r", "b");
	f->b.full = true;
	says(&f->a, "x");
	assert_int_equal(f->c.result, HUB_OK);
	assert_hears(&f->c, "x|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOLD(a_message_reaches_the_other_member_and_nobody_else),
		TOLD(what_was_said_alone_waits_for_the_next_member_in_order),
		TOLD(a_post_before_anybody_came_reaches_the_other),
		TOLD(both_may_have_waiting_messages),
		TOLD(a_third_member_is_refused),
		TOLD(a_third_sender_is_refused),
		TOLD(who_is_no_member_cannot_send),
		TOLD(a_lost_connection_keeps_place_and_queue_for_ten_seconds),
		TOLD(a_lost_connection_loses_its_place_after_ten_seconds),
		TOLD(a_slot_made_by_post_lives_for_ten_seconds),
		TOLD(delete_closes_the_connection_and_frees_the_place_at_once),
		TOLD(delete_of_the_unknown_is_fine),
		TOLD(what_the_peer_had_queued_outlives_a_delete),
		TOLD(an_old_connection_does_not_hurt_the_new_one),
		TOLD(a_second_registration_is_refused_while_the_first_answers),
		TOLD(a_silent_connection_gives_way_after_three_seconds),
		TOLD(the_rival_takes_the_place_when_the_first_is_lost),
		TOLD(the_rival_registers_anew_when_the_first_is_deleted),
		TOLD(a_rival_that_leaves_is_forgotten),
		TOLD(a_member_may_come_back_as_often_as_it_likes),
		TOLD(the_queue_ends_at_1024_messages),
		TOLD(the_queue_ends_at_its_bytes),
		TOLD(all_queues_of_a_room_share_a_limit),
		TOLD(a_connection_that_takes_no_more_is_lost_and_the_message_waits),
		TOLD(what_did_not_fit_at_the_register_waits_on),
		TOLD(a_full_connection_gives_way_to_its_rival_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
