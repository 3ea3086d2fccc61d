#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"
#include "turnd/io/path_tcp.h"
#include "turnd/wire/channel_data.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A worker that remembers what its clients said. */
struct home {
	struct test_loop loop;
	struct relay_addresses descriptors;
	struct strangers strangers;
	struct path_tcps streams;
	struct client_path last;
	struct buf heard;		/* frames, each with '|' behind it */
	unsigned batches, gone;
	bool allocated;
};

static void on_frames(void *owner, const struct client_path *from, const struct span *frames, unsigned n)
{
	struct home *h = owner;

	assert_in_range(n, 1, BATCH);
	h->batches++;
	h->last = *from;
	for (unsigned i = 0; i < n; i++) {
		buf_add_span(&h->heard, frames[i]);
		buf_add_byte(&h->heard, '|');
	}
}

static bool has_allocation(void *owner, const struct client_path *client)
{
	const struct home *h = owner;
	(void)client;
	return h->allocated;
}

static void on_gone(void *owner, const struct client_path *client)
{
	struct home *h = owner;
	(void)client;
	h->gone++;
}

static const struct path_tcp_handler ops = { on_frames, has_allocation, on_gone };

static void home_open(struct home *h, msec_t allocate_timeout, unsigned max_strangers)
{
	*h = (struct home){ .descriptors = { .max_sockets = 100 } };
	test_loop_open(&h->loop);
	buf_init(&h->heard, SIZE_MAX);
	assert_int_equal(strangers_init(&h->strangers, max_strangers), 0);
	path_tcps_init(&h->streams, &(struct path_tcp_options){
		.loop = &h->loop.uv, .handler = &ops, .owner = h, .descriptors = &h->descriptors, .strangers = &h->strangers,
		.allocate_timeout = allocate_timeout, .last_channel = CHANNEL_LAST,
	});
}

static uint64_t ended(const struct home *h, enum path_tcp_end why)
{
	return count_read(&h->streams.counts.ended[why]);
}

static uint64_t living(const struct home *h)
{
	return count_read(&h->streams.counts.open[TRANSPORT_TCP]);
}

static void home_close(struct home *h)
{
	path_tcps_shut(&h->streams);
	test_loop_close(&h->loop);
	assert_int_equal(living(h), 0);
	assert_int_equal(h->strangers.n, 0);
	assert_int_equal(h->strangers.addresses.addresses.n, 0);
	assert_int_equal(atomic_load(&h->descriptors.sockets), 0);
	path_tcps_free(&h->streams);
	strangers_close(&h->strangers);
	buf_close(&h->heard);
}

/* A client's socket, and in *served the server's end of it. */
static int connect_pair(int *served)
{
	const struct endpoint any = loopback(0);
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&any, &sa);
	int at = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int small = 4096;

	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(bind(at, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(at, 1), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(at, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&sa, len), 0);
	*served = accept4(at, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*served >= 0);
	close(at);
	return client;
}

static int visit(struct home *h)
{
	struct landing *l = calloc(1, sizeof(*l));
	int client;

	assert_non_null(l);
	l->peer = loopback(1);
	client = connect_pair(&l->fd);
	path_tcp_open(&h->streams, l);
	landing_drop(l);
	return client;
}

static void say(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static bool heard(const struct home *h, const char *bytes, size_t n)
{
	return h->heard.len == n && memcmp(h->heard.p, bytes, n) == 0;
}

static bool hung_up(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static const char two[] = "\x40\1\0\5hello\0\0\0\x40\2\0\0";
#define TWO_HEARD "\x40\1\0\5hello|\x40\2\0\0|"

static void frames_come_whole_wherever_the_stream_is_cut(void **state)
{
	struct home h;
	(void)state;

	for (size_t at = 1; at < sizeof(two) - 1; at++) {
		int fd;
		home_open(&h, SECONDS(60), 10);
		fd = visit(&h);
		say(fd, two, at);
		test_loop_turn(&h.loop);
		test_loop_turn(&h.loop);
		say(fd, two + at, sizeof(two) - 1 - at);
		RUN_UNTIL(&h.loop, heard(&h, TWO_HEARD, sizeof(TWO_HEARD) - 1));
		home_close(&h);
		assert_true(hung_up(fd));
		close(fd);
	}
}

static void all_frames_of_one_read_are_handed_on_at_once(void **state)
{
	char many[4 * 1000];
	struct home h;
	int fd;
	(void)state;

	for (size_t i = 0; i < 1000; i++)
		memcpy(many + 4 * i, "\x40\1\0\0", 4);
	home_open(&h, SECONDS(60), 10);
	fd = visit(&h);
	say(fd, many, sizeof(many));
	RUN_UNTIL(&h.loop, h.heard.len == 5000);
	assert_int_equal(h.batches, (1000 + BATCH - 1) / BATCH);
	assert_int_equal(h.last.transport, TRANSPORT_TCP);
	home_close(&h);
	close(fd);
}

static void what_one_turn_queues_leaves_in_one_piece(void **state)
{
	char got[64];
	struct home h;
	int fd;
	(void)state;

	home_open(&h, SECONDS(60), 10);
	fd = visit(&h);
	say(fd, two, sizeof(two) - 1);
	RUN_UNTIL(&h.loop, h.batches == 1);
	path_tcp_relay(&h.streams, &h.last, SPAN_LIT("head,"), SPAN_LIT("payload,"), 3);
	path_tcp_answer(&h.streams, &h.last, SPAN_LIT("answer"));
	assert_true(recv(fd, got, sizeof(got), MSG_DONTWAIT) < 0);
	path_tcp_flush(&h.streams);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 22);
	assert_memory_equal(got, "head,payload,\0\0\0answer", 22);
	home_close(&h);
	close(fd);
}

static void relayed_data_is_dropped_beyond_the_limit_and_answers_are_not(void **state)
{
	static uint8_t media[1200];
	size_t kernel = 0, got = 0, dropped;
	static uint8_t in[65536];
	struct home h;
	ssize_t n;
	int fd;
	(void)state;

	home_open(&h, SECONDS(60), 10);
	fd = visit(&h);
	say(fd, two, sizeof(two) - 1);
	RUN_UNTIL(&h.loop, h.batches == 1);
	while (count_read(&h.streams.counts.dropped) == 0) {
		path_tcp_relay(&h.streams, &h.last, SPAN_LIT(""), span_of(media, sizeof(media)), 0);
		path_tcp_flush(&h.streams);
		kernel += sizeof(media);
	}
	dropped = sizeof(media);
	for (unsigned i = 0; i < 50; i++)
		path_tcp_answer(&h.streams, &h.last, span_of(media, 1000));
	path_tcp_flush(&h.streams);
	while (got < kernel - dropped + 50 * 1000) {
		test_loop_turn(&h.loop);
		while ((n = recv(fd, in, sizeof(in), MSG_DONTWAIT)) > 0)
			got += (size_t)n;
	}
	assert_int_equal(got, kernel - dropped + 50 * 1000);
	assert_int_equal(living(&h), 1);
	home_close(&h);
	close(fd);
}

static void a_client_that_takes_no_answers_is_closed(void **state)
{
	static uint8_t media[1200];
	struct home h;
	int fd;
	(void)state;

	home_open(&h, SECONDS(60), 10);
	fd = visit(&h);
	say(fd, two, sizeof(two) - 1);
	RUN_UNTIL(&h.loop, h.batches == 1);
	while (ended(&h, TCP_END_STALLED) == 0) {
		path_tcp_answer(&h.streams, &h.last, span_of(media, sizeof(media)));
		path_tcp_flush(&h.streams);
	}
	RUN_UNTIL(&h.loop, living(&h) == 0);
	assert_int_equal(h.gone, 1);
	home_close(&h);
	close(fd);
}

static void a_stranger_goes_and_a_client_stays(void **state)
{
	struct home h;
	int stranger, client;
	(void)state;

	home_open(&h, 30, 10);
	stranger = visit(&h);
	client = visit(&h);
	h.allocated = true;
	say(client, two, sizeof(two) - 1);
	RUN_UNTIL(&h.loop, ended(&h, TCP_END_NO_ALLOCATION) == 1 && living(&h) == 1);
	assert_true(hung_up(stranger));
	assert_false(hung_up(client));
	assert_int_equal(h.strangers.n, 0);
	path_tcp_allocation_ended(&h.streams, &h.last);
	assert_int_equal(h.strangers.n, 1);
	RUN_UNTIL(&h.loop, ended(&h, TCP_END_NO_ALLOCATION) == 2 && living(&h) == 0);
	home_close(&h);
	close(stranger);
	close(client);
}

static void a_crowd_loses_its_oldest(void **state)
{
	struct home h;
	int fd[4];
	(void)state;

	home_open(&h, SECONDS(60), 3);
	for (size_t i = 0; i < 4; i++)
		fd[i] = visit(&h);
	RUN_UNTIL(&h.loop, living(&h) == 3);
	assert_int_equal(ended(&h, TCP_END_CROWD), 1);
	assert_true(hung_up(fd[0]));
	for (size_t i = 1; i < 4; i++)
		assert_false(hung_up(fd[i]));
	home_close(&h);
	for (size_t i = 0; i < 4; i++)
		close(fd[i]);
}

static void a_number_is_used_again(void **state)
{
	struct home h;
	(void)state;

	home_open(&h, SECONDS(60), 10);
	for (unsigned i = 0; i < 200; i++) {
		int fd = visit(&h);
		assert_int_equal(living(&h), 1);
		close(fd);
		RUN_UNTIL(&h.loop, living(&h) == 0);
	}
	assert_int_equal(h.streams.used, 1);
	assert_int_equal(ended(&h, TCP_END_PEER), 200);
	home_close(&h);
}

static void without_memory_or_descriptors_it_is_refused(void **state)
{
	struct home h;
	unsigned n = 0;
	bool failed = true;
	(void)state;

	for (; failed; n++) {
		struct landing *l = calloc(1, sizeof(*l));
		int fd;
		assert_non_null(l);
		l->peer = loopback(1);
		fd = connect_pair(&l->fd);
		home_open(&h, SECONDS(60), 10);
		alloc_fail_at(n);
		path_tcp_open(&h.streams, l);
		failed = alloc_failed();
		alloc_fail_never();
		landing_drop(l);
		test_loop_turn(&h.loop);
		assert_int_equal(living(&h), !failed);
		assert_int_equal(ended(&h, TCP_END_CAPACITY) + ended(&h, TCP_END_ADDRESS), failed);
		assert_int_equal(hung_up(fd), failed);
		home_close(&h);
		close(fd);
	}
	assert_in_range(n, 5, 20);
	home_open(&h, SECONDS(60), 10);
	h.descriptors.max_sockets = 0;
	close(visit(&h));
	assert_int_equal(ended(&h, TCP_END_CAPACITY), 1);
	home_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_whole_wherever_the_stream_is_cut),
		cmocka_unit_test(all_frames_of_one_read_are_handed_on_at_once),
		cmocka_unit_test(what_one_turn_queues_leaves_in_one_piece),
		cmocka_unit_test(relayed_data_is_dropped_beyond_the_limit_and_answers_are_not),
		cmocka_unit_test(a_client_that_takes_no_answers_is_closed),
		cmocka_unit_test(a_stranger_goes_and_a_client_stays),
		cmocka_unit_test(a_crowd_loses_its_oldest),
		cmocka_unit_test(a_number_is_used_again),
		cmocka_unit_test(without_memory_or_descriptors_it_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
