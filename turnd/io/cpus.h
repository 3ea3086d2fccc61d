/* cpus.h - how many processors this process may really use.
 *
 * The affinity mask, cut by the quota of its control group: a container that is given two processors of a machine
 * with 64 gets two workers, not 64.
 */
#ifndef TURND_IO_CPUS_H
#define TURND_IO_CPUS_H

unsigned cpus_available(void);		/* at least 1 */

/* The quota of a process whose /proc/self/cgroup is `membership`, in whole processors rounded up; 0: none. `root`: where the
 * control groups are mounted. Version 2 walks up to the root, since every level may limit; of version 1, the cpu controller. */
unsigned cpus_quota(const char *membership, const char *root);

#endif
