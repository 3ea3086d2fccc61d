#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/buf.h"
#include "common/daemon/option_file.h"

/* "number:key" or "number:key=value" for each line, separated by '|'. */
static void assert_reads(const char *text, const char *expected)
{
	struct span rest = span_str(text);
	struct option_line line = { .number = 0 };
	struct buf out;

	buf_init(&out, 1024);
	while (option_file_next(&rest, &line)) {
		buf_addf(&out, "%s%u:%.*s", out.len > 0 ? "|" : "", line.number, SPAN_ARG(line.key));
		if (line.has_value)
			buf_addf(&out, "=%.*s", SPAN_ARG(line.value));
	}
	assert_string_equal(buf_cstr(&out), expected);
	assert_int_equal(rest.len, 0);
	buf_close(&out);
}

static void coturns_forms_are_read(void **state)
{
	(void)state;
	assert_reads("", "");
	assert_reads("\n\n", "");
	assert_reads("realm=example.org", "1:realm=example.org");
	assert_reads("  realm \t=  example.org \n", "1:realm=example.org");
	assert_reads("realm example.org", "1:realm=example.org");
	assert_reads("fingerprint\nlt-cred-mech\n", "1:fingerprint|2:lt-cred-mech");
	assert_reads("# a comment\n\t# another\n\nmin-port=1\r\nmax-port=2\r\n", "4:min-port=1|5:max-port=2");
}

static void a_value_runs_to_the_end_of_its_line(void **state)
{
	(void)state;
	assert_reads("static-auth-secret=a=b==", "1:static-auth-secret=a=b==");
	assert_reads("user=name:p#ss word", "1:user=name:p#ss word");
	assert_reads("redis-userdb=\"ip=127.0.0.1 dbname=2\"", "1:redis-userdb=ip=127.0.0.1 dbname=2");
	assert_reads("a=\"\nb=\"\"\nc=x\"y\"", "1:a=\"|2:b=|3:c=x\"y\"");
}

static void an_empty_value_is_not_a_bare_key(void **state)
{
	(void)state;
	assert_reads("admin-ip =\nadmin-ip", "1:admin-ip=|2:admin-ip");
}

static void a_line_without_a_key_is_a_key_nobody_knows(void **state)
{
	(void)state;
	assert_reads("= 5", "1:= 5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coturns_forms_are_read),
		cmocka_unit_test(a_value_runs_to_the_end_of_its_line),
		cmocka_unit_test(an_empty_value_is_not_a_bare_key),
		cmocka_unit_test(a_line_without_a_key_is_a_key_nobody_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
