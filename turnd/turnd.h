/* turnd.h - the daemon put together: workers, and its place in a fleet. Contract: common/daemon/service.h.
 *
 * What may change while running comes from two sides, SIGHUP and Redis; both end in a new turnd_settings for the workers.
 */
#ifndef TURND_TURND_H
#define TURND_TURND_H

#include "common/daemon/service.h"

extern const struct service turnd_service;

#endif
