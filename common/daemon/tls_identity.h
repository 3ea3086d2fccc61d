/* tls_identity.h - a daemon's certificates: options, loading, reloading on SIGHUP and when the files change, metrics.
 *
 * Owner: embedded in the daemon, which must live until its loop is empty.   Thread: the loop's; `server` on any.
 */
#ifndef COMMON_DAEMON_TLS_IDENTITY_H
#define COMMON_DAEMON_TLS_IDENTITY_H

#include <uv.h>

#include "common/crypto/tls_server.h"
#include "common/daemon/options.h"
#include "common/net/http_server.h"

struct tls_options {
	struct string_list cert, pkey;	/* in pairs */
	char *pkey_pwd;
	uint16_t port;			/* counts only with a cert */
};

/* Part of a daemon's option table; at: offset of the struct tls_options in its config. */
#define TLS_OPTIONS(at, port_text) \
	{ .name = "cert", .kind = OPT_STRINGS, .offset = (at) + offsetof(struct tls_options, cert), \
	  .help = "PEM file: certificate and its chain; with it TLS is served. Twice: ECDSA and RSA, as the client can" }, \
	{ .name = "pkey", .kind = OPT_STRINGS, .offset = (at) + offsetof(struct tls_options, pkey), \
	  .help = "PEM file: its private key; as often as cert, in the same order" }, \
	{ .name = "pkey-pwd", .kind = OPT_SECRET, .offset = (at) + offsetof(struct tls_options, pkey_pwd), \
	  .help = "password of an encrypted private key" }, \
	{ .name = "tls-listening-port", .kind = OPT_PORT, .offset = (at) + offsetof(struct tls_options, port), \
	  .def = (port_text), .min = "0", .max = "65535", .help = "port for TLS, if there is a cert; 0: any free one" }

/* For the daemon's check: loads the files once. False: it was said what is wrong. */
bool tls_options_check(struct options *o, const struct tls_options *t);

struct tls_identity {
	struct tls_server *server;	/* NULL: no cert is configured */
	uint16_t port;
	uv_timer_t poll;
	uint64_t since_rotation;	/* polls since the ticket key was new */
};

enum { TLS_POLL_MS = 10000 };	/* how often files are looked at */
extern const char *const tls_alpn_http[];	/* http/1.1: what browsers offer beside h2 */

/* alpn: as in tls_server_options; NULL: none. Without a cert it does nothing, well. -1: why[] says it. */
int tls_identity_open(struct tls_identity *t, uv_loop_t *loop, const struct tls_options *o, const char *const *alpn, char why[256]);
/* https on all these addresses and the configured port; nothing without a cert. Of limits only the two numbers
 * count. */
int tls_identity_listen(const struct tls_identity *t, struct http_server *s, const struct string_list *addresses,
			const struct listener_options *limits, char why[256]);
void tls_identity_reload(struct tls_identity *t);	/* SIGHUP: reads the files again; logs what became of it */
void tls_identity_stop(struct tls_identity *t);		/* closes its handle; fine if it was never opened, or zeroed */
void tls_identity_free(struct tls_identity *t);		/* once the loop is empty */

/* NAME_tls_handshakes_total{result=...}, NAME_tls_certificate_expiry_seconds, ...; nothing without a cert. */
void tls_identity_print_metrics(const struct tls_identity *t, const char *name, struct buf *out);

#endif
