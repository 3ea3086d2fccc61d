/* The rules of a room (room_store.h) as store_memory keeps them. R-numbers: apprtc-contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "roomd/store_memory.h"
#include "tests/lib/failing_alloc.h"

struct told {			/* the last answer, copied */
	unsigned calls;
	enum room_result result;
	bool initiator;
	unsigned members;
	char client[ID_MAX + 1], signal[ROOM_SIGNAL_MAX + 1];
	size_t n;
	char text[4096];	/* the messages, "|" behind each */
};

static struct room_store *store;
static struct told told;

static void note(void *ctx, const struct room_answer *a)
{
	size_t at = 0;

	(void)ctx;
	told.calls++;
	told.result = a->result;
	told.initiator = a->initiator;
	told.members = a->members;
	snprintf(told.client, sizeof(told.client), "%.*s", SPAN_ARG(a->client));
	snprintf(told.signal, sizeof(told.signal), "%.*s", SPAN_ARG(a->signal));
	told.n = a->n_messages;
	told.text[0] = '\0';
	for (size_t i = 0; i < a->n_messages && at < sizeof(told.text); i++)
		at += (size_t)snprintf(told.text + at, sizeof(told.text) - at, "%.*s|", SPAN_ARG(a->messages[i]));
}

static void start_with(size_t rooms, size_t bytes)
{
	store = store_memory_new(&(struct store_memory_limits){ rooms, bytes, ROOM_LIFE }, 1000);
	assert_non_null(store);
}

static int start(void **state)
{
	(void)state;
	start_with(100, 64 * 1024 * 1024);
	return 0;
}

static int end(void **state)
{
	(void)state;
	store->ops->stop(store, NULL, NULL);
	return 0;
}

struct ask { unsigned capacity; bool loopback; const char *rejoin, *signal; };

static struct told *join_as(const char *room, const char *client, struct ask ask)
{
	told.calls = 0;
	store->ops->join(store, &(struct room_join){
		.room = span_str(room), .client = span_str(client), .rejoin = span_str(ask.rejoin ? ask.rejoin : ""),
		.request = SPAN_LIT("0123456789abcdef"), .signal = span_str(ask.signal ? ask.signal : "ws://one"),
		.capacity = ask.capacity ? ask.capacity : 2, .loopback = ask.loopback,
	}, note, NULL);
	assert_int_equal(told.calls, 1);
	return &told;
}

static struct told *join(const char *room, const char *client)
{
	return join_as(room, client, (struct ask){ 0 });
}

static struct told *say_span(const char *room, const char *client, struct span body)
{
	told.calls = 0;
	store->ops->message(store, &(struct room_message){
		.room = span_str(room), .client = span_str(client), .request = SPAN_LIT("0123456789abcdef"), .body = body,
	}, note, NULL);
	assert_int_equal(told.calls, 1);
	return &told;
}

static enum room_result say(const char *room, const char *client, const char *body)
{
	return say_span(room, client, span_str(body))->result;
}

static struct told *leave(const char *room, const char *client)
{
	told.calls = 0;
	store->ops->leave(store, span_str(room), span_str(client), note, NULL);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.result, ROOM_SUCCESS);
	return &told;
}

static unsigned members(const char *room)
{
	store->ops->occupancy(store, span_str(room), note, NULL);
	assert_int_equal(told.result, ROOM_SUCCESS);
	return told.members;
}

static void the_first_is_initiator_the_second_is_not_the_third_finds_it_full(void **state)	/* R06, R07, R12 */
{
	(void)state;
	assert_int_equal(members("r"), 0);
	assert_int_equal(join("r", "a")->result, ROOM_SUCCESS);
	assert_true(told.initiator);
	assert_int_equal(told.n, 0);
	assert_string_equal(told.client, "a");
	assert_int_equal(join("r", "b")->result, ROOM_SUCCESS);
	assert_false(told.initiator);
	assert_int_equal(told.members, 2);
	assert_int_equal(join("r", "c")->result, ROOM_FULL);
	assert_int_equal(told.n, 0);
	assert_int_equal(members("r"), 2);
}

static void what_the_one_inside_stored_goes_to_the_next_in_order_and_once(void **state)	/* R13, R14 */
{
	(void)state;
	join("r", "a");
	assert_int_equal(say("r", "a", "offer"), ROOM_SUCCESS);
	assert_int_equal(say("r", "a", "c1"), ROOM_SUCCESS);
	assert_int_equal(say("r", "a", "c2"), ROOM_SUCCESS);
	join("r", "b");
	assert_string_equal(told.text, "offer|c1|c2|");
	leave("r", "b");
	join("r", "d");
	assert_int_equal(told.n, 0);
}

static void with_two_inside_every_message_is_forwarded_and_none_stored(void **state)	/* B02, B11 */
{
	(void)state;
	join_as("r", "a", (struct ask){ .signal = "ws://first" });
	join_as("r", "b", (struct ask){ .signal = "ws://second" });
	assert_int_equal(say("r", "a", "x"), ROOM_FORWARD);
	assert_string_equal(told.signal, "ws://first");
	assert_int_equal(say("r", "b", "y"), ROOM_FORWARD);
	leave("r", "b");
	join("r", "c");
	assert_int_equal(told.n, 0);
	assert_string_equal(told.signal, "ws://first");
}

static void strangers_are_told_so(void **state)	/* R15, R16 */
{
	(void)state;
	assert_int_equal(say("r", "a", "x"), ROOM_UNKNOWN_ROOM);
	join("r", "a");
	assert_int_equal(say("r", "b", "x"), ROOM_UNKNOWN_CLIENT);
	assert_int_equal(say("R", "a", "x"), ROOM_UNKNOWN_ROOM);
}

static void leaving_is_idempotent_and_the_one_who_stays_is_initiator(void **state)	/* R17, R18, R19, R21 */
{
	(void)state;
	leave("r", "a");
	join("r", "a");
	join("r", "b");
	leave("r", "x");
	assert_int_equal(members("r"), 2);
	leave("r", "a");
	assert_int_equal(told.members, 1);
	leave("r", "a");
	assert_true(join_as("r", "z", (struct ask){ .rejoin = "b" })->initiator);
	assert_false(join("r", "c")->initiator);
	leave("r", "b");
	leave("r", "c");
	assert_int_equal(store_memory_rooms(store), 0);
	assert_true(join("r", "d")->initiator);
}

static void the_one_who_stays_stores_for_the_next(void **state)	/* R20 */
{
	(void)state;
	join("r", "a");
	join("r", "b");
	leave("r", "a");
	assert_int_equal(say("r", "b", "offer2"), ROOM_SUCCESS);
	join("r", "c");
	assert_string_equal(told.text, "offer2|");
	assert_false(told.initiator);
}

static void messages_go_with_their_sender(void **state)	/* R18 */
{
	(void)state;
	join("r", "a");
	say("r", "a", "stale");
	leave("r", "a");
	join("r", "b");
	assert_int_equal(told.n, 0);
	join("r", "c");
	assert_int_equal(told.n, 0);
}

static void the_same_client_id_is_a_duplicate(void **state)
{
	(void)state;
	join("r", "a");
	assert_int_equal(join("r", "a")->result, ROOM_DUPLICATE_CLIENT);
	assert_int_equal(members("r"), 1);
	assert_int_equal(join("other", "a")->result, ROOM_SUCCESS);
}

static void a_loopback_room_is_full_and_forwards_at_once(void **state)	/* R32, B07 */
{
	(void)state;
	assert_true(join_as("r", "a", (struct ask){ .loopback = true })->initiator);
	assert_int_equal(told.members, 2);
	assert_int_equal(join("r", "b")->result, ROOM_FULL);
	assert_int_equal(join_as("r", "b", (struct ask){ .capacity = 8 })->result, ROOM_FULL);
	assert_int_equal(say("r", "a", "offer"), ROOM_FORWARD);
	leave("r", "a");
	assert_int_equal(members("r"), 0);
	assert_int_equal(store_memory_rooms(store), 0);
}

static void nobody_takes_the_seat_of_the_loopback_partner(void **state)
{
	(void)state;
	join_as("r", "a", (struct ask){ .loopback = true });
	assert_int_equal(join_as("r", "b", (struct ask){ .rejoin = LOOPBACK_CLIENT_ID })->result, ROOM_FULL);
}

static void loopback_into_a_room_with_one_is_an_ordinary_join(void **state)	/* R33 */
{
	(void)state;
	join("r", "a");
	say("r", "a", "offer");
	assert_int_equal(join_as("r", "b", (struct ask){ .loopback = true })->members, 2);
	assert_string_equal(told.text, "offer|");
	leave("r", "b");
	assert_int_equal(members("r"), 1);
}

static void a_seat_taken_back_has_its_role_and_what_it_was_given(void **state)
{
	(void)state;
	join("r", "a");
	say("r", "a", "offer");
	join("r", "b");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(join_as("r", "n", (struct ask){ .rejoin = "b" })->result, ROOM_SUCCESS);
		assert_string_equal(told.client, "b");
		assert_false(told.initiator);
		assert_string_equal(told.text, "offer|");
		assert_int_equal(told.members, 2);
	}
	assert_true(join_as("r", "n", (struct ask){ .rejoin = "a" })->initiator);
	assert_int_equal(told.n, 0);
	say("r", "b", "answer");
	join_as("r", "n", (struct ask){ .rejoin = "b" });
	assert_int_equal(told.n, 0);
}

static void what_a_join_was_given_is_forgotten_when_anyone_leaves(void **state)
{
	(void)state;
	join("r", "a");
	say("r", "a", "offer");
	join("r", "b");
	leave("r", "a");
	join_as("r", "n", (struct ask){ .rejoin = "b" });
	assert_int_equal(told.n, 0);
	assert_true(told.initiator);
}

static void a_lone_page_that_comes_back_offers_anew(void **state)
{
	(void)state;
	join("r", "a");
	say("r", "a", "old offer");
	join_as("r", "n", (struct ask){ .rejoin = "a" });
	say("r", "a", "new offer");
	join("r", "b");
	assert_string_equal(told.text, "new offer|");
}

static void taking_back_a_seat_that_is_gone_is_an_ordinary_join(void **state)
{
	(void)state;
	join("r", "a");
	assert_int_equal(join_as("r", "n", (struct ask){ .rejoin = "b" })->result, ROOM_SUCCESS);
	assert_string_equal(told.client, "n");
	assert_int_equal(join_as("r", "m", (struct ask){ .rejoin = "b" })->result, ROOM_FULL);
}

static void a_larger_room_takes_more_and_hands_the_lead_to_the_longest_inside(void **state)
{
	(void)state;
	for (char c = 'a'; c < 'a' + 8; c++)
		assert_int_equal(join_as("r", (char[]){ c, 0 }, (struct ask){ .capacity = 8 })->result, ROOM_SUCCESS);
	assert_int_equal(join_as("r", "i", (struct ask){ .capacity = 8 })->result, ROOM_FULL);
	leave("r", "c");
	assert_false(join_as("r", "n", (struct ask){ .rejoin = "b" })->initiator);
	leave("r", "a");
	assert_true(join_as("r", "n", (struct ask){ .rejoin = "b" })->initiator);
	assert_false(join_as("r", "n", (struct ask){ .rejoin = "d" })->initiator);
}

static void limits_are_an_error_and_change_nothing(void **state)	/* R29, B09 */
{
	static uint8_t big[ROOM_MESSAGE_MAX];

	(void)state;
	memset(big, 'x', sizeof(big));
	join("count", "a");
	for (unsigned i = 0; i < ROOM_SENDER_MESSAGES; i++)
		assert_int_equal(say("count", "a", "m"), ROOM_SUCCESS);
	assert_int_equal(say("count", "a", "m"), ROOM_ERROR);
	join("count", "b");
	assert_int_equal(told.n, ROOM_SENDER_MESSAGES);

	join("bytes", "a");
	for (size_t n = 0; n < ROOM_SENDER_BYTES; n += sizeof(big))
		assert_int_equal(say_span("bytes", "a", span_of(big, sizeof(big)))->result, ROOM_SUCCESS);
	assert_int_equal(say("bytes", "a", "m"), ROOM_ERROR);
	join("bytes", "b");
	assert_int_equal(told.n, ROOM_SENDER_BYTES / sizeof(big));
}

static void the_bytes_of_all_rooms_have_a_limit_and_come_back(void **state)
{
	(void)state;
	end(NULL);
	start_with(100, 10);
	join("r", "a");
	join("s", "a");
	assert_int_equal(say("r", "a", "123456"), ROOM_SUCCESS);
	assert_int_equal(say("s", "a", "12345"), ROOM_ERROR);
	join("r", "b");
	assert_int_equal(say("s", "a", "12345"), ROOM_ERROR);	/* b may ask again for it */
	say("r", "b", "x");
	assert_int_equal(say("s", "a", "12345"), ROOM_SUCCESS);
	assert_int_equal(say("s", "a", "123456"), ROOM_ERROR);
	leave("s", "a");
	join("s", "c");
	assert_int_equal(say("s", "c", "1234567890"), ROOM_SUCCESS);
	join_as("s", "n", (struct ask){ .rejoin = "c" });	/* drops it */
	assert_int_equal(say("s", "c", "1234567890"), ROOM_SUCCESS);
}

static void the_table_of_rooms_has_a_limit(void **state)
{
	const char *why = NULL;

	(void)state;
	end(NULL);
	start_with(2, 1000);
	join("r", "a");
	assert_true(store->ops->ready(store, &why));
	join("s", "a");
	assert_false(store->ops->ready(store, &why));
	assert_non_null(why);
	assert_int_equal(join("t", "a")->result, ROOM_ERROR);
	assert_int_equal(join("s", "b")->result, ROOM_SUCCESS);
	leave("r", "a");
	assert_int_equal(join("t", "a")->result, ROOM_SUCCESS);
}

static void a_room_ends_a_day_after_its_last_change(void **state)
{
	(void)state;
	store_memory_advance(store, 2000);
	join("r", "a");
	store_memory_advance(store, 1000 + HOURS(24));
	assert_int_equal(members("r"), 1);
	say("r", "a", "x");
	store_memory_advance(store, HOURS(48));
	assert_int_equal(members("r"), 1);
	members("r");			/* looking is no change */
	say("r", "stranger", "x");	/* nor is this */
	store_memory_advance(store, 1000 + HOURS(48) + 70000);
	assert_int_equal(members("r"), 0);
	assert_int_equal(store_memory_rooms(store), 0);
	assert_true(join("r", "b")->initiator);
}

static void no_memory_is_an_error_and_leaves_the_room_as_it_was(void **state)
{
	unsigned n;

	(void)state;
	for (n = 0; ; n++) {
		alloc_fail_at(n);
		join("r", "a");
		if (!alloc_failed())
			break;
		assert_int_equal(told.result, ROOM_ERROR);
		assert_int_equal(store_memory_rooms(store), 0);
	}
	assert_true(n >= 2);
	assert_int_equal(told.result, ROOM_SUCCESS);
	for (n = 0; ; n++) {
		alloc_fail_at(n);
		say("r", "a", "x");
		if (!alloc_failed())
			break;
		assert_int_equal(told.result, ROOM_ERROR);
	}
	alloc_fail_never();
	assert_true(n >= 2);
	join("r", "b");
	assert_string_equal(told.text, "x|");
}

static void stopping_frees_rooms_with_messages(void **state)
{
	(void)state;
	join("r", "a");
	say("r", "a", "x");
	join("s", "a");
	say("s", "a", "x");
	join("s", "b");		/* LeakSanitizer is the judge */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		T(the_first_is_initiator_the_second_is_not_the_third_finds_it_full),
		T(what_the_one_inside_stored_goes_to_the_next_in_order_and_once),
		T(with_two_inside_every_message_is_forwarded_and_none_stored),
		T(strangers_are_told_so),
		T(leaving_is_idempotent_and_the_one_who_stays_is_initiator),
		T(the_one_who_stays_stores_for_the_next),
		T(messages_go_with_their_sender),
		T(the_same_client_id_is_a_duplicate),
		T(a_loopback_room_is_full_and_forwards_at_once),
		T(nobody_takes_the_seat_of_the_loopback_partner),
		T(loopback_into_a_room_with_one_is_an_ordinary_join),
		T(a_seat_taken_back_has_its_role_and_what_it_was_given),
		T(what_a_join_was_given_is_forgotten_when_anyone_leaves),
		T(a_lone_page_that_comes_back_offers_anew),
		T(taking_back_a_seat_that_is_gone_is_an_ordinary_join),
		T(a_larger_room_takes_more_and_hands_the_lead_to_the_longest_inside),
		T(limits_are_an_error_and_change_nothing),
		T(the_bytes_of_all_rooms_have_a_limit_and_come_back),
		T(the_table_of_rooms_has_a_limit),
		T(a_room_ends_a_day_after_its_last_change),
		T(no_memory_is_an_error_and_leaves_the_room_as_it_was),
		T(stopping_frees_rooms_with_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
