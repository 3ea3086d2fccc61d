#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/tools/probe_wire.h"
#include "turnd/wire/stun_build.h"

/* A wire whose other end is the test's. */
struct talk {
	struct wire w;
	int server;
	uint8_t message[64];
	size_t len;
	unsigned heard;
};

static int setup_of(struct talk *t, int type)
{
	const uint8_t tid[STUN_TID_SIZE] = { 1 };
	struct stun_builder b;
	int fds[2];

	*t = (struct talk){ .heard = 0 };
	wire_init(&t->w);
	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	t->w.fd = fds[0];
	t->w.stream = type == SOCK_STREAM;
	t->server = fds[1];
	stun_begin(&b, t->message, sizeof(t->message), STUN_BINDING, STUN_SUCCESS, tid);
	stun_add(&b, 0x8022, SPAN_LIT("software"));
	t->len = stun_end(&b).len;
	return 0;
}

static int setup(void **state)
{
	static struct talk t;

	*state = &t;
	return setup_of(&t, SOCK_STREAM);
}

static int setup_datagrams(void **state)
{
	static struct talk t;

	*state = &t;
	return setup_of(&t, SOCK_DGRAM);
}

static int teardown(void **state)
{
	struct talk *t = *state;

	wire_close(&t->w);
	wire_close(&t->w);
	close(t->server);
	return 0;
}

static void on_message(void *ctx, struct span message)
{
	struct talk *t = ctx;

	assert_true(span_eq(message, span_of(t->message, t->len)));
	t->heard++;
}

static enum wire_state receive(struct talk *t)
{
	return wire_receive(&t->w, 0, on_message, t);
}

static void say(struct talk *t, const void *bytes, size_t n)
{
	assert_int_equal(send(t->server, bytes, n, 0), n);
}

static void a_stream_is_cut_into_messages_wherever_it_breaks(void **state)
{
	struct talk *t = *state;

	for (size_t cut = 0; cut <= t->len; cut++) {
		t->heard = 0;
		say(t, t->message, cut);
		assert_int_equal(receive(t), WIRE_OPEN);
		assert_int_equal(t->heard, cut == t->len);
		say(t, t->message + cut, t->len - cut);
		say(t, t->message, t->len);
		assert_int_equal(receive(t), WIRE_OPEN);
		assert_int_equal(t->heard, 2);
	}
}

static void what_is_not_stun_ends_a_stream(void **state)
{
	static const uint8_t long_one[20] = { 1, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42 };
	struct talk *t = *state;

	say(t, "HTTP/1.1 400 Bad Request", 24);
	assert_int_equal(receive(t), WIRE_CLOSED);
	t->w.in.len = 0;
	say(t, long_one, sizeof(long_one));
	assert_int_equal(receive(t), WIRE_CLOSED);
	assert_int_equal(t->heard, 0);
}

static void the_end_of_a_stream_is_told_after_its_last_message(void **state)
{
	struct talk *t = *state;

	say(t, t->message, t->len);
	shutdown(t->server, SHUT_WR);
	assert_int_equal(receive(t), WIRE_CLOSED);
	assert_int_equal(t->heard, 1);
}

static void without_memory_a_stream_ends(void **state)
{
	struct talk *t = *state;

	say(t, t->message, t->len);
	alloc_fail_at(0);
	assert_int_equal(receive(t), WIRE_CLOSED);
	alloc_fail_never();
	assert_int_equal(t->heard, 0);
}

static void a_datagram_is_a_message(void **state)
{
	struct talk *t = *state;

	assert_int_equal(receive(t), WIRE_OPEN);
	say(t, t->message, t->len);
	say(t, t->message, t->len);
	assert_int_equal(receive(t), WIRE_OPEN);
	assert_int_equal(t->heard, 2);
	assert_int_equal(wire_due(&t->w), NEVER);
}

static void what_is_sent_arrives(void **state)
{
	struct talk *t = *state;
	uint8_t got[64];

	assert_true(wire_send(&t->w, span_of(t->message, t->len)));
	assert_int_equal(recv(t->server, got, sizeof(got), 0), t->len);
	assert_memory_equal(got, t->message, t->len);
	close(t->server);
	t->server = dup(t->w.fd);
	assert_false(wire_send(&t->w, span_of(t->message, t->len)));	/* nobody is there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_stream_is_cut_into_messages_wherever_it_breaks, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_stun_ends_a_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_a_stream_is_told_after_its_last_message, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_a_stream_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(a_datagram_is_a_message, setup_datagrams, teardown),
		cmocka_unit_test_setup_teardown(what_is_sent_arrives, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
