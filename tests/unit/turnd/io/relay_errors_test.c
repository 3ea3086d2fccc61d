#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/relay_errors.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_at(const char *ip, struct endpoint *at)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;

	assert_true(endpoint_parse(at, span_str(ip)));
	len = endpoint_to_sockaddr(at, &sa);
	fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = sizeof(sa);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*at = endpoint_from_sockaddr((struct sockaddr *)&sa);
	return fd;
}

/* Each datagram to a port where nobody listens brings an error; an error in the way is not what is tested. */
static void send_to(int fd, const struct endpoint *to, size_t n, const void *bytes)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(to, &sa);
	for (unsigned i = 0; i < 2 && sendto(fd, bytes, n, 0, (struct sockaddr *)&sa, len) < 0; i++)
		;
}

static void errors_come_from(const char *ip, uint8_t type, uint8_t code)
{
	struct endpoint at, gone;
	struct icmp_error e[8];
	int fd = open_at(ip, &at);

	close(open_at(ip, &gone));
	assert_int_equal(relay_errors_enable(fd, at.ip.family), 0);
	assert_int_equal(relay_errors_read(fd, e, 8), 0);
	for (unsigned i = 0; i < 5; i++)
		send_to(fd, &gone, 3, "abc");
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 5000), 1);
	assert_int_equal(relay_errors_read(fd, e, 2), 2);		/* no more than wanted */
	assert_int_equal(relay_errors_read(fd, e, 8), 3);
	assert_true(endpoint_equal(&e[0].peer, &gone));
	assert_int_equal(e[0].type, type);
	assert_int_equal(e[0].code, code);
	assert_int_equal(relay_errors_read(fd, e, 8), 0);
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0), 0);	/* nothing keeps epoll awake */
	close(fd);
}

static void an_unreachable_port_is_known_by_its_peer(void **state)
{
	(void)state;
	errors_come_from("127.0.0.1:0", 3, 3);
	errors_come_from("[::1]:0", 1, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unreachable_port_is_known_by_its_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
