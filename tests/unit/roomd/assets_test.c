#include "roomd/assets.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"

static char root[] = "/tmp/assets-XXXXXX", why[256];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void folder(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int start(void **state)
{
	(void)state;
	strcpy(root, "/tmp/assets-XXXXXX");
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void the_built_in_client_has_a_page_with_a_place_for_its_parameters(void **state)
{
	struct assets *a = assets_load(NULL, why);
	const struct asset *page;

	(void)state;
	assert_non_null(a);
	page = assets_find(a, SPAN_LIT("/index.html"));
	assert_non_null(page);
	assert_non_null(memmem(page->bytes.p, page->bytes.len, "<!-- PARAMS -->", 15));
	assert_string_equal(page->content_type, "text/html; charset=utf-8");
	assert_string_equal(assets_find(a, SPAN_LIT("/js/main.js"))->content_type, "text/javascript; charset=utf-8");
	assert_null(assets_find(a, SPAN_LIT("/js")));
	assert_null(assets_find(a, SPAN_LIT("js/main.js")));
	assert_null(assets_find(a, SPAN_LIT("")));
	assets_free(a);
}

static void a_folder_is_read_whole_with_its_sub_folders(void **state)
{
	struct assets *a;
	const struct asset *one, *two;

	(void)state;
	put("index.html", "<html>");
	put(".hidden", "x");
	put("empty.css", "");
	folder("images");
	put("images/a.svg", "<svg/>");
	put("images/b.unknown", "<svg/>");
	a = assets_load(root, why);
	assert_non_null(a);
	one = assets_find(a, SPAN_LIT("/images/a.svg"));
	two = assets_find(a, SPAN_LIT("/images/b.unknown"));
	assert_true(span_eq_str(one->bytes, "<svg/>"));
	assert_string_equal(one->content_type, "image/svg+xml");
	assert_string_equal(two->content_type, "application/octet-stream");
	assert_string_equal(one->etag, two->etag);
	assert_int_equal(strlen(one->etag), 34);
	assert_string_not_equal(one->etag, assets_find(a, SPAN_LIT("/empty.css"))->etag);
	assert_int_equal(assets_find(a, SPAN_LIT("/empty.css"))->bytes.len, 0);
	assert_null(assets_find(a, SPAN_LIT("/.hidden")));
	assets_free(a);
}

static void a_folder_that_cannot_serve_is_named(void **state)
{
	(void)state;
	assert_null(assets_load("/does/not/exist", why));
	assert_non_null(strstr(why, "/does/not/exist"));
	assert_null(assets_load(root, why));
	assert_non_null(strstr(why, "no index.html"));
}

static void no_memory_loads_nothing(void **state)
{
	struct assets *a = NULL;
	unsigned n;

	(void)state;
	put("index.html", "<html>");
	put("a.js", "1");
	for (n = 0; a == NULL; n++) {
		alloc_fail_at(n);
		a = assets_load(root, why);
		alloc_fail_never();
		assert_true(n < 50);
	}
	assert_true(n > 3);
	assets_free(a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		T(the_built_in_client_has_a_page_with_a_place_for_its_parameters),
		T(a_folder_is_read_whole_with_its_sub_folders),
		T(a_folder_that_cannot_serve_is_named),
		T(no_memory_loads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
