#include "common/crypto/tls_tickets.h"

#include <mbedtls/gcm.h>

#include "common/base/random.h"
#include "common/crypto/digest.h"

enum { NAME = 16, ISSUED = 8, NONCE = 12, TAG = 16, HEAD = NAME + ISSUED, OVERHEAD = HEAD + NONCE + TAG };
enum { LIFETIME = 24 * 3600, SKEW = 60 };	/* seconds; SKEW: between the clocks of instances that share keys */

void tls_tickets_init(struct tls_tickets *t, atomic_uint_fast64_t *accepted)
{
	pthread_mutex_init(&t->lock, NULL);
	t->n = 0;
	t->accepted = accepted;
	tls_tickets_rotate(t);
}

void tls_tickets_close(struct tls_tickets *t)
{
	pthread_mutex_destroy(&t->lock);
	secret_wipe(t->keys, sizeof t->keys);
}

void tls_tickets_set(struct tls_tickets *t, const uint8_t keys[][TLS_TICKET_KEY], size_t n)
{
	n = n < TLS_TICKET_KEYS_MAX ? n : TLS_TICKET_KEYS_MAX;
	if (n == 0)
		return;
	pthread_mutex_lock(&t->lock);
	secret_wipe(t->keys, sizeof t->keys);
	memcpy(t->keys, keys, n * TLS_TICKET_KEY);
	t->n = n;
	pthread_mutex_unlock(&t->lock);
}

void tls_tickets_rotate(struct tls_tickets *t)
{
	pthread_mutex_lock(&t->lock);
	memcpy(t->keys[1], t->keys[0], TLS_TICKET_KEY);
	random_bytes(t->keys[0], TLS_TICKET_KEY);
	t->n = t->n == 0 ? 1 : 2;
	pthread_mutex_unlock(&t->lock);
}

/* name NULL: the key that encrypts. False: there is none of that name. */
static bool find_key(struct tls_tickets *t, const uint8_t *name, uint8_t key[TLS_TICKET_KEY])
{
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n && !found; i++) {
		found = name == NULL || memcmp(t->keys[i], name, NAME) == 0;
		if (found)
			memcpy(key, t->keys[i], TLS_TICKET_KEY);
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static int on_write(void *ctx, const mbedtls_ssl_session *session, unsigned char *start, const unsigned char *end,
		    size_t *n, uint32_t *lifetime)
{
	struct tls_tickets *t = ctx;
	size_t room = (size_t)(end - start), body = 0;
	uint64_t now = (uint64_t)clock_unix();
	uint8_t key[TLS_TICKET_KEY], *nonce = start + HEAD, *text = nonce + NONCE;
	mbedtls_gcm_context gcm;
	int rc;

	if (room < OVERHEAD)
		return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
	rc = mbedtls_ssl_session_save(session, text, room - OVERHEAD, &body);
	if (rc != 0)
		return rc;
	(void)find_key(t, NULL, key);		/* there always is one */
	memcpy(start, key, NAME);
	for (unsigned i = 0; i < ISSUED; i++)
		start[NAME + i] = (uint8_t)(now >> (56 - 8 * i));
	random_bytes(nonce, NONCE);
	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key + NAME, 256);
	if (rc == 0)
		rc = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, body, nonce, NONCE, start, HEAD, text, text, TAG,
					       text + body);
	mbedtls_gcm_free(&gcm);
	secret_wipe(key, sizeof key);
	*n = OVERHEAD + body;
	*lifetime = LIFETIME;
	return rc;
}

static int open_ticket(const uint8_t key[TLS_TICKET_KEY], unsigned char *ticket, size_t body)
{
	unsigned char *nonce = ticket + HEAD, *text = nonce + NONCE;
	mbedtls_gcm_context gcm;
	int rc;

	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key + NAME, 256);
	if (rc == 0)
		rc = mbedtls_gcm_auth_decrypt(&gcm, body, nonce, NONCE, ticket, HEAD, text + body, TAG, text, text);
	mbedtls_gcm_free(&gcm);
	return rc;
}

static int on_parse(void *ctx, mbedtls_ssl_session *session, unsigned char *ticket, size_t n)
{
	struct tls_tickets *t = ctx;
	uint8_t key[TLS_TICKET_KEY];
	uint64_t issued = 0, now = (uint64_t)clock_unix();
	size_t body;
	int rc;

	if (n < OVERHEAD || !find_key(t, ticket, key))
		return MBEDTLS_ERR_SSL_INVALID_MAC;	/* a full handshake follows */
	body = n - OVERHEAD;
	rc = open_ticket(key, ticket, body);
	secret_wipe(key, sizeof key);
	if (rc != 0)
		return MBEDTLS_ERR_SSL_INVALID_MAC;
	for (unsigned i = 0; i < ISSUED; i++)
		issued = issued << 8 | ticket[NAME + i];
	if (issued > now + SKEW || issued + LIFETIME < now)
		return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	rc = mbedtls_ssl_session_load(session, ticket + HEAD + NONCE, body);
	if (rc == 0)
		tls_count(t->accepted);
	return rc;
}

void tls_tickets_configure(struct tls_tickets *t, mbedtls_ssl_config *conf)
{
	mbedtls_ssl_conf_session_tickets_cb(conf, on_write, on_parse, t);
}
