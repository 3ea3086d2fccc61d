#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/batch.h"

#include <stdlib.h>
#include <unistd.h>

static const struct ip_addr loopback4 = { 4, { 127, 0, 0, 1 } }, loopback6 = { 6, { [15] = 1 } };
static uint8_t bytes[65536];

/* A queue, the socket it is sent from, two sockets that hear it. */
struct bench {
	struct tx_counts counts;
	struct tx_batch *tx;
	struct rx_batch *rx;
	int from, to[2];
	struct endpoint at[2];
	bool offload;			/* does this kernel do both? */
};

static int open_at(const struct ip_addr *ip, struct endpoint *at)
{
	struct endpoint any = { .ip = *ip };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&any, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*at = endpoint_from_sockaddr((struct sockaddr *)&sa);
	return fd;
}

static void open_bench(struct bench *b, const struct ip_addr *ip)
{
	struct endpoint ignored;

	*b = (struct bench){ .offload = rx_can_coalesce() && tx_can_segment() };
	assert_non_null(b->tx = tx_new(&b->counts));
	assert_non_null(b->rx = rx_new());
	b->from = open_at(ip, &ignored);
	for (unsigned i = 0; i < 2; i++) {
		b->to[i] = open_at(ip, &b->at[i]);
		rx_coalesce(b->to[i]);
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
}

static void close_bench(struct bench *b)
{
	tx_free(b->tx);
	rx_free(b->rx);
	close(b->from);
	close(b->to[0]);
	close(b->to[1]);
}

/* A datagram whose bytes say which one it is, in up to three pieces. */
static void add(struct bench *b, unsigned to, unsigned number, size_t size)
{
	size_t head = size > 4 ? 4 : 0, tail = size > 8 && number % 2 == 1 ? 3 : 0;

	tx_add(b->tx, &(struct tx_datagram){ .to = &b->at[to], .head = { bytes + number, head },
					     .payload = { bytes + number + head, size - head - tail }, .tail = (uint8_t)tail });
}

static void assert_next(struct bench *b, unsigned number, size_t size)
{
	size_t tail = size > 8 && number % 2 == 1 ? 3 : 0;
	struct rx_datagram d;

	assert_true(rx_next(b->rx, &d));
	assert_int_equal(d.data.len, size);
	assert_memory_equal(d.data.p, bytes + number, size - tail);
	for (size_t i = size - tail; i < size; i++)
		assert_int_equal(d.data.p[i], 0);
}

/* What `to` hears: this many buffers where offload works. */
static void receive(struct bench *b, unsigned to, unsigned buffers, unsigned datagrams)
{
	rx_reset(b->rx);
	assert_int_equal(rx_receive(b->rx, b->to[to], BATCH), b->offload ? buffers : datagrams);
}

static void assert_no_more(struct bench *b)
{
	struct rx_datagram d;

	assert_false(rx_next(b->rx, &d));
}

static void a_run_of_equal_datagrams_goes_in_one_piece(void **state)
{
	(void)state;
	for (unsigned family = 0; family < 2; family++) {
		struct bench b;
		open_bench(&b, family == 0 ? &loopback4 : &loopback6);
		for (unsigned i = 0; i < 8; i++)
			add(&b, 0, i, i < 7 ? 1204 : 900);
		tx_flush(b.tx, b.from);
		assert_int_equal(b.counts.sent, 8);
		receive(&b, 0, 1, 8);
		for (unsigned i = 0; i < 8; i++)
			assert_next(&b, i, i < 7 ? 1204 : 900);
		assert_no_more(&b);
		close_bench(&b);
	}
}

static void runs_end_where_sizes_or_addresses_do(void **state)
{
	static const struct { uint8_t to; uint16_t size; uint8_t begins; } d[] = {
		{ 0, 100, 1 }, { 0, 100, 0 }, { 0, 101, 1 }, { 0, 50, 0 }, { 0, 50, 1 }, { 0, 0, 1 }, { 0, 0, 1 }, { 0, 1, 1 },
		{ 1, 1, 1 }, { 0, 1, 1 }, { 0, 1, 0 }, { 1, 30, 1 }, { 1, 20, 0 }, { 1, 10, 1 },
	};
	enum { N = sizeof(d) / sizeof(d[0]) };
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	for (unsigned i = 0; i < N; i++)
		add(&b, d[i].to, i, d[i].size);
	tx_flush(b.tx, b.from);
	assert_int_equal(b.counts.sent, N);
	for (unsigned to = 0; to < 2; to++) {
		unsigned buffers = 0, datagrams = 0;
		for (unsigned i = 0; i < N; i++) {
			datagrams += d[i].to == to;
			buffers += d[i].to == to && d[i].begins;
		}
		receive(&b, to, buffers, datagrams);
		for (unsigned i = 0; i < N; i++)
			if (d[i].to == to)
				assert_next(&b, i, d[i].size);
		assert_no_more(&b);
	}
	close_bench(&b);
}

static void a_run_is_no_longer_than_one_packet_of_ip(void **state)
{
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	for (unsigned i = 0; i < BATCH; i++)
		add(&b, 0, i, 1500);
	assert_true(tx_full(b.tx));
	tx_flush(b.tx, b.from);
	assert_int_equal(b.counts.sent, BATCH);
	receive(&b, 0, 2, BATCH);
	for (unsigned i = 0; i < BATCH; i++)
		assert_next(&b, i, 1500);
	assert_no_more(&b);
	for (unsigned i = 0; i < BATCH; i++)	/* the most that one message may have */
		add(&b, 0, i, 8);
	tx_flush(b.tx, b.from);
	receive(&b, 0, 1, BATCH);
	for (unsigned i = 0; i < BATCH; i++)
		assert_next(&b, i, 8);
	assert_no_more(&b);
	close_bench(&b);
}

/* Without checksums the kernel refuses segments on a socket: here, that is how a way without offload looks. */
static void what_is_refused_as_segments_goes_one_by_one(void **state)
{
	int on = 1;
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	assert_int_equal(setsockopt(b.from, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	add(&b, 1, 0, 70);
	for (unsigned i = 0; i < 6; i++)
		add(&b, 0, i, i < 5 ? 60 : 20);
	add(&b, 1, 1, 70);
	tx_flush(b.tx, b.from);
	assert_int_equal(b.counts.sent, 8);
	assert_int_equal(b.counts.refused, 0);
	receive(&b, 0, 6, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_next(&b, i, i < 5 ? 60 : 20);
	receive(&b, 1, 2, 2);
	assert_next(&b, 0, 70);
	assert_next(&b, 1, 70);
	close_bench(&b);
}

static unsigned buffers_of_a_pair(struct bench *b, unsigned to)
{
	unsigned n;

	add(b, to, 0, 40);
	add(b, to, 1, 40);
	tx_flush(b->tx, b->from);
	rx_reset(b->rx);
	n = rx_receive(b->rx, b->to[to], BATCH);
	assert_next(b, 0, 40);
	assert_next(b, 1, 40);
	return n;
}

static void a_refusal_is_remembered_for_its_destination_and_forgotten(void **state)
{
	int on = 1, off = 0;
	unsigned tries = 0;
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	while ((b.at[0].port ^ b.at[1].port) % TX_REFUSALS == 0) {	/* they must not share a place */
		close(b.to[1]);
		b.to[1] = open_at(&loopback4, &b.at[1]);
		rx_coalesce(b.to[1]);
	}
	assert_int_equal(setsockopt(b.from, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)), 0);
	assert_int_equal(buffers_of_a_pair(&b, 0), 2);
	assert_int_equal(setsockopt(b.from, SOL_SOCKET, SO_NO_CHECK, &off, sizeof(off)), 0);
	assert_int_equal(buffers_of_a_pair(&b, 0), 2);
	assert_int_equal(buffers_of_a_pair(&b, 1), b.offload ? 1 : 2);
	while (b.offload && buffers_of_a_pair(&b, 0) == 2)
		assert_true(++tries < 2000);
	assert_true(!b.offload || tries > 500);
	close_bench(&b);
}

static void a_kernel_without_offload_sees_plain_sends(void **state)
{
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	b.tx->can_segment = false;
	for (unsigned i = 0; i < 4; i++)
		add(&b, 0, i, 25);
	tx_flush(b.tx, b.from);
	assert_int_equal(b.counts.sent, 4);
	receive(&b, 0, 4, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_next(&b, i, 25);
	close_bench(&b);
}

/* A run that the kernel refuses for another reason is lost as a whole, counted by the datagram, and holds up nothing. */
static void a_lost_run_is_counted_by_the_datagram(void **state)
{
	static const struct endpoint broadcast = { { 4, { 255, 255, 255, 255 } }, 9 };
	struct bench b;
	(void)state;

	open_bench(&b, &loopback4);
	for (unsigned i = 0; i < 3; i++)
		tx_add(b.tx, &(struct tx_datagram){ .to = &broadcast, .payload = SPAN_LIT("EACCES") });
	add(&b, 0, 0, 10);
	tx_flush(b.tx, b.from);
	assert_int_equal(b.counts.refused, 3);
	assert_int_equal(b.counts.sent, 1);
	receive(&b, 0, 1, 1);
	assert_next(&b, 0, 10);
	close_bench(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_equal_datagrams_goes_in_one_piece),
		cmocka_unit_test(runs_end_where_sizes_or_addresses_do),
		cmocka_unit_test(a_run_is_no_longer_than_one_packet_of_ip),
		cmocka_unit_test(what_is_refused_as_segments_goes_one_by_one),
		cmocka_unit_test(a_refusal_is_remembered_for_its_destination_and_forgotten),
		cmocka_unit_test(a_kernel_without_offload_sees_plain_sends),
		cmocka_unit_test(a_lost_run_is_counted_by_the_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
