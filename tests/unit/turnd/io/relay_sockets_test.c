#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/relay_sockets.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct ip_addr loopback4 = { 4, { 127, 0, 0, 1 } }, loopback6 = { 6, { [15] = 1 } };

/* A worker's half of io, without its loop; what arrives is written down. */
struct bench {
	struct relay_addresses addresses;
	struct tx_counts counts;
	struct relay_sockets sockets;
	struct rx_batch *rx;
	struct flow_packet packets[BATCH];
	unsigned deliveries, received;
	struct { struct allocation *owner; struct endpoint peer; char text[32]; } got[1024];
	struct relay *close_next;	/* to close in the middle of receiving, and another to open in its place */
	struct relay opened;
};

static struct allocation *owner(uintptr_t n)	/* the shell never looks inside */
{
	return (struct allocation *)n;
}

static void setup_at(struct bench *b, uint16_t min, uint16_t max)
{
	*b = (struct bench){ .addresses.max_sockets = 10000 };
	assert_int_equal(relay_addresses_add(&b->addresses, &loopback4, &loopback4, min, max, 1), 0);
	assert_int_equal(relay_addresses_add(&b->addresses, &loopback6, &loopback6, min, max, 1), 0);
	assert_int_equal(relay_sockets_init(&b->sockets, &b->addresses, 0, 65536, &b->counts), 0);
	assert_non_null(b->rx = rx_new());
}

static int setup(void **state)
{
	struct bench *b = malloc(sizeof(*b));
	if (b == NULL)
		return -1;
	setup_at(b, 20000, 29999);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	relay_sockets_shut(&b->sockets);
	relay_addresses_close(&b->addresses);
	rx_free(b->rx);
	free(b);
	return 0;
}

static struct relay open_relay(struct bench *b, uintptr_t who, uint8_t family)
{
	struct relay r;
	assert_int_equal(relay_sockets_open(&b->sockets, owner(who), family, RELAY_ANY_PORT,
					    family == 4 ? &loopback4 : &loopback6, 0, &r), RELAY_OK);
	return r;
}

static int peer_socket(uint8_t family, struct endpoint *at)
{
	struct endpoint any = { .ip = family == 4 ? loopback4 : loopback6 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&any, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*at = endpoint_from_sockaddr((struct sockaddr *)&sa);
	return fd;
}

static void say(int fd, const struct relay *to, const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&to->bound, &sa);
	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&sa, len), strlen(text));
}

/* n times the text, in one piece if the kernel can. */
static void say_burst(int fd, const struct relay *to, const char *text, unsigned n)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&to->bound, &sa);
	int size = (int)strlen(text), none = 0;
	char burst[4096] = "";

	if (!tx_can_segment()) {
		while (n-- > 0)
			say(fd, to, text);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		memcpy(burst + i * strlen(text), text, strlen(text));
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	assert_int_equal(sendto(fd, burst, n * strlen(text), 0, (struct sockaddr *)&sa, len), n * strlen(text));
	assert_int_equal(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)), 0);
}

static void on_batch(void *ctx, unsigned n)
{
	struct bench *b = ctx;

	assert_in_range(n, 1, BATCH);
	b->deliveries++;
	for (unsigned i = 0; i < n; i++) {
		const struct flow_packet *p = &b->packets[i];
		assert_true(b->received < 1024 && p->data.len < 32);
		b->got[b->received].owner = p->allocation;
		b->got[b->received].peer = p->peer;
		memcpy(b->got[b->received].text, p->data.p, p->data.len);
		b->got[b->received++].text[p->data.len] = 0;
	}
	if (b->close_next != NULL) {
		relay_sockets_close(&b->sockets, b->close_next, 0);
		assert_int_equal(relay_sockets_open(&b->sockets, owner(99), 4, RELAY_ANY_PORT, &loopback4, 0, &b->opened), RELAY_OK);
		assert_int_equal(b->opened.socket, b->close_next->socket);
		b->close_next = NULL;
	}
}

static void receive(struct bench *b)
{
	relay_sockets_receive(&b->sockets, b->rx, b->packets, on_batch, b);
	assert_int_equal(rx_count(b->rx), 0);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, 0) == 1;
}

static struct flow_verdict to_peer(const struct relay *r, const struct endpoint *peer, const char *text)
{
	return (struct flow_verdict){ .action = FLOW_TO_PEER, .payload = span_str(text), .relay = r, .peer = *peer };
}

static void assert_hears(int fd, const struct relay *from, const char *text)
{
	char heard[64];
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	ssize_t n = recvfrom(fd, heard, sizeof(heard) - 1, MSG_DONTWAIT, (struct sockaddr *)&sa, &len);
	struct endpoint e;

	assert_true(n >= 0);
	heard[n] = 0;
	assert_string_equal(heard, text);
	e = endpoint_from_sockaddr((struct sockaddr *)&sa);
	assert_true(endpoint_equal(&e, &from->bound));
}

static void peers_are_heard_with_the_owner_of_the_socket(void **state)
{
	struct bench *b = *state;

	for (uint8_t family = 4; family <= 6; family += 2) {
		struct endpoint at;
		struct relay r = open_relay(b, family, family);
		int peer = peer_socket(family, &at);
		b->received = 0;
		say(peer, &r, "one");
		say(peer, &r, "");
		say(peer, &r, "three");
		assert_true(readable(b->sockets.epoll));
		receive(b);
		assert_int_equal(b->received, 3);
		assert_string_equal(b->got[0].text, "one");
		assert_string_equal(b->got[1].text, "");
		assert_string_equal(b->got[2].text, "three");
		assert_ptr_equal(b->got[2].owner, owner(family));
		assert_true(endpoint_equal(&b->got[2].peer, &at));
		assert_false(readable(b->sockets.epoll));
		close(peer);
	}
}

static void many_sockets_fill_several_batches(void **state)
{
	enum { N = 100 };
	struct bench *b = *state;
	struct relay r[N];
	struct endpoint at;
	int peer = peer_socket(4, &at);
	unsigned seen[N] = { 0 };

	for (unsigned i = 0; i < N; i++) {
		r[i] = open_relay(b, i, 4);
		say(peer, &r[i], "a");
		say(peer, &r[i], "b");
	}
	receive(b);
	assert_int_equal(b->received, 2 * N);
	assert_true(b->deliveries >= 2 * N / BATCH && b->deliveries < N / 2);
	for (unsigned i = 0; i < b->received; i++)
		assert_int_equal(b->got[i].text[0], seen[(uintptr_t)b->got[i].owner]++ == 0 ? 'a' : 'b');
	close(peer);
}

static void one_busy_socket_does_not_starve_the_others(void **state)
{
	struct bench *b = *state;
	struct relay busy = open_relay(b, 1, 4), quiet = open_relay(b, 2, 4);
	struct endpoint at;
	int peer = peer_socket(4, &at);
	bool quiet_heard = false;

	for (unsigned i = 0; i < 50; i++)
		say(peer, &busy, "x");
	say(peer, &quiet, "y");
	receive(b);
	assert_int_equal(b->received, RELAY_RECEIVE + 1);
	for (unsigned i = 0; i < b->received; i++)
		quiet_heard = quiet_heard || b->got[i].owner == owner(2);
	assert_true(quiet_heard);
	while (readable(b->sockets.epoll))
		receive(b);
	assert_int_equal(b->received, 51);
	close(peer);
}

static void a_socket_closed_inside_a_batch_is_never_heard_again(void **state)
{
	enum { N = 30 };
	struct bench *b = *state;
	struct relay r[N];
	struct endpoint at;
	int peer = peer_socket(4, &at);

	for (unsigned i = 0; i < N; i++) {
		r[i] = open_relay(b, i, 4);
		for (unsigned k = 0; k < RELAY_RECEIVE; k++)
			say(peer, &r[i], "x");
	}
	b->close_next = &r[N - 1];	/* at the first delivery, when its event is already in hand */
	receive(b);
	for (unsigned i = 0; i < b->received; i++)
		assert_ptr_not_equal(b->got[i].owner, owner(N - 1));
	assert_int_equal(b->received, (N - 1) * RELAY_RECEIVE);
	say(peer, &b->opened, "new");
	receive(b);
	assert_int_equal(b->received, (N - 1) * RELAY_RECEIVE + 1);
	assert_ptr_equal(b->got[b->received - 1].owner, owner(99));
	close(peer);
}

static void bursts_are_cut_into_datagrams_in_their_order(void **state)
{
	struct bench *b = *state;
	struct relay r1 = open_relay(b, 1, 4), r2 = open_relay(b, 2, 4);
	struct endpoint at;
	int peer = peer_socket(4, &at);
	char expected[32];

	for (unsigned i = 0; i < RELAY_RECEIVE; i++) {
		snprintf(expected, sizeof(expected), "burst %u", i);
		say_burst(peer, &r1, expected, 40);
	}
	say_burst(peer, &r2, "other", 3);
	receive(b);
	assert_int_equal(b->received, 40 * RELAY_RECEIVE + 3);
	for (unsigned i = 0; i < 40 * RELAY_RECEIVE; i++) {
		snprintf(expected, sizeof(expected), "burst %u", i / 40);
		assert_string_equal(b->got[i].text, expected);
		assert_ptr_equal(b->got[i].owner, owner(1));
		assert_true(endpoint_equal(&b->got[i].peer, &at));
	}
	assert_ptr_equal(b->got[b->received - 1].owner, owner(2));
	assert_string_equal(b->got[b->received - 1].text, "other");
	close(peer);
}

static void what_is_left_of_a_burst_goes_with_its_socket(void **state)
{
	struct bench *b = *state;
	struct relay r = open_relay(b, 1, 4), other = open_relay(b, 2, 4);
	struct endpoint at;
	int peer = peer_socket(4, &at);

	say_burst(peer, &r, "x", 60);
	say_burst(peer, &r, "x", 60);
	say_burst(peer, &other, "y", 3);
	b->close_next = &r;		/* after the first BATCH of them */
	receive(b);
	assert_int_equal(b->received, BATCH + 3);
	assert_ptr_equal(b->got[BATCH - 1].owner, owner(1));
	for (unsigned i = BATCH; i < b->received; i++)
		assert_ptr_equal(b->got[i].owner, owner(2));
	close(peer);
}

static void sends_keep_their_order_and_source(void **state)
{
	struct bench *b = *state;
	struct relay r1 = open_relay(b, 1, 4), r2 = open_relay(b, 2, 6);
	struct endpoint at4, at6;
	int p4 = peer_socket(4, &at4), p6 = peer_socket(6, &at6);
	struct flow_verdict v[] = {
		to_peer(&r1, &at4, "1"), to_peer(&r2, &at6, "2"), { .action = FLOW_DROP }, to_peer(&r1, &at4, ""),
		to_peer(&r2, &at6, "4"), to_peer(&r1, &at4, "5"),
	};

	v[3].dont_fragment = true;
	v[4].dont_fragment = true;
	relay_sockets_send(&b->sockets, v, 6);
	assert_hears(p4, &r1, "1");
	assert_hears(p4, &r1, "");
	assert_hears(p4, &r1, "5");
	assert_hears(p6, &r2, "2");
	assert_hears(p6, &r2, "4");
	assert_int_equal(b->counts.sent, 5);
	close(p4);
	close(p6);
}

static void what_cannot_be_sent_is_counted_and_stops_nothing(void **state)
{
	struct bench *b = *state;
	struct relay r = open_relay(b, 1, 4);
	struct endpoint at, broadcast = { { 4, { 255, 255, 255, 255 } }, 9 };
	int peer = peer_socket(4, &at);
	static char huge[65520];
	struct flow_verdict v[] = {
		to_peer(&r, &broadcast, "EACCES"), to_peer(&r, &at, "before"), to_peer(&r, &at, huge), to_peer(&r, &at, "behind"),
	};

	v[2].payload.len = sizeof(huge);	/* EMSGSIZE */
	relay_sockets_send(&b->sockets, v, 4);
	assert_hears(peer, &r, "before");
	assert_hears(peer, &r, "behind");
	assert_int_equal(b->counts.refused, 2);
	close(peer);
}

static void a_peer_that_is_gone_does_not_silence_the_socket(void **state)
{
	struct bench *b = *state;
	struct relay r = open_relay(b, 1, 4);
	struct endpoint gone, at;
	int peer = peer_socket(4, &at);
	struct flow_verdict v;

	close(peer_socket(4, &gone));
	for (unsigned i = 0; i < 5; i++) {	/* each is answered by an ICMP error */
		v = to_peer(&r, &gone, "anybody?");
		relay_sockets_send(&b->sockets, &v, 1);
	}
	say(peer, &r, "hello");
	receive(b);
	assert_int_equal(b->received, 1);
	v = to_peer(&r, &at, "hello yourself");
	relay_sockets_send(&b->sockets, &v, 1);
	assert_hears(peer, &r, "hello yourself");
	close(peer);
}

static void a_port_held_by_another_program_is_passed_over(void **state)
{
	struct bench *b = *state;
	struct relay r[3];
	struct endpoint at = { loopback4, 20001 };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&at, &sa);
	int other = socket(AF_INET, SOCK_DGRAM, 0);

	teardown(state);
	*state = b = malloc(sizeof(*b));
	assert_non_null(b);
	setup_at(b, 20000, 20003);
	assert_int_equal(bind(other, (struct sockaddr *)&sa, len), 0);
	for (unsigned i = 0; i < 3; i++) {
		r[i] = open_relay(b, i, 4);
		assert_int_not_equal(r[i].bound.port, 20001);
	}
	assert_int_equal(relay_sockets_open(&b->sockets, owner(9), 4, RELAY_ANY_PORT, &loopback4, 0, &r[0]), RELAY_NO_CAPACITY);
	assert_int_equal(port_pool_used(b->addresses.v[0].ports), 3);
	assert_int_equal(b->addresses.sockets, 3);
	close(other);
}

static void descriptors_are_refused_before_they_run_out(void **state)
{
	struct bench *b = *state;
	struct relay r[4];

	b->addresses.max_sockets = 3;
	for (unsigned i = 0; i < 3; i++)
		r[i] = open_relay(b, i, 4);
	assert_int_equal(relay_sockets_open(&b->sockets, owner(3), 4, RELAY_ANY_PORT, &loopback4, 0, &r[3]), RELAY_NO_CAPACITY);
	relay_sockets_close(&b->sockets, &r[1], 0);
	r[3] = open_relay(b, 3, 4);
	assert_true(relay_addresses_in_use(&b->addresses, &r[3].bound));
	assert_false(relay_addresses_in_use(&b->addresses, &r[1].bound));
}

static void a_family_without_relay_address_is_told_apart(void **state)
{
	struct bench *b = *state;
	struct relay r;

	port_pool_free(b->addresses.v[--b->addresses.n].ports);
	assert_int_equal(relay_sockets_open(&b->sockets, owner(1), 6, RELAY_ANY_PORT, &loopback6, 0, &r), RELAY_NO_FAMILY);
}

static void the_address_that_was_asked_is_preferred(void **state)
{
	struct bench *b = *state;
	struct ip_addr second = { 4, { 127, 0, 0, 2 } }, elsewhere = { 4, { 127, 0, 0, 9 } };
	struct relay r[3];

	assert_int_equal(relay_addresses_add(&b->addresses, &second, &second, 20000, 20999, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(relay_sockets_open(&b->sockets, owner(1), 4, RELAY_EVEN_PORT, &second, 0, &r[i]), RELAY_OK);
		assert_true(ip_equal(&r[i].bound.ip, &second));
		assert_int_equal(r[i].bound.port % 2, 0);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(relay_sockets_open(&b->sockets, owner(1), 4, RELAY_ANY_PORT, &elsewhere, 0, &r[i]), RELAY_OK);
	assert_false(ip_equal(&r[0].bound.ip, &r[1].bound.ip));
}

/* Two workers on threads of their own share nothing but the addresses. */
struct player {
	struct relay_addresses *addresses;
	unsigned worker;
	pthread_t thread;
};

static void *open_use_close(void *arg)
{
	struct player *me = arg;
	struct bench *b = calloc(1, sizeof(*b));
	void *verdict = NULL;

	if (b == NULL || (b->rx = rx_new()) == NULL ||
	    relay_sockets_init(&b->sockets, me->addresses, me->worker, 65536, &b->counts) != 0)
		return me;
	for (unsigned round = 0; round < 50 && verdict == NULL; round++) {
		struct relay a, z;
		struct flow_verdict v;
		if (relay_sockets_open(&b->sockets, owner(1), 4, RELAY_ANY_PORT, &loopback4, round, &a) != RELAY_OK ||
		    relay_sockets_open(&b->sockets, owner(2), 4, RELAY_ANY_PORT, &loopback4, round, &z) != RELAY_OK)
			return me;
		v = to_peer(&a, &z.bound, "across");
		relay_sockets_send(&b->sockets, &v, 1);
		b->received = 0;
		receive(b);
		if (b->received != 1 || b->got[0].owner != owner(2) || !relay_addresses_in_use(me->addresses, &a.bound))
			verdict = me;
		relay_sockets_close(&b->sockets, &a, round);
		relay_sockets_close(&b->sockets, &z, round);
	}
	relay_sockets_shut(&b->sockets);
	rx_free(b->rx);
	free(b);
	return verdict;
}

static void two_workers_share_one_range(void **state)
{
	struct relay_addresses addresses = { .max_sockets = 100 };
	struct player players[2];
	(void)state;

	assert_int_equal(relay_addresses_add(&addresses, &loopback4, &loopback4, 30000, 30600, 2), 0);
	for (unsigned i = 0; i < 2; i++) {
		players[i] = (struct player){ &addresses, i, 0 };
		assert_int_equal(pthread_create(&players[i].thread, NULL, open_use_close, &players[i]), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		void *wrong;
		pthread_join(players[i].thread, &wrong);
		assert_null(wrong);
	}
	assert_int_equal(addresses.sockets, 0);
	relay_addresses_close(&addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(peers_are_heard_with_the_owner_of_the_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(many_sockets_fill_several_batches, setup, teardown),
		cmocka_unit_test_setup_teardown(one_busy_socket_does_not_starve_the_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_socket_closed_inside_a_batch_is_never_heard_again, setup, teardown),
		cmocka_unit_test_setup_teardown(bursts_are_cut_into_datagrams_in_their_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_of_a_burst_goes_with_its_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(sends_keep_their_order_and_source, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_counted_and_stops_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_is_gone_does_not_silence_the_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_held_by_another_program_is_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors_are_refused_before_they_run_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_family_without_relay_address_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(the_address_that_was_asked_is_preferred, setup, teardown),
		cmocka_unit_test(two_workers_share_one_range),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
