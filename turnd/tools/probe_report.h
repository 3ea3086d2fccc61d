/* probe_report.h - what the probe found out, for people and for programs. Pure. */
#ifndef TURND_TOOLS_PROBE_REPORT_H
#define TURND_TOOLS_PROBE_REPORT_H

#include "common/base/buf.h"
#include "turnd/tools/probe_plan.h"

enum { REPORT_LINES = 3 + PROBE_STEPS };	/* resolve, connect, tls, and the plan's */

struct report {
	const char *uri;
	bool binding_only;
	bool works;
	unsigned n;
	struct report_line {
		const char *step;
		enum probe_result result;
		double ms;
		unsigned code;		/* a STUN error, or 0 */
		char sentence[PROBE_SENTENCE];
	} lines[REPORT_LINES];
};

/* The sentence may be filled in later. NULL never. */
struct report_line *report_add(struct report *r, const char *step, enum probe_result result, double ms);
void report_print_text(const struct report *r, struct buf *out);
void report_print_json(const struct report *r, struct buf *out);

#endif
