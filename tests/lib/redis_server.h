/* redis_server.h - a real redis-server of a test's own: nothing on disk, a folder in /tmp, gone with the test. */
#ifndef TESTS_LIB_REDIS_SERVER_H
#define TESTS_LIB_REDIS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#include "tests/lib/certs.h"

struct redis_server {
	pid_t pid;		/* 0: not running */
	uint16_t port;		/* on 127.0.0.1; 0: unix socket only */
	const char *password;	/* NULL: none */
	const struct test_certs *certs;	/* the port is one of TLS, with ec.crt; NULL: plain */
	char dir[32];
	char url[64];		/* of its unix socket, without the password */
};

/* Starts, and does not wait: a route connects when the server is there. tcp: on a free port too. */
void redis_server_start(struct redis_server *s, int tcp, const char *password);
void redis_server_start_tls(struct redis_server *s, const struct test_certs *certs);
void redis_server_kill(struct redis_server *s);		/* SIGKILL; all data is gone */
void redis_server_again(struct redis_server *s);	/* after a kill, in the same place */
void redis_server_remove(struct redis_server *s);	/* kills, and removes its folder */

#endif
