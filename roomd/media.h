/* media.h - the `audio` and `video` parameters as getUserMedia constraints (apprtc-contract 2.4). Pure. */
#ifndef ROOMD_MEDIA_H
#define ROOMD_MEDIA_H

#include "common/base/buf.h"

enum { MEDIA_ITEMS = 64 };	/* constraints of one track; further ones are dropped */

/* Writes true, false, or {"mandatory":{..},"optional":[{..},..]} under `key` (json_write.h). value: valid UTF-8. */
void media_write_track(struct buf *out, const char *key, struct span value);

#endif
