#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "roomd/site.h"
#include "tests/lib/failing_alloc.h"
#include "tests/unit/roomd/a_site.h"

static int complaints_about(struct site_options o)
{
	struct site s;
	int n = 0;
	bool good = site_init(&s, &o, a_complaint, &n);

	site_close(&s);
	assert_int_equal(good, n == 0);
	return n;
}

static void a_signaling_server_may_be_reached_elsewhere_by_us(void **state)
{
	struct site_options o = a_site_options();
	struct site s;
	int n = 0;

	(void)state;
	assert_true(site_init(&s, &o, a_complaint, &n));
	assert_string_equal(s.signals[0].name, "wss://signal.example.org");
	assert_string_equal(s.signals[0].inner.host, "10.0.0.2");
	assert_int_equal(s.signals[0].inner.port, 8089);
	assert_string_equal(s.signals[1].name, "ws://localhost:8089");
	assert_string_equal(s.signals[1].inner.host, "localhost");
	site_close(&s);
}

static void what_cannot_be_used_is_complained_about_one_by_one(void **state)
{
	static char bad_url[] = "http://h/path", bad_ws[] = "http://h", no_inner[] = "wss://h", tls_inner[] = "ws://h https://h",
		bad_turn[] = "turn://h", bad_stun[] = "stun:";
	char *urls[] = { bad_url, bad_url }, *signals[] = { bad_ws, no_inner, tls_inner }, *turns[] = { bad_turn },
		*stuns[] = { bad_stun };
	struct site_options o = a_site_options();

	(void)state;
	assert_int_equal(complaints_about(o), 0);
	o.public_url = (struct string_list){ urls, 2 };
	assert_int_equal(complaints_about(o), 2);
	o.signal_server = (struct string_list){ signals, 3 };
	assert_int_equal(complaints_about(o), 5);
	o.turn_server = (struct string_list){ turns, 1 };
	o.stun_server = (struct string_list){ stuns, 1 };
	assert_int_equal(complaints_about(o), 7);
	o = a_site_options();
	o.public_url.n = 0;
	assert_int_equal(complaints_about(o), 1);
	o = a_site_options();
	o.signal_server.n = 0;
	assert_int_equal(complaints_about(o), 1);
}

static void without_memory_there_is_no_site_and_no_complaint(void **state)
{
	struct site_options o = a_site_options();
	struct site s;
	int complaints = 0;
	bool good = false;
	unsigned n;

	(void)state;
	for (n = 0; !good; n++) {
		alloc_fail_at(n);
		good = site_init(&s, &o, a_complaint, &complaints);
		alloc_fail_never();
		site_close(&s);
	}
	assert_int_equal(n, 4);
	assert_int_equal(complaints, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signaling_server_may_be_reached_elsewhere_by_us),
		cmocka_unit_test(what_cannot_be_used_is_complained_about_one_by_one),
		cmocka_unit_test(without_memory_there_is_no_site_and_no_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
