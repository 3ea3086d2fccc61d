#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/daemon/process.h"

static char why[256];

static void users_and_groups_are_names_or_numbers(void **state)
{
	struct identity id;

	(void)state;
	assert_int_equal(identity_find(&id, NULL, NULL, why), 0);
	assert_false(id.wanted);
	assert_int_equal(identity_find(&id, "root", NULL, why), 0);
	assert_true(id.wanted);
	assert_int_equal(id.uid, 0);
	assert_int_equal(identity_find(&id, "0", "1", why), 0);
	assert_int_equal(id.gid, 1);
	assert_int_equal(identity_find(&id, NULL, "root", why), 0);
	assert_int_equal(id.uid, getuid());
	assert_int_equal(id.gid, 0);
}

static void unknown_ones_are_named(void **state)
{
	struct identity id;

	(void)state;
	assert_int_equal(identity_find(&id, "nobody-at-all", NULL, why), -1);
	assert_string_equal(why, "there is no user 'nobody-at-all'");
	assert_int_equal(identity_find(&id, "4294967295", NULL, why), -1);
	assert_int_equal(identity_find(&id, NULL, "4294967295", why), -1);
	assert_string_equal(why, "there is no group '4294967295'");
}

/* In a child: there is no way back. */
static int becomes(const struct identity *id)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(identity_assume(id, why) == 0 && getuid() == id->uid && getgid() == id->gid &&
		      (id->uid == 0 || setuid(0) < 0) ? 0 : 1);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void root_becomes_somebody_else_for_good(void **state)
{
	struct identity id;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(identity_find(&id, "nobody", NULL, why), 0);
	assert_int_equal(becomes(&id), 0);
	assert_int_equal(identity_find(&id, NULL, "1", why), 0);
	assert_int_equal(becomes(&id), 0);
	assert_int_equal(identity_find(&id, "root", "root", why), 0);
	assert_int_equal(becomes(&id), 0);
}

static void whoever_is_not_root_cannot_become_somebody_else(void **state)
{
	struct identity nobody, root;
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		if (identity_find(&nobody, "nobody", NULL, why) < 0 || (getuid() == 0 && identity_assume(&nobody, why) < 0))
			_exit(1);
		identity_find(&nobody, NULL, NULL, why);
		identity_find(&root, "root", NULL, why);
		if (identity_assume(&nobody, why) < 0)	/* staying who one is needs no right */
			_exit(2);
		_exit(identity_assume(&root, why) < 0 && strncmp(why, "cannot take the groups of root: ", 32) == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void the_limits_are_the_kernels(void **state)
{
	struct rlimit before, after;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	before.rlim_cur = 128;
	setrlimit(RLIMIT_NOFILE, &before);
	process_raise_descriptor_limit();
	getrlimit(RLIMIT_NOFILE, &after);
	assert_int_equal(after.rlim_cur, before.rlim_max);
	process_allow_core_dumps(false);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
	process_allow_core_dumps(true);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
}

static void files_that_cannot_be_written_are_named(void **state)
{
	const struct identity stay = { .wanted = false };
	char path[] = "/tmp/process_test.XXXXXX", got[32] = "", expected[32];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pidfile_write(path, why), 0);
	assert_true(read(fd, got, sizeof(got) - 1) > 0);
	snprintf(expected, sizeof(expected), "%ld\n", (long)getpid());
	assert_string_equal(got, expected);
	close(fd);
	fd = log_file_open(path, &stay, why);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), strlen(expected));	/* appended to, not cut */
	close(fd);
	unlink(path);
	assert_int_equal(pidfile_write("/nonexistent/pid", why), -1);
	assert_string_equal(why, "cannot write the pidfile /nonexistent/pid: No such file or directory");
	assert_int_equal(pidfile_write("/dev/full", why), -1);
	assert_string_equal(why, "cannot write the pidfile /dev/full: No space left on device");
	assert_int_equal(log_file_open("/nonexistent/log", &stay, why), -1);
	assert_string_equal(why, "cannot open the log file /nonexistent/log: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_groups_are_names_or_numbers),
		cmocka_unit_test(unknown_ones_are_named),
		cmocka_unit_test(root_becomes_somebody_else_for_good),
		cmocka_unit_test(whoever_is_not_root_cannot_become_somebody_else),
		cmocka_unit_test(the_limits_are_the_kernels),
		cmocka_unit_test(files_that_cannot_be_written_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
