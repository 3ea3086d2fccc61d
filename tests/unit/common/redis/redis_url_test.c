#include "common/redis/redis_url.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"

static void every_form_is_read(void **state)
{
	static const struct {
		const char *url, *address;
		unsigned db;
		bool auth;
		const char *user, *password;
	} t[] = {
		{ "unix:///run/redis.sock", "/run/redis.sock", 0, false, "", "" },
		{ "unix://:secret@/run/redis@2.sock", "/run/redis@2.sock", 0, true, "", "secret" },
		{ "unix://app:secret@/s", "/s", 0, true, "app", "secret" },
		{ "redis://h", "h:6379", 0, false, "", "" },
		{ "redis://h:", "h:6379", 0, false, "", "" },
		{ "redis://h/", "h:6379", 0, false, "", "" },
		{ "redis://redis.example.org:1/3", "redis.example.org:1", 3, false, "", "" },
		{ "redis://127.0.0.1:65535/65535", "127.0.0.1:65535", 65535, false, "", "" },
		{ "redis://[::1]", "[::1]:6379", 0, false, "", "" },
		{ "redis://[2001:db8::1]:7000/1", "[2001:db8::1]:7000", 1, false, "", "" },
		{ "redis://:p@h", "h:6379", 0, true, "", "p" },
		{ "redis://u:p@h", "h:6379", 0, true, "u", "p" },
		{ "redis://u:@h", "h:6379", 0, true, "u", "" },
		{ "redis://u:a:b@h", "h:6379", 0, true, "u", "a:b" },
		{ "redis://u:a@b@h:1", "h:1", 0, true, "u", "a@b" },
		{ "redis://%75:%40%2f%25+@h", "h:6379", 0, true, "u", "@/%+" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct redis_node n;
		char why[160] = "", address[REDIS_ADDRESS_SIZE];

		if (!redis_url_parse(span_str(t[i].url), &n, why))
			fail_msg("%s: %s", t[i].url, why);
		assert_string_equal(redis_node_address(&n, address), t[i].address);
		assert_int_equal(n.db, t[i].db);
		assert_int_equal(n.auth, t[i].auth);
		assert_string_equal(n.user, t[i].user);
		assert_string_equal(n.password, t[i].password);
	}
}

static void tls_is_asked_for_with_whom_to_trust(void **state)
{
	static const struct {
		const char *url, *address, *ca;
		unsigned db;
		bool tls;
	} t[] = {
		{ "redis://h", "h:6379", "", 0, false },
		{ "rediss://h", "h:6379", "", 0, true },
		{ "rediss://u:p%3f@h:1/2?ca=/etc/ssl/redis-ca.pem", "h:1", "/etc/ssl/redis-ca.pem", 2, true },
		{ "rediss://[::1]:1?ca=ca.pem", "[::1]:1", "ca.pem", 0, true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct redis_node n;
		char why[160] = "", address[REDIS_ADDRESS_SIZE];

		if (!redis_url_parse(span_str(t[i].url), &n, why))
			fail_msg("%s: %s", t[i].url, why);
		assert_string_equal(redis_node_address(&n, address), t[i].address);
		assert_string_equal(n.ca, t[i].ca);
		assert_int_equal(n.db, t[i].db);
		assert_int_equal(n.tls, t[i].tls);
	}
}

static void a_refusal_says_what_would_be_right(void **state)
{
	static const struct {
		const char *url, *says;
	} t[] = {
		{ "", "not a Redis URL" },
		{ "localhost:6379", "use unix:///" },
		{ "http://h", "not a Redis URL" },
		{ "rediss://", "the host is missing" },
		{ "redis://h?ca=/x", "the only parameter is ca, with TLS" },
		{ "rediss://h?insecure=1", "the only parameter is ca" },
		{ "redis-sentinel://h:1/m", "redis-sentinel:// does not exist yet" },
		{ "redis-cluster://h:1", "redis-cluster:// does not exist yet" },
		{ "unix://", "absolute path" },
		{ "unix:///", "absolute path" },
		{ "unix://run/redis.sock", "three slashes" },
		{ "redis://", "the host is missing" },
		{ "redis:///1", "the host is missing" },
		{ "redis://:6379", "the host is missing" },
		{ "redis://u:p@", "the host is missing" },
		{ "redis://[]", "the host is missing" },
		{ "redis://secret@h", "redis://:password@host" },
		{ "redis://::1", "brackets" },
		{ "redis://[::1", "closing bracket" },
		{ "redis://[::1]6379", "comes only a port" },
		{ "redis://h:0", "1 to 65535" },
		{ "redis://h:65536", "1 to 65535" },
		{ "redis://h:six", "1 to 65535" },
		{ "redis://h/x", "number of the database" },
		{ "redis://h/65536", "number of the database" },
		{ "redis://h/1/2", "number of the database" },
		{ "redis://h /1", "blanks" },
		{ "redis://h\n", "blanks" },
		{ "redis://:secret%@h", "%25" },
		{ "redis://:secret%00@h", "cannot be read" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct redis_node n;
		char why[160] = "";

		if (redis_url_parse(span_str(t[i].url), &n, why))
			fail_msg("%s was taken", t[i].url);
		if (strstr(why, t[i].says) == NULL)
			fail_msg("%s: %s", t[i].url, why);
		assert_null(strstr(why, "secret"));
		assert_true(strlen(why) < 159);		/* not cut */
	}
}

static void what_is_too_long_is_refused_and_what_just_fits_is_taken(void **state)
{
	char url[2048], why[160];
	struct redis_node n;
	(void)state;

	snprintf(url, sizeof(url), "unix:///%0106d", 0);
	assert_true(redis_url_parse(span_str(url), &n, why));
	snprintf(url, sizeof(url), "unix:///%0107d", 0);
	assert_false(redis_url_parse(span_str(url), &n, why));
	assert_non_null(strstr(why, "107 bytes"));
	snprintf(url, sizeof(url), "redis://%0255d:1", 0);
	assert_true(redis_url_parse(span_str(url), &n, why));
	snprintf(url, sizeof(url), "redis://%0256d:1", 0);
	assert_false(redis_url_parse(span_str(url), &n, why));
	assert_non_null(strstr(why, "255 bytes"));
	snprintf(url, sizeof(url), "redis://:%0512d@h", 0);
	assert_true(redis_url_parse(span_str(url), &n, why));
	snprintf(url, sizeof(url), "redis://:%0513d@h", 0);
	assert_false(redis_url_parse(span_str(url), &n, why));
	assert_non_null(strstr(why, "512 bytes"));
}

static void a_refused_url_changes_nothing(void **state)
{
	struct redis_node n = { .port = 7 };
	char why[160];
	(void)state;

	assert_false(redis_url_parse(SPAN_LIT("redis://u:p@h:99999"), &n, why));
	assert_int_equal(n.port, 7);
	assert_string_equal(n.host, "");
	assert_string_equal(n.password, "");
}

static void without_memory_a_url_is_refused(void **state)
{
	struct redis_node n;
	char why[160];
	bool ok = false;
	(void)state;

	for (unsigned i = 0; !ok; i++) {
		alloc_fail_at(i);
		ok = redis_url_parse(SPAN_LIT("redis://user:password@h"), &n, why);
		alloc_fail_never();
		assert_int_equal(ok, !alloc_failed());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
		cmocka_unit_test(tls_is_asked_for_with_whom_to_trust),
		cmocka_unit_test(a_refusal_says_what_would_be_right),
		cmocka_unit_test(what_is_too_long_is_refused_and_what_just_fits_is_taken),
		cmocka_unit_test(a_refused_url_changes_nothing),
		cmocka_unit_test(without_memory_a_url_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
