#include "common/daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"

enum { WHY = 256 };

static int failed(char why[WHY], const char *what, const char *name)
{
	snprintf(why, WHY, "cannot %s %s: %s", what, name, strerror(errno));
	return -1;
}

static int find_group(struct identity *id, const char *name, char why[WHY])
{
	const struct group *g = getgrnam(name);
	uint64_t n;

	if (g == NULL && (!parse_u64(span_str(name), &n) || n >= UINT32_MAX)) {
		snprintf(why, WHY, "there is no group '%s'", name);
		return -1;
	}
	id->gid = g != NULL ? g->gr_gid : (gid_t)n;
	return 0;
}

int identity_find(struct identity *id, const char *user, const char *group, char why[WHY])
{
	*id = (struct identity){ .wanted = user != NULL || group != NULL, .uid = getuid(), .gid = getgid() };
	if (user != NULL) {
		const struct passwd *p = getpwnam(user);
		uint64_t n;
		if (p == NULL && parse_u64(span_str(user), &n) && n < UINT32_MAX)
			p = getpwuid((uid_t)n);
		if (p == NULL) {
			snprintf(why, WHY, "there is no user '%s'", user);
			return -1;
		}
		id->user = user;
		id->uid = p->pw_uid;
		id->gid = p->pw_gid;
	}
	return group != NULL ? find_group(id, group, why) : 0;
}

int identity_assume(const struct identity *id, char why[WHY])
{
	bool is_it = getuid() == id->uid && geteuid() == id->uid && getgid() == id->gid && getegid() == id->gid;

	if (!id->wanted || (is_it && id->uid != 0))
		return 0;
	if (id->user != NULL ? initgroups(id->user, id->gid) < 0 : setgroups(1, &id->gid) < 0)
		return failed(why, "take the groups of", id->user != NULL ? id->user : "proc-group");
	if (setresgid(id->gid, id->gid, id->gid) < 0)
		return failed(why, "become", "the group of proc-group");
	if (setresuid(id->uid, id->uid, id->uid) < 0)
		return failed(why, "become", id->user != NULL ? id->user : "the user");
	if (id->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		snprintf(why, WHY, "root could still be had back after leaving it");
		return -1;
	}
	return 0;
}

void process_raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void process_allow_core_dumps(bool yes)
{
	(void)prctl(PR_SET_DUMPABLE, yes ? 1 : 0, 0, 0, 0);
}

int log_file_open(const char *path, const struct identity *id, char why[WHY])
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return failed(why, "open the log file", path);
	if (id->wanted && geteuid() == 0 && fchown(fd, id->uid, id->gid) < 0) {
		failed(why, "hand over the log file", path);
		close(fd);
		return -1;
	}
	return fd;
}

int pidfile_write(const char *path, char why[WHY])
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (f == NULL)
		return failed(why, "write the pidfile", path);
	bad = fprintf(f, "%ld\n", (long)getpid()) < 0;
	bad |= fclose(f) != 0;
	return bad ? failed(why, "write the pidfile", path) : 0;
}
