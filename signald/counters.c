#include "signald/counters.h"

#define MESSAGES(label) .name = "signald_messages_total", .labels = "outcome=\"" label "\""
#define REMOVALS(label) .name = "signald_removals_total", .labels = "reason=\"" label "\""
#define BYES(label) .name = "signald_bye_total", .labels = "result=\"" label "\""
#define ERRORS(label) .name = "signald_errors_total", .labels = "error=\"" label "\""

const struct metric_desc counter_table[COUNT_N] = {
	[COUNT_CONNECTIONS] = { .name = "signald_connections", .type = METRIC_GAUGE, .help = "WebSockets open now" },
	[COUNT_REGISTERED] = { .name = "signald_registered", .type = METRIC_GAUGE, .help = "WebSockets registered now" },
	[COUNT_REGISTRATIONS] = { .name = "signald_registrations_total", .help = "registrations ever" },
	[COUNT_DELIVERED] = { MESSAGES("delivered"), .help = "messages taken from clients, by what became of them" },
	[COUNT_QUEUED] = { MESSAGES("queued") },
	[COUNT_DROPPED] = { MESSAGES("dropped") },
	[COUNT_PAUSED] = { .name = "signald_pauses_total", 
			   .help = "times reading from a client stopped: its peer is slow, or an operation of its own waits" },
	[COUNT_REMOVED_DELETED] = { REMOVALS("deleted"), .help = "members removed from rooms, by reason" },
	[COUNT_REMOVED_GRACE] = { REMOVALS("grace") },
	[COUNT_HTTP_ERRORS] = { .name = "signald_http_errors_total", .help = "HTTP requests answered with an error" },
	[COUNT_BYE_DONE] = { BYES("done"), .help = "removals told to the room servers, by result" },
	[COUNT_BYE_FAILED] = { BYES("failed") },
	[COUNT_BYE_DROPPED] = { BYES("dropped") },
	[COUNT_ERROR + ERROR_NOT_JSON] = { ERRORS("not_json"), .help = "error frames sent to clients, by text" },
	[COUNT_ERROR + ERROR_SECOND_REGISTER] = { ERRORS("second_register") },
	[COUNT_ERROR + ERROR_NO_IDS] = { ERRORS("missing_ids") },
	[COUNT_ERROR + ERROR_BAD_IDS] = { ERRORS("invalid_ids") },
	[COUNT_ERROR + ERROR_ROOM_FULL] = { ERRORS("room_full") },
	[COUNT_ERROR + ERROR_DUPLICATE] = { ERRORS("duplicate") },
	[COUNT_ERROR + ERROR_NOT_REGISTERED] = { ERRORS("not_registered") },
	[COUNT_ERROR + ERROR_NO_MESSAGE] = { ERRORS("missing_msg") },
	[COUNT_ERROR + ERROR_UNKNOWN_COMMAND] = { ERRORS("unknown_command") },
	[COUNT_ERROR + ERROR_TOO_MANY] = { ERRORS("too_many_queued") },
	[COUNT_ERROR + ERROR_UNAVAILABLE] = { ERRORS("unavailable") },
	[COUNT_ERROR + ERROR_NO_MEMORY] = { ERRORS("no_memory") },
#define X(reason, label) [COUNT_CLOSE + CLOSE_##reason] = { \
	.name = "signald_closes_total", .labels = "reason=\"" label "\"", .help = "WebSockets ended, by reason" },
	CLOSE_REASONS(X)
#undef X
};

const char *close_reason_label(enum close_reason why)
{
	static const char *const labels[CLOSE_N] = {
#define X(reason, label) [CLOSE_##reason] = label,
		CLOSE_REASONS(X)
#undef X
	};
	return labels[why];
}
