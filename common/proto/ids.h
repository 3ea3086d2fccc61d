/* ids.h - which room and client ids are legal, and how new ones are made (apprtc-contract section 1). Pure. */
#ifndef COMMON_PROTO_IDS_H
#define COMMON_PROTO_IDS_H

#include "common/base/span.h"

enum { ID_MAX = 64 };		/* bytes of a room or client id */
enum { CLIENT_ID_SIZE = 21 };	/* made ones: 20 decimal digits (66 bits) and a NUL */

bool id_valid(struct span id);			/* [A-Za-z0-9_-]{1,64} */
void client_id_make(char out[CLIENT_ID_SIZE]);	/* unguessable; the original's were 8 digits */

#define LOOPBACK_CLIENT_ID "LOOPBACK_CLIENT_ID"

#endif
