/* session_log.h - one line for each allocation that ended (turn-contract section 12): the operator's record. */
#ifndef TURND_IO_SESSION_LOG_H
#define TURND_IO_SESSION_LOG_H

#include "turnd/core/turn_server.h"

void session_log_end(unsigned worker, const struct allocation_record *r);

#endif
