#include "turnd/io/session_log.h"

#include "common/base/log.h"
#include "turnd/core/counters.h"

void session_log_end(unsigned worker, const struct allocation_record *r)
{
	const struct relay *first = r->relay4 != NULL ? r->relay4 : r->relay6;
	const struct relay *second = r->relay4 != NULL ? r->relay6 : NULL;

	if (!log_enabled(LOG_INFO) || first == NULL)
		return;
	LOG(LOG_INFO, "allocation_end",
	    LOG_UINT("worker", worker), LOG_UINT("id", r->id), LOG_SPAN("user", r->user), LOG_SPAN("realm", r->realm),
	    LOG_ENDPOINT("client", &r->path->client), LOG_ENDPOINT("relay", &first->advertised),
	    LOG_STR("transport", transport_names[r->path->transport]), LOG_STR("reason", turn_end_names[r->why]),
	    LOG_UINT("seconds", r->duration / 1000), LOG_UINT("packets_in", r->client_packets_in),
	    LOG_UINT("bytes_in", r->client_bytes_in), LOG_UINT("packets_out", r->client_packets_out),
	    LOG_UINT("bytes_out", r->client_bytes_out), LOG_UINT("peers", r->peers),
	    second != NULL ? LOG_ENDPOINT("relay_ipv6", &second->advertised) : (struct log_field){ .key = NULL });
}
