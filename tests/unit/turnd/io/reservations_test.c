#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/io/relay_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Two workers without their loops, which share addresses and reservations. */

static const struct ip_addr loopback = { 4, { 127, 0, 0, 1 } }, loopback6 = { 6, { [15] = 1 } };

struct bench {
	struct relay_addresses addresses;
	struct tx_counts counts;
	struct relay_sockets a, b;
	struct rx_batch *rx;
	struct flow_packet packets[BATCH];
	char heard[32];
};

static struct bench *bench_new(uint16_t min, uint16_t max)
{
	struct bench *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	b->addresses.max_sockets = 100000;
	assert_int_equal(relay_addresses_add(&b->addresses, &loopback, &loopback, min, max, 2), 0);
	assert_int_equal(relay_addresses_add(&b->addresses, &loopback6, &loopback6, min, max, 2), 0);
	assert_int_equal(relay_sockets_init(&b->a, &b->addresses, 0, 4096, &b->counts), 0);
	assert_int_equal(relay_sockets_init(&b->b, &b->addresses, 1, 4096, &b->counts), 0);
	assert_non_null(b->rx = rx_new());
	return b;
}

static void bench_free(struct bench *b)
{
	relay_sockets_shut(&b->a);
	relay_sockets_shut(&b->b);
	relay_addresses_close(&b->addresses);
	rx_free(b->rx);
	free(b);
}

static unsigned used(const struct bench *b)
{
	unsigned n = port_pool_used(b->addresses.v[0].ports) + port_pool_used(b->addresses.v[1].ports);
	assert_int_equal(atomic_load(&b->addresses.sockets), n);	/* every port that is held has a socket */
	return n;
}

static struct relay open_pair(struct bench *b, const struct ip_addr *at, msec_t now)
{
	struct relay r;
	assert_int_equal(relay_sockets_open(&b->a, NULL, at->family, RELAY_EVEN_PORT_RESERVE, at, now, &r), RELAY_OK);
	assert_int_equal(r.bound.port % 2, 0);
	return r;
}

static void on_batch(void *owner, unsigned n)
{
	struct bench *b = owner;
	struct span data = b->packets[0].data;
	assert_int_equal(n, 1);
	memcpy(b->heard, data.p, data.len < 31 ? data.len : 31);
}

static void say(const struct endpoint *to, const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(to, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM, 0);
	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&sa, len), strlen(text));
	close(fd);
}

static void another_worker_adopts_the_port_behind(void **state)
{
	static const struct ip_addr *const where[] = { &loopback, &loopback6 };
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct bench *b = bench_new(21000, 21999);
		struct relay first = open_pair(b, where[i], 0), second;
		uint8_t token[RELAY_TOKEN];
		assert_true(relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 0, token));
		assert_int_equal(reservations_family(b->addresses.reserved, token, SPAN_LIT("alice"), 0), where[i]->family);
		assert_int_equal(relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT("alice"), 1, &second), RELAY_OK);
		assert_int_equal(second.bound.port, first.bound.port + 1);
		assert_true(ip_equal(&second.bound.ip, where[i]) && second.open);
		assert_int_equal(port_pool_user(b->addresses.v[i].ports, second.bound.port), 1);
		assert_int_equal(port_pool_user(b->addresses.v[i].ports, first.bound.port), 0);
		say(&second.bound, "to the second");
		relay_sockets_receive(&b->a, b->rx, b->packets, on_batch, b);
		assert_string_equal(b->heard, "");
		relay_sockets_receive(&b->b, b->rx, b->packets, on_batch, b);
		assert_string_equal(b->heard, "to the second");
		relay_sockets_close(&b->a, &first, 2);
		assert_int_equal(used(b), 1);
		relay_sockets_close(&b->b, &second, 2);
		assert_int_equal(used(b), 0);
		bench_free(b);
	}
}

static void a_token_is_good_once_and_for_its_user_only(void **state)
{
	struct bench *b = bench_new(21000, 21999);
	struct relay first = open_pair(b, &loopback, 0), second;
	uint8_t token[RELAY_TOKEN], wrong[RELAY_TOKEN];
	(void)state;
	assert_true(relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 0, token));
	assert_false(relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 0, wrong));	/* there is only one port behind */
	memcpy(wrong, token, sizeof(wrong));
	wrong[7] ^= 1;
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, wrong, SPAN_LIT("alice"), 0, &second), RELAY_NO_CAPACITY);
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT("alicf"), 0, &second), RELAY_NO_CAPACITY);
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT(""), 0, &second), RELAY_NO_CAPACITY);
	assert_int_equal(reservations_family(b->addresses.reserved, token, SPAN_LIT("bob"), 0), 0);
	assert_int_equal(used(b), 2);
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT("alice"), 0, &second), RELAY_OK);
	assert_int_equal(relay_sockets_adopt(&b->a, NULL, token, SPAN_LIT("alice"), 0, &second), RELAY_NO_CAPACITY);
	bench_free(b);
}

static void what_nobody_comes_for_is_free_after_half_a_minute(void **state)		/* D-T16 */
{
	struct bench *b = bench_new(21000, 21999);
	struct relay first = open_pair(b, &loopback, 1000), second;
	uint8_t token[RELAY_TOKEN];
	(void)state;
	assert_true(relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 1000, token));
	relay_sockets_close(&b->a, &first, 2000);			/* a reservation outlives the allocation that made it */
	assert_int_equal(used(b), 1);
	reservations_expire(b->addresses.reserved, 1000 + RESERVATION_LIFETIME - 1);
	assert_int_equal(used(b), 1);
	assert_int_equal(reservations_family(b->addresses.reserved, token, SPAN_LIT("alice"), 1000 + RESERVATION_LIFETIME - 1), 4);
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT("alice"), 1000 + RESERVATION_LIFETIME, &second),
			 RELAY_NO_CAPACITY);
	assert_int_equal(used(b), 0);
	first = open_pair(b, &loopback, 100000);
	assert_true(relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 100000, token));
	relay_sockets_close(&b->a, &first, 100000);
	first = open_pair(b, &loopback, 100000 + RESERVATION_LIFETIME);	/* whoever opens a relay clears up */
	assert_int_equal(used(b), 2);
	bench_free(b);
}

static void a_relay_that_is_closed_before_its_neighbour_is_reserved_gives_back_both(void **state)
{
	struct bench *b = bench_new(21000, 21999);
	struct relay first = open_pair(b, &loopback, 0);
	(void)state;
	assert_int_equal(used(b), 2);
	relay_sockets_close(&b->a, &first, 0);
	assert_int_equal(used(b), 0);
	bench_free(b);
}

static void the_table_is_of_a_fixed_size(void **state)
{
	struct bench *b = bench_new(21000, 23999);
	struct relay r;
	uint8_t token[RELAY_TOKEN], first[RELAY_TOKEN];
	unsigned n = 0;
	(void)state;
	for (; n < RESERVATIONS_MAX; n++) {
		r = open_pair(b, &loopback, 0);
		assert_true(relay_sockets_reserve(&b->a, &r, SPAN_LIT("alice"), n < 10 ? 0 : 1, token));
		if (n == 9)
			memcpy(first, token, sizeof(first));
		relay_sockets_close(&b->a, &r, 0);
	}
	r = open_pair(b, &loopback, 0);
	assert_false(relay_sockets_reserve(&b->a, &r, SPAN_LIT("alice"), 1, token));
	relay_sockets_close(&b->a, &r, 0);
	assert_int_equal(used(b), RESERVATIONS_MAX);
	assert_int_equal(relay_sockets_adopt(&b->b, NULL, first, SPAN_LIT("alice"), 1, &r), RELAY_OK);	/* from the middle */
	relay_sockets_close(&b->b, &r, 1);
	reservations_expire(b->addresses.reserved, RESERVATION_LIFETIME);
	assert_int_equal(used(b), RESERVATIONS_MAX - 10);
	bench_free(b);
}

/* Two free ports side by side, wherever they are. */
static void the_last_pair_of_the_range_is_found(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct port_pool *p = port_pool_new(1000, 1599, 2);
		uint16_t port;
		while (port_pool_take(p, round % 2, RELAY_ANY_PORT, 0) != 0)
			;
		for (port = 1000; port < 1600; port++)
			if (port % 4 == 1 || port % 4 == 2)		/* singles of both kinds, no pair */
				port_pool_give(p, port, PORT_USED, 0);
		assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, PORT_REST_MS), 0);
		assert_int_equal(port_pool_used(p), 300);
		port = (uint16_t)(1000 + 4 * (round * 7));
		port_pool_give(p, port, PORT_USED, PORT_REST_MS);	/* beside port + 1, which is free */
		assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, 2 * PORT_REST_MS), port);
		assert_int_equal(port_pool_user(p, (uint16_t)(port + 1)), 0);
		assert_int_equal(port_pool_used(p), 301);
		port_pool_free(p);
	}
}

static void an_even_port_at_the_end_of_the_range_has_no_neighbour(void **state)
{
	struct port_pool *p = port_pool_new(1000, 1002, 1);
	(void)state;
	assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, 0), 1000);
	assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, 0), 0);
	assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT, 0), 1002);
	port_pool_free(p);
	p = port_pool_new(1000, 1000, 1);
	assert_int_equal(port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, 0), 0);
	assert_int_equal(port_pool_used(p), 0);
	port_pool_free(p);
}

static void a_pair_is_found_in_chunks_that_nobody_has_leased(void **state)
{
	struct port_pool *p = port_pool_new(1024, 65535, 2);
	unsigned n = 0;
	(void)state;
	while (port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, 0) != 0)
		n++;
	assert_int_equal(n, (65536 - 1024) / 2);			/* up to the very last */
	port_pool_free(p);
}

static void a_pair_is_found_in_an_idle_chunk_when_single_ports_are_plenty(void **state)
{
	enum { CHUNKS = 40, FIRST = 1024, END = FIRST + CHUNKS * PORT_CHUNK, IDLE = FIRST + 7 * PORT_CHUNK };
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct port_pool *p = port_pool_new(FIRST, END - 1, 1);
		uint16_t port;
		while (port_pool_take(p, 0, RELAY_ANY_PORT, 0) != 0)
			;
		for (port = FIRST; port < END; port++)
			if (port % 2 == 0 || (port >= IDLE && port < IDLE + PORT_CHUNK))
				port_pool_give(p, port, PORT_USED, 0);
		port = port_pool_take(p, 0, RELAY_EVEN_PORT_RESERVE, PORT_REST_MS);
		assert_in_range(port, IDLE, IDLE + PORT_CHUNK - 2);
		port_pool_free(p);
	}
}

static void a_neighbour_that_another_program_holds_is_passed_over(void **state)
{
	struct bench *b = bench_new(21000, 21003);
	struct endpoint foreign = { loopback, 21001 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&foreign, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct relay r;
	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	for (unsigned i = 0; i < 8; i++) {				/* either may be tried first */
		r = open_pair(b, &loopback, i * 100000);
		assert_int_equal(r.bound.port, 21002);
		relay_sockets_close(&b->a, &r, i * 100000);
	}
	close(fd);
	assert_int_equal(used(b), 0);
	bench_free(b);
}

static void only_the_port_that_is_held_by_another_rests_for_long(void **state)
{
	struct bench *b = bench_new(21000, 21001);
	struct endpoint foreign = { loopback, 21001 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&foreign, &sa);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct relay r;
	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(relay_sockets_open(&b->a, NULL, 4, RELAY_EVEN_PORT_RESERVE, &loopback, 0, &r), RELAY_NO_CAPACITY);
	assert_int_equal(relay_sockets_open(&b->a, NULL, 4, RELAY_ANY_PORT, &loopback, PORT_REST_MS, &r), RELAY_OK);
	assert_int_equal(r.bound.port, 21000);
	close(fd);
	bench_free(b);
}

static void descriptors_count_for_both(void **state)
{
	struct bench *b = bench_new(21000, 21999);
	struct relay r;
	(void)state;
	b->addresses.max_sockets = 1;
	assert_int_equal(relay_sockets_open(&b->a, NULL, 4, RELAY_EVEN_PORT_RESERVE, &loopback, 0, &r), RELAY_NO_CAPACITY);
	assert_int_equal(used(b), 0);
	b->addresses.max_sockets = 2;
	r = open_pair(b, &loopback, 0);
	assert_int_equal(used(b), 2);
	bench_free(b);
}

static void no_memory_leaves_nothing_behind(void **state)
{
	(void)state;
	for (unsigned n = 0;; n++) {
		struct bench *b = bench_new(21000, 21999);
		struct relay first, second = { .open = false };
		uint8_t token[RELAY_TOKEN];
		bool ok;
		alloc_fail_at(n);
		ok = relay_sockets_open(&b->a, NULL, 4, RELAY_EVEN_PORT_RESERVE, &loopback, 0, &first) == RELAY_OK &&
		     relay_sockets_reserve(&b->a, &first, SPAN_LIT("alice"), 0, token) &&
		     relay_sockets_adopt(&b->b, NULL, token, SPAN_LIT("alice"), 0, &second) == RELAY_OK;
		bool failed = alloc_failed();
		alloc_fail_never();
		assert_true(ok != failed);
		assert_int_equal(used(b), ok ? 2 : n == 0 ? 0 : 1);
		bench_free(b);
		if (!failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_worker_adopts_the_port_behind),
		cmocka_unit_test(a_token_is_good_once_and_for_its_user_only),
		cmocka_unit_test(what_nobody_comes_for_is_free_after_half_a_minute),
		cmocka_unit_test(a_relay_that_is_closed_before_its_neighbour_is_reserved_gives_back_both),
		cmocka_unit_test(the_table_is_of_a_fixed_size),
		cmocka_unit_test(the_last_pair_of_the_range_is_found),
		cmocka_unit_test(an_even_port_at_the_end_of_the_range_has_no_neighbour),
		cmocka_unit_test(a_pair_is_found_in_chunks_that_nobody_has_leased),
		cmocka_unit_test(a_pair_is_found_in_an_idle_chunk_when_single_ports_are_plenty),
		cmocka_unit_test(a_neighbour_that_another_program_holds_is_passed_over),
		cmocka_unit_test(only_the_port_that_is_held_by_another_rests_for_long),
		cmocka_unit_test(descriptors_count_for_both),
		cmocka_unit_test(no_memory_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
