/* Rooms in a real redis-server: the same rules as in memory, whoever races, whatever is lost on the way. */
#include "roomd/store_redis.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/list.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/net/listener.h"
#include "common/proto/redis_schema.h"
#include "roomd/store_memory.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

enum { ROOMDS = 6 };

struct roomd {			/* one of several that share a Redis */
	struct redis_route *route;
	struct room_store *store;
};

struct wire {			/* a connection through the lossy line */
	struct party down, up;	/* to the store, to Redis */
};

struct town {
	struct test_loop loop;
	struct redis_server server;
	struct roomd roomd[ROOMDS];
	unsigned stopped;
	struct buf heard;	/* answers, a line each */
	struct listener *line;
	struct wire wire[8];
	unsigned n_wires;
	bool line_is_lossy;	/* Redis' answers do not arrive, the connection ends instead */
};

static struct town *town;
static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };

/* --- the town ---------------------------------------------------------------------------------------------- */

static void on_state(void *owner, bool up)
{
	struct roomd *r = owner;

	if (r->store != NULL)
		store_redis_state(r->store, up);
}

static void open_roomd(struct roomd *r, const char *url, msec_t life)
{
	char why[160];

	r->route = redis_route_new(&town->loop.uv, url, &quick, on_state, r, why);
	assert_non_null(r->route);
	r->store = store_redis_new(r->route, life);
	assert_non_null(r->store);
}

static bool ready(const struct roomd *r)
{
	const char *why;

	return r->store->ops->ready(r->store, &why);
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	town->stopped++;
}

static void close_roomd(struct roomd *r)
{
	unsigned before = town->stopped;
	struct room_store *s = r->store;

	r->store = NULL;
	s->ops->stop(s, on_stopped, NULL);
	redis_route_stop(r->route, on_stopped, NULL);
	RUN_UNTIL(&town->loop, town->stopped == before + 2);
}

static int found_town(void **state)
{
	(void)state;
	town = calloc(1, sizeof(*town));
	assert_non_null(town);
	test_loop_open(&town->loop);
	buf_init(&town->heard, (size_t)1 << 26);
	redis_server_start(&town->server, 0, NULL);
	return 0;
}

static int found_town_with_a_roomd(void **state)
{
	found_town(state);
	open_roomd(&town->roomd[0], town->server.url, ROOM_LIFE);
	RUN_UNTIL(&town->loop, ready(&town->roomd[0]));
	return 0;
}

static void open_all_roomds(void)
{
	for (unsigned i = 1; i < ROOMDS; i++)
		open_roomd(&town->roomd[i], town->server.url, ROOM_LIFE);
	for (unsigned i = 1; i < ROOMDS; i++)
		RUN_UNTIL(&town->loop, ready(&town->roomd[i]));
}

static int leave_town(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROOMDS; i++)
		if (town->roomd[i].store != NULL)
			close_roomd(&town->roomd[i]);
	listener_close(town->line);
	for (unsigned i = 0; i < town->n_wires; i++) {
		if (town->wire[i].down.stream != NULL)
			stream_close(town->wire[i].down.stream);
		if (town->wire[i].up.stream != NULL)
			stream_close(town->wire[i].up.stream);
	}
	redis_server_remove(&town->server);
	test_loop_close(&town->loop);
	for (unsigned i = 0; i < town->n_wires; i++) {
		party_forget(&town->wire[i].down);
		party_forget(&town->wire[i].up);
	}
	buf_close(&town->heard);
	free(town);
	return 0;
}

/* --- the lossy line ---------------------------------------------------------------------------------------- */

static void pass_on(struct party *from, struct party *to)
{
	struct span all = buf_span(&from->in);

	if (to->stream != NULL)
		stream_write(to->stream, &all, 1);
	buf_reset(&from->in);
}

static void from_store(struct party *p)
{
	struct wire *w = container_of(p, struct wire, down);

	pass_on(p, &w->up);
}

static void from_redis(struct party *p)
{
	struct wire *w = container_of(p, struct wire, up);

	if (!town->line_is_lossy) {
		pass_on(p, &w->down);
		return;
	}
	town->line_is_lossy = false;
	stream_close(w->up.stream);
	stream_close(w->down.stream);
}

static void on_line(void *owner, struct listener *l, struct endpoint peer)
{
	struct wire *w = &town->wire[town->n_wires++];
	(void)owner;
	(void)peer;

	assert_true(town->n_wires <= sizeof(town->wire) / sizeof(town->wire[0]));
	party_init(&w->down);
	party_init(&w->up);
	w->down.on_data = from_store;
	w->up.on_data = from_redis;
	w->up.stream = stream_connect_unix(&town->loop.uv, town->server.url + strlen("unix://"), &party_handler, &w->up);
	w->down.stream = listener_accept(l, &party_handler, &w->down);
	assert_true(w->up.stream != NULL && w->down.stream != NULL);
}

static int found_town_with_a_lossy_line(void **state)
{
	struct listener_options o = { .at = loopback(0) };
	char why[128], url[64];

	found_town_with_a_roomd(state);
	close_roomd(&town->roomd[0]);
	town->line = listener_open(&town->loop.uv, &o, on_line, NULL, why);
	assert_non_null(town->line);
	snprintf(url, sizeof(url), "redis://127.0.0.1:%u", listener_at(town->line).port);
	open_roomd(&town->roomd[0], url, ROOM_LIFE);
	RUN_UNTIL(&town->loop, ready(&town->roomd[0]));
	return 0;
}

/* --- steps, and what they answer --------------------------------------------------------------------------- */

static const char *const result_text[] = {
	[ROOM_SUCCESS] = "SUCCESS", [ROOM_FORWARD] = "FORWARD", [ROOM_FULL] = "FULL",
	[ROOM_DUPLICATE_CLIENT] = "DUPLICATE_CLIENT", [ROOM_UNKNOWN_ROOM] = "UNKNOWN_ROOM",
	[ROOM_UNKNOWN_CLIENT] = "UNKNOWN_CLIENT", [ROOM_ERROR] = "ERROR", [ROOM_UNAVAILABLE] = "UNAVAILABLE",
};

/* "SUCCESS initiator 1 as a at sig: [m1][m2]" */
static void note(void *ctx, const struct room_answer *a)
{
	struct buf *out = ctx;

	buf_add_str(out, result_text[a->result]);
	if (a->result != ROOM_ERROR && a->result != ROOM_UNAVAILABLE)
		buf_addf(out, "%s %u", a->initiator ? " initiator" : "", a->members);
	if (a->client.len > 0)
		buf_addf(out, " as %.*s", SPAN_ARG(a->client));
	if (a->client.len > 0 || a->result == ROOM_FORWARD)
		buf_addf(out, " at %.*s", SPAN_ARG(a->signal));
	for (size_t i = 0; i < a->n_messages; i++)
		buf_addf(out, " [%.*s]", SPAN_ARG(a->messages[i]));
	assert_true(buf_add_byte(out, '\n'));
}

static struct span fresh_request(void)
{
	static uint8_t id[ROOM_REQUEST_SIZE];

	random_bytes(id, sizeof(id));
	return span_of(id, sizeof(id));
}

static struct room_join a_join(const char *room, const char *client)
{
	return (struct room_join){
		.room = span_str(room), .client = span_str(client), .rejoin = SPAN_LIT(""), .signal = SPAN_LIT("sig"),
		.request = fresh_request(), .capacity = 2,
	};
}

static void join(const struct roomd *r, const char *room, const char *client)
{
	struct room_join j = a_join(room, client);

	r->store->ops->join(r->store, &j, note, &town->heard);
}

static void message(const struct roomd *r, const char *room, const char *client, const char *body)
{
	struct room_message m = {
		.room = span_str(room), .client = span_str(client), .request = fresh_request(), .body = span_str(body)
	};

	r->store->ops->message(r->store, &m, note, &town->heard);
}

static void leave(const struct roomd *r, const char *room, const char *client)
{
	r->store->ops->leave(r->store, span_str(room), span_str(client), note, &town->heard);
}

static void look(const struct roomd *r, const char *room)
{
	r->store->ops->occupancy(r->store, span_str(room), note, &town->heard);
}

static size_t lines(void)
{
	size_t n = 0;

	for (size_t i = 0; i < town->heard.len; i++)
		n += town->heard.p[i] == '\n';
	return n;
}

/* All that was heard, once it is so many lines; then they are forgotten. */
static const char *hear(size_t n)
{
	const char *text;

	RUN_UNTIL(&town->loop, lines() >= n);
	text = buf_cstr(&town->heard);
	buf_reset(&town->heard);
	return text;
}

static const char *redis(const char *line)
{
	struct span words[8], rest = span_str(line);
	size_t n = 0;

	while (rest.len > 0)
		words[n++] = text_cut(&rest, ' ');
	redis_command(town->roomd[0].route, 0, words, n, redis_text_line, &town->heard);
	return hear(1);
}

/* --- the rules --------------------------------------------------------------------------------------------- */

static void a_call_from_the_first_join_to_the_last_leave(void **state)
{
	const struct roomd *r = &town->roomd[0];
	(void)state;

	look(r, "R");
	join(r, "R", "a");
	message(r, "R", "a", "offer");
	message(r, "R", "a", "candidate");
	join(r, "R", "b");
	join(r, "R", "c");
	message(r, "R", "b", "answer");
	look(r, "R");
	leave(r, "R", "a");
	message(r, "R", "a", "late");
	message(r, "R", "b", "offer2");
	join(r, "R", "d");
	leave(r, "R", "b");
	leave(r, "R", "d");
	message(r, "R", "d", "gone");
	assert_string_equal(hear(15),
			    "SUCCESS 0\n"
			    "SUCCESS initiator 1 as a at sig\n"
			    "SUCCESS 1\nSUCCESS 1\n"
			    "SUCCESS 2 as b at sig [offer] [candidate]\n"
			    "FULL 2\n"
			    "FORWARD 2 at sig\n"
			    "SUCCESS 2\n"
			    "SUCCESS 1\n"
			    "UNKNOWN_CLIENT 1\n"
			    "SUCCESS 1\n"
			    "SUCCESS 2 as d at sig [offer2]\n"
			    "SUCCESS 1\nSUCCESS 0\n"
			    "UNKNOWN_ROOM 0\n");
	assert_string_equal(redis("KEYS *"), "[\"rtc:cfg\"]\n");
}

static void all_keys_of_a_room_end_with_its_life(void **state)
{
	const struct roomd *r = &town->roomd[0];
	struct span room = SPAN_LIT("R");
	char key[3][REDIS_KEY_SIZE], line[4 * REDIS_KEY_SIZE];
	(void)state;

	join(r, "R", "a");
	message(r, "R", "a", "m1");
	join(r, "R", "b");
	leave(r, "R", "a");
	message(r, "R", "b", "m2");
	hear(5);
	redis_key_room(key[0], room);
	redis_key_messages(key[1], room);
	redis_key_given(key[2], room);
	for (unsigned i = 0; i < 3; i++) {
		long left, life = i < 2 ? (long)ROOM_LIFE : 60000;
		snprintf(line, sizeof(line), "PTTL %s", key[i]);
		left = atol(redis(line));
		assert_true(left > life - 5000 && left <= life);
	}
}

static void a_room_vanishes_when_its_life_is_over(void **state)
{
	const struct roomd *r = &town->roomd[1];
	(void)state;

	open_roomd(&town->roomd[1], town->server.url, 30);
	RUN_UNTIL(&town->loop, ready(r));
	join(r, "R", "a");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as a at sig\n");
	do
		look(r, "R");
	while (strcmp(hear(1), "SUCCESS 0\n") != 0);
	join(r, "R", "b");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as b at sig\n");
}

static void what_signald_wrote_in_the_hash_outlives_the_seats(void **state)
{
	const struct roomd *r = &town->roomd[0];
	char key[REDIS_KEY_SIZE], line[REDIS_KEY_SIZE + 32];
	(void)state;

	join(r, "R", "a");
	hear(1);
	redis_key_room(key, span_str("R"));
	snprintf(line, sizeof(line), "HSET %s a:a node1", key);
	redis(line);
	leave(r, "R", "a");
	assert_string_equal(hear(1), "SUCCESS 0\n");
	snprintf(line, sizeof(line), "HGETALL %s", key);
	assert_string_equal(redis(line), "[\"a:a\" \"node1\"]\n");
	join(r, "R", "b");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as b at sig\n");
}

/* --- races ------------------------------------------------------------------------------------------------- */

struct race {
	unsigned answers, initiators, inside, full;
};

static void on_race(void *ctx, const struct room_answer *a)
{
	struct race *r = ctx;

	r->answers++;
	r->initiators += a->initiator;
	r->inside += a->result == ROOM_SUCCESS;
	r->full += a->result == ROOM_FULL && a->n_messages == 0 && !a->initiator;
}

static void run_races(unsigned racers)
{
	enum { ROUNDS = 1000, AT_ONCE = 50 };
	static struct race race[ROUNDS];

	memset(race, 0, sizeof(race));
	open_all_roomds();
	for (unsigned first = 0; first < ROUNDS; first += AT_ONCE) {
		for (unsigned i = 0; i < AT_ONCE * racers; i++) {
			const struct roomd *r = &town->roomd[i % racers];
			unsigned round = first + i / racers;
			char room[16], client[16];
			struct room_join j;
			snprintf(room, sizeof(room), "R%u", round);
			snprintf(client, sizeof(client), "c%u", i);
			j = a_join(room, client);
			r->store->ops->join(r->store, &j, on_race, &race[round]);
		}
		for (unsigned i = first; i < first + AT_ONCE; i++)
			RUN_UNTIL(&town->loop, race[i].answers == racers);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(race[i].initiators, 1);
		assert_int_equal(race[i].inside, 2);
		assert_int_equal(race[i].full, racers - 2);
	}
}

static void two_racing_joins_make_one_initiator_a_thousand_times(void **state)
{
	(void)state;
	run_races(2);
}

static void six_racing_joins_make_two_members_a_thousand_times(void **state)
{
	(void)state;
	run_races(6);
}

static void of_two_racing_leaves_the_last_one_ends_the_room(void **state)
{
	(void)state;
	open_all_roomds();
	join(&town->roomd[0], "R", "a");
	hear(1);
	join(&town->roomd[1], "R", "b");
	hear(1);
	leave(&town->roomd[0], "R", "a");
	leave(&town->roomd[1], "R", "b");
	hear(2);
	look(&town->roomd[2], "R");
	assert_string_equal(hear(1), "SUCCESS 0\n");
}

struct flow {			/* of one round */
	struct buf stored, given;
	unsigned answers;
	bool joined;
};

struct sent {
	struct flow *flow;
	unsigned number;
};

static void on_sent(void *ctx, const struct room_answer *a)
{
	struct sent *s = ctx;

	assert_true(a->result == ROOM_SUCCESS || a->result == ROOM_FORWARD);
	if (a->result == ROOM_SUCCESS)
		buf_addf(&s->flow->stored, "%u ", s->number);
	s->flow->answers++;
}

static void on_given(void *ctx, const struct room_answer *a)
{
	struct flow *f = ctx;

	assert_int_equal(a->result, ROOM_SUCCESS);
	for (size_t i = 0; i < a->n_messages; i++)
		buf_addf(&f->given, "%.*s ", SPAN_ARG(a->messages[i]));
	f->joined = true;
	f->answers++;
}

static void a_join_between_messages_gets_all_that_were_stored_in_order(void **state)
{
	enum { MESSAGES = 20 };
	unsigned split = 0;
	(void)state;

	open_all_roomds();
	for (unsigned round = 0; round < 200; round++) {
		struct flow f = { .answers = 0 };
		struct sent sent[MESSAGES];
		char room[16];
		struct room_join j;

		snprintf(room, sizeof(room), "R%u", round);
		buf_init(&f.stored, 4096);
		buf_init(&f.given, 4096);
		join(&town->roomd[0], room, "a");
		hear(1);
		for (unsigned i = 0; i < MESSAGES; i++) {
			char body[16];
			struct room_message m = { .room = span_str(room), .client = SPAN_LIT("a"), .request = fresh_request() };
			m.body = span_of(body, (size_t)snprintf(body, sizeof(body), "%u", i));
			sent[i] = (struct sent){ &f, i };
			town->roomd[0].store->ops->message(town->roomd[0].store, &m, on_sent, &sent[i]);
			if (i % 4 == 0)
				uv_run(&town->loop.uv, UV_RUN_NOWAIT);
			if (i == round % MESSAGES) {
				j = a_join(room, "b");
				town->roomd[1].store->ops->join(town->roomd[1].store, &j, on_given, &f);
				if (round % 2 == 1)	/* every other join surely comes in between, the rest race */
					RUN_UNTIL(&town->loop, f.joined);
			}
		}
		RUN_UNTIL(&town->loop, f.answers == MESSAGES + 1);
		assert_string_equal(buf_cstr(&f.given), buf_cstr(&f.stored));
		split += f.stored.len > 0 && f.given.len < 50;
		buf_close(&f.stored);
		buf_close(&f.given);
	}
	assert_true(split >= 90);
}

/* --- the same as in memory --------------------------------------------------------------------------------- */

static void both(struct room_store *s[2], const struct room_join *j, const struct room_message *m, struct span room,
		 struct span client)
{
	static struct buf text[2];

	for (unsigned i = 0; i < 2; i++) {
		buf_init(&text[i], (size_t)1 << 24);
		if (j != NULL)
			s[i]->ops->join(s[i], j, note, &text[i]);
		else if (m != NULL)
			s[i]->ops->message(s[i], m, note, &text[i]);
		else if (client.len > 0)
			s[i]->ops->leave(s[i], room, client, note, &text[i]);
		else
			s[i]->ops->occupancy(s[i], room, note, &text[i]);
	}
	RUN_UNTIL(&town->loop, text[0].len > 0);	/* memory answers at once */
	assert_string_equal(buf_cstr(&text[0]), buf_cstr(&text[1]));
	buf_close(&text[0]);
	buf_close(&text[1]);
}

static void random_steps_have_the_same_answers_in_redis_and_in_memory(void **state)
{
	enum { STEPS = 4000, BIG = 250 * 1024 };
	static const char *const rooms[] = { "R0", "R1", "R2" };
	static const char *const clients[] = { "a", "b", "c", "d", LOOPBACK_CLIENT_ID };
	static uint8_t body[BIG];
	struct store_memory_limits limits = { 100, (size_t)1 << 30, ROOM_LIFE };
	struct room_store *s[2] = { town->roomd[0].store, store_memory_new(&limits, 0) };
	(void)state;

	assert_non_null(s[1]);
	memset(body, 'x', sizeof(body));
	for (unsigned step = 0; step < STEPS; step++) {
		struct span room = span_str(rooms[random_below(3)]), client = span_str(clients[random_below(5)]);
		struct room_join j = {
			.room = room, .client = span_str(clients[random_below(4)]), .request = fresh_request(),
			.rejoin = random_below(3) == 0 ? client : SPAN_LIT(""),
			.signal = random_below(2) ? SPAN_LIT("one") : SPAN_LIT("two"),
			.capacity = 2 + (random_below(4) == 0), .loopback = random_below(8) == 0,
		};
		size_t size = random_below(10) == 0 ? BIG : (size_t)snprintf((char *)body, 16, "m%u", step);
		struct room_message m = {
			.room = room, .client = client, .request = fresh_request(), .body = span_of(body, size)
		};

		switch (random_below(10)) {
		case 0: case 1: case 2:
			both(s, &j, NULL, room, client);
			break;
		case 3: case 4: case 5: case 6: case 7:
			both(s, NULL, &m, room, client);
			break;
		case 8:
			both(s, NULL, NULL, room, client);
			break;
		default:
			both(s, NULL, NULL, room, SPAN_LIT(""));
		}
	}
	s[1]->ops->stop(s[1], NULL, NULL);
}

static void the_limits_of_a_sender_are_the_same_as_in_memory(void **state)
{
	struct store_memory_limits limits = { 100, (size_t)1 << 30, ROOM_LIFE };
	struct room_store *s[2] = { town->roomd[0].store, store_memory_new(&limits, 0) };
	struct room_join a = a_join("R", "a"), b;
	struct room_message m = { .room = SPAN_LIT("R"), .client = SPAN_LIT("a"), .body = SPAN_LIT("x") };
	(void)state;

	assert_non_null(s[1]);
	both(s, &a, NULL, m.room, m.client);
	for (unsigned i = 0; i < ROOM_SENDER_MESSAGES + 2; i++) {
		m.request = fresh_request();
		both(s, NULL, &m, m.room, m.client);
	}
	b = a_join("R", "b");
	both(s, &b, NULL, m.room, m.client);
	s[1]->ops->stop(s[1], NULL, NULL);
}

/* --- what is lost on the way ------------------------------------------------------------------------------- */

static void a_join_whose_answer_was_lost_is_repeated_and_takes_no_second_seat(void **state)
{
	const struct roomd *r = &town->roomd[0];
	(void)state;

	town->line_is_lossy = true;
	join(r, "R", "a");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as a at sig\n");
	assert_false(town->line_is_lossy);	/* it was lost */
	message(r, "R", "a", "m1");
	hear(1);
	town->line_is_lossy = true;
	join(r, "R", "b");
	assert_string_equal(hear(1), "SUCCESS 2 as b at sig [m1]\n");
	assert_false(town->line_is_lossy);
}

static void messages_whose_answers_were_lost_are_stored_once_and_in_order(void **state)
{
	const struct roomd *r = &town->roomd[0];
	(void)state;

	join(r, "R", "a");
	hear(1);
	town->line_is_lossy = true;
	message(r, "R", "a", "m1");
	message(r, "R", "a", "m2");
	message(r, "R", "a", "m3");
	assert_string_equal(hear(3), "SUCCESS 1\nSUCCESS 1\nSUCCESS 1\n");
	assert_false(town->line_is_lossy);
	join(r, "R", "b");
	assert_string_equal(hear(1), "SUCCESS 2 as b at sig [m1] [m2] [m3]\n");
}

static void a_message_that_was_stored_and_given_before_its_repetition_is_not_given_twice(void **state)
{
	const struct roomd *r = &town->roomd[0], *other = &town->roomd[1];
	(void)state;

	open_roomd(&town->roomd[1], town->server.url, ROOM_LIFE);
	RUN_UNTIL(&town->loop, ready(other));
	join(r, "R", "a");
	hear(1);
	town->line_is_lossy = true;
	message(r, "R", "a", "m1");
	RUN_UNTIL(&town->loop, !town->line_is_lossy);	/* stored, and the answer lost */
	join(other, "R", "b");
	message(other, "R", "b", "seen");		/* b forgets what it was given */
	assert_string_equal(hear(3), "SUCCESS 2 as b at sig [m1]\nFORWARD 2 at sig\nSUCCESS 2\n");
}

static void steps_in_a_short_outage_wait_and_keep_their_order(void **state)
{
	const struct roomd *r = &town->roomd[0];
	(void)state;

	redis_server_kill(&town->server);
	RUN_UNTIL(&town->loop, !ready(r));
	join(r, "R", "a");
	message(r, "R", "a", "m1");
	join(r, "R", "b");
	redis_server_again(&town->server);
	assert_string_equal(hear(3), "SUCCESS initiator 1 as a at sig\nSUCCESS 1\nSUCCESS 2 as b at sig [m1]\n");
	assert_true(ready(r));
}

static void steps_in_a_long_outage_are_refused_and_work_again_afterwards(void **state)
{
	const struct roomd *r = &town->roomd[0];
	const char *why = NULL;
	(void)state;

	redis_server_kill(&town->server);
	join(r, "R", "a");
	message(r, "R", "a", "m1");
	assert_string_equal(hear(2), "UNAVAILABLE\nUNAVAILABLE\n");	/* after PATIENCE */
	leave(r, "R", "a");
	assert_string_equal(hear(1), "UNAVAILABLE\n");			/* at once */
	assert_false(r->store->ops->ready(r->store, &why));
	assert_string_equal(why, "Redis cannot be reached");
	redis_server_again(&town->server);
	RUN_UNTIL(&town->loop, ready(r));
	join(r, "R", "a");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as a at sig\n");
}

static void a_full_redis_makes_steps_unavailable_until_there_is_room(void **state)
{
	const struct roomd *r = &town->roomd[0];
	(void)state;

	redis("CONFIG SET maxmemory 1");
	join(r, "R", "a");
	assert_string_equal(hear(1), "UNAVAILABLE\n");
	redis("CONFIG SET maxmemory 0");
	join(r, "R", "a");
	assert_string_equal(hear(1), "SUCCESS initiator 1 as a at sig\n");
}

static void data_of_another_version_is_not_touched(void **state)
{
	struct roomd *r = &town->roomd[1];
	const char *why = NULL;
	(void)state;

	redis("HSET rtc:cfg partitions 128");
	open_roomd(r, town->server.url, ROOM_LIFE);
	join(r, "R", "a");
	assert_string_equal(hear(1), "UNAVAILABLE\n");
	do
		assert_true(test_loop_turn(&town->loop));
	while (!r->store->ops->ready(r->store, &why) && strstr(why, "another version") == NULL);
	assert_non_null(why);
	redis("HSET rtc:cfg partitions 64");
	RUN_UNTIL(&town->loop, ready(r));		/* looks again by itself */
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void stopping_answers_what_is_outstanding(void **state)
{
	struct roomd *r = &town->roomd[0];
	(void)state;

	join(r, "R", "a");
	message(r, "R", "a", "m");
	look(r, "R");
	close_roomd(r);
	assert_string_equal(buf_cstr(&town->heard), "UNAVAILABLE\nUNAVAILABLE\nUNAVAILABLE\n");
}

static void a_failing_allocation_leaves_no_step_without_an_answer(void **state)
{
	const struct roomd *r = &town->roomd[0];
	bool failed = true;
	(void)state;

	buf_reserve(&town->heard, 1 << 16);
	for (unsigned n = 0; failed; n++) {
		alloc_fail_at(n);
		join(r, "R", "a");
		message(r, "R", "a", "m1");
		join(r, "R", "b");
		leave(r, "R", "a");
		leave(r, "R", "b");
		look(r, "R");
		RUN_UNTIL(&town->loop, lines() == 6);
		failed = alloc_failed();
		alloc_fail_never();
		buf_reset(&town->heard);
		RUN_UNTIL(&town->loop, ready(r));
		leave(r, "R", "a");
		leave(r, "R", "b");
		hear(2);
	}
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, found_town_with_a_roomd, leave_town)
#define LOSSY(test) cmocka_unit_test_setup_teardown(test, found_town_with_a_lossy_line, leave_town)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(a_call_from_the_first_join_to_the_last_leave),
		STORY(all_keys_of_a_room_end_with_its_life),
		STORY(a_room_vanishes_when_its_life_is_over),
		STORY(what_signald_wrote_in_the_hash_outlives_the_seats),
		STORY(two_racing_joins_make_one_initiator_a_thousand_times),
		STORY(six_racing_joins_make_two_members_a_thousand_times),
		STORY(of_two_racing_leaves_the_last_one_ends_the_room),
		STORY(a_join_between_messages_gets_all_that_were_stored_in_order),
		STORY(random_steps_have_the_same_answers_in_redis_and_in_memory),
		STORY(the_limits_of_a_sender_are_the_same_as_in_memory),
		LOSSY(a_join_whose_answer_was_lost_is_repeated_and_takes_no_second_seat),
		LOSSY(messages_whose_answers_were_lost_are_stored_once_and_in_order),
		LOSSY(a_message_that_was_stored_and_given_before_its_repetition_is_not_given_twice),
		STORY(steps_in_a_short_outage_wait_and_keep_their_order),
		STORY(steps_in_a_long_outage_are_refused_and_work_again_afterwards),
		STORY(a_full_redis_makes_steps_unavailable_until_there_is_room),
		STORY(data_of_another_version_is_not_touched),
		STORY(stopping_answers_what_is_outstanding),
		STORY(a_failing_allocation_leaves_no_step_without_an_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
