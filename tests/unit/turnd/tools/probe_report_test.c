#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"
#include "turnd/tools/probe_report.h"

static struct report a_report(void)
{
	struct report r = { .uri = "turn:h" };
	struct report_line *line = report_add(&r, "binding", PROBE_OK, 1.25);

	snprintf(line->sentence, sizeof(line->sentence), "it is \"coturn\"");
	line = report_add(&r, "allocate", PROBE_FAILED, 20);
	line->code = 401;
	snprintf(line->sentence, sizeof(line->sentence), "wrong");
	return r;
}

static void people_read_a_line_a_step_and_a_verdict(void **state)
{
	struct report r = a_report();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	report_print_text(&r, &out);
	assert_string_equal(buf_cstr(&out), "turn:h\nok    binding          1.2 ms  it is \"coturn\"\n"
			    "FAIL  allocate        20.0 ms  wrong\nverdict: TURN does not work from here: wrong\n");
	buf_close(&out);
}

static void programs_read_json(void **state)
{
	struct report r = a_report();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	report_print_json(&r, &out);
	assert_string_equal(buf_cstr(&out), "{\"uri\":\"turn:h\",\"works\":false,\"steps\":["
			    "{\"step\":\"binding\",\"result\":\"ok\",\"ms\":1.250,\"code\":null,\"sentence\":\"it is \\\"coturn\\\"\"},"
			    "{\"step\":\"allocate\",\"result\":\"failed\",\"ms\":20.000,\"code\":401,\"sentence\":\"wrong\"}]}\n");
	buf_close(&out);
}

static void success_is_a_verdict_too(void **state)
{
	struct report r = { .uri = "turn:h", .works = true };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	report_print_text(&r, &out);
	assert_string_equal(buf_cstr(&out), "turn:h\nverdict: TURN works from here\n");
	buf_reset(&out);
	r.binding_only = true;
	report_print_text(&r, &out);
	assert_string_equal(buf_cstr(&out), "turn:h\nverdict: the server answers STUN from here\n");
	buf_close(&out);
}

static void without_memory_a_report_fails_as_a_whole(void **state)
{
	struct report r = a_report();
	struct buf out;

	(void)state;
	for (unsigned i = 0;; i++) {
		buf_init(&out, 1 << 16);
		alloc_fail_at(i);
		report_print_text(&r, &out);
		report_print_json(&r, &out);
		if (!alloc_failed())
			break;
		assert_true(out.failed);
		buf_close(&out);
	}
	alloc_fail_never();
	assert_false(out.failed);
	buf_close(&out);
}

static void more_lines_than_there_is_room_for_overwrite_the_last(void **state)
{
	struct report r = { .uri = "turn:h" };

	(void)state;
	for (unsigned i = 0; i < REPORT_LINES + 3; i++)
		report_add(&r, i < REPORT_LINES ? "early" : "late", PROBE_OK, 0);
	assert_int_equal(r.n, REPORT_LINES);
	assert_string_equal(r.lines[REPORT_LINES - 1].step, "late");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_read_a_line_a_step_and_a_verdict),
		cmocka_unit_test(programs_read_json),
		cmocka_unit_test(success_is_a_verdict_too),
		cmocka_unit_test(without_memory_a_report_fails_as_a_whole),
		cmocka_unit_test(more_lines_than_there_is_room_for_overwrite_the_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
