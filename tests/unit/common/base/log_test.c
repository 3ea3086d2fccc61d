#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int pipe_fd[2];
static char line[8192];

static int open_pipe(void **state)
{
	(void)state;
	return pipe(pipe_fd);
}

static int close_pipe(void **state)
{
	(void)state;
	log_setup(LOG_INFO, LOG_KEY_VALUE, -1);
	return close(pipe_fd[0]) | close(pipe_fd[1]);
}

/* What the last log_write() wrote: a pipe gives back one write(2) at a time only if there was one. */
static const char *written(void)
{
	ssize_t n = read(pipe_fd[0], line, sizeof(line) - 1);

	assert_true(n > 0);
	line[n] = '\0';
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	line[n - 1] = '\0';
	return line;
}

static const char *written_after_the_time(void)
{
	const char *s = strchr(written(), ' ');

	assert_non_null(s);
	return s + 1;
}

static void a_line_has_time_level_event_and_its_fields_in_order(void **state)
{
	struct endpoint v6;

	(void)state;
	assert_true(endpoint_parse(&v6, span_str("[2001:db8::1]:3478")));
	log_setup(LOG_INFO, LOG_KEY_VALUE, pipe_fd[1]);
	LOG(LOG_INFO, "allocation_end", LOG_STR("user", "alice"), LOG_UINT("bytes", UINT64_MAX),
		LOG_INT("left", INT64_MIN), LOG_ENDPOINT("client", &v6));
	assert_string_equal(written_after_the_time(), "level=info event=allocation_end user=alice "
		"bytes=18446744073709551615 left=-9223372036854775808 client=[2001:db8::1]:3478");
}

static void the_time_is_utc_with_milliseconds(void **state)
{
	time_t before = time(NULL), seconds;
	struct tm t = { 0 };
	unsigned ms;
	char z;

	(void)state;
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	log_setup(LOG_INFO, LOG_KEY_VALUE, pipe_fd[1]);
	LOG(LOG_ERROR, "x", LOG_INT("a", 1));
	assert_int_equal(sscanf(written(), "time=%4d-%2d-%2dT%2d:%2d:%2d.%3u%c level=error event=x a=1", &t.tm_year, &t.tm_mon,
		&t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &ms, &z), 8);
	assert_int_equal(z, 'Z');
	assert_int_equal(strcspn(line, " "), strlen("time=2026-11-24T13:00:00.123Z"));
	t.tm_year -= 1900;
	t.tm_mon--;
	seconds = timegm(&t);
	assert_true(seconds >= before && seconds <= before + 60);
}

static void values_that_could_be_misread_are_quoted_and_escaped(void **state)
{
	static const struct {
		struct span in;
		const char *out;
	} table[] = {
		{ SPAN_INIT("plain-_.:/@[]"), "plain-_.:/@[]" },
		{ SPAN_INIT(""), "\"\"" },
		{ SPAN_INIT("a b"), "\"a b\"" },
		{ SPAN_INIT("a=b"), "\"a=b\"" },
		{ SPAN_INIT("a\"b"), "\"a\\x22b\"" },
		{ SPAN_INIT("a\\x22b"), "\"a\\x5cx22b\"" },
		{ SPAN_INIT("a\nlevel=error\0\x7f\x1b[31m"), "\"a\\x0alevel=error\\x00\\x7f\\x1b[31m\"" },
		{ SPAN_INIT("\xc3\xa4\xff"), "\"\\xc3\\xa4\\xff\"" },
	};
	char expected[200];

	(void)state;
	log_setup(LOG_INFO, LOG_KEY_VALUE, pipe_fd[1]);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		LOG(LOG_WARNING, "e", LOG_SPAN("v", table[i].in));
		snprintf(expected, sizeof(expected), "level=warning event=e v=%s", table[i].out);
		assert_string_equal(written_after_the_time(), expected);
	}
}

static void json_lines_parse_and_show_the_same_values(void **state)
{
	const cJSON *v;
	struct endpoint e;
	cJSON *j;

	(void)state;
	assert_true(endpoint_parse(&e, span_str("192.0.2.1:5349")));
	log_setup(LOG_INFO, LOG_JSON, pipe_fd[1]);
	LOG(LOG_INFO, "join", LOG_SPAN("user", span_of("a\"\\\n\0\xff z", 8)), LOG_UINT("n", 12), LOG_INT("i", -3),
		LOG_ENDPOINT("client", &e));
	j = cJSON_ParseWithOpts(written(), NULL, 1);
	assert_non_null(j);
	assert_int_equal(cJSON_GetArraySize(j), 7);
	assert_string_equal(cJSON_GetObjectItem(j, "level")->valuestring, "info");
	assert_string_equal(cJSON_GetObjectItem(j, "event")->valuestring, "join");
	assert_string_equal(cJSON_GetObjectItem(j, "user")->valuestring, "a\\x22\\x5c\\x0a\\x00\\xff z");
	assert_string_equal(cJSON_GetObjectItem(j, "client")->valuestring, "192.0.2.1:5349");
	v = cJSON_GetObjectItem(j, "n");
	assert_true(cJSON_IsNumber(v) && v->valueint == 12);
	v = cJSON_GetObjectItem(j, "i");
	assert_true(cJSON_IsNumber(v) && v->valueint == -3);
	cJSON_Delete(j);
}

static void a_value_is_cut_at_256_bytes(void **state)
{
	char value[300];

	(void)state;
	memset(value, 'v', sizeof(value));
	log_setup(LOG_INFO, LOG_KEY_VALUE, pipe_fd[1]);
	LOG(LOG_INFO, "e", LOG_SPAN("v", span_of(value, sizeof(value))), LOG_INT("after", 1));
	assert_int_equal(strlen(written_after_the_time()), strlen("level=info event=e v= after=1") + 256);
}

static void a_line_stays_within_4096_bytes_and_loses_whole_fields_only(void **state)
{
	struct log_field fields[22];
	uint8_t hostile[256];
	unsigned kept = 0;
	cJSON *j;

	(void)state;
	memset(hostile, 0xff, sizeof(hostile));
	for (unsigned i = 0; i < 20; i++)
		fields[i] = LOG_SPAN("v", span_of(hostile, sizeof(hostile)));
	fields[20] = LOG_INT("last", 7);
	fields[21] = (struct log_field){ .key = NULL };

	log_setup(LOG_INFO, LOG_KEY_VALUE, pipe_fd[1]);
	log_write(LOG_INFO, "e", fields);
	assert_true(strlen(written()) < 4096);
	assert_non_null(strstr(line, " last=7"));
	for (const char *s = line; (s = strstr(s, " v=")) != NULL; s++, kept++)
		assert_int_equal(strcspn(s + 1, " "), strlen("v=\"\"") + 4 * 256);
	assert_int_equal(kept, 3);

	log_setup(LOG_INFO, LOG_JSON, pipe_fd[1]);
	log_write(LOG_INFO, "e", fields);
	j = cJSON_ParseWithOpts(written(), NULL, 1);
	assert_non_null(j);
	assert_non_null(cJSON_GetObjectItem(j, "last"));
	cJSON_Delete(j);
}

static void a_line_may_be_filled_to_its_last_byte(void **state)
{
	struct log_field fields[17];
	size_t longest = 0;
	char value[256];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (unsigned i = 0; i < 15; i++)
		fields[i] = LOG_SPAN("v", span_of(value, sizeof(value)));
	fields[16] = (struct log_field){ .key = NULL };
	log_setup(LOG_INFO, LOG_JSON, pipe_fd[1]);
	for (size_t n = 1; n <= sizeof(value); n++) {
		fields[15] = LOG_SPAN("last", span_of(value, n));
		log_write(LOG_INFO, "e", fields);
		written();
		size_t len = strlen(line) + 1;
		assert_int_equal(line[len - 2], '}');
		longest = len > longest ? len : longest;
	}
	assert_int_equal(longest, 4096);
}

static void what_is_below_the_threshold_is_not_written(void **state)
{
	(void)state;
	log_setup(LOG_WARNING, LOG_KEY_VALUE, pipe_fd[1]);
	assert_true(log_enabled(LOG_ERROR) && log_enabled(LOG_WARNING));
	assert_false(log_enabled(LOG_INFO) || log_enabled(LOG_DEBUG));
	LOG(LOG_INFO, "no", LOG_INT("a", 1));
	log_set_level(LOG_DEBUG);
	LOG(LOG_DEBUG, "yes", LOG_INT("a", 1));
	assert_string_equal(written_after_the_time(), "level=debug event=yes a=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_has_time_level_event_and_its_fields_in_order, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(the_time_is_utc_with_milliseconds, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(values_that_could_be_misread_are_quoted_and_escaped, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(json_lines_parse_and_show_the_same_values, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_value_is_cut_at_256_bytes, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(a_line_stays_within_4096_bytes_and_loses_whole_fields_only, open_pipe,
			close_pipe),
		cmocka_unit_test_setup_teardown(a_line_may_be_filled_to_its_last_byte, open_pipe, close_pipe),
		cmocka_unit_test_setup_teardown(what_is_below_the_threshold_is_not_written, open_pipe, close_pipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
