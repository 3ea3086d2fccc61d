#include "turnd/io/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

static unsigned least(unsigned a, unsigned b)	/* 0: no limit */
{
	return a == 0 ? b : b == 0 || a < b ? a : b;
}

static unsigned whole(long long quota, long long period)
{
	return quota <= 0 || period <= 0 ? 0 : (unsigned)((quota + period - 1) / period);
}

/* Reads "a b" (numbers, or a word that gives 0) from root/group/file. */
static void read_numbers(const char *root, const char *group, const char *file, long long *a, long long *b)
{
	char path[4096], line[128] = "";
	FILE *f;

	*a = *b = 0;
	if (snprintf(path, sizeof(path), "%s%s/%s", root, group, file) >= (int)sizeof(path) || (f = fopen(path, "re")) == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL) {
		char *end;
		*a = strtoll(line, &end, 10);
		if (end == line && strncmp(line, "max ", 4) == 0)
			end += 4;
		*b = strtoll(end, NULL, 10);
	}
	fclose(f);
}

static unsigned quota_v2(const char *root, char *group)
{
	unsigned cpus = 0;

	for (;;) {
		long long quota, period;
		char *slash = strrchr(group, '/');
		read_numbers(root, group, "cpu.max", &quota, &period);
		cpus = least(cpus, whole(quota, period));
		if (slash == NULL)
			return cpus;
		*slash = '\0';
	}
}

static unsigned quota_v1(const char *root, const char *group)
{
	long long quota, period, none;

	read_numbers(root, group, "cpu.cfs_quota_us", &quota, &none);
	read_numbers(root, group, "cpu.cfs_period_us", &period, &none);
	return whole(quota, period);
}

unsigned cpus_quota(const char *membership, const char *root)
{
	char line[4096], base[4096];
	unsigned cpus = 0;
	FILE *f = fopen(membership, "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {		/* number:controllers:/group */
		char *controllers = strchr(line, ':'), *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
		if (group == NULL)
			continue;
		*controllers++ = '\0';
		*group++ = '\0';
		group[strcspn(group, "\n")] = '\0';
		if (*controllers == '\0') {
			cpus = least(cpus, quota_v2(root, group));
		} else if (strcmp(controllers, "cpu") == 0 || strcmp(controllers, "cpu,cpuacct") == 0) {
			snprintf(base, sizeof(base), "%s/%s", root, controllers);
			cpus = least(cpus, least(quota_v1(base, group), quota_v1(base, "")));	/* "": a container's own root */
		}
	}
	fclose(f);
	return cpus;
}

unsigned cpus_available(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

	return least(n, cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
}
