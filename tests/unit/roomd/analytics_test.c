/* POST /a/ (apprtc-contract 2.9). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "roomd/analytics.h"

static void an_event_has_a_type_and_times_that_are_numbers(void **state)	/* R58, R59 */
{
	static const struct { const char *body; bool valid; } rows[] = {
		{ "{\"type\":\"event\",\"request_time_ms\":1,\"event\":{\"event_type\":3,\"event_time_ms\":2,\"room_id\":\"r\"}}", true },
		{ "{\"type\":\"event\",\"request_time_ms\":1,\"event\":{\"event_type\":3}}", true },
		{ "{\"request_time_ms\":1,\"event\":{\"event_type\":3}}", false },
		{ "{\"type\":\"event\",\"event\":{\"event_type\":3}}", false },
		{ "{\"type\":\"event\",\"request_time_ms\":1}", false },
		{ "{\"type\":\"event\",\"request_time_ms\":1,\"event\":{}}", false },
		{ "{\"type\":\"event\",\"request_time_ms\":1,\"event\":3}", false },
		{ "{\"type\":\"event\",\"request_time_ms\":\"1\",\"event\":{\"event_type\":3}}", false },
		{ "{\"type\":\"event\",\"request_time_ms\":1,\"event\":{\"event_type\":3,\"event_time_ms\":\"2\"}}", false },
		{ "", false }, { "not json", false }, { "[]", false }, { "3", false }, { "\"x\"", false }, { "null", false },
		{ "{\"type\":\"\xff\"}", false }, { "[[\"]]]]\\\"]\"", false },
	};
	static const char head[] = "{\"type\":\"event\",\"request_time_ms\":1,\"event\":{\"event_type\":";
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (analytics_valid(span_str(rows[i].body)) != rows[i].valid)
			fail_msg("%s", rows[i].body);
	for (unsigned depth = 30; depth <= 31; depth++) {	/* inside two objects */
		struct span body = span_of(deep, strlen(head) + 2 * depth + 2);
		strcpy(deep, head);
		memset(deep + strlen(head), '[', depth);
		memset(deep + strlen(head) + depth, ']', depth);
		memset(deep + strlen(head) + 2 * depth, '}', 2);
		assert_int_equal(analytics_valid(body), depth == 30);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(an_event_has_a_type_and_times_that_are_numbers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
