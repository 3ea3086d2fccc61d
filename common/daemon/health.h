/* health.h - the command `health` of every daemon: asks the running one's /readyz. For a container's HEALTHCHECK.
 *
 *	roomd health [-c FILE] [--admin-port=PORT] ...
 *
 * Takes all the daemon's options from all their sources, so that it finds the admin listener wherever the daemon has it.
 * Exit status 0: ready. 1: not ready, or no answer; why is said on standard error.
 */
#ifndef COMMON_DAEMON_HEALTH_H
#define COMMON_DAEMON_HEALTH_H

#include "common/daemon/service.h"

int health_main(const struct service *s, const char *default_file, int argc, char **argv);

#endif
