#include "common/net/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/crypto/tls_client.h"
#include "common/crypto/tls_server.h"
#include "common/net/listener.h"
#include "tests/lib/certs.h"
#include "tests/lib/failing_alloc.h"
#include "tests/lib/loop.h"

static struct test_certs certs;
static struct tls_server *server;
static struct tls_client *trust;

/* A listener with one connection: `here` dialled, `there` was accepted, and is secured at once or when it has heard "TLS". */
struct pair {
	struct test_loop loop;
	struct listener *listener;
	struct party here, there;
	bool late;
};

static void secure(struct party *p, struct span received)
{
	struct tls_engine *tls = tls_server_accept(server);

	if (tls == NULL)
		stream_close(p->stream);
	else
		stream_secure(p->stream, tls, received);
}

static void secure_behind_greeting(struct party *p)
{
	struct buf heard = p->in;

	if (heard.len < 3)
		return;
	buf_init(&p->in, SIZE_MAX);
	p->on_data = NULL;
	secure(p, span_of(heard.p + 3, heard.len - 3));
	buf_close(&heard);
}

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct pair *p = owner;

	(void)peer;
	if (p->there.stream != NULL)
		return;
	p->there.stream = listener_accept(l, &party_handler, &p->there);
	if (p->there.stream != NULL && p->late)
		p->there.on_data = secure_behind_greeting;
	else if (p->there.stream != NULL)
		secure(&p->there, span_of(NULL, 0));
}

static int open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof *p);
	struct listener_options o = { .at = { .ip = { .family = 4 } } };	/* 127.0.0.2 too */
	char why[128];

	test_loop_open(&p->loop);
	party_init(&p->here);
	party_init(&p->there);
	p->listener = listener_open(&p->loop.uv, &o, on_connection, p, why);
	assert_non_null(p->listener);
	*state = p;
	return 0;
}

static void dial(struct pair *p, const char *host)
{
	p->here.stream = stream_connect_host_tls(&p->loop.uv, host, listener_at(p->listener).port, trust, &party_handler, &p->here);
	assert_non_null(p->here.stream);
}

static int open_secured_pair(void **state)
{
	struct pair *p;

	open_pair(state);
	p = *state;
	dial(p, "127.0.0.1");
	RUN_UNTIL(&p->loop, p->here.connected && p->there.connected);
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

/* --- as plain, but for others ---------------------------------------------------------------------------------- */

static void bytes_go_both_ways_behind_the_handshake(void **state)
{
	struct pair *p = *state;

	party_say(&p->here, "ping");
	party_say(&p->there, "pong");
	RUN_UNTIL(&p->loop, p->there.in.len == 4 && p->here.in.len == 4);
	assert_string_equal(party_text(&p->there), "ping");
	assert_string_equal(party_text(&p->here), "pong");
	assert_int_equal(p->here.connected, 1);
	assert_int_equal(p->there.connected, 1);
	assert_non_null(stream_tls(p->here.stream));
}

static void nothing_can_be_written_before_the_handshake_is_over(void **state)
{
	struct pair *p = *state;
	struct span s = SPAN_LIT("early");

	dial(p, "127.0.0.1");
	RUN_UNTIL(&p->loop, p->there.stream != NULL);
	assert_false(stream_write(p->there.stream, &s, 1));
	assert_false(stream_write(p->here.stream, &s, 1));
	RUN_UNTIL(&p->loop, p->here.connected && p->there.connected);
	party_say(&p->here, "now");
	RUN_UNTIL(&p->loop, party_heard(&p->there, "now"));
	assert_int_equal(p->there.in.len, 3);
}

static void much_goes_through_a_narrow_stream_in_order(void **state)
{
	struct pair *p = *state;
	enum { TOTAL = 8 << 20, PIECE = 100000 };
	uint8_t *bytes = malloc(PIECE);
	size_t sent = 0;

	while (sent < TOTAL) {
		struct span s = span_of(bytes, PIECE);
		for (size_t i = 0; i < PIECE; i++)
			bytes[i] = (uint8_t)((sent + i) % 251);
		if (stream_write(p->here.stream, &s, 1))
			sent += PIECE;
		else
			assert_true(test_loop_turn(&p->loop));
		assert_in_range(stream_pending(p->here.stream), 0, STREAM_OUTPUT_LIMIT + PIECE / 100);
	}
	RUN_UNTIL(&p->loop, p->there.in.len == sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal(p->there.in.p[i], i % 251);
	assert_true(p->here.drained > 0);
	free(bytes);
}

static void a_stopped_stream_hears_nothing(void **state)
{
	struct pair *p = *state;

	stream_read_stop(p->there.stream);
	party_say(&p->here, "quiet");
	party_say(&p->there, "loud");
	RUN_UNTIL(&p->loop, party_heard(&p->here, "loud"));
	assert_int_equal(p->there.in.len, 0);
	stream_read_start(p->there.stream);
	RUN_UNTIL(&p->loop, party_heard(&p->there, "quiet"));
}

static void last_words_arrive_and_the_close_is_said(void **state)
{
	struct pair *p = *state;

	party_say(&p->here, "last words");
	stream_finish(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.closed && p->there.closed);
	assert_string_equal(party_text(&p->there), "last words");
	assert_int_equal(p->there.why, STREAM_END_PEER);
	assert_int_equal(p->here.why, STREAM_END_LOCAL);
}

static void a_close_is_said_too(void **state)
{
	struct pair *p = *state;

	stream_close(p->here.stream);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_PEER);
}

static void a_connection_that_is_cut_is_not_taken_for_closed(void **state)
{
	struct pair *p = *state;
	struct tls_engine *tls = NULL;
	struct buf unread = { .limit = 100 };
	int fd = stream_export(p->here.stream, &tls, &unread);

	assert_true(fd >= 0);
	tls_engine_free(tls);
	RUN_UNTIL(&p->loop, p->here.closed);
	shutdown(fd, SHUT_WR);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_RESET);
	assert_int_equal(p->there.error, UV_EOF);
	close(fd);
}

/* --- handshakes that fail --------------------------------------------------------------------------------------- */

static char said[256];

static void remember_why(void *owner, enum stream_end why)
{
	struct party *p = owner;

	snprintf(said, sizeof said, "%s", stream_why(p->stream));
	party_handler.closed(owner, why);
}

static void a_certificate_of_another_name_is_refused_in_words(void **state)
{
	struct pair *p = *state;
	struct stream_handler curious = party_handler;

	curious.closed = remember_why;
	p->here.stream = stream_connect_host_tls(&p->loop.uv, "127.0.0.2", listener_at(p->listener).port, trust, &curious, &p->here);
	RUN_UNTIL(&p->loop, p->here.closed);
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->here.connected + p->there.connected, 0);
	assert_int_equal(p->here.why, STREAM_END_CONNECT);
	assert_non_null(strstr(said, "does not match with the expected CN"));
}

static void what_is_not_tls_is_never_connected(void **state)
{
	struct pair *p = *state;

	party_dial(&p->here, &p->loop, listener_at(p->listener));
	RUN_UNTIL(&p->loop, p->here.connected);
	party_say(&p->here, "GET / HTTP/1.1\r\n\r\n");
	RUN_UNTIL(&p->loop, p->there.closed);
	assert_int_equal(p->there.why, STREAM_END_CONNECT);
	assert_int_equal(p->there.connected, 0);
	assert_int_equal(p->there.in.len, 0);
}

static void a_server_that_answers_in_plain_is_named_so(void **state)
{
	struct pair *p = *state;
	struct stream_handler curious = party_handler;

	p->late = true;
	curious.closed = remember_why;
	p->here.stream = stream_connect_host_tls(&p->loop.uv, "127.0.0.1", listener_at(p->listener).port, trust, &curious, &p->here);
	RUN_UNTIL(&p->loop, p->there.stream != NULL);
	p->there.on_data = NULL;
	party_say(&p->there, "-ERR unknown command\r\n");
	RUN_UNTIL(&p->loop, p->here.closed);
	assert_int_equal(p->here.why, STREAM_END_CONNECT);
	assert_non_null(strstr(said, "not TLS"));
}

static void closing_in_the_handshake_is_safe(void **state)
{
	struct pair *p = *state;

	for (unsigned turns = 0; turns < 6; turns++) {
		dial(p, "127.0.0.1");
		for (unsigned i = 0; i < turns; i++)
			(void)uv_run(&p->loop.uv, UV_RUN_NOWAIT);
		stream_close(p->here.stream);
		RUN_UNTIL(&p->loop, p->here.stream == NULL);
		if (p->there.stream != NULL)
			RUN_UNTIL(&p->loop, p->there.stream == NULL);
	}
}

/* --- connections that become TLS, and that move ----------------------------------------------------------------- */

static void a_plain_stream_becomes_tls_behind_a_greeting(void **state)
{
	struct pair *p = *state;
	struct buf unread = { .limit = 100 };
	int fd;

	p->late = true;
	party_dial(&p->here, &p->loop, listener_at(p->listener));
	RUN_UNTIL(&p->loop, p->here.connected && p->there.stream != NULL);
	party_say(&p->here, "TLS");
	fd = stream_export(p->here.stream, NULL, &unread);
	RUN_UNTIL(&p->loop, p->here.closed);
	p->here.connected = 0;
	p->here.stream = stream_adopt_tls(&p->loop.uv, fd, tls_client_connect(trust, "localhost", span_of(NULL, 0)), &party_handler,
					  &p->here);
	assert_non_null(p->here.stream);
	RUN_UNTIL(&p->loop, p->here.connected && p->there.connected);
	party_say(&p->here, "safe now");
	RUN_UNTIL(&p->loop, party_heard(&p->there, "safe now"));
	assert_int_equal(p->there.in.len, 8);
}

static void greet(struct party *p)
{
	party_say(p, "with the handshake");
}

static struct exported {
	int fd;
	struct tls_engine *tls;
	struct buf unread;
} moved;

static void export_at_once(struct party *p)
{
	moved.fd = stream_export(p->stream, &moved.tls, &moved.unread);
}

static void a_connection_moves_with_all_that_came_behind_its_handshake(void **state)
{
	struct pair *p = *state;
	struct test_loop other;
	struct party there;

	moved = (struct exported){ .fd = -1, .unread.limit = 1000 };
	p->here.on_connected = greet;
	p->there.on_connected = export_at_once;
	dial(p, "127.0.0.1");
	RUN_UNTIL(&p->loop, p->there.closed && p->here.connected);
	assert_true(moved.fd >= 0);
	assert_int_equal(p->there.in.len, 0);		/* it came with the export, or comes on the other loop */

	test_loop_open(&other);
	party_init(&there);
	there.stream = stream_adopt_tls(&other.uv, moved.fd, moved.tls, &party_handler, &there);
	assert_non_null(there.stream);
	assert_true(buf_add_span(&there.in, buf_span(&moved.unread)));
	RUN_UNTIL(&other, party_heard(&there, "with the handshake"));
	assert_int_equal(there.connected, 0);
	assert_int_equal(there.in.len, 18);
	party_say(&there, "moved");
	RUN_UNTIL(&p->loop, party_heard(&p->here, "moved"));
	stream_close(there.stream);
	RUN_UNTIL(&other, there.closed);
	party_forget(&there);
	buf_close(&moved.unread);
	test_loop_close(&other);
}

static void a_tls_stream_is_not_exported_without_its_engine(void **state)
{
	struct pair *p = *state;

	assert_int_equal(stream_export(p->here.stream, NULL, NULL), -1);
	party_say(&p->here, "still here");
	RUN_UNTIL(&p->loop, party_heard(&p->there, "still here"));
}

static void nothing_leaks_without_memory(void **state)
{
	struct pair *p = *state;
	bool done = false;

	for (unsigned n = 0; !done && n < 200; n++) {
		p->here.connected = p->here.closed = p->there.connected = p->there.closed = 0;
		alloc_fail_at(n);
		p->here.stream = stream_connect_host_tls(&p->loop.uv, "127.0.0.1", listener_at(p->listener).port, trust,
							 &party_handler, &p->here);
		while (p->here.stream != NULL && !p->here.closed && !(p->here.connected && p->there.connected))
			assert_true(test_loop_turn(&p->loop));
		done = !alloc_failed();
		alloc_fail_never();
		if (p->here.stream != NULL)
			stream_close(p->here.stream);
		if (p->there.stream != NULL)
			stream_close(p->there.stream);
		RUN_UNTIL(&p->loop, p->here.stream == NULL && p->there.stream == NULL);
		for (unsigned i = 0; i < 3; i++)
			(void)uv_run(&p->loop.uv, UV_RUN_NOWAIT);
		if (p->there.stream != NULL)	/* was accepted just now */
			stream_close(p->there.stream);
		RUN_UNTIL(&p->loop, p->there.stream == NULL);
		p->loop.start = uv_now(&p->loop.uv);
	}
	assert_true(done);
}

static int make_certs(void **state)
{
	char why[TLS_FILE_WHY];
	struct tls_server_options so = { .n_pairs = 1 };
	struct tls_client_options co = { 0 };

	(void)state;
	test_certs_open(&certs);
	so.pairs[0] = (struct tls_pair_files){ test_cert(&certs, "ec.crt"), test_cert(&certs, "ec.key") };
	co.ca_file = test_cert(&certs, "ca.crt");
	server = tls_server_new(&so, why);
	trust = tls_client_new(&co, why);
	return server != NULL && trust != NULL ? 0 : -1;
}

static int remove_certs(void **state)
{
	(void)state;
	tls_server_free(server);
	tls_client_free(trust);
	test_certs_close(&certs);
	return 0;
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
#define SECURED(test) cmocka_unit_test_setup_teardown(test, open_secured_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SECURED(bytes_go_both_ways_behind_the_handshake),
		PAIR(nothing_can_be_written_before_the_handshake_is_over),
		SECURED(much_goes_through_a_narrow_stream_in_order),
		SECURED(a_stopped_stream_hears_nothing),
		SECURED(last_words_arrive_and_the_close_is_said),
		SECURED(a_close_is_said_too),
		SECURED(a_connection_that_is_cut_is_not_taken_for_closed),
		PAIR(a_certificate_of_another_name_is_refused_in_words),
		PAIR(what_is_not_tls_is_never_connected),
		PAIR(a_server_that_answers_in_plain_is_named_so),
		PAIR(closing_in_the_handshake_is_safe),
		PAIR(a_plain_stream_becomes_tls_behind_a_greeting),
		PAIR(a_connection_moves_with_all_that_came_behind_its_handshake),
		SECURED(a_tls_stream_is_not_exported_without_its_engine),
		PAIR(nothing_leaks_without_memory),
	};

	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
