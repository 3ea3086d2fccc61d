/* tls_internal.h - what the tls_* files share among themselves. */
#ifndef COMMON_CRYPTO_TLS_INTERNAL_H
#define COMMON_CRYPTO_TLS_INTERNAL_H

#include <stdatomic.h>

#include "common/base/endpoint.h"
#include "common/crypto/tls_engine.h"
#include "common/crypto/tls_mbed.h"

/* What an engine keeps alive: its configuration, certificates, trust. The last to let go frees it. */
struct tls_shared {
	atomic_uint refs;
	void (*free)(struct tls_shared *s);
};

static inline void tls_shared_ref(struct tls_shared *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

static inline void tls_shared_unref(struct tls_shared *s)
{
	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		s->free(s);
}

/* Counted by engines of a server. */
struct tls_server_counters {
	atomic_uint_fast64_t handshakes, resumed, refused_by_peer, failed, abandoned, reloads, reloads_failed, open;
};

static inline void tls_count(atomic_uint_fast64_t *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* Takes a reference to shared, which holds conf, and counters (may be NULL) too. NULL: no memory. */
struct tls_engine *tls_engine_new(const mbedtls_ssl_config *conf, bool datagrams, struct tls_shared *shared,
				  struct tls_server_counters *counters);
mbedtls_ssl_context *tls_engine_ssl(struct tls_engine *e);
/* A client whose host is an address: looked for among the certificate's, as 2.28 does not. */
void tls_engine_expect_address(struct tls_engine *e, const struct ip_addr *ip);

/* For the door, of a server's engine before it is a connection: counted from now on; as new (false: it can only be freed). */
void tls_engine_count_by(struct tls_engine *e, struct tls_server_counters *counters);
bool tls_engine_reset(struct tls_engine *e);
bool tls_engine_spoken(const struct tls_engine *e);	/* has had output since it was new */

/* Protocol names that configurations point to, so they live as long; zeroed: none. */
struct tls_alpn {
	const char *names[TLS_ALPN_MAX + 1];
	char *text;
};

bool tls_alpn_copy(struct tls_alpn *a, const char *const *names);	/* names end in NULL. False: no memory */
int tls_alpn_configure(const struct tls_alpn *a, mbedtls_ssl_config *conf);
void tls_alpn_close(struct tls_alpn *a);

/* A file whole, with a NUL behind it that counts in len; at most 1 MiB. To be wiped and freed. p NULL: why[] says why. */
struct span tls_file_read(const char *path, char *why, size_t size);
void tls_file_free(struct span text);

#endif
