#include "common/crypto/tls_pair.h"

#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/pkcs5.h>
#include <stdio.h>
#include <time.h>

enum { RSA_BITS_MIN = 2048 };

/* --- certificates -------------------------------------------------------------------------------------------- */

static void say(char why[TLS_FILE_WHY], const char *path, const char *sentence, int error)
{
	char text[128];

	mbedtls_strerror(error, text, sizeof text);
	snprintf(why, TLS_FILE_WHY, "%s: %s (%s)", path, sentence, text);
}

static bool load_chain(struct tls_pair *p, const char *path, char why[TLS_FILE_WHY])
{
	struct span pem = tls_file_read(path, why, TLS_FILE_WHY);
	int rc;

	if (pem.p == NULL)
		return false;
	rc = mbedtls_x509_crt_parse(&p->chain, pem.p, pem.len);
	tls_file_free(pem);
	if (rc > 0)
		snprintf(why, TLS_FILE_WHY, "%s: %d of its certificates cannot be understood", path, rc);
	else if (rc == MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT || rc == MBEDTLS_ERR_X509_INVALID_FORMAT)
		snprintf(why, TLS_FILE_WHY, "%s: holds no certificate in PEM", path);
	else if (rc < 0)
		say(why, path, "the certificate cannot be understood", rc);
	return rc == 0;
}

static int64_t unix_time(const mbedtls_x509_time *t)
{
	struct tm tm = {
		.tm_year = t->year - 1900, .tm_mon = t->mon - 1, .tm_mday = t->day,
		.tm_hour = t->hour, .tm_min = t->min, .tm_sec = t->sec
	};

	return timegm(&tm);
}

/* An expired certificate in the chain is as bad as an expired leaf: clients refuse both. */
static bool valid_now(struct tls_pair *p, const char *path, int64_t now, char why[TLS_FILE_WHY])
{
	p->expiry = INT64_MAX;
	for (const mbedtls_x509_crt *c = &p->chain; c != NULL; c = c->next) {
		const char *which = c == &p->chain ? "the certificate" : "a certificate of the chain";
		const mbedtls_x509_time *from = &c->valid_from, *to = &c->valid_to;
		int64_t end = unix_time(to);

		if (end < now) {
			snprintf(why, TLS_FILE_WHY, "%s: %s expired on %d-%02d-%02d at %02d:%02d UTC", path, which, to->year, to->mon,
				 to->day, to->hour, to->min);
			return false;
		}
		if (unix_time(from) > now) {
			snprintf(why, TLS_FILE_WHY, "%s: %s is not valid before %d-%02d-%02d at %02d:%02d UTC (is the clock right?)",
				 path, which, from->year, from->mon, from->day, from->hour, from->min);
			return false;
		}
		p->expiry = end < p->expiry ? end : p->expiry;
	}
	return true;
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

static bool load_key(struct tls_pair *p, const char *path, const char *password, char why[TLS_FILE_WHY])
{
	struct span pem = tls_file_read(path, why, TLS_FILE_WHY);
	int rc;

	if (pem.p == NULL)
		return false;
	rc = mbed_key_parse(&p->key, pem, password);
	tls_file_free(pem);
	if (rc == 0)
		return true;
	if (rc == MBEDTLS_ERR_PK_PASSWORD_REQUIRED || rc == MBEDTLS_ERR_PEM_PASSWORD_REQUIRED)
		snprintf(why, TLS_FILE_WHY, "%s: the key is encrypted, and there is no pkey-pwd", path);
	else if (rc == MBEDTLS_ERR_PK_PASSWORD_MISMATCH || rc == MBEDTLS_ERR_PEM_PASSWORD_MISMATCH)
		snprintf(why, TLS_FILE_WHY, "%s: pkey-pwd does not decrypt the key", path);
	else if (rc == MBEDTLS_ERR_PK_KEY_INVALID_FORMAT || rc == MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT)
		snprintf(why, TLS_FILE_WHY, "%s: holds no private key in PEM", path);
	else if (rc == MBEDTLS_ERR_PKCS5_FEATURE_UNAVAILABLE)
		snprintf(why, TLS_FILE_WHY, "%s: is encrypted in a way that this TLS library cannot undo; `openssl ec -aes256` or "
			 "`openssl rsa -aes256 -traditional` makes a file that it can read", path);
	else
		say(why, path, "the key cannot be understood", rc);
	return false;
}

static bool usable(struct tls_pair *p, const struct tls_pair_files *files, char why[TLS_FILE_WHY])
{
	bool rsa = mbedtls_pk_can_do(&p->key, MBEDTLS_PK_RSA), ecdsa = mbedtls_pk_can_do(&p->key, MBEDTLS_PK_ECDSA);
	int rc;

	if (!rsa && !ecdsa) {
		snprintf(why, TLS_FILE_WHY, "%s: is neither an ECDSA nor an RSA key", files->pkey);
		return false;
	}
	if (rsa && mbedtls_pk_get_bitlen(&p->key) < RSA_BITS_MIN) {
		snprintf(why, TLS_FILE_WHY, "%s: an RSA key of %zu bits is refused by clients; at least %d", files->pkey,
			 mbedtls_pk_get_bitlen(&p->key), RSA_BITS_MIN);
		return false;
	}
	if (mbed_key_matches(&p->chain.pk, &p->key) != 0) {
		snprintf(why, TLS_FILE_WHY, "%s: does not match the certificate in %s", files->pkey, files->cert);
		return false;
	}
	rc = mbed_key_try(&p->key);
	if (rc != 0)
		say(why, files->pkey, "the key cannot sign", rc);
	return rc == 0;
}

void tls_pair_init(struct tls_pair *p)
{
	mbedtls_x509_crt_init(&p->chain);
	mbedtls_pk_init(&p->key);
}

void tls_pair_close(struct tls_pair *p)
{
	mbedtls_x509_crt_free(&p->chain);
	mbedtls_pk_free(&p->key);
}

bool tls_pair_load(struct tls_pair *p, const struct tls_pair_files *files, const char *password, int64_t now,
		   char why[TLS_FILE_WHY])
{
	return load_chain(p, files->cert, why) && load_key(p, files->pkey, password, why) && usable(p, files, why) &&
		valid_now(p, files->cert, now, why);
}
