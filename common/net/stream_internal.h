/* stream_internal.h - what common/net's own files need of a stream beyond its contract. */
#ifndef COMMON_NET_STREAM_INTERNAL_H
#define COMMON_NET_STREAM_INTERNAL_H

#include "common/net/stream.h"

/* gone is called once, right before `closed`, with the address as given here: for the listener's counts. */
void stream_on_gone(struct stream *s, void (*gone)(void *ctx, const struct ip_addr *peer), void *ctx,
		    struct ip_addr peer);

#endif
