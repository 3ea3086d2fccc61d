/* certs.h - keys and certificates for a test, made by openssl(1) at run time in a folder of their own.
 *
 *	ca.crt                    the issuer of all that follow
 *	ec.crt ec.key             P-256, for "localhost" and 127.0.0.1
 *	rsa.crt rsa.key           RSA 2048, the same names
 *	other.crt other.key       P-256, for "other.example"
 *	expired.crt               of ec.key
 *	sealed.key pkcs8.key      ec.key, encrypted with "open sesame": in the traditional way, and by PKCS #8 with AES
 *	stranger.crt stranger.key P-256, for "localhost", self-signed
 *	ca.key small.key          of the CA; RSA 1024
 */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

struct test_certs { char dir[32]; };

void test_certs_open(struct test_certs *c);	/* fails the test if openssl does */
void test_certs_close(struct test_certs *c);
const char *test_cert(const struct test_certs *c, const char *name);	/* its path; good for eight calls */
void test_cert_copy(const struct test_certs *c, const char *from, const char *to);	/* names; replaces the file as an administrator's mv would */

#endif
