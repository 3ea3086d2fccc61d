/* covers: common/crypto/tls_engine.c common/crypto/dtls_door.c */
/* A client and a server with somebody between them who obeys the input: he carries, cuts, changes, repeats, drops and
 * invents bytes, from the first one on. Whatever he does, what is heard is what was said, and nothing breaks. */
#include "common/crypto/dtls_door.h"
#include "common/crypto/tls_client.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/random.h"

enum { HELD_MAX = 64, SAID_MAX = 100000 };

/* What the man in the middle has of one direction: pieces of a stream, or datagrams. */
struct road {
	struct buf held[HELD_MAX];
	unsigned n;
};

struct end {
	struct tls_engine *tls;		/* NULL: a server of DTLS before its cookie; or over */
	struct road out;
	size_t said, heard;		/* bytes: the n-th is n % 251 */
};

static struct tls_server *server;
static struct tls_client *trust;
static struct dtls_door *door;
static struct end client, there;
static bool dtls;
static msec_t now;
static uint32_t chance;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* --- once: nothing of this is ever in the tree ------------------------------------------------------------------- */

static void run(const char *what, const char *folder)
{
	const char *args[] = { "sh", "-c", what, "sh", folder, NULL };
	pid_t pid;
	int status;

	require(posix_spawnp(&pid, "sh", NULL, NULL, (char **)(uintptr_t)args, environ) == 0);
	require(waitpid(pid, &status, 0) == pid && status == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char folder[] = "/tmp/tls-fuzz-XXXXXX", crt[64], key[64], why[TLS_FILE_WHY];
	struct tls_server_options so = { .pairs = { { crt, key } }, .n_pairs = 1, .alpn = { "a" } };
	struct tls_client_options co = { .ca_file = crt, .alpn = { "a" } };

	(void)argc;
	(void)argv;
	require(mkdtemp(folder) != NULL);
	run("cd $1; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out crt -days 30 "
	    "-subj /CN=x -addext subjectAltName=DNS:x,IP:127.0.0.1 2>/dev/null", folder);
	snprintf(crt, sizeof crt, "%s/crt", folder);
	snprintf(key, sizeof key, "%s/key", folder);
	server = tls_server_new(&so, why);
	trust = tls_client_new(&co, why);
	run("rm -r $1", folder);
	require(server != NULL && trust != NULL);
	return 0;
}

/* The same input gives the same run. */
static void not_random(void *out, size_t n)
{
	uint8_t *p = out;

	for (size_t i = 0; i < n; i++) {
		chance = chance * 1664525 + 1013904223;
		p[i] = (uint8_t)(chance >> 24);
	}
}

/* --- the ends ---------------------------------------------------------------------------------------------------- */

static void append(struct road *r, struct span bytes, bool as_one)
{
	if (!as_one && r->n > 0) {
		require(buf_add_span(&r->held[r->n - 1], bytes));
		return;
	}
	if (r->n == HELD_MAX)
		return;				/* lost */
	buf_init(&r->held[r->n], SIZE_MAX);
	require(buf_add_span(&r->held[r->n++], bytes));
}

static bool on_output(void *ctx, struct span bytes)
{
	append(&((struct end *)ctx)->out, bytes, dtls);
	return true;
}

static bool no_output(void *ctx, struct span bytes)
{
	(void)ctx;
	(void)bytes;
	return false;
}

static void hear(struct end *e, struct span in)
{
	uint8_t out[700];
	enum tls_event event;
	size_t n;
	const struct end *other = e == &client ? &there : &client;

	if (e == &there && e->tls == NULL && dtls) {
		e->tls = dtls_door_hello(door, SPAN_LIT("client"), in, now, on_output, e);
		return;
	}
	if (e->tls == NULL)
		return;
	do {
		event = tls_engine_read(e->tls, now, &in, out, sizeof out, &n);
		for (size_t i = 0; i < n && !dtls; i++)
			require(out[i] == (e->heard + i) % 251);
		e->heard += n;
		require(dtls || e->heard <= other->said);
	} while (event == TLS_READY || event == TLS_DATA);
	require((event == TLS_MORE) != tls_engine_closing(e->tls));
	require((event == TLS_FAILED) == (tls_engine_why(e->tls)[0] != 0));
	require(event != TLS_MORE || in.len == 0);
}

static void say(struct end *e, size_t n)
{
	uint8_t bytes[4096];
	struct span parts[2];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((e->said + i) % 251);
	parts[0] = span_of(bytes, n / 3);
	parts[1] = span_of(bytes + n / 3, n - n / 3);
	if (e->tls == NULL || e->said > SAID_MAX)
		return;
	if (tls_engine_write(e->tls, parts, 2)) {
		require(tls_engine_open(e->tls));
		e->said += n;
	}
}

/* --- the man in the middle --------------------------------------------------------------------------------------- */

static void forget_first(struct road *r)
{
	buf_close(&r->held[0]);
	r->n--;
	memmove(r->held, r->held + 1, r->n * sizeof r->held[0]);
}

static void carry(struct end *from, struct end *to, size_t piece)
{
	struct road r = from->out;

	from->out.n = 0;
	for (unsigned i = 0; i < r.n; i++) {
		struct span left = buf_span(&r.held[i]);
		while (left.len > 0) {
			hear(to, dtls ? left : span_first(left, piece));
			left = dtls ? span_of(NULL, 0) : span_skip(left, piece);
		}
		buf_close(&r.held[i]);
	}
}

static void look(const struct end *e)
{
	struct buf session;

	if (e->tls == NULL || !tls_engine_open(e->tls))
		return;
	buf_init(&session, 1 << 16);
	(void)tls_engine_session(e->tls, &session);
	buf_close(&session);
	require(tls_engine_alpn(e->tls)[0] == 'a' && tls_engine_version(e->tls) != NULL && tls_engine_cipher(e->tls)[0] == 'T');
}

static void obey(uint8_t order, uint8_t with, struct span *input)
{
	struct end *from = order & 0x80 ? &there : &client, *to = order & 0x80 ? &client : &there;
	struct road *r = &from->out;
	struct span some;

	switch (order & 0x0f) {
	case 0:
	case 1:
		carry(from, to, SIZE_MAX);
		break;
	case 2:
		carry(from, to, (size_t)with + 1);
		break;
	case 3:				/* changes a byte */
		if (r->n > 0 && r->held[0].len > 0)
			r->held[0].p[(with * 257u) % r->held[0].len] ^= (uint8_t)(with | 1);
		break;
	case 4:				/* drops */
		if (r->n > 0)
			forget_first(r);
		break;
	case 5:				/* repeats */
		if (r->n > 0)
			append(r, buf_span(&r->held[0]), true);
		break;
	case 6:				/* invents */
		some = span_first(*input, with);
		*input = span_skip(*input, with);
		hear(to, some);
		break;
	case 7:
		say(from, with * 16u);
		break;
	case 8:
		if (from->tls != NULL)
			tls_engine_close(from->tls);
		break;
	case 9:
		now += with * 100u;
		if (from->tls != NULL && tls_engine_due(from->tls) <= now)
			hear(from, span_of(NULL, 0));
		break;
	case 10:
		if (from->tls != NULL)
			tls_engine_set_output(from->tls, no_output, NULL);
		break;
	default:
		look(from);
	}
}

static void open_ends(uint8_t how)
{
	static const char *const hosts[] = { "x", "127.0.0.1", "y", "127.0.0.2" };
	const char *host = hosts[how >> 1 & 3];

	dtls = how & 1;
	now = 1000;
	chance = how;
	random_source_set(not_random);
	client = there = (struct end){ 0 };
	door = dtls_door_new(server);
	require(door != NULL);
	client.tls = dtls ? tls_client_connect_dtls(trust, host) : tls_client_connect(trust, host, span_of(NULL, 0));
	there.tls = dtls ? NULL : tls_server_accept(server);
	require(client.tls != NULL && (dtls || there.tls != NULL));
	tls_engine_set_output(client.tls, on_output, &client);
	if (there.tls != NULL)
		tls_engine_set_output(there.tls, on_output, &there);
	hear(&client, span_of(NULL, 0));
}

static void close_end(struct end *e)
{
	tls_engine_free(e->tls);
	while (e->out.n > 0)
		forget_first(&e->out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct dtls_door_counts counts;

	if (in.len == 0)
		return 0;
	open_ends(in.p[0]);
	in = span_skip(in, 1);
	for (unsigned i = 0; in.len >= 2 && i < 64; i++) {
		uint8_t order = in.p[0], with = in.p[1];
		in = span_skip(in, 2);
		obey(order, with, &in);
	}
	close_end(&client);
	close_end(&there);
	counts = dtls_door_counts(door);
	require(counts.opened <= 1 && counts.challenged >= counts.opened);	/* without a cookie nobody comes in */
	dtls_door_free(door);
	random_source_set(NULL);
	return 0;
}
