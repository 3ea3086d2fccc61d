/* report.h - what /metrics and /status say of the workers (turn-contract section 12). Labels come from fixed sets only. */
#ifndef TURND_IO_REPORT_H
#define TURND_IO_REPORT_H

#include "common/base/buf.h"
#include "turnd/io/workers.h"

void report_metrics(const struct workers *ws, struct buf *out);	/* Prometheus text */
void report_status(const struct workers *ws, struct buf *out);	/* a JSON object */

#endif
