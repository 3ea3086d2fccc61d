#include "turnd/io/report.h"

#include "common/crypto/tls_server.h"
#include "turnd/core/counters.h"

#include <inttypes.h>

/* Counters stand at the same place in every worker's struct: an offset names one. */
#define AT(member) offsetof(struct turn_counters, member)

static uint64_t sum(const struct workers *ws, size_t offset)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ws->n; i++)
		n += count_read((const count_t *)(const void *)((const char *)worker_counters(ws->v[i]) + offset));
	return n;
}

static uint64_t sum_sent(const struct workers *ws, enum turn_leg leg, size_t offset)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ws->n; i++)
		n += count_read((const count_t *)(const void *)((const char *)worker_sent(ws->v[i], leg) + offset));
	return n;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void row(struct buf *out, const char *name, uint64_t value)
{
	buf_addf(out, "%s %" PRIu64 "\n", name, value);
}

/* One family with one label, a row for each name from `first` on. */
static void family(const struct workers *ws, struct buf *out, const char *name, const char *type, const char *help,
		   const char *label, const char *const *names, unsigned first, size_t offset)
{
	head(out, name, type, help);
	for (unsigned i = first; names[i] != NULL; i++)
		buf_addf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, names[i], sum(ws, offset + i * sizeof(count_t)));
}

static void responses(const struct workers *ws, struct buf *out)
{
	head(out, "turnd_responses_total", "counter", "Answers by method and code.");
	for (unsigned m = 0; turn_method_names[m] != NULL; m++)
		for (unsigned c = 0; turn_code_names[c] != NULL; c++)
			buf_addf(out, "turnd_responses_total{method=\"%s\",code=\"%s\"} %" PRIu64 "\n", turn_method_names[m],
				 turn_code_names[c], sum(ws, AT(responses[m][c])));
}

static const char *const legs[LEG_N] = { "client", "peer" }, *const directions[DIR_N] = { "in", "out" };

static void traffic(const struct workers *ws, struct buf *out, const char *name, const char *help, size_t offset)
{
	head(out, name, "counter", help);
	for (unsigned l = 0; l < LEG_N; l++)
		for (unsigned d = 0; d < DIR_N; d++)
			buf_addf(out, "%s{leg=\"%s\",direction=\"%s\"} %" PRIu64 "\n", name, legs[l], directions[d],
				 sum(ws, offset + (l * DIR_N + d) * sizeof(count_t)));
}

static void losses(const struct workers *ws, struct buf *out)
{
	head(out, "turnd_send_failures_total", "counter", "Datagrams that the kernel did not take.");
	for (unsigned l = 0; l < LEG_N; l++)
		buf_addf(out, "turnd_send_failures_total{leg=\"%s\",reason=\"refused\"} %" PRIu64 "\n"
			 "turnd_send_failures_total{leg=\"%s\",reason=\"buffer_full\"} %" PRIu64 "\n",
			 legs[l], sum_sent(ws, (enum turn_leg)l, offsetof(struct tx_counts, refused)),
			 legs[l], sum_sent(ws, (enum turn_leg)l, offsetof(struct tx_counts, full)));
}

static uint64_t sum_streams(const struct workers *ws, size_t offset)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ws->n; i++)
		n += count_read((const count_t *)(const void *)((const char *)worker_stream_counts(ws->v[i]) + offset));
	return n;
}

#define STREAM_AT(member) offsetof(struct path_tcp_counts, member)

static void streams(const struct workers *ws, struct buf *out)
{
	head(out, "turnd_connections", "gauge", "Connections of clients, now.");
	for (unsigned t = TRANSPORT_TCP; t <= TRANSPORT_TLS; t++)
		buf_addf(out, "turnd_connections{transport=\"%s\"} %" PRIu64 "\n", transport_names[t], sum_streams(ws, STREAM_AT(open[t])));
	head(out, "turnd_connections_total", "counter", "Connections that clients made.");
	for (unsigned t = TRANSPORT_TCP; t <= TRANSPORT_TLS; t++)
		buf_addf(out, "turnd_connections_total{transport=\"%s\"} %" PRIu64 "\n", transport_names[t],
			 sum_streams(ws, STREAM_AT(opened[t])));
	head(out, "turnd_connections_ended_total", "counter", "Connections that ended, by reason.");
	for (unsigned e = 0; e < TCP_END_N; e++)
		buf_addf(out, "turnd_connections_ended_total{reason=\"%s\"} %" PRIu64 "\n", path_tcp_end_names[e],
			 sum_streams(ws, STREAM_AT(ended[e])));
	head(out, "turnd_queue_drops_total", "counter", "Relayed messages that found too much waiting for their client.");
	row(out, "turnd_queue_drops_total", sum_streams(ws, STREAM_AT(dropped)));
}

static void lag(const struct workers *ws, struct buf *out)
{
	head(out, "turnd_event_loop_lag_seconds", "gauge", "How late a worker's loop was, the worst of the last seconds.");
	for (unsigned i = 0; i < ws->n; i++) {
		uint64_t us = worker_lag(ws->v[i]);
		buf_addf(out, "turnd_event_loop_lag_seconds{worker=\"%u\"} %" PRIu64 ".%06" PRIu64 "\n", i, us / 1000000, us % 1000000);
	}
}

static void landings(const struct workers *ws, struct buf *out)
{
	head(out, "turnd_landings_total", "counter", "Connections that were accepted, and what became of them before a worker had them.");
	for (unsigned k = 0; k < LAND_KINDS; k++) {
		const struct lander_counts n = landers_counts(&ws->landers, (enum land_kind)k);
		const struct { const char *result; uint64_t n; } rows[] = {
			{ "landed", n.landed }, { "bad_proxy", n.bad_proxy }, { "bad_handshake", n.bad_handshake }, { "late", n.late },
			{ "overtaken", n.overtaken }, { "gone", n.gone }, { "dropped", n.dropped },
		};
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			buf_addf(out, "turnd_landings_total{way=\"%s\",result=\"%s\"} %" PRIu64 "\n", land_kind_names[k], rows[i].result,
				 rows[i].n);
	}
}

static void certificates(const struct workers *ws, struct buf *out)
{
	struct tls_counts n;

	if (ws->tls == NULL)
		return;
	n = tls_server_counts(ws->tls);
	head(out, "turnd_handshakes_total", "counter", "Handshakes of TLS and DTLS.");
	buf_addf(out, "turnd_handshakes_total{result=\"ok\"} %" PRIu64 "\nturnd_handshakes_total{result=\"refused_by_client\"} %" PRIu64
		 "\nturnd_handshakes_total{result=\"failed\"} %" PRIu64 "\nturnd_handshakes_total{result=\"abandoned\"} %" PRIu64 "\n",
		 n.handshakes, n.refused_by_peer, n.failed, n.abandoned);
	head(out, "turnd_handshakes_resumed_total", "counter", "Handshakes that a session ticket made short.");
	row(out, "turnd_handshakes_resumed_total", n.resumed);
	head(out, "turnd_certificate_expiry_seconds", "gauge", "When the first certificate ends, as Unix time.");
	row(out, "turnd_certificate_expiry_seconds", (uint64_t)tls_server_expiry(ws->tls));
}

static void ports(const struct workers *ws, struct buf *out)
{
	char ip[IP_TEXT];

	reservations_expire(ws->addresses.reserved, clock_now());
	head(out, "turnd_relay_ports_used", "gauge", "Relay ports in use.");
	for (size_t i = 0; i < ws->addresses.n; i++)
		buf_addf(out, "turnd_relay_ports_used{address=\"%s\"} %u\n", ip_format(&ws->addresses.v[i].ip, ip),
			 port_pool_used(ws->addresses.v[i].ports));
	head(out, "turnd_relay_ports", "gauge", "Relay ports of the range.");
	for (size_t i = 0; i < ws->addresses.n; i++)
		buf_addf(out, "turnd_relay_ports{address=\"%s\"} %u\n", ip_format(&ws->addresses.v[i].ip, ip),
			 port_pool_size(ws->addresses.v[i].ports));
	head(out, "turnd_relay_sockets_max", "gauge", "Relay sockets that the descriptor limit allows.");
	row(out, "turnd_relay_sockets_max", ws->addresses.max_sockets);
}

void report_metrics(const struct workers *ws, struct buf *out)
{
	family(ws, out, "turnd_allocations", "gauge", "Allocations that live now.", "transport", transport_names, 0,
	       AT(allocations_current));
	family(ws, out, "turnd_allocations_total", "counter", "Allocations made.", "transport", transport_names, 0,
	       AT(allocations_total));
	family(ws, out, "turnd_allocations_ended_total", "counter", "Allocations ended.", "reason", turn_end_names, 0,
	       AT(allocations_ended));
	family(ws, out, "turnd_requests_total", "counter", "Requests by method.", "method", turn_method_names, 0, AT(requests));
	responses(ws, out);
	family(ws, out, "turnd_auth_failures_total", "counter", "Requests that were not authenticated.", "reason",
	       auth_failure_names, AUTH_OK + 1, AT(auth_failures));
	family(ws, out, "turnd_drops_total", "counter", "Packets and messages that got no answer and no way.", "reason",
	       turn_drop_names, DROP_NONE + 1, AT(drops));
	family(ws, out, "turnd_policy_denials_total", "counter", "Peers that were denied, by rule.", "rule", policy_rule_names,
	       POLICY_ALLOW + 1, AT(policy));
	head(out, "turnd_permissions_total", "counter", "Permissions made.");
	row(out, "turnd_permissions_total", sum(ws, AT(permissions)));
	head(out, "turnd_channels_total", "counter", "Channels bound.");
	row(out, "turnd_channels_total", sum(ws, AT(channels)));
	traffic(ws, out, "turnd_packets_total", "Datagrams by leg and direction.", AT(packets));
	traffic(ws, out, "turnd_bytes_total", "Their bytes.", AT(bytes));
	losses(ws, out);
	streams(ws, out);
	landings(ws, out);
	certificates(ws, out);
	ports(ws, out);
	lag(ws, out);
	head(out, "turnd_secrets", "gauge", "TURN REST secrets that are valid.");
	row(out, "turnd_secrets", ws->settings->turn.n_secrets);
	head(out, "turnd_draining", "gauge", "1 while no new allocations are made.");
	row(out, "turnd_draining", ws->draining);
}

void report_status(const struct workers *ws, struct buf *out)
{
	char ip[IP_TEXT];

	buf_addf(out, "{\"workers\":%u,\"draining\":%s,\"allocations\":%u,\"packets_to_peers\":%" PRIu64
		 ",\"packets_to_clients\":%" PRIu64 ",\"relays\":[", ws->n, ws->draining ? "true" : "false", workers_allocations(ws),
		 sum(ws, AT(packets[LEG_PEER][DIR_OUT])), sum(ws, AT(packets[LEG_CLIENT][DIR_OUT])));
	for (size_t i = 0; i < ws->addresses.n; i++)
		buf_addf(out, "%s{\"address\":\"%s\",\"ports\":%u,\"used\":%u}", i > 0 ? "," : "",
			 ip_format(&ws->addresses.v[i].ip, ip), port_pool_size(ws->addresses.v[i].ports),
			 port_pool_used(ws->addresses.v[i].ports));
	buf_add_str(out, "]}\n");
}
