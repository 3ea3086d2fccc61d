#include "common/net/listener.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"

enum { MAX_PARTIES = 8 };

/* A listener that keeps what it accepts, and clients that dialled it. */
struct door {
	struct test_loop loop;
	struct listener *listener;
	struct party inside[MAX_PARTIES], outside[MAX_PARTIES];
	unsigned offered, n_inside, n_outside;
	bool ignore, close_at_once, accept_fails;
	char why[128];
};

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct door *d = owner;
	struct party *p = &d->inside[d->n_inside];

	assert_int_not_equal(peer.port, 0);
	d->offered++;
	if (d->ignore)
		return;
	if (d->close_at_once) {
		listener_close(l);
		d->listener = NULL;
	}
	party_init(p);
	if (d->accept_fails)
		alloc_fail_at(0);
	p->stream = listener_accept(l, &party_handler, p);
	if (p->stream != NULL)
		d->n_inside++;
}

static int open_door(void **state)
{
	struct door *d = calloc(1, sizeof *d);

	test_loop_open(&d->loop);
	*state = d;
	return 0;
}

static void hang_door(struct door *d, const struct listener_options *o)
{
	d->listener = listener_open(&d->loop.uv, o, on_connection, d, d->why);
	if (d->listener == NULL)
		fail_msg("%s", d->why);
}

static struct party *knock(struct door *d)
{
	struct party *p = &d->outside[d->n_outside++];

	party_dial(p, &d->loop, listener_at(d->listener));
	return p;
}

static int close_door(void **state)
{
	struct door *d = *state;

	alloc_fail_never();
	listener_close(d->listener);
	for (unsigned i = 0; i < MAX_PARTIES; i++) {
		if (d->inside[i].stream != NULL)
			stream_close(d->inside[i].stream);
		if (d->outside[i].stream != NULL)
			stream_close(d->outside[i].stream);
		party_forget(&d->inside[i]);
		party_forget(&d->outside[i]);
	}
	test_loop_close(&d->loop);
	free(d);
	return 0;
}

static void accepted_streams_are_counted_while_they_live(void **state)
{
	struct door *d = *state;

	hang_door(d, &(struct listener_options){ .at = loopback(0) });
	assert_int_not_equal(listener_at(d->listener).port, 0);
	knock(d);
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 2);
	assert_int_equal(listener_counts(d->listener).accepted, 2);
	assert_int_equal(listener_counts(d->listener).open, 2);
	stream_close(d->outside[0].stream);
	RUN_UNTIL(&d->loop, listener_counts(d->listener).open == 1);
	assert_int_equal(listener_counts(d->listener).accepted, 2);
}

static void what_the_owner_does_not_accept_is_closed(void **state)
{
	struct door *d = *state;

	d->ignore = true;
	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_per_address = 1 });
	for (unsigned i = 0; i < 2; i++) {	/* and does not stay counted */
		struct party *p = knock(d);
		RUN_UNTIL(&d->loop, p->closed);
		assert_int_equal(p->why, STREAM_END_PEER);
	}
	assert_int_equal(d->offered, 2);
	assert_int_equal(listener_counts(d->listener).accepted, 0);
	assert_int_equal(listener_counts(d->listener).open, 0);
}

static void above_the_limit_connections_are_refused_and_counted(void **state)
{
	struct door *d = *state;
	struct party *p;

	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_connections = 1 });
	p = knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 1);
	p = knock(d);
	RUN_UNTIL(&d->loop, p->closed);
	assert_int_equal(d->offered, 1);
	assert_int_equal(listener_counts(d->listener).refused_limit, 1);
	stream_close(d->inside[0].stream);
	RUN_UNTIL(&d->loop, d->inside[0].closed);
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 2);
}

static void one_address_cannot_take_all_places(void **state)
{
	struct door *d = *state;
	struct party *p;

	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_per_address = 2 });
	knock(d);
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 2);
	p = knock(d);
	RUN_UNTIL(&d->loop, p->closed);
	assert_int_equal(listener_counts(d->listener).refused_address, 1);
	stream_close(d->outside[0].stream);
	RUN_UNTIL(&d->loop, d->inside[0].closed);
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 3);
	stream_close(d->inside[1].stream);
	stream_close(d->inside[2].stream);
	RUN_UNTIL(&d->loop, listener_counts(d->listener).open == 0);
}

static void another_address_has_places_of_its_own(void **state)
{
	struct door *d = *state;
	struct sockaddr_storage sa;
	struct endpoint from = loopback(0), to;
	unsigned len;
	int fd;

	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_per_address = 1 });
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 1);
	from.ip.b[3] = 2;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	len = endpoint_to_sockaddr(&from, &sa);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	to = listener_at(d->listener);
	len = endpoint_to_sockaddr(&to, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	RUN_UNTIL(&d->loop, d->n_inside == 2);
	close(fd);
}

static void ipv6_is_counted_too(void **state)
{
	struct door *d = *state;
	struct endpoint at = { .ip = { .family = 6, .b = { [15] = 1 } } };
	struct party *p;

	d->listener = listener_open(&d->loop.uv, &(struct listener_options){ .at = at, .max_per_address = 1 },
				    on_connection, d, d->why);
	if (d->listener == NULL)
		skip();		/* no IPv6 here */
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 1);
	assert_int_equal(stream_peer(d->inside[0].stream).ip.family, 6);
	p = knock(d);
	RUN_UNTIL(&d->loop, p->closed);
	assert_int_equal(listener_counts(d->listener).refused_address, 1);
}

static void streams_outlive_their_listener(void **state)
{
	struct door *d = *state;

	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_per_address = 5 });
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 1);
	listener_close(d->listener);
	d->listener = NULL;
	party_say(&d->inside[0], "still here");
	RUN_UNTIL(&d->loop, party_heard(&d->outside[0], "still here"));
}

static void it_may_be_closed_inside_its_callback(void **state)
{
	struct door *d = *state;

	hang_door(d, &(struct listener_options){ .at = loopback(0) });
	d->close_at_once = true;
	knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == 1);
	party_say(&d->outside[0], "in");
	RUN_UNTIL(&d->loop, party_heard(&d->inside[0], "in"));
}

/* --- addresses --------------------------------------------------------------------------------------------- */

static void a_port_in_use_is_an_error_with_a_sentence(void **state)
{
	struct door *d = *state;
	struct listener_options o = { .at = loopback(0) };
	char expected[128], at[ENDPOINT_TEXT];

	hang_door(d, &o);
	o.at = listener_at(d->listener);
	snprintf(expected, sizeof expected, "cannot listen on %s: address already in use", endpoint_format(&o.at, at));
	for (unsigned i = 0; i < 2; i++) {
		assert_null(listener_open(&d->loop.uv, &o, on_connection, d, d->why));
		assert_string_equal(d->why, expected);
		o.reuseport = true;	/* the option alone does not join what others hold */
	}
}

static void a_group_shares_its_port_and_nobody_else_gets_in(void **state)
{
	struct door *d = *state;
	struct listener_options o = { .at = loopback(0), .reuseport = true };
	struct listener *second;

	hang_door(d, &o);
	o.at = listener_at(d->listener);
	o.join = true;
	second = listener_open(&d->loop.uv, &o, on_connection, d, d->why);
	assert_non_null(second);
	assert_int_equal(listener_at(second).port, o.at.port);
	o.join = false;
	assert_null(listener_open(&d->loop.uv, &o, on_connection, d, d->why));
	for (unsigned i = 0; i < MAX_PARTIES - 1; i++)
		knock(d);
	RUN_UNTIL(&d->loop, d->n_inside == MAX_PARTIES - 1);
	assert_int_equal(listener_counts(d->listener).accepted + listener_counts(second).accepted, MAX_PARTIES - 1);
	listener_close(second);
}

static void an_address_of_somebody_else_is_an_error(void **state)
{
	struct door *d = *state;
	struct listener_options o = { .at = { .ip = { .family = 4, .b = { 192, 0, 2, 1 } }, .port = 80 } };

	assert_null(listener_open(&d->loop.uv, &o, on_connection, d, d->why));
	assert_string_equal(d->why, "cannot listen on 192.0.2.1:80: address not available");
}

/* --- shortage ---------------------------------------------------------------------------------------------- */

static int dial_raw(const struct door *d)
{
	struct endpoint to = listener_at(d->listener);
	struct sockaddr_storage sa;
	unsigned len = endpoint_to_sockaddr(&to, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void without_descriptors_one_is_refused_and_the_others_wait(void **state)
{
	struct door *d = *state;
	struct rlimit was, now;
	int fd[3], highest;
	char byte;
	msec_t start;

	hang_door(d, &(struct listener_options){ .at = loopback(0) });
	uv_run(&d->loop.uv, UV_RUN_NOWAIT);
	for (unsigned i = 0; i < 3; i++)
		fd[i] = dial_raw(d);
	highest = fd[2];
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	now.rlim_cur = (rlim_t)highest + 1;
	for (int i = 0; i <= highest; i++)	/* no gap below the limit */
		if (fcntl(i, F_GETFD) < 0)
			(void)dup2(0, i);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	RUN_UNTIL(&d->loop, listener_counts(d->listener).refused_descriptors == 1);
	start = uv_now(&d->loop.uv);
	RUN_UNTIL(&d->loop, listener_counts(d->listener).refused_descriptors == 2);
	assert_true(uv_now(&d->loop.uv) - start >= 90);	/* it pauses and does not spin */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(recv(fd[0], &byte, 1, 0), 0);
	assert_int_equal(recv(fd[1], &byte, 1, 0), 0);
	RUN_UNTIL(&d->loop, d->n_inside == 1);	/* the third had patience */
	for (unsigned i = 0; i < 3; i++)
		close(fd[i]);
}

static void without_memory_nothing_opens_and_nothing_leaks(void **state)
{
	struct door *d = *state;
	struct listener_options o = { .at = loopback(0) };

	alloc_fail_at(0);
	assert_null(listener_open(&d->loop.uv, &o, on_connection, d, d->why));
	assert_string_equal(d->why, "cannot listen on 127.0.0.1:0: not enough memory");
}

static void without_memory_a_connection_is_refused(void **state)
{
	struct door *d = *state;
	struct party *p;

	hang_door(d, &(struct listener_options){ .at = loopback(0), .max_per_address = 9 });
	for (unsigned n = 0; n < 2; n++) {	/* the address, the map's table */
		p = knock(d);
		alloc_fail_at(n);
		RUN_UNTIL(&d->loop, p->closed);
		assert_true(alloc_failed());
	}
	assert_int_equal(listener_counts(d->listener).refused_address, 2);
	d->accept_fails = true;
	p = knock(d);
	RUN_UNTIL(&d->loop, p->closed);
	assert_int_equal(d->offered, 1);
	assert_int_equal(listener_counts(d->listener).open, 0);
}

#define AT_THE_DOOR(f) cmocka_unit_test_setup_teardown(f, open_door, close_door)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DOOR(accepted_streams_are_counted_while_they_live),
		AT_THE_DOOR(what_the_owner_does_not_accept_is_closed),
		AT_THE_DOOR(above_the_limit_connections_are_refused_and_counted),
		AT_THE_DOOR(one_address_cannot_take_all_places),
		AT_THE_DOOR(another_address_has_places_of_its_own),
		AT_THE_DOOR(ipv6_is_counted_too),
		AT_THE_DOOR(streams_outlive_their_listener),
		AT_THE_DOOR(it_may_be_closed_inside_its_callback),
		AT_THE_DOOR(a_port_in_use_is_an_error_with_a_sentence),
		AT_THE_DOOR(a_group_shares_its_port_and_nobody_else_gets_in),
		AT_THE_DOOR(an_address_of_somebody_else_is_an_error),
		AT_THE_DOOR(without_descriptors_one_is_refused_and_the_others_wait),
		AT_THE_DOOR(without_memory_nothing_opens_and_nothing_leaks),
		AT_THE_DOOR(without_memory_a_connection_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
