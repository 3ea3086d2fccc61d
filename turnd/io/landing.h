/* landing.h - where streams come in: a thread that accepts them and hands each to the worker that has the fewest.
 *
 *	listener --> accepted --> worker_land()
 *
 * Built on the main thread, so that a port that is taken stops the start with a sentence.
 *
 * Owner: io/workers.   Thread: main's, for every function here; counts are read by any.
 */
#ifndef TURND_IO_LANDING_H
#define TURND_IO_LANDING_H

#include "common/base/endpoint.h"
#include "turnd/io/worker.h"

struct landing_options {
	const struct endpoint *tcp;		/* where to listen; copied */
	size_t n_tcp;
	struct worker **workers;		/* borrowed; they outlive it */
	unsigned n_workers;
};

struct landing;

struct landing *landing_new(const struct landing_options *o, char why[256]);	/* NULL: why[] says it */
int landing_start(struct landing *l);		/* the thread runs; 0 or a libuv error */
void landing_free(struct landing *l);		/* stops the thread, closes what has not landed. NULL is fine */

#endif
