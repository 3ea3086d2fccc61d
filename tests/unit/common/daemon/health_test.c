#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/daemon/health.h"
#include "tests/lib/failing_alloc.h"

/* What a daemon answers is a matter of tests/system/turnd_tools_test.py; here nobody is there to ask. */

static const struct option options[] = { SERVICE_OPTIONS("9641"), { .name = NULL } };
static const struct service service = { .name = "tiny", .options = options, .config_size = sizeof(struct service_config) };

static int quiet(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	return null < 0 || dup2(null, STDERR_FILENO) < 0 || close(null) < 0;
}

static int health(const char *port)
{
	char name[] = "health", option[64];
	char *argv[] = { name, option, NULL };

	snprintf(option, sizeof(option), "--admin-port=%s", port);
	return health_main(&service, NULL, 2, argv);
}

/* Bound, not listening: connections to it are refused as long as the test has it. */
static int closed_port(char text[8])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(text, 8, "%u", ntohs(a.sin_port));
	return fd;
}

static void who_does_not_answer_is_not_healthy(void **state)
{
	char port[8];
	int fd = closed_port(port);

	(void)state;
	assert_int_equal(health(port), 1);
	assert_int_equal(health("0"), 1);
	assert_int_equal(health("x"), 1);
	close(fd);
}

static void without_memory_nobody_is_healthy_and_nothing_leaks(void **state)
{
	char port[8];
	int fd = closed_port(port);

	(void)state;
	for (unsigned n = 0;; n++) {
		alloc_fail_at(n);
		assert_int_equal(health(port), 1);
		if (!alloc_failed())
			break;
	}
	alloc_fail_never();
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_does_not_answer_is_not_healthy),
		cmocka_unit_test(without_memory_nobody_is_healthy_and_nothing_leaks),
	};
	return cmocka_run_group_tests(tests, quiet, NULL);
}
