/* frame.h - cuts a byte stream into STUN messages and ChannelData (RFC 8489 section 6.2.2, RFC 8656 section 12.5). Pure.
 *
 * What can be no frame is known at its first wrong byte: a stream that is out of step is never in step again, so
 * whoever sends that is cut off.
 */
#ifndef TURND_WIRE_FRAME_H
#define TURND_WIRE_FRAME_H

#include "common/base/span.h"

enum { FRAME_MAX = 20 + 65532 };	/* bytes: the longest STUN message; ChannelData is shorter, padding included */

enum frame_result {
	FRAME_OK,
	FRAME_MORE,		/* nothing wrong so far: come back with `size` bytes */
	FRAME_JUNK,		/* neither STUN nor ChannelData */
	FRAME_TOO_LONG
};

struct frame {
	struct span data;	/* OK: the message, as it would be in a datagram: no padding behind ChannelData */
	size_t size;		/* OK: what it took from the stream; MORE: what is needed to say more */
};

/* What stands at the beginning of in? max: bytes that a frame may take; last_channel: the highest channel number. */
enum frame_result frame_cut(struct span in, size_t max, uint16_t last_channel, struct frame *f);

#endif
