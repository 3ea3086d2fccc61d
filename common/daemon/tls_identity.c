#include "common/daemon/tls_identity.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"

enum { ROTATION_POLLS = 12 * 3600 * 1000 / TLS_POLL_MS };	/* a ticket lives for a day: its key, and the one before */
enum { ADDRESSES_MAX = 16 };
enum { EXPIRES_SOON = 14 * 24 * 3600 };				/* seconds */

const char *const tls_alpn_http[] = { "http/1.1", NULL };

static struct tls_server_options options_of(const struct tls_options *o, const char *const *alpn)
{
	struct tls_server_options r = { .n_pairs = o->cert.n, .password = o->pkey_pwd };

	for (size_t i = 0; i < r.n_pairs && i < TLS_PAIRS_MAX; i++)
		r.pairs[i] = (struct tls_pair_files){ o->cert.v[i], o->pkey.v[i] };
	for (size_t i = 0; alpn != NULL && alpn[i] != NULL && i < TLS_ALPN_MAX; i++)
		r.alpn[i] = alpn[i];
	return r;
}

bool tls_options_check(struct options *o, const struct tls_options *t)
{
	struct tls_server_options so;
	struct tls_server *s;
	char why[TLS_FILE_WHY];

	if (t->cert.n == 0 && t->pkey.n == 0) {
		if (options_given(o, "tls-listening-port"))
			options_warn(o, "tls-listening-port", 0, "nothing is served there without cert and pkey");
		return true;
	}
	if (t->cert.n != t->pkey.n) {
		options_bad(o, t->cert.n > t->pkey.n ? "cert" : "pkey", 0, "there must be as many pkey (%zu) as cert (%zu)",
			    t->pkey.n, t->cert.n);
		return false;
	}
	if (t->cert.n > TLS_PAIRS_MAX) {
		options_bad(o, "cert", TLS_PAIRS_MAX, "is one too many: at most %d", TLS_PAIRS_MAX);
		return false;
	}
	so = options_of(t, NULL);
	s = tls_server_new(&so, why);
	if (s == NULL)
		options_bad(o, "cert", 0, "%s", why);
	tls_server_free(s);
	return s != NULL;
}

static void say_expiry(const struct tls_identity *t, const char *event)
{
	int64_t left = tls_server_expiry(t->server) - clock_unix();

	LOG(left < EXPIRES_SOON ? LOG_WARNING : LOG_INFO, event, LOG_INT("expires_in_days", left / 86400));
}

void tls_identity_reload(struct tls_identity *t)
{
	char why[TLS_FILE_WHY];

	if (t->server == NULL)
		return;
	if (tls_server_reload(t->server, NULL, why))
		say_expiry(t, "certificate_loaded");
	else
		LOG(LOG_ERROR, "certificate_kept", LOG_STR("msg", why));
}

static void on_poll(uv_timer_t *timer)
{
	struct tls_identity *t = timer->data;

	if (tls_server_files_changed(t->server))
		tls_identity_reload(t);
	if (++t->since_rotation < ROTATION_POLLS)
		return;
	t->since_rotation = 0;
	tls_server_rotate_ticket_key(t->server);
}

int tls_identity_open(struct tls_identity *t, uv_loop_t *loop, const struct tls_options *o, const char *const *alpn, char why[256])
{
	struct tls_server_options so = options_of(o, alpn);
	char text[TLS_FILE_WHY];

	*t = (struct tls_identity){ 0 };
	if (o->cert.n == 0)
		return 0;
	t->server = tls_server_new(&so, text);
	if (t->server == NULL) {
		snprintf(why, 256, "%.255s", text);
		return -1;
	}
	(void)uv_timer_init(loop, &t->poll);
	t->poll.data = t;
	(void)uv_timer_start(&t->poll, on_poll, TLS_POLL_MS, TLS_POLL_MS);
	t->port = o->port;
	say_expiry(t, "certificate_loaded");
	return 0;
}

int tls_identity_listen(const struct tls_identity *t, struct http_server *s, const struct string_list *addresses,
			const struct listener_options *limits, char why[256])
{
	const struct lander_options o = {
		.tls = t->server, .max_connections = limits->max_connections, .max_per_address = limits->max_per_address
	};
	struct endpoint at[ADDRESSES_MAX] = { 0 };
	size_t n = 0;

	if (t->server == NULL)
		return 0;
	for (; n < addresses->n && n < ADDRESSES_MAX; n++) {
		(void)ip_parse(&at[n].ip, span_str(addresses->v[n]));	/* the daemon's check has */
		at[n].port = t->port;
	}
	if (http_server_listen_tls(s, at, n, &o, why) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		struct endpoint real = http_server_tls_at(s, i);
		LOG(LOG_INFO, "listening", LOG_ENDPOINT("at", &real), LOG_STR("for", "TLS"));
	}
	return 0;
}

void tls_identity_stop(struct tls_identity *t)
{
	if (t->server != NULL && !uv_is_closing((uv_handle_t *)&t->poll))
		uv_close((uv_handle_t *)&t->poll, NULL);
}

void tls_identity_free(struct tls_identity *t)
{
	tls_server_free(t->server);
	t->server = NULL;
}

void tls_identity_print_metrics(const struct tls_identity *t, const char *name, struct buf *out)
{
	struct tls_counts c;

	if (t->server == NULL)
		return;
	c = tls_server_counts(t->server);
	buf_addf(out, "# HELP %s_tls_handshakes_total TLS handshakes, by what became of them\n"
		 "# TYPE %s_tls_handshakes_total counter\n", name, name);
	buf_addf(out, "%s_tls_handshakes_total{result=\"full\"} %" PRIu64 "\n", name, c.handshakes - c.resumed);
	buf_addf(out, "%s_tls_handshakes_total{result=\"resumed\"} %" PRIu64 "\n", name, c.resumed);
	buf_addf(out, "%s_tls_handshakes_total{result=\"refused_by_peer\"} %" PRIu64 "\n", name, c.refused_by_peer);
	buf_addf(out, "%s_tls_handshakes_total{result=\"failed\"} %" PRIu64 "\n", name, c.failed);
	buf_addf(out, "%s_tls_handshakes_total{result=\"abandoned\"} %" PRIu64 "\n", name, c.abandoned);
	buf_addf(out, "# HELP %s_tls_connections TLS connections now\n# TYPE %s_tls_connections gauge\n"
		 "%s_tls_connections %" PRIu64 "\n", name, name, name, c.open);
	buf_addf(out, "# HELP %s_tls_reloads_total certificate files read again\n# TYPE %s_tls_reloads_total counter\n"
		 "%s_tls_reloads_total{result=\"taken\"} %" PRIu64 "\n%s_tls_reloads_total{result=\"kept\"} %" PRIu64 "\n",
		 name, name, name, c.reloads, name, c.reloads_failed);
	buf_addf(out, "# HELP %s_tls_certificate_expiry_seconds when the certificate in use ends, Unix time\n"
		 "# TYPE %s_tls_certificate_expiry_seconds gauge\n%s_tls_certificate_expiry_seconds %" PRId64 "\n",
		 name, name, name, tls_server_expiry(t->server));
}
