/* signald.h - the daemon put together: what service_main() starts, drains, stops and asks. Contracts: service.h. */
#ifndef SIGNALD_SIGNALD_H
#define SIGNALD_SIGNALD_H

#include "common/base/buf.h"
#include <uv.h>

void *signald_start(uv_loop_t *loop, const void *config, char why[256]);
void signald_drain(void *self);
bool signald_drained(void *self);
void signald_reload(void *self);
void signald_stop(void *self);
void signald_free(void *self);
void signald_metrics(void *self, struct buf *out);
void signald_status(void *self, struct buf *out);

#endif
