#include "common/crypto/tls_client.h"
#include "common/crypto/tls_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct tls_client {
	struct tls_shared shared;		/* first */
	mbedtls_ssl_config stream, datagram;
	mbedtls_x509_crt ca;
	struct tls_alpn alpn;
};

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

static void client_free(struct tls_shared *shared)
{
	struct tls_client *c = (struct tls_client *)shared;

	mbedtls_ssl_config_free(&c->stream);
	mbedtls_ssl_config_free(&c->datagram);
	mbedtls_x509_crt_free(&c->ca);
	tls_alpn_close(&c->alpn);
	free(c);
}

static bool load_ca(struct tls_client *c, const char *path, char why[TLS_FILE_WHY])
{
	struct span pem = tls_file_read(path, why, TLS_FILE_WHY);
	int rc;

	if (pem.p == NULL)
		return false;
	rc = mbedtls_x509_crt_parse(&c->ca, pem.p, pem.len);	/* > 0: so many were not understood; the others count */
	tls_file_free(pem);
	if (rc < 0)
		snprintf(why, TLS_FILE_WHY, "%s: holds no certificate in PEM", path);
	return rc >= 0;
}

static int configure(struct tls_client *c, mbedtls_ssl_config *conf, int transport, bool unverified)
{
	int rc = mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, transport, MBEDTLS_SSL_PRESET_DEFAULT);

	mbed_conf_strict(conf);
	mbed_conf_keep_tickets(conf);
	mbedtls_ssl_conf_authmode(conf, unverified ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
	mbedtls_ssl_conf_ca_chain(conf, &c->ca, NULL);
	return rc != 0 ? rc : tls_alpn_configure(&c->alpn, conf);
}

struct tls_client *tls_client_new(const struct tls_client_options *o, char why[TLS_FILE_WHY])
{
	struct tls_client *c;

	snprintf(why, TLS_FILE_WHY, "no memory, or the TLS library does not work here");
	if (!mbed_start() || (c = calloc(1, sizeof *c)) == NULL)
		return NULL;
	c->shared = (struct tls_shared){ .refs = 1, .free = client_free };
	mbedtls_ssl_config_init(&c->stream);
	mbedtls_ssl_config_init(&c->datagram);
	mbedtls_x509_crt_init(&c->ca);
	if (tls_alpn_copy(&c->alpn, o->alpn) &&
	    (o->unverified || load_ca(c, o->ca_file != NULL ? o->ca_file : system_ca, why)) &&
	    configure(c, &c->stream, MBEDTLS_SSL_TRANSPORT_STREAM, o->unverified) == 0 &&
	    configure(c, &c->datagram, MBEDTLS_SSL_TRANSPORT_DATAGRAM, o->unverified) == 0)
		return c;
	tls_client_free(c);
	return NULL;
}

void tls_client_free(struct tls_client *c)
{
	if (c != NULL)
		tls_shared_unref(&c->shared);
}

static void resume(struct tls_engine *e, struct span saved)
{
	mbedtls_ssl_session session;

	mbedtls_ssl_session_init(&session);
	if (mbedtls_ssl_session_load(&session, saved.p, saved.len) == 0)
		(void)mbedtls_ssl_set_session(tls_engine_ssl(e), &session);
	mbedtls_ssl_session_free(&session);
}

static struct tls_engine *connect_with(struct tls_client *c, const mbedtls_ssl_config *conf, bool datagrams, const char *host)
{
	struct tls_engine *e = tls_engine_new(conf, datagrams, &c->shared, NULL);
	struct ip_addr ip;
	bool address = ip_parse(&ip, span_str(host));

	if (e == NULL)
		return NULL;
	if (address)		/* no SNI for an address: RFC 6066 section 3 */
		tls_engine_expect_address(e, &ip);
	if (mbedtls_ssl_set_hostname(tls_engine_ssl(e), address ? NULL : host) == 0)
		return e;
	tls_engine_free(e);
	return NULL;
}

struct tls_engine *tls_client_connect(struct tls_client *c, const char *host, struct span session)
{
	struct tls_engine *e = connect_with(c, &c->stream, false, host);

	if (e != NULL && session.len > 0)
		resume(e, session);
	return e;
}

struct tls_engine *tls_client_connect_dtls(struct tls_client *c, const char *host)
{
	return connect_with(c, &c->datagram, true, host);
}
