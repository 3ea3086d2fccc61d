#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A made-up /proc/self/cgroup and what is mounted under it. */
static char root[64];

static void write_file(const char *path, const char *text)
{
	char whole[256];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	assert_non_null(f = fopen(whole, "w"));
	fputs(text, f);
	fclose(f);
}

static unsigned quota(const char *membership)
{
	char path[128];

	write_file("membership", membership);
	snprintf(path, sizeof(path), "%s/membership", root);
	return cpus_quota(path, root);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/cpus_test.XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	return system(command);
}

static void the_quota_is_rounded_up_to_whole_processors(void **state)
{
	static const struct { const char *max; unsigned cpus; } cases[] = {
		{ "max 100000\n", 0 }, { "200000 100000\n", 2 }, { "150000 100000\n", 2 }, { "10000 100000\n", 1 },
		{ "nonsense\n", 0 }, { "", 0 }, { "-1 100000\n", 0 }, { "100 0\n", 0 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_file("app/cpu.max", cases[i].max);
		assert_int_equal(quota("0::/app\n"), cases[i].cpus);
	}
}

static void the_tightest_level_counts(void **state)
{
	(void)state;
	write_file("cpu.max", "800000 100000\n");
	write_file("pod/cpu.max", "300000 100000\n");
	write_file("pod/app/cpu.max", "max 100000\n");
	assert_int_equal(quota("0::/pod/app\n"), 3);
	assert_int_equal(quota("0::/\n"), 8);
}

static void version_one_is_understood(void **state)
{
	(void)state;
	write_file("cpu,cpuacct/app/cpu.cfs_quota_us", "250000\n");
	write_file("cpu,cpuacct/app/cpu.cfs_period_us", "100000\n");
	assert_int_equal(quota("4:memory:/app\n3:cpu,cpuacct:/app\n"), 3);
	assert_int_equal(quota("3:cpu,cpuacct:/other\n"), 0);
}

static void no_control_group_is_no_quota(void **state)
{
	(void)state;
	assert_int_equal(quota(""), 0);
	assert_int_equal(quota("rubbish\n:\n::\n"), 0);
	assert_int_equal(cpus_quota("/nonexistent", root), 0);
	assert_true(cpus_available() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_quota_is_rounded_up_to_whole_processors, setup, teardown),
		cmocka_unit_test_setup_teardown(the_tightest_level_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(version_one_is_understood, setup, teardown),
		cmocka_unit_test_setup_teardown(no_control_group_is_no_quota, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
