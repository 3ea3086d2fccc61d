#include "turnd/core/counters.h"

#include <stddef.h>

const char *const turn_method_names[] = {
	"binding", "allocate", "refresh", "create_permission", "channel_bind", NULL
};
_Static_assert(sizeof(turn_method_names) / sizeof(char *) == METHOD_N + 1, "a name for each method");

const char *const turn_code_names[] = {
	"success", "300", "400", "401", "403", "405", "420", "437", "438", "440",
	"441", "442", "443", "446", "447", "486", "500", "508", NULL
};
_Static_assert(sizeof(turn_code_names) / sizeof(char *) == CODE_N + 1, "a name for each code");

const char *const turn_drop_names[] = {
	"none", "malformed", "no_allocation", "no_permission", "no_channel", "policy", "too_long", "method",
	"ratelimit", "replay", "no_memory", "bandwidth", NULL
};
_Static_assert(sizeof(turn_drop_names) / sizeof(char *) == DROP_N + 1, "a name for each reason");

const char *const policy_rule_names[] = {
	"allow", "own_service", "unspecified", "loopback", "link_local", "private", "reserved", "multicast",
	"broadcast", "denied_list", NULL
};
_Static_assert(sizeof(policy_rule_names) / sizeof(char *) == POLICY_N + 1, "a name for each rule");

const char *const auth_failure_names[] = {
	"ok", "no_integrity", "incomplete", "foreign_nonce", "stale_nonce", "realm", "algorithm", "unknown_user",
	"expired", "too_long_lived", "bad_integrity", "other_user", NULL
};
_Static_assert(sizeof(auth_failure_names) / sizeof(char *) == AUTH_N + 1, "a name for each failure");

const char *const turn_end_names[] = { "expired", "refresh_0", "client_gone", "shutdown", NULL };
_Static_assert(sizeof(turn_end_names) / sizeof(char *) == TURN_ENDS + 1, "a name for each end");

const char *const transport_names[] = { "udp", "tcp", "tls", "dtls", NULL };
_Static_assert(sizeof(transport_names) / sizeof(char *) == TURN_TRANSPORTS + 1, "a name for each transport");

enum turn_code turn_code_of(unsigned code)
{
	static const uint16_t codes[CODE_N] = {
		0, 300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 446, 447, 486, 500, 508
	};
	for (unsigned i = 0; i < CODE_N; i++) {
		if (codes[i] == code)
			return (enum turn_code)i;
	}
	return CODE_500;
}
