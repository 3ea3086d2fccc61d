#include "common/net/stream.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/net/listener.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"

/* A listener with one connection: `here` dialled, `there` was accepted. */
struct pair {
	struct test_loop loop;
	struct listener *listener;
	struct party here, there;
};

static void deaf_data(void *owner, struct span in)
{
	(void)owner;
	(void)in;
}

static void deaf_closed(void *owner, enum stream_end why)
{
	(void)owner;
	(void)why;
}

static const struct stream_handler deaf = { .data = deaf_data, .closed = deaf_closed };

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct pair *p = owner;

	assert_true(ip_is_loopback(&peer.ip));
	if (p->there.stream == NULL)
		p->there.stream = listener_accept(l, &party_handler, &p->there);
	else
		assert_non_null(listener_accept(l, &deaf, NULL));	/* until its other end closes */
}

static int open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	struct listener_options o = { .at = loopback(0) };
	char why[128];

	test_loop_open(&p->loop);
	party_init(&p->there);
	p->listener = listener_open(&p->loop.uv, &o, on_connection, p, why);
	assert_non_null(p->listener);
	party_dial(&p->here, &p->loop, listener_at(p->listener));
	*state = p;
	return 0;
}

static int open_connected_pair(void **state)
{
	struct pair *p;

	open_pair(state);
	p = *state;
	RUN_UNTIL(&p->loop, p->here.connected && p->there.stream != NULL);
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	alloc_fail_never();
	if (p->here.stream != NULL)
		stream_close(p->here.stream);
	if (p->there.stream != NULL)
		stream_close(p->there.stream);
	listener_close(p->listener);
	test_loop_close(&p->loop);
	party_forget(&p->here);
	party_forget(&p->there);
	free(p);
	return 0;
}

static void bytes_go_both_ways(void **state)
{
	struct pair *p = *state;

	party_say(p->here.stream != NULL ? &p->here : NULL, "ping");
	RUN_UNTIL(&p->loop, p->there.in.len == 4);
	party_say(&p->there, "pong");
	RUN_UNTIL(&p->loop, p->here.in.len == 4);
	assert_string_equal(party_text(&p->there), "ping");
	assert_string_equal(party_text(&p->here), "pong");
	assert_int_equal(stream_pending(p->here.stream), 0);
}

static void both_ends_know_their_addresses(void **state)
{
	struct pair *p = *state;
	struct endpoint a = stream_peer(p->here.stream), b = listener_at(p->listener);
	struct endpoint c = stream_local(p->here.stream), d = stream_peer(p->there.stream);

	assert_true(endpoint_equal(&a, &b));
	assert_true(endpoint_equal(&c, &d));
}

static void parts_are_written_in_order_as_one(void **state)
{
	struct pair *p = *state;
	struct span parts[40];

	for (unsigned i = 0; i < 40; i++)	/* more than go into one system call; empty ones too */
		parts[i] = i % 4 == 3 ? span_of(NULL, 0) : span_of(&"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"[i], 1);
	assert_true(stream_write(p->here.stream, parts, 40));
	RUN_UNTIL(&p->loop, p->there.in.len == 30);
	assert_string_equal(party_text(&p->there), "abcefgijkmnoqrsuvwyzACDEGHIKLM");
}

static void nothing_is_written_before_the_connection_stands(void **state)
{
	struct pair *p = *state;
	struct span s = SPAN_LIT("too early");

	assert_false(stream_write(p->here.stream, &s, 1));
	RUN_UNTIL(&p->loop, p->here.connected);
	assert_true(stream_write(p->here.stream, &s, 1));
}

/* Fills the way to the other end until bytes have to wait; returns how many were taken in all. */
static size_t stuff(struct party *from, size_t waiting)
{
	static const uint8_t block[65536];
	struct span s = span_of(block, sizeof block);
	size_t n = 0;

	while (stream_pending(from->stream) < waiting) {
		assert_true(stream_write(from->stream, &s, 1));
		n += sizeof block;
	}
	return n;
}

static void what_the_kernel_does_not_take_waits_and_goes_on_later(void **state)
{
	struct pair *p = *state;
	size_t n;

	stream_read_stop(p->there.stream);
	n = stuff(&p->here, 200000);
	assert_int_equal(p->here.drained, 0);
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, p->there.in.len == n);
	RUN_UNTIL(&p->loop, p->here.drained == 1);
	assert_int_equal(stream_pending(p->here.stream), 0);
}

static void output_above_the_limit_is_refused_whole(void **state)
{
	struct pair *p = *state;
	struct span s = SPAN_LIT("0123456789");
	size_t pending;

	stream_read_stop(p->there.stream);
	stuff(&p->here, 1);
	pending = stream_pending(p->here.stream);
	stream_set_limit(p->here.stream, pending + 9);
	assert_false(stream_write(p->here.stream, &s, 1));
	assert_int_equal(stream_pending(p->here.stream), pending);
	stream_set_limit(p->here.stream, pending + 10);
	assert_true(stream_write(p->here.stream, &s, 1));
	stream_set_limit(p->here.stream, 9);
	assert_false(stream_write(p->here.stream, &s, 1));
}

static void progress_is_the_time_at_which_output_last_moved(void **state)
{
	struct pair *p = *state;
	msec_t stuck;

	stream_read_stop(p->there.stream);
	stuff(&p->here, 100000);
	stuck = stream_progress(p->here.stream);
	while (uv_now(&p->loop.uv) < stuck + 20)	/* turns of the loop without anything to read */
		uv_update_time(&p->loop.uv);
	assert_int_equal(stream_progress(p->here.stream), stuck);
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, p->here.drained);
	assert_true(stream_progress(p->here.stream) >= stuck + 20);
}

/* The kernel asks for more only when much of its buffer is free: what the peer takes meanwhile is progress too. */
static void a_slow_reader_makes_progress(void **state)
{
	struct pair *p = *state;
	msec_t stuck;

	stream_read_stop(p->there.stream);
	stuff(&p->here, 100000);
	for (size_t had = 0; had < 2000000; had = p->there.in.len) {
		stuck = stream_progress(p->here.stream);
		stream_read_start(p->there.stream);
		RUN_UNTIL(&p->loop, p->there.in.len > had + 600000);
		stream_read_stop(p->there.stream);
		while (uv_now(&p->loop.uv) <= stuck)
			uv_update_time(&p->loop.uv);
		assert_true(stream_progress(p->here.stream) > stuck);
	}
}

static void without_memory_nothing_is_queued(void **state)
{
	struct pair *p = *state;
	struct span s = SPAN_LIT("lost");
	size_t n, pending;

	stream_read_stop(p->there.stream);
	n = stuff(&p->here, 1);
	pending = stream_pending(p->here.stream);
	alloc_fail_at(0);
	assert_false(stream_write(p->here.stream, &s, 1));
	assert_true(alloc_failed());
	assert_int_equal(stream_pending(p->here.stream), pending);
	party_say(&p->here, "kept");
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, p->there.in.len == n + 4);
	assert_memory_equal(p->there.in.p + n, "kept", 4);
}

static void memory_that_fails_behind_a_part_that_went_out_ends_the_stream(void **state)
{
	struct pair *p = *state;
	size_t size = (size_t)32 << 20;
	uint8_t *big = calloc(1, size);
	struct span s = span_of(big, size);

	stream_read_stop(p->there.stream);
	stream_set_limit(p->here.stream, SIZE_MAX);
	alloc_fail_at(0);
	assert_false(stream_write(p->here.stream, &s, 1));
	assert_true(alloc_failed());
	assert_false(stream_write(p->here.stream, &s, 1));
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_RESET);
	assert_int_equal(p->here.error, UV_ENOMEM);
	free(big);
}

static void streams_are_not_made_without_memory(void **state)
{
	struct pair *p = *state;
	struct party q;

	party_init(&q);
	for (unsigned n = 0; n < 2; n++) {
		alloc_fail_at(n);
		assert_null(stream_connect_host(&p->loop.uv, "127.0.0.1", 1, &party_handler, &q));
		alloc_fail_at(n);
		assert_null(stream_connect_unix(&p->loop.uv, "/nowhere", &party_handler, &q));
	}
	alloc_fail_at(0);
	assert_null(stream_adopt(&p->loop.uv, dup(0), &party_handler, &q));
	assert_int_equal(q.closed, 0);
}

/* --- ends -------------------------------------------------------------------------------------------------- */

static void the_peers_close_ends_the_stream(void **state)
{
	struct pair *p = *state;

	stream_close(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.closed && p->there.closed);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
	assert_int_equal(p->there.why, STREAM_END_PEER);
}

static void closed_comes_once_and_later_however_often_it_is_closed(void **state)
{
	struct pair *p = *state;
	struct span s = SPAN_LIT("x");

	stream_close(p->here.stream);
	stream_close(p->here.stream);
	stream_finish(p->here.stream);
	assert_int_equal(p->here.closed, 0);
	assert_false(stream_write(p->here.stream, &s, 1));
	assert_int_equal(stream_export(p->here.stream, NULL, NULL), -1);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->here.closed, 1);
}

static void a_reset_is_told_with_its_error(void **state)
{
	struct pair *p = *state;
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	int fd = stream_export(p->here.stream, NULL, NULL);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->there.closed, 0);
	close(fd);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_RESET);
	assert_int_equal(p->there.error, UV_ECONNRESET);
}

static void close_me(struct party *p)
{
	stream_close(p->stream);
}

static void finish_me(struct party *p)
{
	stream_finish(p->stream);
}

static void it_may_be_closed_inside_data(void **state)
{
	struct pair *p = *state;

	p->there.on_data = close_me;
	party_say(&p->here, "go");
	RUN_UNTIL(&p->loop, p->there.closed && p->here.closed);
	assert_int_equal(p->there.pieces, 1);
}

static void it_may_be_closed_inside_connected(void **state)
{
	struct pair *p = *state;

	p->here.on_connected = close_me;
	RUN_UNTIL(&p->loop, p->here.closed && p->there.closed);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
}

static void it_may_be_finished_inside_connected(void **state)
{
	struct pair *p = *state;

	p->here.on_connected = finish_me;
	RUN_UNTIL(&p->loop, p->here.closed && p->there.closed);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
	assert_int_equal(p->there.why, STREAM_END_PEER);
}

static void it_may_be_closed_while_connecting(void **state)
{
	struct pair *p = *state;

	stream_close(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.connected, 0);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
}

static void it_may_be_closed_while_writing(void **state)
{
	struct pair *p = *state;

	stream_read_stop(p->there.stream);
	stuff(&p->here, 300000);
	stream_close(p->here.stream);
	assert_int_equal(stream_pending(p->here.stream), 0);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.drained, 0);
}

static void it_may_be_closed_while_resolving(void **state)
{
	struct pair *p = *state;
	struct party q;

	for (unsigned turns = 0; turns < 4; turns++) {
		party_init(&q);
		q.stream = stream_connect_host(&p->loop.uv, "localhost", listener_at(p->listener).port,
					       &party_handler, &q);
		for (unsigned i = 0; i < turns && q.connected == 0; i++)
			uv_run(&p->loop.uv, UV_RUN_NOWAIT);
		stream_close(q.stream);
		RUN_UNTIL(&p->loop, q.closed);
		assert_int_equal(q.why, STREAM_END_LOCAL);
	}
}

static void last_words_arrive_though_input_was_left_unread(void **state)
{
	struct pair *p = *state;

	party_say(&p->here, "a long request that nobody will read");
	p->there.on_data = finish_me;
	stream_read_stop(p->here.stream);
	RUN_UNTIL(&p->loop, p->there.pieces == 1);
	stuff(&p->here, 100000);	/* close() now would be a reset */
	stream_read_start(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_PEER);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_LOCAL);
	assert_int_equal(p->there.pieces, 1);
}

static void pending_last_words_arrive_though_input_was_left_unread(void **state)
{
	struct pair *p = *state;
	size_t n;

	stream_read_stop(p->here.stream);
	stream_read_stop(p->there.stream);
	n = stuff(&p->here, 100000);
	assert_true(n > 0);
	n = stuff(&p->there, 100000);
	stream_finish(p->there.stream);
	stream_read_start(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.in.len == n);
	stuff(&p->here, 100000);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_PEER);
	assert_int_equal(p->there.pieces, 0);
}

static void finish_writes_what_is_pending_first(void **state)
{
	struct pair *p = *state;
	size_t n;

	stream_read_stop(p->there.stream);
	n = stuff(&p->here, 500000);
	stream_finish(p->here.stream);
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, p->here.closed && p->there.closed);
	assert_int_equal(p->there.in.len, n);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
}

static void a_finished_stream_does_not_wait_for_ever_for_its_peer(void **state)
{
	struct pair *p = *state;
	int fd = stream_export(p->there.stream, NULL, NULL);	/* nobody reads there, nobody closes */
	msec_t start;

	assert_true(fd >= 0);
	RUN_UNTIL(&p->loop, p->there.closed);
	start = uv_now(&p->loop.uv);
	stream_finish(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
	assert_true(uv_now(&p->loop.uv) - start >= 1990);
	close(fd);
}

static void without_memory_finish_closes_at_once(void **state)
{
	struct pair *p = *state;

	alloc_fail_at(0);
	stream_finish(p->here.stream);
	assert_true(alloc_failed());
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
}

static void a_peer_that_half_closed_still_gets_what_was_pending(void **state)
{
	struct pair *p = *state;
	size_t n = stuff(&p->here, 500000);
	int fd = stream_export(p->there.stream, NULL, NULL);
	size_t got = 0;
	ssize_t r;
	char block[65536];

	assert_true(fd >= 0);
	stream_finish(p->here.stream);
	RUN_UNTIL(&p->loop, p->there.closed);
	shutdown(fd, SHUT_WR);
	while ((r = read(fd, block, sizeof block)) != 0) {
		got += r > 0 ? (size_t)r : 0;
		uv_run(&p->loop.uv, UV_RUN_NOWAIT);
		assert_false(p->loop.late);
	}
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(got + p->there.in.len, n);
	close(fd);
}

/* --- making connections ------------------------------------------------------------------------------------ */

static void a_refused_connection_says_so(void **state)
{
	struct pair *p = *state;
	struct party q;
	struct endpoint at = listener_at(p->listener);

	RUN_UNTIL(&p->loop, p->there.stream != NULL);
	listener_close(p->listener);
	p->listener = NULL;
	party_dial(&q, &p->loop, at);
	RUN_UNTIL(&p->loop, q.closed);
	assert_int_equal(q.connected, 0);
	assert_int_equal(q.why, STREAM_END_CONNECT);
	assert_int_equal(q.error, UV_ECONNREFUSED);
}

static void a_name_is_resolved_and_every_address_tried(void **state)
{
	struct pair *p = *state;
	struct party q;

	struct addrinfo *found = NULL;

	if (getaddrinfo("localhost", NULL, NULL, &found) != 0)
		skip();		/* a chroot without /etc/hosts */
	freeaddrinfo(found);
	party_init(&q);	/* localhost may be ::1 first, where nobody listens */
	q.stream = stream_connect_host(&p->loop.uv, "localhost", listener_at(p->listener).port, &party_handler, &q);
	assert_non_null(q.stream);
	RUN_UNTIL(&p->loop, q.connected);
	assert_int_equal(stream_error(q.stream), 0);
	stream_close(q.stream);
	RUN_UNTIL(&p->loop, q.closed);
}

static void an_unknown_name_is_a_failed_connection(void **state)
{
	struct pair *p = *state;
	struct party q;

	party_init(&q);
	q.stream = stream_connect_host(&p->loop.uv, "no.such.host.invalid", 1, &party_handler, &q);
	assert_non_null(q.stream);
	RUN_UNTIL(&p->loop, q.closed);
	assert_int_equal(q.why, STREAM_END_CONNECT);
	assert_true(q.error < 0);
}

static void a_name_too_long_for_any_resolver_is_a_failed_connection(void **state)
{
	struct pair *p = *state;
	struct party q;
	char name[600];

	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	party_init(&q);
	q.stream = stream_connect_host(&p->loop.uv, name, 1, &party_handler, &q);
	assert_non_null(q.stream);
	assert_int_equal(q.closed, 0);
	RUN_UNTIL(&p->loop, q.closed);
	assert_int_equal(q.why, STREAM_END_CONNECT);
}

static void unix_sockets_are_streams_as_well(void **state)
{
	struct pair *p = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/stream_test_XXXXXX";
	struct party q, r;
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	assert_non_null(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/s", dir);
	assert_int_equal(bind(l, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(l, 1), 0);
	party_init(&q);
	party_init(&r);
	q.stream = stream_connect_unix(&p->loop.uv, sa.sun_path, &party_handler, &q);
	RUN_UNTIL(&p->loop, q.connected);
	fd = accept(l, NULL, NULL);
	r.stream = stream_adopt(&p->loop.uv, fd, &party_handler, &r);
	assert_non_null(r.stream);
	assert_int_equal(stream_peer(r.stream).ip.family, 0);
	assert_int_equal(stream_local(r.stream).ip.family, 0);
	party_say(&q, "hello");
	RUN_UNTIL(&p->loop, party_heard(&r, "hello"));
	stream_finish(q.stream);
	RUN_UNTIL(&p->loop, q.closed && r.closed);
	close(l);
	unlink(sa.sun_path);
	rmdir(dir);
	party_forget(&r);
}

static void a_unix_socket_that_is_not_there_is_a_failed_connection(void **state)
{
	struct pair *p = *state;
	char path[200] = "/nowhere/";
	struct party q;

	for (unsigned i = 0; i < 2; i++) {
		party_init(&q);
		q.stream = stream_connect_unix(&p->loop.uv, path, &party_handler, &q);
		RUN_UNTIL(&p->loop, q.closed);
		assert_int_equal(q.why, STREAM_END_CONNECT);
		assert_int_equal(q.error, i == 0 ? UV_ENOENT : UV_ENAMETOOLONG);
		memset(path + 9, 'x', sizeof path - 10);
	}
}

/* --- hand-over --------------------------------------------------------------------------------------------- */

static void an_exported_stream_lives_on_in_another_loop(void **state)
{
	struct pair *p = *state;
	struct test_loop other;
	struct party moved;
	int fd;

	fd = stream_export(p->there.stream, NULL, NULL);
	assert_true(fd >= 0);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_LOCAL);
	assert_int_equal(listener_counts(p->listener).open, 0);

	test_loop_open(&other);
	party_init(&moved);
	moved.stream = stream_adopt(&other.uv, fd, &party_handler, &moved);
	assert_non_null(moved.stream);
	party_say(&p->here, "still there?");
	RUN_UNTIL(&other, party_heard(&moved, "still there?"));
	party_say(&moved, "yes");
	RUN_UNTIL(&p->loop, party_heard(&p->here, "yes"));
	stream_close(moved.stream);
	RUN_UNTIL(&other, moved.closed);
	party_forget(&moved);
	test_loop_close(&other);
}

static void a_stream_with_pending_output_is_not_exported(void **state)
{
	struct pair *p = *state;

	stream_read_stop(p->there.stream);
	stuff(&p->here, 1);
	assert_int_equal(stream_export(p->here.stream, NULL, NULL), -1);
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, p->here.drained);
}

static void what_is_no_socket_is_not_adopted_and_closed(void **state)
{
	struct pair *p = *state;
	int fd = open("/dev/null", O_RDWR);
	struct party q;

	party_init(&q);
	assert_null(stream_adopt(&p->loop.uv, fd, &party_handler, &q));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void a_new_handler_gets_what_comes_next(void **state)
{
	struct pair *p = *state;
	struct party next;

	party_init(&next);
	next.stream = p->there.stream;
	stream_set_handler(p->there.stream, &party_handler, &next);
	p->there.stream = NULL;
	party_say(&p->here, "for the next");
	RUN_UNTIL(&p->loop, party_heard(&next, "for the next"));
	assert_int_equal(p->there.pieces, 0);
	stream_close(next.stream);
	RUN_UNTIL(&p->loop, next.closed);
	party_forget(&next);
}

#define CONNECTED(f) cmocka_unit_test_setup_teardown(f, open_connected_pair, close_pair)
#define DIALLING(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONNECTED(bytes_go_both_ways),
		CONNECTED(both_ends_know_their_addresses),
		CONNECTED(parts_are_written_in_order_as_one),
		DIALLING(nothing_is_written_before_the_connection_stands),
		CONNECTED(what_the_kernel_does_not_take_waits_and_goes_on_later),
		CONNECTED(output_above_the_limit_is_refused_whole),
		CONNECTED(progress_is_the_time_at_which_output_last_moved),
		CONNECTED(a_slow_reader_makes_progress),
		CONNECTED(without_memory_nothing_is_queued),
		CONNECTED(memory_that_fails_behind_a_part_that_went_out_ends_the_stream),
		CONNECTED(streams_are_not_made_without_memory),
		CONNECTED(the_peers_close_ends_the_stream),
		CONNECTED(closed_comes_once_and_later_however_often_it_is_closed),
		CONNECTED(a_reset_is_told_with_its_error),
		CONNECTED(it_may_be_closed_inside_data),
		DIALLING(it_may_be_closed_inside_connected),
		DIALLING(it_may_be_finished_inside_connected),
		DIALLING(it_may_be_closed_while_connecting),
		CONNECTED(it_may_be_closed_while_writing),
		CONNECTED(it_may_be_closed_while_resolving),
		CONNECTED(last_words_arrive_though_input_was_left_unread),
		CONNECTED(pending_last_words_arrive_though_input_was_left_unread),
		CONNECTED(finish_writes_what_is_pending_first),
		CONNECTED(a_finished_stream_does_not_wait_for_ever_for_its_peer),
		CONNECTED(without_memory_finish_closes_at_once),
		CONNECTED(a_peer_that_half_closed_still_gets_what_was_pending),
		CONNECTED(a_refused_connection_says_so),
		CONNECTED(a_name_is_resolved_and_every_address_tried),
		CONNECTED(an_unknown_name_is_a_failed_connection),
		CONNECTED(a_name_too_long_for_any_resolver_is_a_failed_connection),
		CONNECTED(unix_sockets_are_streams_as_well),
		CONNECTED(a_unix_socket_that_is_not_there_is_a_failed_connection),
		CONNECTED(an_exported_stream_lives_on_in_another_loop),
		CONNECTED(a_stream_with_pending_output_is_not_exported),
		CONNECTED(what_is_no_socket_is_not_adopted_and_closed),
		CONNECTED(a_new_handler_gets_what_comes_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
