/* commands.h - what else roomd's binary can do: `roomd fleet`, `roomd rotate-secret`. Each talks to the Redis of the
 * configuration, whether or not a roomd runs. */
#ifndef ROOMD_COMMANDS_H
#define ROOMD_COMMANDS_H

#include "common/daemon/service.h"

extern const struct service_command roomd_commands[];

#endif
