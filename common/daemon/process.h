/* process.h - what the kernel must know about a daemon: who it is, what it may open, where its id and log stand.
 *
 * Inside service only. Everything that can fail says why in a sentence.   Thread: main's.
 */
#ifndef COMMON_DAEMON_PROCESS_H
#define COMMON_DAEMON_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	bool wanted;		/* proc-user or proc-group was given */
	const char *user;	/* its groups are taken over too; borrowed; NULL: stay who we are */
	uid_t uid;
	gid_t gid;
};

/* user, group: names or numbers, or NULL. -1: why[] says it. */
int identity_find(struct identity *id, const char *user, const char *group, char why[256]);
int identity_assume(const struct identity *id, char why[256]);	/* for good: there is no way back to root */

void process_raise_descriptor_limit(void);	/* to what the administrator allows at most */
void process_allow_core_dumps(bool yes);	/* again after each change of identity */

/* Appends; made if absent, and then given to *id if we are root. -1: why[] says it. */
int log_file_open(const char *path, const struct identity *id, char why[256]);
int pidfile_write(const char *path, char why[256]);

#endif
