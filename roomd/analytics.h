/* analytics.h - the sink POST /a/ (apprtc-contract 2.9): it looks whether an event is well formed, and drops it. Pure. */
#ifndef ROOMD_ANALYTICS_H
#define ROOMD_ANALYTICS_H

#include "common/base/span.h"

enum { ANALYTICS_MAX = 64 * 1024, ANALYTICS_DEPTH = 32 };

bool analytics_valid(struct span body);	/* false also without memory */

#endif
