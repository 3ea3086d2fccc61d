#include "turnd/tools/probe_report.h"

#include "common/base/json_text.h"

struct report_line *report_add(struct report *r, const char *step, enum probe_result result, double ms)
{
	struct report_line *line = &r->lines[r->n < REPORT_LINES ? r->n++ : REPORT_LINES - 1];

	*line = (struct report_line){ .step = step, .result = result, .ms = ms };
	return line;
}

static const struct report_line *first_failure(const struct report *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->lines[i].result == PROBE_FAILED)
			return &r->lines[i];
	return NULL;
}

void report_print_text(const struct report *r, struct buf *out)
{
	static const char *const words[] = {
		[PROBE_NOT_RUN] = "-", [PROBE_OK] = "ok", [PROBE_FAILED] = "FAIL", [PROBE_WARNED] = "warn", [PROBE_SKIPPED] = "skip"
	};
	const struct report_line *failure = first_failure(r);

	buf_addf(out, "%s\n", r->uri);
	for (unsigned i = 0; i < r->n; i++) {
		const struct report_line *line = &r->lines[i];
		buf_addf(out, "%-4s  %-10s  %8.1f ms  %s\n", words[line->result], line->step, line->ms, line->sentence);
	}
	if (r->works)
		buf_addf(out, "verdict: %s from here\n", r->binding_only ? "the server answers STUN" : "TURN works");
	else
		buf_addf(out, "verdict: %s from here: %s\n", r->binding_only ? "the server does not answer STUN" : "TURN does not work",
			 failure != NULL ? failure->sentence : "the probe did not get that far");
}

static void add_text(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "\"%s\":\"", key);
	json_escape(span_str(value), out);
	buf_add_byte(out, '"');
}

void report_print_json(const struct report *r, struct buf *out)
{
	static const char *const words[] = {
		[PROBE_NOT_RUN] = "not-run", [PROBE_OK] = "ok", [PROBE_FAILED] = "failed", [PROBE_WARNED] = "warned",
		[PROBE_SKIPPED] = "skipped"
	};

	buf_add_byte(out, '{');
	add_text(out, "uri", r->uri);
	buf_addf(out, ",\"works\":%s,\"steps\":[", r->works ? "true" : "false");
	for (unsigned i = 0; i < r->n; i++) {
		const struct report_line *line = &r->lines[i];
		buf_add_str(out, i > 0 ? ",{" : "{");
		add_text(out, "step", line->step);
		buf_add_byte(out, ',');
		add_text(out, "result", words[line->result]);
		buf_addf(out, ",\"ms\":%.3f,\"code\":", line->ms);
		if (line->code != 0)
			buf_addf(out, "%u,", line->code);
		else
			buf_add_str(out, "null,");
		add_text(out, "sentence", line->sentence);
		buf_add_byte(out, '}');
	}
	buf_add_str(out, "]}\n");
}
