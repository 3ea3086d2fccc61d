#include "common/crypto/dtls_door.h"
#include "common/crypto/tls_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib/certs.h"
#include "tests/lib/failing_alloc.h"

enum { DATAGRAMS_MAX = 32 };

static struct test_certs certs;

/* Datagrams under way to somebody. */
struct road {
	struct buf datagram[DATAGRAMS_MAX];
	unsigned n;
};

struct world {
	struct tls_server *server;
	struct tls_client *trust;
	struct dtls_door *door;
	struct tls_engine *client, *connection;	/* connection: NULL until the door gave it */
	struct road to_client, to_server;
	struct buf client_heard, server_heard;
	unsigned ready;
	msec_t now;
};

static const char alice[] = "192.0.2.1:1111", bob[] = "192.0.2.2:2222";

static bool put(void *ctx, struct span bytes)
{
	struct road *r = ctx;

	assert_in_range(r->n, 0, DATAGRAMS_MAX - 1);
	buf_init(&r->datagram[r->n], SIZE_MAX);
	return buf_add_span(&r->datagram[r->n++], bytes);
}

static void clear(struct road *r)
{
	while (r->n > 0)
		buf_close(&r->datagram[--r->n]);
}

static enum tls_event hear(struct world *w, struct tls_engine *e, struct span datagram, struct buf *heard)
{
	uint8_t out[2000];
	enum tls_event event;
	size_t n;

	do {
		event = tls_engine_read(e, w->now, &datagram, out, sizeof out, &n);
		w->ready += event == TLS_READY;
		if (event == TLS_DATA)
			assert_true(buf_add(heard, out, n));
	} while (event == TLS_READY || event == TLS_DATA);
	return event;
}

static void client_speaks(struct world *w)
{
	assert_int_equal(hear(w, w->client, span_of(NULL, 0), &w->client_heard), TLS_MORE);
}

static void arrive(struct world *w, struct span datagram)
{
	if (w->connection == NULL)
		w->connection = dtls_door_hello(w->door, span_str(alice), datagram, w->now, put, &w->to_client);
	else
		(void)hear(w, w->connection, datagram, &w->server_heard);
}

/* One direction once. */
static void deliver_to_server(struct world *w)
{
	struct road r = w->to_server;

	w->to_server.n = 0;
	for (unsigned i = 0; i < r.n; i++)
		arrive(w, buf_span(&r.datagram[i]));
	clear(&r);
}

static void deliver_to_client(struct world *w)
{
	struct road r = w->to_client;

	w->to_client.n = 0;
	for (unsigned i = 0; i < r.n; i++)
		(void)hear(w, w->client, buf_span(&r.datagram[i]), &w->client_heard);
	clear(&r);
}

static void talk(struct world *w)
{
	while (w->to_server.n > 0 || w->to_client.n > 0) {
		deliver_to_server(w);
		deliver_to_client(w);
	}
}

static void new_client(struct world *w)
{
	tls_engine_free(w->client);
	w->client = tls_client_connect_dtls(w->trust, "localhost");
	assert_non_null(w->client);
	tls_engine_set_output(w->client, put, &w->to_server);
}

static int open_world(void **state)
{
	static struct world w;
	char why[TLS_FILE_WHY];
	struct tls_server_options so = {
		.pairs = { { test_cert(&certs, "ec.crt"), test_cert(&certs, "ec.key") } }, .n_pairs = 1, .alpn = { "stun.turn" }
	};
	struct tls_client_options co = { .ca_file = test_cert(&certs, "ca.crt"), .alpn = { "stun.turn" } };

	w = (struct world){ .now = 1000 };
	buf_init(&w.client_heard, SIZE_MAX);
	buf_init(&w.server_heard, SIZE_MAX);
	w.server = tls_server_new(&so, why);
	w.trust = tls_client_new(&co, why);
	assert_true(w.server != NULL && w.trust != NULL);
	w.door = dtls_door_new(w.server);
	assert_non_null(w.door);
	new_client(&w);
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	alloc_fail_never();
	tls_engine_free(w->client);
	tls_engine_free(w->connection);
	dtls_door_free(w->door);
	tls_server_free(w->server);
	tls_client_free(w->trust);
	clear(&w->to_client);
	clear(&w->to_server);
	buf_close(&w->client_heard);
	buf_close(&w->server_heard);
	return 0;
}

static void connect_client(struct world *w)
{
	client_speaks(w);
	talk(w);
	assert_non_null(w->connection);
	assert_true(tls_engine_open(w->client));
	assert_true(tls_engine_open(w->connection));
}

static void say(struct tls_engine *e, const char *text)
{
	struct span s = span_str(text);

	assert_true(tls_engine_write(e, &s, 1));
}

static void a_client_that_brings_its_cookie_becomes_a_connection(void **state)
{
	struct world *w = *state;

	connect_client(w);
	say(w->client, "ping");
	say(w->connection, "pong");
	talk(w);
	assert_string_equal(buf_cstr(&w->server_heard), "ping");
	assert_string_equal(buf_cstr(&w->client_heard), "pong");
	assert_string_equal(tls_engine_alpn(w->connection), "stun.turn");
	assert_int_equal(dtls_door_counts(w->door).challenged, 1);
	assert_int_equal(dtls_door_counts(w->door).opened, 1);
	assert_int_equal(tls_server_counts(w->server).handshakes, 1);
}

static void a_first_hello_is_answered_with_a_short_cookie_and_forgotten(void **state)
{
	struct world *w = *state;

	client_speaks(w);
	for (unsigned i = 0; i < 5; i++) {
		assert_null(dtls_door_hello(w->door, span_str(alice), buf_span(&w->to_server.datagram[0]), w->now, put, &w->to_client));
		assert_int_equal(w->to_client.n, i + 1);
		assert_true(w->to_client.datagram[i].len < w->to_server.datagram[0].len);	/* no amplifier */
	}
	assert_int_equal(dtls_door_counts(w->door).challenged, 5);
	assert_int_equal(dtls_door_counts(w->door).opened, 0);
}

static void a_cookie_is_of_no_use_to_another_address(void **state)
{
	struct world *w = *state;
	struct road stolen;

	client_speaks(w);
	deliver_to_server(w);
	deliver_to_client(w);
	stolen = w->to_server;
	w->to_server.n = 0;
	assert_int_equal(stolen.n, 1);
	assert_null(dtls_door_hello(w->door, span_str(bob), buf_span(&stolen.datagram[0]), w->now, put, &w->to_client));
	clear(&w->to_client);
	arrive(w, buf_span(&stolen.datagram[0]));
	assert_non_null(w->connection);
	clear(&stolen);
}

static void what_is_no_hello_is_dropped_without_work(void **state)
{
	struct world *w = *state;
	struct span hello;
	uint8_t bytes[2000];

	client_speaks(w);
	hello = buf_span(&w->to_server.datagram[0]);
	for (size_t n = 0; n < hello.len; n++)
		assert_null(dtls_door_hello(w->door, span_str(alice), span_first(hello, n), w->now, put, &w->to_client));
	assert_int_equal(w->to_client.n, 0);
	for (size_t i = 0; i < hello.len; i++) {	/* each byte broken: an answer perhaps, a connection never */
		memcpy(bytes, hello.p, hello.len);
		bytes[i] ^= 0xff;
		assert_null(dtls_door_hello(w->door, span_str(alice), span_of(bytes, hello.len), w->now, put, &w->to_client));
		clear(&w->to_client);
	}
	talk(w);
	assert_true(tls_engine_open(w->client));	/* and the door is as good as new */
}

static void lost_datagrams_are_sent_again_when_it_is_time(void **state)
{
	struct world *w = *state;
	msec_t due;

	client_speaks(w);
	clear(&w->to_server);			/* lost */
	due = tls_engine_due(w->client);
	assert_in_range(due, w->now + 1, w->now + 1000);
	w->now = due - 1;
	client_speaks(w);
	assert_int_equal(w->to_server.n, 0);
	w->now = due;
	client_speaks(w);
	assert_int_equal(w->to_server.n, 1);
	deliver_to_server(w);
	deliver_to_client(w);			/* the cookie */
	deliver_to_server(w);
	assert_non_null(w->connection);
	clear(&w->to_client);			/* the server's whole flight is lost */
	w->now = tls_engine_due(w->connection);
	assert_int_equal(hear(w, w->connection, span_of(NULL, 0), &w->server_heard), TLS_MORE);
	assert_true(w->to_client.n > 0);
	talk(w);
	assert_int_equal(w->ready, 2);
	assert_true(tls_engine_due(w->client) == NEVER);
}

static void a_peer_that_never_answers_is_given_up(void **state)
{
	struct world *w = *state;
	enum tls_event event = TLS_MORE;
	uint8_t out[1];
	size_t n;
	struct span none = { 0 };

	client_speaks(w);
	for (unsigned i = 0; i < 20 && event == TLS_MORE; i++) {
		w->now = tls_engine_due(w->client);
		event = tls_engine_read(w->client, w->now, &none, out, sizeof out, &n);
	}
	assert_int_equal(event, TLS_FAILED);
	assert_string_equal(tls_engine_why(w->client), "the peer does not answer");
	assert_true(tls_engine_due(w->client) == NEVER);
}

static void a_datagram_is_one_record_or_refused(void **state)
{
	struct world *w = *state;
	static uint8_t big[TLS_RECORD_MAX + 1];
	struct span parts[] = { span_of(big, 700), span_of(big, 800) }, too_big = span_of(big, sizeof big);

	connect_client(w);
	assert_true(tls_engine_write(w->client, parts, 2));
	assert_int_equal(w->to_server.n, 1);
	talk(w);
	assert_int_equal(w->server_heard.len, 1500);
	assert_false(tls_engine_write(w->client, &too_big, 1));
	assert_true(tls_engine_open(w->client));
}

static void garbage_and_repetitions_do_not_end_a_connection(void **state)
{
	struct world *w = *state;
	static const char garbage[] = "\x17\xfe\xfd\x00\x01\x00\x00\x00\x00\x00\x09\x00\x20 these bytes are not a record of ours";
	struct road twice;

	connect_client(w);
	arrive(w, SPAN_LIT(garbage));
	arrive(w, SPAN_LIT("\x16"));
	say(w->client, "once");
	twice = w->to_server;
	w->to_server.n = 0;
	arrive(w, buf_span(&twice.datagram[0]));
	arrive(w, buf_span(&twice.datagram[0]));	/* a replay */
	clear(&twice);
	assert_string_equal(buf_cstr(&w->server_heard), "once");
}

static void a_client_that_closes_is_heard(void **state)
{
	struct world *w = *state;
	struct span bye;

	connect_client(w);
	tls_engine_close(w->client);
	bye = buf_span(&w->to_server.datagram[0]);
	assert_int_equal(hear(w, w->connection, bye, &w->server_heard), TLS_CLOSED);
}

static void the_door_serves_the_newest_certificate(void **state)
{
	struct world *w = *state;
	char why[TLS_FILE_WHY];
	struct tls_server_options o = {
		.pairs = { { test_cert(&certs, "other.crt"), test_cert(&certs, "other.key") } }, .n_pairs = 1
	};

	client_speaks(w);
	deliver_to_server(w);		/* a cookie of the old generation is good for the new */
	assert_true(tls_server_reload(w->server, &o, why));
	deliver_to_client(w);
	talk(w);
	assert_non_null(w->connection);
	assert_non_null(strstr(tls_engine_why(w->client), "does not match with the expected CN"));
}

static void a_door_without_memory_opens_later(void **state)
{
	struct world *w = *state;

	client_speaks(w);
	alloc_fail_at(0);
	arrive(w, buf_span(&w->to_server.datagram[0]));
	assert_true(alloc_failed());
	assert_int_equal(w->to_client.n, 0);
	alloc_fail_never();
	talk(w);
	assert_true(tls_engine_open(w->client));
}

static int make_certs(void **state)
{
	(void)state;
	test_certs_open(&certs);
	return 0;
}

static int remove_certs(void **state)
{
	(void)state;
	test_certs_close(&certs);
	return 0;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_client_that_brings_its_cookie_becomes_a_connection),
		IN_WORLD(a_first_hello_is_answered_with_a_short_cookie_and_forgotten),
		IN_WORLD(a_cookie_is_of_no_use_to_another_address),
		IN_WORLD(what_is_no_hello_is_dropped_without_work),
		IN_WORLD(lost_datagrams_are_sent_again_when_it_is_time),
		IN_WORLD(a_peer_that_never_answers_is_given_up),
		IN_WORLD(a_datagram_is_one_record_or_refused),
		IN_WORLD(garbage_and_repetitions_do_not_end_a_connection),
		IN_WORLD(a_client_that_closes_is_heard),
		IN_WORLD(the_door_serves_the_newest_certificate),
		IN_WORLD(a_door_without_memory_opens_later),
	};

	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
