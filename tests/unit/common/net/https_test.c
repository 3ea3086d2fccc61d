#include "common/net/http_client.h"
#include "common/net/http_server.h"

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

enum { BIG = 3 << 20 };

static struct test_certs certs;
static struct tls_server *identity;
static struct tls_client *trust;

/* An HTTP server with both doors, and a client that comes by TLS. */
struct house {
	struct test_loop loop;
	struct http_server *server;
	struct http_client *client;
	struct party upgraded;
	unsigned answers, stopped;
	enum http_call_result result;
	int status;
	struct buf body;
	uint8_t *big;
};

static void on_request(void *owner, struct http_exchange *x, const struct http_request *r)
{
	struct house *h = owner;
	struct buf unread = { .limit = 1000 };

	if (span_eq_str(r->path, "/big")) {
		http_reply(x, &(struct http_reply){ .status = 200, .body = span_of(h->big, BIG) });
	} else if (r->upgrade) {
		party_init(&h->upgraded);
		h->upgraded.stream = http_upgrade(x, "test", NULL, 0, &party_handler, &h->upgraded, &unread);
		assert_true(buf_add_span(&h->upgraded.in, buf_span(&unread)));
		buf_close(&unread);
	} else {
		http_reply(x, &(struct http_reply){ .status = 200, .body = r->body });
	}
}

static const struct http_server_ops ops = { .request = on_request };

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct house *h = ctx;

	h->answers++;
	h->result = r;
	h->status = status;
	buf_reset(&h->body);
	assert_true(buf_add_span(&h->body, body));
}

static void on_stopped(void *ctx)
{
	((struct house *)ctx)->stopped++;
}

static int open_house(void **state)
{
	struct house *h = calloc(1, sizeof *h);
	const struct lander_options lo = { .tls = identity };
	const struct endpoint at = loopback(0);
	struct http_client_options co = { .host = "127.0.0.1", .trust = trust, .body_limit = BIG };
	char why[128];

	test_loop_open(&h->loop);
	buf_init(&h->body, SIZE_MAX);
	h->big = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		h->big[i] = (uint8_t)(i % 253);
	h->server = http_server_new(&h->loop.uv, NULL, &ops, h);
	assert_int_equal(http_server_listen(h->server, &(struct listener_options){ .at = at }, why), 0);
	assert_int_equal(http_server_listen_tls(h->server, &at, 1, &lo, why), 0);
	co.port = http_server_tls_at(h->server, 0).port;
	assert_int_not_equal(co.port, http_server_at(h->server, 0).port);
	h->client = http_client_new(&h->loop.uv, &co);
	*state = h;
	return 0;
}

static int close_house(void **state)
{
	struct house *h = *state;

	if (h->upgraded.stream != NULL)
		stream_close(h->upgraded.stream);
	http_server_stop(h->server, on_stopped);
	http_client_stop(h->client, on_stopped, h);
	RUN_UNTIL(&h->loop, h->stopped == 2 && h->upgraded.stream == NULL);
	test_loop_close(&h->loop);
	party_forget(&h->upgraded);
	buf_close(&h->body);
	free(h->big);
	free(h);
	return 0;
}

static void ask(struct house *h, const char *method, const char *path, struct span body)
{
	unsigned before = h->answers;

	assert_non_null(http_client_call(h->client, method, span_str(path), NULL, body, false, on_answer, h));
	RUN_UNTIL(&h->loop, h->answers > before);
}

static void requests_are_answered_over_one_kept_connection(void **state)
{
	struct house *h = *state;

	for (unsigned i = 0; i < 3; i++) {
		ask(h, "POST", "/echo", SPAN_LIT("over TLS"));
		assert_int_equal(h->result, HTTP_CALL_OK);
		assert_string_equal(buf_cstr(&h->body), "over TLS");
	}
	assert_int_equal(http_server_lander_counts(h->server).landed, 1);
	assert_int_equal(http_server_connections(h->server), 1);
}

static void a_big_answer_comes_whole(void **state)
{
	struct house *h = *state;

	ask(h, "GET", "/big", span_of(NULL, 0));
	assert_int_equal(h->status, 200);
	assert_int_equal(h->body.len, BIG);
	assert_memory_equal(h->body.p, h->big, BIG);
}

static void an_upgraded_connection_stays_secure(void **state)
{
	struct house *h = *state;
	struct party p;

	party_init(&p);
	p.stream = stream_connect_host_tls(&h->loop.uv, "127.0.0.1", http_server_tls_at(h->server, 0).port, trust, &party_handler, &p);
	RUN_UNTIL(&h->loop, p.connected);
	party_say(&p, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\nfirst frame");
	RUN_UNTIL(&h->loop, h->upgraded.stream != NULL && party_heard(&p, "101") && party_heard(&h->upgraded, "first frame"));
	party_say(&h->upgraded, "answer");
	RUN_UNTIL(&h->loop, party_heard(&p, "answer"));
	stream_close(p.stream);
	RUN_UNTIL(&h->loop, p.closed && h->upgraded.closed);
	party_forget(&p);
}

static void a_plain_request_at_the_tls_door_is_closed(void **state)
{
	struct house *h = *state;
	struct party p;

	party_dial(&p, &h->loop, http_server_tls_at(h->server, 0));
	RUN_UNTIL(&h->loop, p.connected);
	party_say(&p, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	RUN_UNTIL(&h->loop, p.closed);
	assert_int_equal(http_server_connections(h->server), 0);
	party_forget(&p);
}

static void draining_closes_both_doors(void **state)
{
	struct house *h = *state;
	struct endpoint at = http_server_tls_at(h->server, 0);
	struct party p;

	ask(h, "POST", "/echo", SPAN_LIT("x"));
	http_server_drain(h->server);
	http_server_drain(h->server);
	RUN_UNTIL(&h->loop, http_server_connections(h->server) == 0);
	do {		/* until the lander's thread has closed it */
		party_dial(&p, &h->loop, at);
		RUN_UNTIL(&h->loop, p.closed);
		party_forget(&p);
	} while (p.why != STREAM_END_CONNECT);
	assert_int_equal(http_server_lander_counts(h->server).landed, 1);
}

static void a_client_that_trusts_nobody_of_ours_sends_nothing(void **state)
{
	struct house *h = *state;
	struct tls_client_options to = { .ca_file = test_cert(&certs, "stranger.crt") };
	char why[TLS_FILE_WHY];
	struct tls_client *suspicious = tls_client_new(&to, why);
	struct http_client_options co = { .host = "127.0.0.1", .trust = suspicious, .port = http_server_tls_at(h->server, 0).port };

	http_client_stop(h->client, on_stopped, h);
	h->client = http_client_new(&h->loop.uv, &co);
	ask(h, "POST", "/echo", SPAN_LIT("secret"));
	assert_int_equal(h->result, HTTP_CALL_CONNECT);
	h->stopped--;
	tls_client_free(suspicious);
}

static int make_certs(void **state)
{
	char why[TLS_FILE_WHY];
	struct tls_server_options so = { .n_pairs = 1, .alpn = { "http/1.1" } };
	struct tls_client_options co = { .alpn = { "http/1.1" } };

	(void)state;
	test_certs_open(&certs);
	so.pairs[0] = (struct tls_pair_files){ test_cert(&certs, "ec.crt"), test_cert(&certs, "ec.key") };
	co.ca_file = test_cert(&certs, "ca.crt");
	identity = tls_server_new(&so, why);
	trust = tls_client_new(&co, why);
	return identity != NULL && trust != NULL ? 0 : -1;
}

static int remove_certs(void **state)
{
	(void)state;
	tls_server_free(identity);
	tls_client_free(trust);
	test_certs_close(&certs);
	return 0;
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(requests_are_answered_over_one_kept_connection),
		IN_HOUSE(a_big_answer_comes_whole),
		IN_HOUSE(an_upgraded_connection_stays_secure),
		IN_HOUSE(a_plain_request_at_the_tls_door_is_closed),
		IN_HOUSE(draining_closes_both_doors),
		IN_HOUSE(a_client_that_trusts_nobody_of_ours_sends_nothing),
	};

	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
