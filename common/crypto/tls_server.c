#include "common/crypto/tls_server.h"
#include "common/crypto/tls_server_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/crypto/digest.h"

enum { RETRANSMIT_MIN = 1000, RETRANSMIT_MAX = 10000 };	/* ms, of DTLS: doubling between */

struct file_stamp {
	struct timespec changed;
	off_t size;
	ino_t inode;
};

struct tls_server {
	pthread_mutex_t lock;			/* around all of it but core */
	struct tls_server_core *core;
	struct tls_generation *current;
	struct tls_server_options files;	/* what was asked for; strings are in text */
	char *text;
	size_t text_size;
	struct file_stamp stamps[2 * TLS_PAIRS_MAX];
};

/* --- the core ------------------------------------------------------------------------------------------------ */

static struct tls_server_core *core_new(void)
{
	struct tls_server_core *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->refs = 1;
	mbedtls_ssl_cookie_init(&c->cookies);
	if (mbedtls_ssl_cookie_setup(&c->cookies, mbed_random, NULL) != 0) {
		mbedtls_ssl_cookie_free(&c->cookies);
		free(c);
		return NULL;
	}
	tls_tickets_init(&c->tickets, &c->counters.resumed);
	return c;
}

static void core_unref(struct tls_server_core *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	tls_tickets_close(&c->tickets);
	mbedtls_ssl_cookie_free(&c->cookies);
	free(c);
}

/* --- generations --------------------------------------------------------------------------------------------- */

static void generation_free(struct tls_shared *shared)
{
	struct tls_generation *g = (struct tls_generation *)shared;

	mbedtls_ssl_config_free(&g->stream);
	mbedtls_ssl_config_free(&g->datagram);
	for (size_t i = 0; i < g->n_pairs; i++)
		tls_pair_close(&g->pairs[i]);
	core_unref(g->core);
	tls_alpn_close(&g->alpn);
	free(g);
}

static int configure(struct tls_generation *g, mbedtls_ssl_config *conf, int transport)
{
	int rc = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, transport, MBEDTLS_SSL_PRESET_DEFAULT);

	mbed_conf_strict(conf);
	mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);	/* of clients: we ask for no certificate */
	tls_tickets_configure(&g->core->tickets, conf);
	mbedtls_ssl_conf_dtls_cookies(conf, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &g->core->cookies);
	mbedtls_ssl_conf_handshake_timeout(conf, RETRANSMIT_MIN, RETRANSMIT_MAX);
	for (size_t i = 0; i < g->n_pairs && rc == 0; i++)
		rc = mbedtls_ssl_conf_own_cert(conf, &g->pairs[i].chain, &g->pairs[i].key);
	return rc != 0 ? rc : tls_alpn_configure(&g->alpn, conf);
}

static struct tls_generation *generation_new(struct tls_server_core *core, const struct tls_server_options *o,
					     char why[TLS_FILE_WHY])
{
	struct tls_generation *g = calloc(1, sizeof *g);
	int64_t now = clock_unix();
	bool good;

	snprintf(why, TLS_FILE_WHY, "no memory");
	if (g == NULL)
		return NULL;
	g->shared = (struct tls_shared){ .refs = 1, .free = generation_free };
	g->core = core;
	atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
	mbedtls_ssl_config_init(&g->stream);
	mbedtls_ssl_config_init(&g->datagram);
	g->expiry = INT64_MAX;
	good = tls_alpn_copy(&g->alpn, o->alpn);
	for (size_t i = 0; i < o->n_pairs && good; i++) {
		struct tls_pair *p = &g->pairs[g->n_pairs++];
		tls_pair_init(p);
		good = tls_pair_load(p, &o->pairs[i], o->password, now, why);
		g->expiry = good && p->expiry < g->expiry ? p->expiry : g->expiry;
	}
	if (good && configure(g, &g->stream, MBEDTLS_SSL_TRANSPORT_STREAM) == 0 &&
	    configure(g, &g->datagram, MBEDTLS_SSL_TRANSPORT_DATAGRAM) == 0)
		return g;
	tls_shared_unref(&g->shared);
	return NULL;
}

struct tls_generation *tls_server_generation(struct tls_server *s)
{
	struct tls_generation *g;

	pthread_mutex_lock(&s->lock);
	g = s->current;
	tls_shared_ref(&g->shared);
	pthread_mutex_unlock(&s->lock);
	return g;
}

/* --- what was asked for -------------------------------------------------------------------------------------- */

/* Every string of the options, in one order. */
static void each_string(struct tls_server_options *o, void (*fn)(const char **s, void *ctx), void *ctx)
{
	for (size_t i = 0; i < o->n_pairs; i++) {
		fn(&o->pairs[i].cert, ctx);
		fn(&o->pairs[i].pkey, ctx);
	}
	for (size_t i = 0; i < TLS_ALPN_MAX && o->alpn[i] != NULL; i++)
		fn(&o->alpn[i], ctx);
	if (o->password != NULL)
		fn(&o->password, ctx);
}

static void add_size(const char **s, void *ctx)
{
	*(size_t *)ctx += strlen(*s) + 1;
}

static void move_to(const char **s, void *ctx)
{
	char **to = ctx, *here = *to;

	*to = stpcpy(here, *s) + 1;
	*s = here;
}

static void forget_files(struct tls_server *s)
{
	if (s->text != NULL)
		secret_wipe(s->text, s->text_size);
	free(s->text);
	s->text = NULL;
}

static bool remember_files(struct tls_server *s, const struct tls_server_options *o)
{
	struct tls_server_options copy = *o;
	size_t size = 1;
	char *text, *to;

	each_string(&copy, add_size, &size);
	text = to = malloc(size);
	if (text == NULL)
		return false;
	each_string(&copy, move_to, &to);
	forget_files(s);
	s->files = copy;
	s->text = text;
	s->text_size = size;
	return true;
}

static struct file_stamp stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct file_stamp){ 0 };
	return (struct file_stamp){ .changed = st.st_mtim, .size = st.st_size, .inode = st.st_ino };
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec && a->size == b->size &&
		a->inode == b->inode;
}

/* Before the files are read: a change in between is then seen by the next look. */
static bool look_at_files(struct tls_server *s, const struct tls_server_options *o)
{
	bool changed = false;

	for (size_t i = 0; i < 2 * o->n_pairs; i++) {
		struct file_stamp now = stamp_of(i % 2 == 0 ? o->pairs[i / 2].cert : o->pairs[i / 2].pkey);
		changed = changed || !same_stamp(&now, &s->stamps[i]);
		s->stamps[i] = now;
	}
	return changed;
}

/* --- the server ---------------------------------------------------------------------------------------------- */

static bool options_good(const struct tls_server_options *o, char why[TLS_FILE_WHY])
{
	if (o->n_pairs > 0 && o->n_pairs <= TLS_PAIRS_MAX)
		return true;
	snprintf(why, TLS_FILE_WHY, "TLS needs 1 to %d certificates with their keys", TLS_PAIRS_MAX);
	return false;
}

struct tls_server *tls_server_new(const struct tls_server_options *o, char why[TLS_FILE_WHY])
{
	struct tls_server *s;

	if (!options_good(o, why))
		return NULL;
	snprintf(why, TLS_FILE_WHY, "no memory, or the TLS library does not work here");
	if (!mbed_start() || (s = calloc(1, sizeof *s)) == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->core = core_new();
	if (s->core != NULL && remember_files(s, o)) {
		(void)look_at_files(s, o);
		s->current = generation_new(s->core, o, why);
	}
	if (s->current != NULL)
		return s;
	tls_server_free(s);
	return NULL;
}

void tls_server_free(struct tls_server *s)
{
	if (s == NULL)
		return;
	if (s->current != NULL)
		tls_shared_unref(&s->current->shared);
	if (s->core != NULL)
		core_unref(s->core);
	forget_files(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool tls_server_reload(struct tls_server *s, const struct tls_server_options *o, char why[TLS_FILE_WHY])
{
	struct tls_generation *fresh = NULL, *old = NULL;

	pthread_mutex_lock(&s->lock);
	if (o == NULL)
		o = &s->files;
	if (options_good(o, why)) {
		(void)look_at_files(s, o);
		fresh = generation_new(s->core, o, why);
	}
	if (fresh != NULL && o != &s->files && !remember_files(s, o)) {
		snprintf(why, TLS_FILE_WHY, "no memory");
		tls_shared_unref(&fresh->shared);
		fresh = NULL;
	}
	if (fresh != NULL) {
		old = s->current;
		s->current = fresh;
	}
	pthread_mutex_unlock(&s->lock);
	tls_count(fresh != NULL ? &s->core->counters.reloads : &s->core->counters.reloads_failed);
	if (old != NULL)
		tls_shared_unref(&old->shared);
	return fresh != NULL;
}

bool tls_server_files_changed(struct tls_server *s)
{
	bool changed;

	pthread_mutex_lock(&s->lock);
	changed = look_at_files(s, &s->files);
	pthread_mutex_unlock(&s->lock);
	return changed;
}

int64_t tls_server_expiry(struct tls_server *s)
{
	struct tls_generation *g = tls_server_generation(s);
	int64_t expiry = g->expiry;

	tls_shared_unref(&g->shared);
	return expiry;
}

struct tls_engine *tls_server_accept(struct tls_server *s)
{
	struct tls_generation *g = tls_server_generation(s);
	struct tls_engine *e = tls_engine_new(&g->stream, false, &g->shared, &g->core->counters);

	tls_shared_unref(&g->shared);
	return e;
}

void tls_server_set_ticket_keys(struct tls_server *s, const uint8_t keys[][TLS_TICKET_KEY], size_t n)
{
	tls_tickets_set(&s->core->tickets, keys, n);
}

void tls_server_rotate_ticket_key(struct tls_server *s)
{
	tls_tickets_rotate(&s->core->tickets);
}

struct tls_counts tls_server_counts(struct tls_server *s)
{
	const struct tls_server_counters *c = &s->core->counters;

#define READ(field) .field = atomic_load_explicit(&c->field, memory_order_relaxed)
	return (struct tls_counts){
		READ(handshakes), READ(resumed), READ(refused_by_peer), READ(failed), READ(abandoned), READ(reloads),
		READ(reloads_failed), READ(open)
	};
#undef READ
}
