#include "tests/lib/redis_server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

void redis_server_again(struct redis_server *s)
{
	char socket_path[64], port[8];
	const char *argv[32] = {
		"redis-server", s->certs != NULL ? "--tls-port" : "--port", port, "--bind", "127.0.0.1", "--unixsocket",
		socket_path, "--dir", s->dir, "--save", "", "--appendonly", "no", "--logfile", "log"
	};
	unsigned n = 15;
	pid_t parent = getpid();

	snprintf(socket_path, sizeof(socket_path), "%s/s", s->dir);
	snprintf(port, sizeof(port), "%u", s->port);
	if (s->password != NULL) {
		argv[n++] = "--requirepass";
		argv[n++] = s->password;
	}
	if (s->certs != NULL) {
		const char *const tls[] = {
			"--port", "0", "--tls-auth-clients", "no", "--tls-cert-file", test_cert(s->certs, "ec.crt"),
			"--tls-key-file", test_cert(s->certs, "ec.key"), "--tls-ca-cert-file", test_cert(s->certs, "ca.crt")
		};
		memcpy(argv + n, tls, sizeof tls);
	}
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that failed leaves nothing behind */
	if (getppid() == parent)
		execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void redis_server_start(struct redis_server *s, int tcp, const char *password)
{
	*s = (struct redis_server){ .port = tcp ? free_port() : 0, .password = password };
	strcpy(s->dir, "/tmp/redis-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->url, sizeof(s->url), "unix://%s/s", s->dir);
	redis_server_again(s);
}

void redis_server_start_tls(struct redis_server *s, const struct test_certs *certs)
{
	*s = (struct redis_server){ .port = free_port(), .certs = certs };
	strcpy(s->dir, "/tmp/redis-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	redis_server_again(s);
}

void redis_server_kill(struct redis_server *s)
{
	if (s->pid == 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void redis_server_remove(struct redis_server *s)
{
	static const char *const files[] = { "s", "log" };
	char path[64];

	redis_server_kill(s);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->dir, files[i]);
		unlink(path);
	}
	rmdir(s->dir);
}
