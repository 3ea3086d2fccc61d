#include "tests/lib/certs.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* $1: the folder. sign KEY NAME TIME EXTENSION. Each OpenSSL has one way to sign what has expired. */
static const char script[] =
	"set -e; cd $1; exec 2>openssl.log\n"
	"names='subjectAltName=DNS:localhost,IP:127.0.0.1'\n"
	"ec() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }\n"
	"sign() { echo \"$4\" >ext\n"
	"	openssl req -new -key $1.key -subj /CN=test | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial"
	" $3 -extfile ext -out $2.crt; }\n"
	"ec ca; openssl req -x509 -key ca.key -out ca.crt -days 30 -subj '/CN=test CA'\n"
	"ec ec; sign ec ec '-days 20' \"$names\"\n"
	"if openssl x509 -help 2>&1 | grep -q not_after; then past='-not_before 20200101000000Z -not_after 20200201000000Z'\n"
	"else past='-days -1'; fi; sign ec expired \"$past\" \"$names\"\n"
	"ec other; sign other other '-days 10' 'subjectAltName=DNS:other.example'\n"
	"openssl genrsa -out rsa.key 2048; sign rsa rsa '-days 20' \"$names\"; openssl genrsa -out small.key 1024\n"
	"openssl ec -in ec.key -aes256 -out sealed.key -passout 'pass:open sesame'\n"
	"openssl pkcs8 -topk8 -in ec.key -v2 aes-256-cbc -out pkcs8.key -passout 'pass:open sesame'\n"
	"ec stranger; openssl req -x509 -key stranger.key -out stranger.crt -days 30 -subj /CN=localhost"
	" -addext subjectAltName=DNS:localhost\n";

static void run(const char *what, const char *a, const char *b, const char *c)
{
	const char *argv[] = { "sh", "-c", what, "sh", a, b, c, NULL };
	pid_t pid;
	int status;

	assert_int_equal(posix_spawnp(&pid, "sh", NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void test_certs_open(struct test_certs *c)
{
	snprintf(c->dir, sizeof c->dir, "/tmp/test-certs-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	run(script, c->dir, NULL, NULL);
}

void test_certs_close(struct test_certs *c)
{
	run("rm -r $1", c->dir, NULL, NULL);
}

const char *test_cert(const struct test_certs *c, const char *name)
{
	static char paths[8][128];
	static unsigned i;

	i = (i + 1) % 8;
	snprintf(paths[i], sizeof paths[i], "%s/%s", c->dir, name);
	return paths[i];
}

void test_cert_copy(const struct test_certs *c, const char *from, const char *to)
{
	run("cd $1 && cp $2 new && mv new $3", c->dir, from, to);
}
