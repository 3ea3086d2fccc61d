#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/relay_ports.h"

#include "tests/lib/failing_alloc.h"

#include <pthread.h>
#include <stdlib.h>

enum { MIN = 49152, MAX = 65535, ALL = MAX - MIN + 1 };

static unsigned drain(struct port_pool *p, unsigned worker, bool seen[65536], msec_t now)
{
	unsigned n = 0;
	uint16_t port;

	while ((port = port_pool_take(p, worker, RELAY_ANY_PORT, now)) != 0) {
		assert_false(seen[port]);
		assert_int_equal(port_pool_user(p, port), (int)worker);
		seen[port] = true;
		n++;
	}
	return n;
}

static void every_port_of_the_range_is_given_out_once(void **state)
{
	static const uint16_t ranges[][2] = { { MIN, MAX }, { 1, 65535 }, { 50000, 50000 }, { 50001, 50777 }, { 511, 513 } };
	(void)state;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		bool seen[65536] = { false };
		struct port_pool *p = port_pool_new(ranges[i][0], ranges[i][1], 1);
		assert_int_equal(drain(p, 0, seen, 0), ranges[i][1] - ranges[i][0] + 1);
		for (unsigned port = 0; port < 65536; port++)
			assert_int_equal(seen[port], port >= ranges[i][0] && port <= ranges[i][1]);
		assert_int_equal(port_pool_used(p), port_pool_size(p));
		port_pool_free(p);
	}
}

static void one_worker_can_use_ports_that_another_does_not_need(void **state)
{
	bool seen[65536] = { false };
	struct port_pool *p = port_pool_new(MIN, MAX, 2);
	unsigned other = 0;
	(void)state;

	for (unsigned i = 0; i < 100; i++, other++)		/* spread: worker 1 now holds many chunks, nearly all idle */
		seen[port_pool_take(p, 1, RELAY_ANY_PORT, 0)] = true;
	assert_int_equal(drain(p, 0, seen, 0), ALL - other);
	assert_int_equal(port_pool_take(p, 1, RELAY_ANY_PORT, 0), 0);
	port_pool_free(p);
}

static void two_workers_share_the_chunks(void **state)
{
	struct port_pool *p = port_pool_new(MIN, MAX, 2);
	(void)state;

	assert_int_equal(port_pool_leased(p, 0) + port_pool_leased(p, 1), 0);
	for (unsigned i = 0; i < 2000; i++)
		assert_int_not_equal(port_pool_take(p, i % 2, RELAY_ANY_PORT, 0), 0);
	assert_int_equal(port_pool_leased(p, 0) + port_pool_leased(p, 1), ALL / PORT_CHUNK);
	assert_in_range(port_pool_leased(p, 0), 16, 48);
	port_pool_free(p);
}

static void an_idle_chunk_goes_back_to_all(void **state)
{
	struct port_pool *p = port_pool_new(MIN, MIN + 2 * PORT_CHUNK - 1, 2);
	uint16_t port = port_pool_take(p, 0, RELAY_ANY_PORT, 0), again;
	(void)state;

	assert_int_equal(port_pool_leased(p, 0), 1);
	port_pool_give(p, port, PORT_USED, 0);
	assert_int_equal(port_pool_user(p, port), -1);
	again = port_pool_take(p, 1, RELAY_ANY_PORT, PORT_REST_MS);
	assert_int_equal(port_pool_leased(p, 0), 0);
	assert_int_equal(port_pool_user(p, again), 1);
	port_pool_free(p);
}

static void a_port_rests_two_seconds(void **state)
{
	struct port_pool *p = port_pool_new(50000, 50000, 1);
	(void)state;

	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 1000), 50000);
	port_pool_give(p, 50000, PORT_USED, 1000);
	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 1000 + PORT_REST_MS - 1), 0);
	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 1000 + PORT_REST_MS), 50000);
	port_pool_give(p, 50000, PORT_FOREIGN, 5000);
	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 5000 + PORT_FOREIGN_REST_MS - 1), 0);
	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 5000 + PORT_FOREIGN_REST_MS), 50000);
	port_pool_free(p);
}

static void an_even_port_is_even_and_all_even_ports_are_found(void **state)
{
	struct port_pool *p = port_pool_new(50001, 50777, 2);
	uint16_t port;
	unsigned n = 0;
	(void)state;

	port_pool_take(p, 1, RELAY_EVEN_PORT, 0);
	for (; (port = port_pool_take(p, 0, RELAY_EVEN_PORT, 0)) != 0; n++)
		assert_int_equal(port % 2, 0);
	assert_int_equal(n, 388 - 1);
	assert_int_equal(port_pool_take(p, 0, RELAY_ANY_PORT, 0) % 2, 1);
	port_pool_free(p);
}

/* 32 equal parts of the range, 32 * 400 choices with the range half full: chi-square with 31 degrees of freedom is above 75
 * once in 50 000 runs. */
static void the_choice_is_uniform_over_the_free_ports(void **state)
{
	enum { PARTS = 32, ROUNDS = PARTS * 400 };
	struct port_pool *p = port_pool_new(MIN, MAX, 1);
	unsigned hits[PARTS] = { 0 }, room[PARTS];
	double chi = 0;
	msec_t now = 0;
	(void)state;

	for (unsigned i = 0; i < PARTS; i++)
		room[i] = ALL / PARTS;
	for (unsigned i = 0; i < ALL / 2; i++)
		room[(port_pool_take(p, 0, RELAY_ANY_PORT, now) - MIN) * PARTS / ALL]--;
	for (unsigned i = 0; i < ROUNDS; i++, now += PORT_REST_MS) {
		uint16_t port = port_pool_take(p, 0, RELAY_ANY_PORT, now);
		hits[(port - MIN) * PARTS / ALL]++;
		port_pool_give(p, port, PORT_USED, now);
	}
	for (unsigned i = 0; i < PARTS; i++) {
		double expected = (double)ROUNDS * room[i] / (ALL / 2);
		chi += (hits[i] - expected) * (hits[i] - expected) / expected;
	}
	assert_true(chi < 75);
	port_pool_free(p);
}

static void the_first_choice_is_anywhere_in_the_range(void **state)
{
	unsigned low = 0;
	(void)state;

	for (unsigned i = 0; i < 400; i++) {
		struct port_pool *p = port_pool_new(MIN, MAX, 4);
		low += port_pool_take(p, i % 4, RELAY_ANY_PORT, 0) < MIN + ALL / 2;
		port_pool_free(p);
	}
	assert_in_range(low, 140, 260);
}

struct player {
	struct port_pool *pool;
	unsigned worker;
	pthread_t thread;
};

static void *take_and_give(void *arg)
{
	struct player *me = arg;
	uint16_t held[64] = { 0 };

	for (unsigned i = 0; i < 20000; i++) {
		uint16_t *h = &held[i % 64];
		if (*h != 0) {
			if (port_pool_user(me->pool, *h) != (int)me->worker)
				return me;
			port_pool_give(me->pool, *h, PORT_USED, i);
		}
		*h = port_pool_take(me->pool, me->worker, i % 3 == 0 ? RELAY_EVEN_PORT : RELAY_ANY_PORT, i);
	}
	for (unsigned i = 0; i < 64; i++)
		if (held[i] != 0)
			port_pool_give(me->pool, held[i], PORT_USED, 20000);
	return NULL;
}

static void threads_never_hold_the_same_port(void **state)
{
	struct port_pool *p = port_pool_new(50000, 53000, 3);
	struct player players[3];
	(void)state;

	for (unsigned i = 0; i < 3; i++) {
		players[i] = (struct player){ .pool = p, .worker = i };
		assert_int_equal(pthread_create(&players[i].thread, NULL, take_and_give, &players[i]), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		void *wrong;
		pthread_join(players[i].thread, &wrong);
		assert_null(wrong);
	}
	assert_int_equal(port_pool_used(p), 0);
	port_pool_free(p);
}

static void a_pool_without_memory_is_none(void **state)
{
	struct port_pool *p = NULL;
	(void)state;

	for (unsigned n = 0; p == NULL; n++) {
		alloc_fail_at(n);
		p = port_pool_new(MIN, MAX, 2);
		assert_int_equal(p == NULL, alloc_failed());
	}
	alloc_fail_never();
	port_pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_of_the_range_is_given_out_once),
		cmocka_unit_test(one_worker_can_use_ports_that_another_does_not_need),
		cmocka_unit_test(two_workers_share_the_chunks),
		cmocka_unit_test(an_idle_chunk_goes_back_to_all),
		cmocka_unit_test(a_port_rests_two_seconds),
		cmocka_unit_test(an_even_port_is_even_and_all_even_ports_are_found),
		cmocka_unit_test(the_choice_is_uniform_over_the_free_ports),
		cmocka_unit_test(the_first_choice_is_anywhere_in_the_range),
		cmocka_unit_test(threads_never_hold_the_same_port),
		cmocka_unit_test(a_pool_without_memory_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
