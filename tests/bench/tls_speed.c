/* tls_speed - what TLS costs a server here: CPU of the server's side alone, one thread, all in memory.
 *
 * usage: tls_speed CERT KEY [SECONDS]      per row; default 1
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/crypto/tls_client.h"
#include "common/crypto/tls_server.h"

static struct tls_server *server;
static struct tls_client *trust;
static uint64_t spent;			/* ns in the server */

struct side {
	struct tls_engine *tls;
	struct buf out;
};

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool keep(void *ctx, struct span bytes)
{
	return buf_add_span(ctx, bytes);
}

static void side_open(struct side *s, struct tls_engine *tls)
{
	s->tls = tls;
	buf_init(&s->out, SIZE_MAX);
	if (tls == NULL)
		exit(1);
	tls_engine_set_output(tls, keep, &s->out);
}

static void side_close(struct side *s)
{
	tls_engine_free(s->tls);
	buf_close(&s->out);
}

static void hear(struct side *s, struct span in)
{
	static uint8_t out[TLS_RECORD_MAX];
	enum tls_event event;
	size_t n;

	do
		event = tls_engine_read(s->tls, 0, &in, out, sizeof out, &n);
	while (event == TLS_READY || event == TLS_DATA);
	if (event != TLS_MORE) {
		fprintf(stderr, "tls_speed: %s\n", tls_engine_why(s->tls));
		exit(1);
	}
}

static void carry(struct side *from, struct side *to)
{
	hear(to, buf_span(&from->out));
	buf_reset(&from->out);
}

static void server_hears(struct side *client, struct side *there)
{
	uint64_t start = cpu_ns();

	carry(client, there);
	spent += cpu_ns() - start;
}

static void meet(struct side *client, struct side *there, struct span session)
{
	uint64_t start = cpu_ns();

	side_open(there, tls_server_accept(server));
	spent += cpu_ns() - start;
	side_open(client, tls_client_connect(trust, "localhost", session));
	hear(client, span_of(NULL, 0));
	while (!tls_engine_open(client->tls) || !tls_engine_open(there->tls)) {
		server_hears(client, there);
		carry(there, client);
	}
}

static void handshakes(const char *what, struct span session, uint64_t ns)
{
	unsigned n = 0;

	for (spent = 0; spent < ns; n++) {
		struct side client, there;
		meet(&client, &there, session);
		side_close(&client);
		side_close(&there);
	}
	printf("%-24s %8.0f /s   %7.1f us each\n", what, n * 1e9 / (double)spent, (double)spent / n / 1e3);
}

static void bulk(size_t size, uint64_t ns)
{
	static uint8_t bytes[TLS_RECORD_MAX];
	struct side client, there;
	struct span s = span_of(bytes, size);
	uint64_t n = 0;

	meet(&client, &there, span_of(NULL, 0));
	for (spent = 0; spent < ns; n++) {
		uint64_t start = cpu_ns();
		(void)tls_engine_write(there.tls, &s, 1);
		spent += cpu_ns() - start;
		buf_reset(&there.out);
	}
	printf("write %5zu bytes         %6.0f MB/s   %7.2f us each   %s\n", size, (double)(n * size) * 1e3 / (double)spent,
	       (double)spent / (double)n / 1e3, tls_engine_cipher(there.tls));
	side_close(&client);
	side_close(&there);
}

int main(int argc, char **argv)
{
	uint64_t ns = (argc > 3 ? (uint64_t)atoi(argv[3]) : 1) * 1000000000;
	struct tls_server_options so = { .n_pairs = 1 };
	const struct tls_client_options co = { .unverified = true };
	struct side client, there;
	struct buf session;
	char why[TLS_FILE_WHY];

	if (argc < 3)
		return 2;
	so.pairs[0] = (struct tls_pair_files){ argv[1], argv[2] };
	server = tls_server_new(&so, why);
	trust = tls_client_new(&co, why);
	if (server == NULL || trust == NULL) {
		fprintf(stderr, "tls_speed: %s\n", why);
		return 1;
	}
	buf_init(&session, SIZE_MAX);
	meet(&client, &there, span_of(NULL, 0));
	(void)tls_engine_write(there.tls, &(struct span){ (const uint8_t *)"x", 1 }, 1);
	carry(&there, &client);
	(void)tls_engine_session(client.tls, &session);
	printf("%s\n", tls_engine_version(client.tls));
	side_close(&client);
	side_close(&there);
	handshakes("full handshakes", span_of(NULL, 0), ns);
	handshakes("resumed handshakes", buf_span(&session), ns);
	bulk(1200, ns);
	bulk(TLS_RECORD_MAX, ns);
	buf_close(&session);
	tls_client_free(trust);
	tls_server_free(server);
	return 0;
}
