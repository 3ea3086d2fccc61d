/* redirect.h - where a client may go instead (RFC 8489 section 10, turn-contract section 10). Pure. */
#ifndef TURND_CORE_REDIRECT_H
#define TURND_CORE_REDIRECT_H

#include "turnd/core/client_path.h"
#include "turnd/core/settings.h"

/* One of the alternates for this client's transport and of its family; the same one whenever its request comes again, and each
 * equally likely. NULL: there is none. */
const struct alternate *redirect_find(const struct turn_settings *set, const struct client_path *path, const uint8_t tid[12]);

#endif
