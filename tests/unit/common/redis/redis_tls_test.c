/* A route by TLS to a real redis-server. */
#include "common/redis/redis_route.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/log.h"
#include "tests/lib/certs.h"
#include "tests/lib/loop.h"
#include "tests/lib/redis_server.h"
#include "tests/lib/redis_text.h"

static struct test_certs certs;
static const struct redis_timing quick = { .command = 2000, .backoff_min = 5, .backoff_max = 40 };

struct home {
	struct test_loop loop;
	struct redis_server server;
	struct redis_route *route;
	struct buf heard;
	unsigned messages;
	bool stopped;
};

static int set_up(void **state)
{
	struct home *h = calloc(1, sizeof(*h));

	test_loop_open(&h->loop);
	buf_init(&h->heard, (size_t)1 << 24);
	redis_server_start_tls(&h->server, &certs);
	*state = h;
	return 0;
}

static void on_stopped(void *ctx)
{
	((struct home *)ctx)->stopped = true;
}

static void hang_up(struct home *h)
{
	h->stopped = false;
	redis_route_stop(h->route, on_stopped, h);
	h->route = NULL;
	RUN_UNTIL(&h->loop, h->stopped);
}

static int tear_down(void **state)
{
	struct home *h = *state;

	if (h->route != NULL)
		hang_up(h);
	redis_server_remove(&h->server);
	test_loop_close(&h->loop);
	buf_close(&h->heard);
	free(h);
	return 0;
}

static void dial(struct home *h, const char *ca)
{
	char url[256], why[160] = "";

	snprintf(url, sizeof(url), "rediss://127.0.0.1:%u/3?ca=%s", h->server.port, test_cert(&certs, ca));
	h->route = redis_route_new(&h->loop.uv, url, &quick, NULL, NULL, why);
	if (h->route == NULL)
		fail_msg("%s", why);
}

static void on_message(void *ctx, struct span channel, struct span body)
{
	struct home *h = ctx;

	assert_true(span_eq_str(channel, "c") && span_eq_str(body, "m"));
	h->messages++;
}

static void commands_and_subscriptions_pass_and_come_back_after_a_kill(void **state)
{
	struct home *h = *state;
	char *big = malloc(1 << 20);
	struct span set[] = { SPAN_LIT("SET"), SPAN_LIT("k"), span_of(big, 1 << 20) }, strlen_k[] = { SPAN_LIT("STRLEN"), SPAN_LIT("k") };
	struct span publish[] = { SPAN_LIT("PUBLISH"), SPAN_LIT("c"), SPAN_LIT("m") };

	memset(big, 'x', 1 << 20);
	dial(h, "ca.crt");
	assert_int_equal(redis_subscribe(h->route, 0, SPAN_LIT("c"), on_message, NULL, h), 0);
	for (unsigned life = 0; life < 2; life++) {
		RUN_UNTIL(&h->loop, redis_route_up(h->route));
		buf_reset(&h->heard);
		h->messages = 0;
		redis_command(h->route, 0, set, 3, redis_text_line, &h->heard);
		redis_command(h->route, 0, strlen_k, 2, redis_text_line, &h->heard);
		RUN_UNTIL(&h->loop, h->heard.len > 0 && strstr(buf_cstr(&h->heard), "1048576\n") != NULL);
		while (h->messages == 0) {
			redis_command(h->route, 0, publish, 3, NULL, NULL);
			assert_true(test_loop_turn(&h->loop));
		}
		redis_server_kill(&h->server);
		RUN_UNTIL(&h->loop, !redis_route_up(h->route));
		redis_server_again(&h->server);
	}
	free(big);
}

static void a_server_of_another_issuer_is_not_believed_and_the_log_says_why(void **state)
{
	struct home *h = *state;
	int log = open(test_cert(&certs, "log"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char text[2000] = "";

	dial(h, "ca.crt");
	RUN_UNTIL(&h->loop, redis_route_up(h->route));		/* the server has started */
	hang_up(h);
	log_setup(LOG_INFO, LOG_KEY_VALUE, log);
	dial(h, "stranger.crt");
	while (strstr(text, "not correctly signed by the trusted CA") == NULL) {
		ssize_t n = pread(log, text, sizeof(text) - 1, 0);
		text[n > 0 ? n : 0] = 0;
		assert_true(test_loop_turn(&h->loop));
	}
	assert_false(redis_route_up(h->route));
	log_setup(LOG_INFO, LOG_KEY_VALUE, -1);
	close(log);
}

static void a_ca_that_cannot_be_read_is_told_at_once(void **state)
{
	struct home *h = *state;
	char why[160];

	assert_null(redis_route_new(&h->loop.uv, "rediss://u:hidden@127.0.0.1?ca=/nowhere.pem", NULL, NULL, NULL, why));
	assert_string_equal(why, "/nowhere.pem: cannot be read: No such file or directory");
}

static int make_certs(void **state)
{
	(void)state;
	test_certs_open(&certs);
	return 0;
}

static int remove_certs(void **state)
{
	(void)state;
	test_certs_close(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_and_subscriptions_pass_and_come_back_after_a_kill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_server_of_another_issuer_is_not_believed_and_the_log_says_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_ca_that_cannot_be_read_is_told_at_once, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
