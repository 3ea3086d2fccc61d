#include "common/net/lander.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/crypto/tls_client.h"
#include "common/crypto/tls_server.h"
#include "tests/lib/certs.h"
#include "tests/lib/loop.h"

enum { GUESTS = 8 };

static struct test_certs certs;
static struct tls_server *server;
static struct tls_client *trust;

/* A lander, two places on one loop, and whoever has landed there. */
struct field {
	struct test_loop loop;
	struct landing_place places[2];
	struct lander *lander;
	struct party guests[GUESTS];
	struct endpoint peers[GUESTS];
	unsigned place_of[GUESTS], n_guests;
	bool full, stopped;
	unsigned places_closed;
	struct party client, other;
};

static void on_landed(void *owner, struct landing *l)
{
	struct landing_place *p = owner;
	struct field *f = p->wake.loop->data;
	struct party *g = &f->guests[f->n_guests];

	if (f->full)
		return;
	assert_in_range(f->n_guests, 0, GUESTS - 1);
	party_init(g);
	assert_true(buf_add_span(&g->in, buf_span(&l->unread)));
	g->stream = landing_adopt(l, &f->loop.uv, &party_handler, g);
	assert_non_null(g->stream);
	f->place_of[f->n_guests] = p == &f->places[1];
	f->peers[f->n_guests++] = stream_peer(g->stream);
}

static void on_stopped(void *ctx)
{
	((struct field *)ctx)->stopped = true;
}

static void on_place_closed(struct landing_place *p)
{
	((struct field *)p->wake.loop->data)->places_closed++;
}

static int open_field(void **state)
{
	struct field *f = calloc(1, sizeof *f);

	test_loop_open(&f->loop);
	f->loop.uv.data = f;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(landing_place_open(&f->places[i], &f->loop.uv, on_landed, &f->places[i]), 0);
	party_init(&f->client);
	party_init(&f->other);
	*state = f;
	return 0;
}

static void start(struct field *f, const struct lander_options *o)
{
	struct landing_place *places[] = { &f->places[0], &f->places[1] };
	const struct endpoint at = loopback(0);
	char why[128];

	f->lander = lander_new(&f->loop.uv, o, places, 2, why);
	assert_non_null(f->lander);
	assert_int_equal(lander_listen(f->lander, &at, why), 0);
	assert_int_equal(lander_start(f->lander, why), 0);
}

static void stop(struct field *f)
{
	if (f->lander == NULL)
		return;
	lander_stop(f->lander, on_stopped, f);
	f->lander = NULL;
	RUN_UNTIL(&f->loop, f->stopped);
}

static void close_party(struct field *f, struct party *p)
{
	if (p->stream != NULL)
		stream_close(p->stream);
	RUN_UNTIL(&f->loop, p->stream == NULL);
	party_forget(p);
}

static int close_field(void **state)
{
	struct field *f = *state;

	stop(f);
	for (unsigned i = 0; i < 2; i++)
		landing_place_close(&f->places[i], on_place_closed);
	RUN_UNTIL(&f->loop, f->places_closed == 2);
	close_party(f, &f->client);
	close_party(f, &f->other);
	for (unsigned i = 0; i < f->n_guests; i++)
		close_party(f, &f->guests[i]);
	test_loop_close(&f->loop);
	free(f);
	return 0;
}

static void dial(struct field *f, struct party *p)
{
	party_forget(p);
	party_dial(p, &f->loop, lander_at(f->lander, 0));
	RUN_UNTIL(&f->loop, p->connected);
}

static void dial_tls(struct field *f, struct party *p)
{
	party_forget(p);
	party_init(p);
	p->stream = stream_connect_host_tls(&f->loop.uv, "127.0.0.1", lander_at(f->lander, 0).port, trust, &party_handler, p);
	assert_non_null(p->stream);
}

static void talk(struct field *f, struct party *guest)
{
	party_say(&f->client, "ping");
	party_say(guest, "pong");
	RUN_UNTIL(&f->loop, party_heard(guest, "ping") && party_heard(&f->client, "pong"));
}

static struct lander_counts counts(struct field *f)
{
	return lander_counts(f->lander);
}

/* --- landing ------------------------------------------------------------------------------------------------- */

static void a_plain_connection_lands_at_once(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ 0 });
	dial(f, &f->client);
	RUN_UNTIL(&f->loop, f->n_guests == 1);
	assert_true(ip_is_loopback(&f->peers[0].ip));
	talk(f, &f->guests[0]);
}

static void a_tls_connection_lands_behind_its_handshake(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server });
	dial_tls(f, &f->client);
	f->client.on_connected = NULL;
	RUN_UNTIL(&f->loop, f->n_guests == 1 && f->client.connected);
	assert_string_equal(tls_engine_alpn(stream_tls(f->guests[0].stream)), "");
	assert_int_equal(f->guests[0].connected, 0);
	talk(f, &f->guests[0]);
	assert_int_equal(counts(f).landed, 1);
	stream_close(f->client.stream);
	RUN_UNTIL(&f->loop, f->guests[0].closed);
	assert_int_equal(f->guests[0].why, STREAM_END_PEER);
}

static void say_hello(struct party *p)
{
	party_say(p, "hello at once");
}

static void what_comes_with_the_handshake_is_not_lost(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server });
	dial_tls(f, &f->client);
	f->client.on_connected = say_hello;
	RUN_UNTIL(&f->loop, f->n_guests == 1 && party_heard(&f->guests[0], "hello at once"));
	assert_int_equal(f->guests[0].in.len, 13);
}

static enum lander_verdict three_bytes(void *ctx, struct span so_far)
{
	(void)ctx;
	if (so_far.p[0] == '!')
		return LANDER_REFUSE;
	return so_far.len < 3 ? LANDER_MORE : LANDER_READY;
}

static unsigned by_first_byte(void *ctx, struct span first)
{
	(void)ctx;
	return first.p[0] - (unsigned)'0';
}

static void the_first_bytes_choose_the_place(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server, .first = three_bytes, .choose = by_first_byte });
	dial_tls(f, &f->client);
	dial_tls(f, &f->other);
	RUN_UNTIL(&f->loop, f->client.connected && f->other.connected);
	party_say(&f->client, "1");
	party_say(&f->client, "23");
	RUN_UNTIL(&f->loop, f->n_guests == 1);
	party_say(&f->other, "0123");
	RUN_UNTIL(&f->loop, f->n_guests == 2);
	assert_int_equal(f->place_of[0], 1);
	assert_int_equal(f->place_of[1], 0);
	assert_string_equal(party_text(&f->guests[0]), "123");
	assert_string_equal(party_text(&f->guests[1]), "0123");
	talk(f, &f->guests[0]);
}

static void first_bytes_may_be_refused(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .first = three_bytes });
	dial(f, &f->client);
	party_say(&f->client, "!");
	RUN_UNTIL(&f->loop, f->client.closed);
	assert_int_equal(counts(f).bad_first, 1);
	assert_int_equal(f->n_guests, 0);
}

static void many_threads_share_one_address(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server, .threads = 3 });
	for (unsigned i = 0; i < 6; i++) {
		dial_tls(f, &f->client);
		RUN_UNTIL(&f->loop, f->n_guests == i + 1 && f->client.connected);
		talk(f, &f->guests[i]);
		stream_close(f->client.stream);
		RUN_UNTIL(&f->loop, f->client.closed);
	}
	assert_int_equal(counts(f).landed, 6);
	RUN_UNTIL(&f->loop, counts(f).pending == 0);
}

/* --- PROXY --------------------------------------------------------------------------------------------------- */

static bool everybody(void *ctx, const struct ip_addr *peer)
{
	(void)ctx;
	(void)peer;
	return true;
}

static void a_trusted_proxy_names_the_client(void **state)
{
	struct field *f = *state;
	char text[ENDPOINT_TEXT];

	start(f, &(struct lander_options){ .is_proxy = everybody });
	dial(f, &f->client);
	party_say(&f->client, "PROXY TCP4 192.0.2.7 198.51");
	party_say(&f->client, ".100.1 7777 443\r\nand more");
	RUN_UNTIL(&f->loop, f->n_guests == 1 && party_heard(&f->guests[0], "and more"));
	assert_string_equal(endpoint_format(&f->peers[0], text), "192.0.2.7:7777");
	assert_int_equal(f->guests[0].in.len, 8);
}

/* A client of TLS whose first bytes go behind a PROXY header, as a proxy would send them. */
struct proxied { struct buf out; };

static bool keep(void *ctx, struct span bytes)
{
	return buf_add_span(&((struct proxied *)ctx)->out, bytes);
}

static void tls_begins_right_behind_the_header(void **state)
{
	struct field *f = *state;
	struct proxied wire;
	struct tls_engine *tls = tls_client_connect(trust, "localhost", span_of(NULL, 0));
	uint8_t plain[100];
	size_t n, used = 0;
	struct span in = { 0 };

	start(f, &(struct lander_options){ .tls = server, .is_proxy = everybody });
	buf_init(&wire.out, SIZE_MAX);
	buf_add_str(&wire.out, "PROXY TCP4 192.0.2.7 198.51.100.1 7777 443\r\n");
	tls_engine_set_output(tls, keep, &wire);
	assert_int_equal(tls_engine_read(tls, 0, &in, plain, sizeof plain, &n), TLS_MORE);
	dial(f, &f->client);
	while (!tls_engine_open(tls)) {
		struct span out = buf_span(&wire.out);
		if (out.len > 0)
			assert_true(stream_write(f->client.stream, &out, 1));
		buf_reset(&wire.out);
		RUN_UNTIL(&f->loop, f->client.in.len > used);
		in = span_of(f->client.in.p + used, f->client.in.len - used);
		used = f->client.in.len;
		assert_int_not_equal(tls_engine_read(tls, 0, &in, plain, sizeof plain, &n), TLS_FAILED);
	}
	if (wire.out.len > 0) {		/* TLS 1.3: the client speaks last */
		struct span out = buf_span(&wire.out);
		assert_true(stream_write(f->client.stream, &out, 1));
	}
	RUN_UNTIL(&f->loop, f->n_guests == 1);
	assert_int_equal(f->peers[0].port, 7777);
	tls_engine_free(tls);
	buf_close(&wire.out);
}

static void a_connection_of_a_proxy_without_a_header_is_refused(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .is_proxy = everybody });
	dial(f, &f->client);
	party_say(&f->client, "GET / HTTP/1.1\r\n\r\n");
	RUN_UNTIL(&f->loop, f->client.closed);
	assert_int_equal(counts(f).bad_proxy, 1);
}

static bool nobody(void *ctx, const struct ip_addr *peer)
{
	(void)ctx;
	(void)peer;
	return false;
}

static void a_header_of_anybody_else_is_data(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .is_proxy = nobody });
	dial(f, &f->client);
	party_say(&f->client, "PROXY TCP4 192.0.2.7 198.51.100.1 7777 443\r\n");
	RUN_UNTIL(&f->loop, f->n_guests == 1 && party_heard(&f->guests[0], "PROXY TCP4"));
	assert_true(ip_is_loopback(&f->peers[0].ip));
}

/* --- limits and deadlines -------------------------------------------------------------------------------------- */

static void a_slow_handshake_is_cut(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server, .deadline = 50 });
	dial(f, &f->client);
	party_say(&f->client, "\x16\x03");
	RUN_UNTIL(&f->loop, f->client.closed);
	assert_int_equal(counts(f).late, 1);
}

static void slow_first_bytes_are_cut(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .first = three_bytes, .first_deadline = 50 });
	dial(f, &f->client);
	party_say(&f->client, "12");
	RUN_UNTIL(&f->loop, f->client.closed);
	assert_int_equal(counts(f).late, 1);
}

static void what_is_not_tls_is_closed_and_counted(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server });
	dial(f, &f->client);
	party_say(&f->client, "GET / HTTP/1.1\r\n\r\n");
	RUN_UNTIL(&f->loop, f->client.closed && counts(f).pending == 0);
	assert_int_equal(counts(f).bad_handshake, 1);
	dial(f, &f->client);
	stream_close(f->client.stream);
	RUN_UNTIL(&f->loop, f->client.closed && counts(f).gone == 1);
}

static void the_oldest_of_too_many_gives_way(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server, .max_pending = 1 });
	dial(f, &f->other);
	RUN_UNTIL(&f->loop, counts(f).accepted == 1);
	dial_tls(f, &f->client);
	RUN_UNTIL(&f->loop, f->n_guests == 1 && f->other.closed && f->client.connected);
	assert_int_equal(counts(f).overtaken, 1);
	talk(f, &f->guests[0]);
}

static void an_address_has_its_limit_until_its_connections_end(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .max_per_address = 1 });
	dial(f, &f->client);
	RUN_UNTIL(&f->loop, f->n_guests == 1);
	dial(f, &f->other);
	RUN_UNTIL(&f->loop, f->other.closed);
	assert_int_equal(counts(f).refused_address, 1);
	stream_close(f->guests[0].stream);
	RUN_UNTIL(&f->loop, f->guests[0].closed);
	dial(f, &f->other);
	RUN_UNTIL(&f->loop, f->n_guests == 2);
}

static void connections_have_their_limit_in_all(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .max_connections = 1 });
	dial(f, &f->client);
	RUN_UNTIL(&f->loop, f->n_guests == 1);
	dial(f, &f->other);
	RUN_UNTIL(&f->loop, f->other.closed);
	assert_int_equal(counts(f).refused_limit, 1);
}

static void who_is_not_adopted_is_closed(void **state)
{
	struct field *f = *state;

	f->full = true;
	start(f, &(struct lander_options){ .tls = server, .max_connections = 1 });
	for (unsigned i = 0; i < 3; i++) {
		dial_tls(f, &f->client);
		RUN_UNTIL(&f->loop, f->client.closed);
	}
	assert_int_equal(counts(f).refused_limit, 0);
}

static void stopping_closes_what_is_on_its_way_and_spares_what_landed(void **state)
{
	struct field *f = *state;

	start(f, &(struct lander_options){ .tls = server });
	dial_tls(f, &f->client);
	RUN_UNTIL(&f->loop, f->n_guests == 1 && f->client.connected);
	dial(f, &f->other);
	RUN_UNTIL(&f->loop, counts(f).pending == 1);
	stop(f);
	RUN_UNTIL(&f->loop, f->other.closed);
	talk(f, &f->guests[0]);
}

static void a_lander_that_never_started_stops(void **state)
{
	struct field *f = *state;
	struct landing_place *places[] = { &f->places[0] };
	const struct endpoint at = loopback(0);
	struct endpoint taken;
	char why[128];

	f->lander = lander_new(&f->loop.uv, &(struct lander_options){ .threads = 2 }, places, 1, why);
	assert_non_null(f->lander);
	assert_int_equal(lander_listen(f->lander, &at, why), 0);
	taken = lander_at(f->lander, 0);
	assert_int_equal(lander_listen(f->lander, &taken, why), -1);
	assert_non_null(strstr(why, "cannot listen on 127.0.0.1:"));
	stop(f);
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

#define IN_FIELD(test) cmocka_unit_test_setup_teardown(test, open_field, close_field)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FIELD(a_plain_connection_lands_at_once),
		IN_FIELD(a_tls_connection_lands_behind_its_handshake),
		IN_FIELD(what_comes_with_the_handshake_is_not_lost),
		IN_FIELD(the_first_bytes_choose_the_place),
		IN_FIELD(first_bytes_may_be_refused),
		IN_FIELD(many_threads_share_one_address),
		IN_FIELD(a_trusted_proxy_names_the_client),
		IN_FIELD(tls_begins_right_behind_the_header),
		IN_FIELD(a_connection_of_a_proxy_without_a_header_is_refused),
		IN_FIELD(a_header_of_anybody_else_is_data),
		IN_FIELD(a_slow_handshake_is_cut),
		IN_FIELD(slow_first_bytes_are_cut),
		IN_FIELD(what_is_not_tls_is_closed_and_counted),
		IN_FIELD(the_oldest_of_too_many_gives_way),
		IN_FIELD(an_address_has_its_limit_until_its_connections_end),
		IN_FIELD(connections_have_their_limit_in_all),
		IN_FIELD(who_is_not_adopted_is_closed),
		IN_FIELD(stopping_closes_what_is_on_its_way_and_spares_what_landed),
		IN_FIELD(a_lander_that_never_started_stops),
	};

	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
