/* The page and what protects it (threat model D-H14, D-H15; R48). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <cjson/cJSON.h>

#include "roomd/page.h"
#include "tests/lib/failing_alloc.h"
#include "tests/unit/roomd/a_site.h"

static const char template[] = "<head>\n<!-- PARAMS -->\n</head>";
static const char opening[] = "<head>\n<script type=\"application/json\" id=\"params\">", closing[] = "</script>\n</head>";
static struct site_options options;
static struct site site;

static int start(void **state)
{
	int complaints = 0;

	(void)state;
	options = a_site_options();
	assert_true(site_init(&site, &options, a_complaint, &complaints));
	return 0;
}

static int end(void **state)
{
	(void)state;
	site_close(&site);
	return 0;
}

static void nothing_that_a_link_carries_can_end_the_data_block(void **state)	/* R48, Q10 */
{
	static const char query[] =
		"tt=%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E&hd=1&video=%26amp;%3C!--&it=a%E2%80%A8b%E2%80%A9c%E2%80%AAd";
	struct params_request r = { .query = SPAN_LIT(query), .room = SPAN_LIT("r"), .page = true };
	const char *page;
	struct buf out;
	size_t at = strlen(opening), len;
	cJSON *json;

	(void)state;
	buf_init(&out, PAGE_LIMIT);
	assert_true(page_write(&site, span_str(template), &r, &out));
	page = buf_cstr(&out);
	assert_int_equal(strncmp(page, opening, at), 0);
	len = strlen(page);
	assert_string_equal(page + len - strlen(closing), closing);
	for (size_t i = at; i < len - strlen(closing); i++)
		if (strchr("<>&", page[i]) != NULL)
			fail_msg("unescaped: %s", page + i);
	assert_null(strstr(page, "\xe2\x80\xa8"));
	assert_null(strstr(page, "\xe2\x80\xa9"));
	assert_non_null(strstr(page, "\\u2028b\\u2029c\xe2\x80\xaa"));
	json = cJSON_ParseWithLength(page + at, len - strlen(closing) - at);
	assert_non_null(json);
	assert_string_equal(cJSON_GetObjectItem(json, "ice_server_transports")->valuestring,
			    "</script><script>alert(1)</script>");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "room_full")));
	cJSON_Delete(json);
	buf_close(&out);
}

static void a_template_without_a_place_for_the_parameters_is_no_page(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, PAGE_LIMIT);
	assert_false(page_write(&site, SPAN_LIT("<head></head>"), &(struct params_request){ .page = true }, &out));
	buf_close(&out);
}

static void the_policy_allows_our_own_files_and_the_signaling_servers(void **state)	/* D-H15 */
{
	const char *policy;
	struct buf out;

	(void)state;
	buf_init(&out, PAGE_POLICY_LIMIT);
	assert_true(page_write_policy(&site, &out));
	policy = buf_cstr(&out);
	assert_null(strstr(policy, "unsafe"));
	assert_null(strchr(policy, '*'));
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, "script-src 'self';"));
	assert_non_null(strstr(policy, "frame-ancestors 'none'"));
	assert_non_null(strstr(policy, " wss://signal.example.org"));
	assert_non_null(strstr(policy, " https://signal.example.org"));
	assert_non_null(strstr(policy, " ws://localhost:8089"));
	assert_non_null(strstr(policy, " https://rooms.example.org"));
	buf_close(&out);
}

static void without_memory_there_is_no_page(void **state)
{
	bool made = false;
	unsigned n;

	(void)state;
	for (n = 0; !made; n++) {
		struct buf out;
		buf_init(&out, PAGE_LIMIT);
		alloc_fail_at(n);
		made = page_write(&site, span_str(template), &(struct params_request){ .query = SPAN_LIT("a=b"), .page = true }, &out);
		if (made && alloc_failed())
			assert_string_equal(buf_cstr(&out) + out.len - strlen(closing), closing);
		alloc_fail_never();
		buf_close(&out);
	}
	assert_true(n > 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		T(nothing_that_a_link_carries_can_end_the_data_block),
		T(a_template_without_a_place_for_the_parameters_is_no_page),
		T(the_policy_allows_our_own_files_and_the_signaling_servers),
		T(without_memory_there_is_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
