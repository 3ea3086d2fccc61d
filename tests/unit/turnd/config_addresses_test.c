#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/config.h"

#include <stdio.h>

static char said[512];

static void listen_to_it(void *ctx, const char *option, size_t i, const char *sentence)
{
	(void)ctx;
	snprintf(said, sizeof(said), "%s[%zu]: %s", option, i, sentence);
}

static const struct complaints say = { listen_to_it, NULL };

/* A configuration that listens on these. */
static struct turnd_config listening(char **ip, size_t n)
{
	said[0] = '\0';
	return (struct turnd_config){ .listening_ip = { .v = ip, .n = n }, .listening_port = 3478, .rfc5780 = true };
}

static char a4[] = "192.0.2.1", b4[] = "192.0.2.2", a6[] = "2001:db8::1", b6[] = "2001:db8::2", any[] = "0.0.0.0";

static void assert_socket(const struct discovery_socket *s, const char *at, const char *advertised, const struct endpoint *listeners)
{
	char text[ENDPOINT_TEXT];
	assert_string_equal(endpoint_format(&s->at, text), at);
	assert_string_equal(endpoint_format(&s->advertised, text), advertised);
	assert_true(endpoint_equal(&listeners[s->socket], &s->at));
}

static void the_second_port_is_the_next_one_unless_it_is_given(void **state)
{
	char *ip[] = { a4, a6 };
	struct turnd_config c = listening(ip, 2);
	struct endpoint out[ADDRESSES_MAX];
	(void)state;
	assert_int_equal(config_listeners(&c, out, &say), 4);
	assert_int_equal(out[1].port, 3478);
	assert_int_equal(out[3].port, 3479);
	c.alt_listening_port = 5000;
	assert_int_equal(config_listeners(&c, out, &say), 4);
	assert_int_equal(out[2].port, 5000);
	c.rfc5780 = false;
	assert_int_equal(config_listeners(&c, out, &say), 4);
	c.alt_listening_port = 0;
	assert_int_equal(config_listeners(&c, out, &say), 2);
}

static void each_family_with_two_addresses_has_four_sockets(void **state)
{
	char *ip[] = { a4, a6, a4, b4, b6 };
	static char translated[] = "198.51.100.7/192.0.2.2";
	char *external[] = { translated };
	struct turnd_config c = listening(ip, 5);
	struct endpoint out[ADDRESSES_MAX];
	struct discovery_group g[2];
	(void)state;
	c.external_ip = (struct string_list){ .v = external, .n = 1 };
	assert_int_equal(config_listeners(&c, out, &say), 10);
	assert_int_equal(config_discovery(&c, g, &say), 2);
	assert_socket(&g[0].v[0][0], "192.0.2.1:3478", "192.0.2.1:3478", out);
	assert_socket(&g[0].v[0][1], "192.0.2.1:3479", "192.0.2.1:3479", out);
	assert_socket(&g[0].v[1][0], "192.0.2.2:3478", "198.51.100.7:3478", out);
	assert_socket(&g[0].v[1][1], "192.0.2.2:3479", "198.51.100.7:3479", out);
	assert_socket(&g[1].v[0][0], "[2001:db8::1]:3478", "[2001:db8::1]:3478", out);
	assert_socket(&g[1].v[1][1], "[2001:db8::2]:3479", "[2001:db8::2]:3479", out);
	assert_string_equal(said, "");
	c.rfc5780 = false;
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, "");
}

static void less_than_two_addresses_or_ports_is_a_mistake(void **state)
{
	static const char sentence[] = "rfc5780[0]: needs two listening-ip of one family, and two ports";
	char *one[] = { a4, a6 }, *wild[] = { any, a4 }, *two[] = { a4, b4 };
	struct turnd_config c = listening(one, 2);
	struct discovery_group g[2];
	(void)state;
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, sentence);
	c = listening(wild, 2);
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, sentence);
	c = listening(NULL, 0);
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, sentence);
	c = listening(two, 2);
	c.alt_listening_port = 3478;
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, sentence);
	c.alt_listening_port = 0;
	c.listening_port = 65535;
	assert_int_equal(config_discovery(&c, g, &say), 0);
	assert_string_equal(said, sentence);
}

static void addresses_with_two_ports_count_twice(void **state)
{
	char *ip[ADDRESSES_MAX];
	struct turnd_config c = listening(ip, ADDRESSES_MAX / 2);
	struct endpoint out[ADDRESSES_MAX];
	(void)state;
	for (size_t i = 0; i < ADDRESSES_MAX; i++)
		ip[i] = a4;
	assert_int_equal(config_listeners(&c, out, &say), ADDRESSES_MAX);
	c.listening_ip.n++;
	assert_int_equal(config_listeners(&c, out, &say), 0);
	assert_string_equal(said, "listening-ip[32]: more than 32 addresses with two ports each");
	c.rfc5780 = false;
	c.listening_ip.n = ADDRESSES_MAX;
	assert_int_equal(config_listeners(&c, out, &say), ADDRESSES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_port_is_the_next_one_unless_it_is_given),
		cmocka_unit_test(each_family_with_two_addresses_has_four_sockets),
		cmocka_unit_test(less_than_two_addresses_or_ports_is_a_mistake),
		cmocka_unit_test(addresses_with_two_ports_count_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
