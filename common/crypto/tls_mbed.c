#define MBEDTLS_ALLOW_PRIVATE_ACCESS	/* 3.6: state and in_msg of a context have no other door */
#include "common/crypto/tls_mbed.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/version.h>
#include <pthread.h>
#include <time.h>

#include "common/base/random.h"
#include "common/crypto/digest.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#define IS_3 1
#include <psa/crypto.h>
#else
#define IS_3 0
#endif

/* Ends in 0. ECDSA before RSA: its signature costs less. Within each the cheaper cipher first; see choose_order(). */
enum { SUITES = 9 };
static int suites[SUITES + 1];
static bool works;

int mbed_random(void *unused, unsigned char *out, size_t n)
{
	(void)unused;
	random_bytes(out, n);
	return 0;
}

/* --- once ---------------------------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Is ChaCha20-Poly1305 the cheaper one in this library on this machine? With Debian 12's it is even where there are
 * instructions for AES. */
static bool chacha_is_faster(void)
{
	static const unsigned char key[32], nonce[12];
	static unsigned char data[4096];
	unsigned char tag[16];
	mbedtls_gcm_context gcm;
	mbedtls_chachapoly_context chacha;
	uint64_t best_gcm = UINT64_MAX, best_chacha = UINT64_MAX;

	mbedtls_gcm_init(&gcm);
	mbedtls_chachapoly_init(&chacha);
	if (mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128) == 0 && mbedtls_chachapoly_setkey(&chacha, key) == 0) {
		for (unsigned i = 0; i < 5; i++) {
			uint64_t start = cpu_ns(), middle, end;
			mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, sizeof data, nonce, sizeof nonce, NULL, 0, data, data,
						  sizeof tag, tag);
			middle = cpu_ns();
			mbedtls_chachapoly_encrypt_and_tag(&chacha, sizeof data, nonce, NULL, 0, data, data, tag);
			end = cpu_ns();
			best_gcm = middle - start < best_gcm ? middle - start : best_gcm;
			best_chacha = end - middle < best_chacha ? end - middle : best_chacha;
		}
	}
	mbedtls_gcm_free(&gcm);
	mbedtls_chachapoly_free(&chacha);
	return best_chacha < best_gcm;
}

static void choose_order(void)
{
	static const int by_key[][3] = {
#if IS_3
		{ MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384 },
#endif
		{ MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		  MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 },
		{ MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		  MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 }
	};
	bool chacha = chacha_is_faster();
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(by_key) / sizeof(by_key[0]); i++) {
		suites[n++] = by_key[i][chacha ? 1 : 0];
		suites[n++] = by_key[i][chacha ? 0 : 1];
		suites[n++] = by_key[i][2];
	}
}

static void start(void)
{
#if IS_3
	if (psa_crypto_init() != PSA_SUCCESS)
		return;
#endif
	choose_order();		/* also makes the library look for AES instructions, and fill its tables, before there are threads */
	works = true;
}

bool mbed_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
	return works;
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

int mbed_key_parse(mbedtls_pk_context *key, struct span pem, const char *password)
{
	const unsigned char *p = (const unsigned char *)password;
	size_t n = password != NULL ? strlen(password) : 0;

#if IS_3
	return mbedtls_pk_parse_key(key, pem.p, pem.len, p, n, mbed_random, NULL);
#else
	return mbedtls_pk_parse_key(key, pem.p, pem.len, p, n);
#endif
}

int mbed_key_matches(mbedtls_pk_context *public_key, mbedtls_pk_context *key)
{
#if IS_3
	return mbedtls_pk_check_pair(public_key, key, mbed_random, NULL);
#else
	return mbedtls_pk_check_pair(public_key, key);
#endif
}

int mbed_key_try(mbedtls_pk_context *key)
{
	static const unsigned char hash[SHA256_SIZE];
	unsigned char signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
	size_t n;

#if IS_3
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, sizeof signature, &n, mbed_random, NULL);
#else
	return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, &n, mbed_random, NULL);
#endif
}

/* --- configurations ------------------------------------------------------------------------------------------ */

void mbed_conf_strict(mbedtls_ssl_config *conf)
{
#if IS_3
	static const uint16_t groups[] = {
		MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
		MBEDTLS_SSL_IANA_TLS_GROUP_NONE
	};
	static const uint16_t signatures[] = {
		MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
		MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
		MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512, MBEDTLS_TLS1_3_SIG_NONE
	};
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_sig_algs(conf, signatures);
#else
	static const mbedtls_ecp_group_id groups[] = {
		MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_NONE
	};
	static const int hashes[] = { MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512, MBEDTLS_MD_NONE };

	mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_curves(conf, groups);
	mbedtls_ssl_conf_sig_hashes(conf, hashes);
#endif
	mbedtls_ssl_conf_ciphersuites(conf, suites);
	mbedtls_ssl_conf_rng(conf, mbed_random, NULL);
	mbedtls_ssl_conf_renegotiation(conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
	mbedtls_ssl_conf_legacy_renegotiation(conf, MBEDTLS_SSL_LEGACY_NO_RENEGOTIATION);
}

void mbed_conf_keep_tickets(mbedtls_ssl_config *conf)
{
#if IS_3
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#else
	(void)conf;
#endif
}

/* --- contexts ------------------------------------------------------------------------------------------------ */

bool mbed_past_hello(const mbedtls_ssl_context *ssl)
{
	return ssl->state > MBEDTLS_SSL_CLIENT_HELLO && ssl->state != MBEDTLS_SSL_SERVER_HELLO_VERIFY_REQUEST_SENT;
}

uint8_t mbed_alert(const mbedtls_ssl_context *ssl)
{
	return ssl->in_msg[1];
}

bool mbed_is_session_ticket(int error)
{
#if IS_3
	return error == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
#else
	(void)error;
	return false;
#endif
}
