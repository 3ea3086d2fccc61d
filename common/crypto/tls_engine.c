#include "common/crypto/tls_engine.h"
#include "common/crypto/tls_internal.h"

#include <mbedtls/error.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/crypto/digest.h"

/* A stranger may send so much before the handshake is over; a chain of certificates takes some thousands. */
enum { HANDSHAKE_BYTES_MAX = 128 * 1024 };
/* Handshake datagrams fit into IPv6's smallest packet; those of the application are its own matter. */
enum { HANDSHAKE_MTU = 1232 };

enum state { HANDSHAKE, OPEN, OVER };	/* only ever forward, but for a door's */

struct tls_engine {
	mbedtls_ssl_context ssl;
	struct tls_shared *shared;
	struct tls_server_counters *counters;	/* NULL: a client, or not counted yet */
	tls_output_fn *output;
	void *output_ctx;
	struct span in;			/* during a call: what the library has not taken yet */
	bool datagram, output_failed;
	enum state state;
	size_t heard;			/* bytes taken before OPEN */
	msec_t now;			/* of the call */
	msec_t resend, early;		/* the library's timer and its intermediate delay; NEVER: not armed */
	struct ip_addr expected;	/* of a client: in the certificate */
	bool counted;			/* in counters->open */
	bool spoken;			/* has had output, since it was made or reset */
	bool foreign;			/* the first byte that came begins no record */
	char why[TLS_WHY];
};

/* Gathers the parts of a record. */
static _Thread_local uint8_t record[TLS_RECORD_MAX];

/* --- the library's doors ------------------------------------------------------------------------------------- */

static int on_send(void *ctx, const unsigned char *p, size_t n)
{
	struct tls_engine *e = ctx;

	e->spoken = true;
	if (e->output(e->output_ctx, span_of(p, n)))
		return (int)n;
	e->output_failed = true;
	return MBEDTLS_ERR_SSL_ALLOC_FAILED;
}

static int on_receive(void *ctx, unsigned char *p, size_t n)
{
	struct tls_engine *e = ctx;
	size_t take = e->in.len < n ? e->in.len : n;

	if (take == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(p, e->in.p, take);
	if (e->state == HANDSHAKE && e->heard == 0)
		e->foreign = p[0] < MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC || p[0] > MBEDTLS_SSL_MSG_APPLICATION_DATA;
	e->in = e->datagram ? span_skip(e->in, e->in.len) : span_skip(e->in, take);
	if (e->state == HANDSHAKE)
		e->heard += take;
	return (int)take;
}

static void on_set_timer(void *ctx, uint32_t early_ms, uint32_t resend_ms)
{
	struct tls_engine *e = ctx;

	e->early = resend_ms == 0 ? NEVER : e->now + early_ms;
	e->resend = resend_ms == 0 ? NEVER : e->now + resend_ms;
}

static int on_get_timer(void *ctx)
{
	const struct tls_engine *e = ctx;

	if (e->resend == NEVER)
		return -1;
	if (e->now >= e->resend)
		return 2;
	return e->now >= e->early ? 1 : 0;
}

enum { SAN_IP = 0x87 };		/* GeneralName iPAddress, implicit */

static int on_verify(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	const struct tls_engine *e = ctx;
	struct span ip = span_of(e->expected.b, e->expected.family == 4 ? 4 : 16);

	if (depth > 0)
		return 0;
	for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
		if (s->buf.tag == SAN_IP && span_eq(span_of(s->buf.p, s->buf.len), ip))
			return 0;
	*flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
	return 0;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

struct tls_engine *tls_engine_new(const mbedtls_ssl_config *conf, bool datagrams, struct tls_shared *shared,
				  struct tls_server_counters *counters)
{
	struct tls_engine *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	mbedtls_ssl_init(&e->ssl);
	if (mbedtls_ssl_setup(&e->ssl, conf) != 0) {
		mbedtls_ssl_free(&e->ssl);
		free(e);
		return NULL;
	}
	tls_shared_ref(shared);
	e->shared = shared;
	e->counters = counters;
	e->datagram = datagrams;
	e->early = e->resend = NEVER;
	mbedtls_ssl_set_bio(&e->ssl, e, on_send, on_receive, NULL);
	if (datagrams) {
		mbedtls_ssl_set_timer_cb(&e->ssl, e, on_set_timer, on_get_timer);
		mbedtls_ssl_set_mtu(&e->ssl, HANDSHAKE_MTU);
	}
	return e;
}

void tls_engine_free(struct tls_engine *e)
{
	if (e == NULL)
		return;
	if (e->counters != NULL && e->state == HANDSHAKE)
		tls_count(&e->counters->abandoned);
	if (e->counted)
		atomic_fetch_sub_explicit(&e->counters->open, 1, memory_order_relaxed);
	mbedtls_ssl_free(&e->ssl);
	tls_shared_unref(e->shared);
	free(e);
}

mbedtls_ssl_context *tls_engine_ssl(struct tls_engine *e)
{
	return &e->ssl;
}

void tls_engine_expect_address(struct tls_engine *e, const struct ip_addr *ip)
{
	e->expected = *ip;
	mbedtls_ssl_set_verify(&e->ssl, on_verify, e);
}

void tls_engine_count_by(struct tls_engine *e, struct tls_server_counters *counters)
{
	e->counters = counters;
}

bool tls_engine_reset(struct tls_engine *e)
{
	e->state = HANDSHAKE;
	e->heard = 0;
	e->spoken = e->output_failed = false;
	e->early = e->resend = NEVER;
	e->why[0] = 0;
	return mbedtls_ssl_session_reset(&e->ssl) == 0;
}

bool tls_engine_spoken(const struct tls_engine *e)
{
	return e->spoken;
}

void tls_engine_set_output(struct tls_engine *e, tls_output_fn *output, void *ctx)
{
	e->output = output;
	e->output_ctx = ctx;
}

/* --- what went wrong ----------------------------------------------------------------------------------------- */

/* RFC 8446 section 6.2 and RFC 5246; with what it usually means where the name does not say it. */
static const char *const alert_names[] = {
	[10] = "unexpected_message",
	[20] = "bad_record_mac",
	[22] = "record_overflow",
	[40] = "handshake_failure: no cipher or parameter in common",
	[42] = "bad_certificate",
	[43] = "unsupported_certificate",
	[44] = "certificate_revoked",
	[45] = "certificate_expired",
	[46] = "certificate_unknown: it does not accept the certificate",
	[47] = "illegal_parameter",
	[48] = "unknown_ca: it does not trust the certificate's issuer, or misses an intermediate certificate",
	[49] = "access_denied",
	[50] = "decode_error",
	[51] = "decrypt_error",
	[70] = "protocol_version: no version in common",
	[71] = "insufficient_security",
	[80] = "internal_error",
	[86] = "inappropriate_fallback",
	[90] = "user_canceled",
	[109] = "missing_extension",
	[112] = "unrecognized_name",
	[116] = "certificate_required",
	[120] = "no_application_protocol: no ALPN protocol in common",
};

static void say_alert(struct tls_engine *e)
{
	size_t alert = mbed_alert(&e->ssl);
	const char *name = alert < sizeof(alert_names) / sizeof(alert_names[0]) ? alert_names[alert] : NULL;

	snprintf(e->why, sizeof e->why, "the peer refused: alert %zu, %s", alert, name != NULL ? name : "unknown");
}

static void say_unverified(struct tls_engine *e, uint32_t flags)
{
	char text[TLS_WHY];
	int n = mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
	size_t used = (size_t)snprintf(e->why, sizeof e->why, "the peer's certificate: ");
	struct span lines = span_of(text, n > 0 ? (size_t)n : 0);

	while (lines.len > 0 && lines.p[lines.len - 1] == '\n')
		lines.len--;
	snprintf(e->why + used, sizeof e->why - used, "%.*s", SPAN_ARG(lines));
	for (char *c = e->why; *c != 0; c++)
		*c = *c == '\n' ? ';' : *c;
}

static void say_what(struct tls_engine *e, int error)
{
	uint32_t flags = mbedtls_ssl_get_verify_result(&e->ssl);
	char text[TLS_WHY];

	if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
		say_alert(e);
	} else if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && flags != 0 && flags != UINT32_MAX) {
		say_unverified(e, flags);
	} else if (error == MBEDTLS_ERR_SSL_TIMEOUT) {
		snprintf(e->why, sizeof e->why, "the peer does not answer");
	} else if (e->foreign && e->state == HANDSHAKE) {
		snprintf(e->why, sizeof e->why, "what came is not TLS");
	} else {
		mbedtls_strerror(error, text, sizeof text);
		snprintf(e->why, sizeof e->why, "%s", strncmp(text, "SSL - ", 6) == 0 ? text + 6 : text);
	}
}

static enum tls_event fail(struct tls_engine *e, int error)
{
	if (e->state == OVER)
		return TLS_FAILED;
	if (e->output_failed)
		snprintf(e->why, sizeof e->why, "no memory for the output");
	else if (e->why[0] == 0)
		say_what(e, error);
	if (e->counters != NULL && e->state == HANDSHAKE)
		tls_count(error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? &e->counters->refused_by_peer : &e->counters->failed);
	e->state = OVER;
	e->early = e->resend = NEVER;
	return TLS_FAILED;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static enum tls_event opened(struct tls_engine *e)
{
	e->state = OPEN;
	if (e->datagram)
		mbedtls_ssl_set_mtu(&e->ssl, 0);
	if (e->counters != NULL) {
		tls_count(&e->counters->handshakes);
		tls_count(&e->counters->open);
		e->counted = true;
	}
	return TLS_READY;
}

static enum tls_event closed(struct tls_engine *e)
{
	e->state = OVER;
	e->early = e->resend = NEVER;
	return TLS_CLOSED;
}

/* One call into the library. TLS_MORE where it wants to be called again, too. */
static enum tls_event step(struct tls_engine *e, uint8_t *out, size_t size, size_t *n)
{
	int rc = e->state == HANDSHAKE ? mbedtls_ssl_handshake(&e->ssl) : mbedtls_ssl_read(&e->ssl, out, size);

	if (rc == 0 && e->state == HANDSHAKE)
		return opened(e);
	if (rc > 0) {
		*n = (size_t)rc;
		return TLS_DATA;
	}
	switch (rc) {
	case MBEDTLS_ERR_SSL_WANT_READ:
	case MBEDTLS_ERR_SSL_WANT_WRITE:
	case MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED:	/* the door resets us */
		return TLS_MORE;
	case 0:
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
	case MBEDTLS_ERR_SSL_CLIENT_RECONNECT:		/* of the same address and port: it comes to the door again */
		return e->state == HANDSHAKE ? fail(e, rc) : closed(e);
	default:
		return mbed_is_session_ticket(rc) ? TLS_MORE : fail(e, rc);
	}
}

enum tls_event tls_engine_read(struct tls_engine *e, msec_t now, struct span *in, uint8_t *out, size_t size, size_t *n)
{
	enum tls_event event;
	size_t before;
	unsigned resent = 0;	/* calls that took nothing because a timer had fired */

	*n = 0;
	if (e->state == OVER)
		return e->why[0] != 0 ? TLS_FAILED : TLS_CLOSED;
	e->now = now;
	e->in = *in;
	do {
		before = e->in.len;
		event = step(e, out, size, n);
		if (e->state == HANDSHAKE && e->heard > HANDSHAKE_BYTES_MAX) {
			snprintf(e->why, sizeof e->why, "the handshake is longer than any should be");
			event = fail(e, MBEDTLS_ERR_SSL_BAD_INPUT_DATA);
		}
	} while (event == TLS_MORE && e->in.len > 0 && (e->in.len < before || resent++ == 0));
	*in = e->in;
	e->in = span_of(NULL, 0);
	return event;
}

msec_t tls_engine_due(const struct tls_engine *e)
{
	return e->resend;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static bool write_record(struct tls_engine *e, struct span in)
{
	while (in.len > 0) {
		int rc = mbedtls_ssl_write(&e->ssl, in.p, in.len);
		if (mbed_is_session_ticket(rc))
			continue;
		if (rc < 0) {
			fail(e, rc);
			return false;
		}
		in = span_skip(in, (size_t)rc);
	}
	return true;
}

/* How much a record takes, at most the size of `record`. */
static size_t record_room(const struct tls_engine *e)
{
	int max = mbedtls_ssl_get_max_out_record_payload(&e->ssl);

	return max > 0 && (size_t)max < sizeof record ? (size_t)max : sizeof record;
}

static bool fits_datagram(const struct span *parts, size_t n, size_t room)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += parts[i].len;
	return total <= room;
}

bool tls_engine_write(struct tls_engine *e, const struct span *parts, size_t n)
{
	size_t filled = 0, room;

	if (e->state != OPEN)
		return false;
	room = record_room(e);
	if (e->datagram && !fits_datagram(parts, n, room))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct span left = parts[i];
		while (left.len > 0) {
			struct span some = span_first(left, room - filled);
			memcpy(record + filled, some.p, some.len);
			filled += some.len;
			left = span_skip(left, some.len);
			if (filled == room && !write_record(e, span_of(record, filled)))
				return false;
			filled = filled == room ? 0 : filled;
		}
	}
	return write_record(e, span_of(record, filled));
}

void tls_engine_close(struct tls_engine *e)
{
	if (e->state != OPEN)
		return;
	(void)mbedtls_ssl_close_notify(&e->ssl);
	(void)closed(e);
}

/* --- looking ------------------------------------------------------------------------------------------------- */

bool tls_engine_open(const struct tls_engine *e)
{
	return e->state == OPEN;
}

bool tls_engine_closing(const struct tls_engine *e)
{
	return e->state == OVER;
}

const char *tls_engine_why(const struct tls_engine *e)
{
	return e->why;
}

const char *tls_engine_alpn(const struct tls_engine *e)
{
	const char *name = mbedtls_ssl_get_alpn_protocol(&e->ssl);

	return name != NULL ? name : "";
}

const char *tls_engine_version(const struct tls_engine *e)
{
	return mbedtls_ssl_get_version(&e->ssl);
}

const char *tls_engine_cipher(const struct tls_engine *e)
{
	const char *name = mbedtls_ssl_get_ciphersuite(&e->ssl);

	return name != NULL ? name : "";
}

bool tls_engine_session(const struct tls_engine *e, struct buf *out)
{
	mbedtls_ssl_session session;
	uint8_t *room;
	size_t n = 0;
	bool ok;

	mbedtls_ssl_session_init(&session);
	ok = mbedtls_ssl_get_session(&e->ssl, &session) == 0 &&
		mbedtls_ssl_session_save(&session, NULL, 0, &n) == MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL &&
		(room = buf_reserve(out, n)) != NULL && mbedtls_ssl_session_save(&session, room, n, &n) == 0;
	if (ok)
		out->len += n;
	mbedtls_ssl_session_free(&session);
	return ok;
}
