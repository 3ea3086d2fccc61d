#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/daemon/notify.h"

/* A socket as systemd's: a name beginning with '@' is abstract. */
static int bind_to(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void assert_hears(int fd, const char *text)
{
	char got[128];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void a_state_is_one_datagram(void **state)
{
	char dir[] = "/tmp/notify_test.XXXXXX", path[64], abstract[64];
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	fd = bind_to(path);
	notify_send("READY=1");
	assert_hears(fd, "READY=1");
	close(fd);
	unlink(path);
	notify_send("nobody listens");
	rmdir(dir);
	snprintf(abstract, sizeof(abstract), "@%s", dir);
	fd = bind_to(abstract);
	notify_send("STOPPING=1\nSTATUS=draining");
	assert_hears(fd, "STOPPING=1\nSTATUS=draining");
	close(fd);
}

static void reloading_comes_with_its_time(void **state)
{
	char got[128] = "";
	int fd = bind_to("@notify_test_reloading");
	unsigned long long usec;

	(void)state;
	notify_reloading();
	assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
	assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
	assert_true(usec / 1000 <= clock_now());
	close(fd);
}

static void without_a_usable_address_nothing_happens(void **state)
{
	char longest[200];

	(void)state;
	memset(longest, '/', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "relative", 1);
	notify_send("READY=1");
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
}

static void the_watchdog_is_fed_twice_as_often_as_asked(void **state)
{
	char pid[32];

	(void)state;
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog(), SECONDS(15));
	setenv("WATCHDOG_USEC", "100", 1);
	assert_int_equal(notify_watchdog(), 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog(), 0);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_is_one_datagram),
		cmocka_unit_test(reloading_comes_with_its_time),
		cmocka_unit_test(without_a_usable_address_nothing_happens),
		cmocka_unit_test(the_watchdog_is_fed_twice_as_often_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
