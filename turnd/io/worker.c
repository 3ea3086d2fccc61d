#include "turnd/io/worker.h"

#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/reader.h"
#include "turnd/core/flow.h"
#include "turnd/io/path_tcp.h"
#include "turnd/io/path_udp.h"
#include "turnd/io/relay_sockets.h"
#include "turnd/io/session_log.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { BEAT = 500 };		/* ms */
enum { CLIENT_TURN = 4 * BATCH };	/* datagrams from one socket before others have their turn */

struct worker {
	unsigned index;
	bool loop_open, place_open, started, stopping;
	uv_loop_t loop;
	uv_thread_t thread;
	uv_async_t wake;
	uv_timer_t timer;		/* of the core; the only one */
	msec_t timer_due;
	uv_timer_t beat;		/* to see how late it comes */
	uint64_t beat_due;		/* ns */
	count_t lag;			/* us */
	uv_poll_t relays_ready;
	uv_check_t turn_over;		/* what streams shall send leaves once per turn of the loop */
	struct path_udp *paths;
	size_t n_paths;
	struct path_tcps streams;
	struct relay_addresses *addresses;
	struct relay_sockets relays;
	struct turn_server *server;
	struct tx_counts sent[LEG_N];
	/* what main wants */
	atomic_bool want_drain, want_stop;
	_Atomic(const struct turn_settings *) want_settings, settings;
	struct landing_place place;	/* where landers bring streams */
	/* the batch at hand */
	struct rx_batch *rx;
	struct client_path from[BATCH];
	struct flow_packet packets[BATCH];
	struct flow_verdict verdicts[BATCH];
};

/* --- what the core asks ------------------------------------------------------------------------------------------ */

static void answer(void *shell, const struct client_path *to, struct span message)
{
	struct worker *w = shell;
	if (to->transport == TRANSPORT_UDP)
		path_udp_send_copy(&w->paths[to->socket], to, message);
	else
		path_tcp_answer(&w->streams, to, message);
}

static enum relay_result relay_open(void *shell, struct allocation *owner, uint8_t family, enum relay_parity parity,
				    const struct client_path *from, struct relay *out)
{
	struct worker *w = shell;
	return relay_sockets_open(&w->relays, owner, family, parity, &from->server.ip, uv_now(&w->loop), out);
}

static void relay_close(void *shell, struct relay *r)
{
	struct worker *w = shell;
	relay_sockets_close(&w->relays, r, uv_now(&w->loop));
}

static bool relay_is_ours(void *shell, const struct endpoint *peer)
{
	struct worker *w = shell;
	return relay_addresses_in_use(w->addresses, peer);
}

static void allocation_ended(void *shell, const struct allocation_record *r)
{
	struct worker *w = shell;
	session_log_end(w->index, r);
	if (r->path->transport != TRANSPORT_UDP && (r->why == TURN_END_EXPIRED || r->why == TURN_END_REFRESH_0))
		path_tcp_allocation_ended(&w->streams, r->path);
}

static bool relay_reserve(void *shell, struct relay *r, struct span user, uint8_t token[RELAY_TOKEN])
{
	struct worker *w = shell;
	return relay_sockets_reserve(&w->relays, r, user, uv_now(&w->loop), token);
}

static uint8_t relay_reserved(void *shell, const uint8_t token[RELAY_TOKEN], struct span user)
{
	struct worker *w = shell;
	return reservations_family(w->addresses->reserved, token, user, uv_now(&w->loop));
}

static enum relay_result relay_adopt(void *shell, struct allocation *owner, const uint8_t token[RELAY_TOKEN], struct span user,
				     struct relay *out)
{
	struct worker *w = shell;
	return relay_sockets_adopt(&w->relays, owner, token, user, uv_now(&w->loop), out);
}

static void path_left(void *shell, const struct client_path *path)
{
	struct worker *w = shell;
	if (path->transport != TRANSPORT_UDP)
		path_tcp_allocation_ended(&w->streams, path);
}

static const struct turn_shell shell_ops = {
	answer, relay_open, relay_close, relay_is_ours, allocation_ended, relay_reserve, relay_reserved, relay_adopt,
	path_left
};

/* --- time -------------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t);

static void arm_timer(struct worker *w)
{
	msec_t due = turn_server_next(w->server), now = uv_now(&w->loop);

	if (w->stopping || due == w->timer_due)
		return;
	w->timer_due = due;
	if (due == NEVER)
		uv_timer_stop(&w->timer);
	else
		uv_timer_start(&w->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
	struct worker *w = t->data;

	w->timer_due = NEVER;
	turn_server_tick(w->server, uv_now(&w->loop));
	arm_timer(w);
}

/* --- how late ---------------------------------------------------------------------------------------------------- */

static void on_beat(uv_timer_t *t)
{
	struct worker *w = t->data;
	uint64_t now = uv_hrtime(), late = now > w->beat_due ? (now - w->beat_due) / 1000 : 0;
	uint64_t faded = count_read(&w->lag) * 7 / 8;

	atomic_store_explicit(&w->lag, late > faded ? late : faded, memory_order_relaxed);
	w->beat_due = now + BEAT * UINT64_C(1000000);
}

uint64_t worker_lag(const struct worker *w)
{
	return count_read(&w->lag);
}

/* --- packets ----------------------------------------------------------------------------------------------------- */

static void flush_clients(struct worker *w)
{
	for (size_t i = 0; i < w->n_paths; i++)
		path_udp_flush(&w->paths[i]);
}

static void send_to_client(struct worker *w, const struct flow_verdict *v)
{
	struct span head = { v->head, v->head_len };

	if (v->path->transport == TRANSPORT_UDP)
		path_udp_send(&w->paths[v->path->socket], v->path, head, v->payload, v->tail);
	else
		path_tcp_relay(&w->streams, v->path, head, v->payload, v->tail);
}

/* Judges packets first .. end-1 and does what the verdicts say. */
static void forward(struct worker *w, unsigned first, unsigned end)
{
	msec_t now = uv_now(&w->loop);

	flow_forward(w->server, w->packets + first, w->verdicts + first, end - first, now);
	relay_sockets_send(&w->relays, w->verdicts + first, end - first);
	for (unsigned i = first; i < end; i++) {
		const struct flow_verdict *v = &w->verdicts[i];
		if (v->action == FLOW_TO_CLIENT)
			send_to_client(w, v);
		else if (v->action == FLOW_CONTROL)
			turn_server_message(w->server, w->packets[i].path, w->packets[i].data, now, clock_unix());
	}
}

/* A control message may end the allocation that verdicts behind it would point to: it must be the last of a run. */
static bool ends_run(struct span data)
{
	return data.len >= 4 && data.p[0] < 4 && load_u16(data.p) != stun_type(STUN_SEND, STUN_INDICATION);
}

/* w->packets 0 .. n-1, all from clients. */
static void take_from_clients(struct worker *w, unsigned n)
{
	unsigned first = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i + 1 == n || ends_run(w->packets[i].data)) {
			forward(w, first, i + 1);
			first = i + 1;
		}
	}
	flush_clients(w);
}

static void on_clients(uv_poll_t *poll, int status, int events)
{
	struct path_udp *p = container_of(poll, struct path_udp, poll);
	struct worker *w = poll->data;
	unsigned n = BATCH, taken = 0;
	(void)events;

	if (status < 0)		/* libuv stops watching a socket with an error; one datagram's must not silence it */
		path_udp_clear_error(p, on_clients);
	while (n == BATCH && taken < CLIENT_TURN) {
		unsigned got;
		n = path_udp_receive(p, w->rx, w->from, BATCH);
		while ((got = path_udp_packets(w->rx, w->from, w->packets)) > 0) {
			take_from_clients(w, got);
			taken += got;
		}
		rx_reset(w->rx);
	}
	arm_timer(w);
}

static void on_relay_batch(void *owner, unsigned n)
{
	struct worker *w = owner;

	forward(w, 0, n);
	flush_clients(w);
}

static void on_icmp(void *owner, struct allocation *a, const struct icmp_error *e)
{
	struct worker *w = owner;
	turn_server_icmp(w->server, a, e, uv_now(&w->loop));
}

static void on_relays(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;
	(void)status;
	(void)events;
	relay_sockets_receive(&w->relays, w->rx, w->packets, on_relay_batch, w);
	flush_clients(w);	/* what on_icmp() said */
}

/* --- streams ----------------------------------------------------------------------------------------------------- */

static void on_frames(void *owner, const struct client_path *from, const struct span *frames, unsigned n)
{
	struct worker *w = owner;

	for (unsigned i = 0; i < n; i++)
		w->packets[i] = (struct flow_packet){ .data = frames[i], .path = from };
	take_from_clients(w, n);
	arm_timer(w);
}

static bool has_allocation(void *owner, const struct client_path *client)
{
	struct worker *w = owner;
	return turn_server_has_client(w->server, client);
}

static void on_client_gone(void *owner, const struct client_path *client)
{
	struct worker *w = owner;
	turn_server_client_gone(w->server, client, uv_now(&w->loop));
}

static const struct path_tcp_handler stream_ops = { on_frames, has_allocation, on_client_gone };

static void on_turn_over(uv_check_t *check)
{
	struct worker *w = check->data;
	path_tcp_flush(&w->streams);
}

static void on_landed(void *owner, struct landing *l)
{
	struct worker *w = owner;
	path_tcp_open(&w->streams, l);
}

struct landing_place *worker_landing_place(struct worker *w)
{
	return &w->place;
}

unsigned worker_streams(const struct worker *w)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TURN_TRANSPORTS; i++)
		n += count_read(&w->streams.counts.open[i]);
	return (unsigned)n;
}

static void on_place_closed(struct landing_place *p)
{
	(void)p;
}

static uint16_t last_channel(const struct turn_settings *s)
{
	return s->rfc5766_channel_numbers ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST;
}

/* --- messages from main ------------------------------------------------------------------------------------------ */

static void close_handle(uv_handle_t *h, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void close_handles(struct worker *w)
{
	if (!w->stopping) {
		path_tcps_shut(&w->streams);
		if (w->place_open)
			landing_place_close(&w->place, on_place_closed);
	}
	w->stopping = true;
	uv_walk(&w->loop, close_handle, NULL);
}

static void on_wake(uv_async_t *a)
{
	struct worker *w = a->data;
	const struct turn_settings *s = atomic_load(&w->want_settings);

	if (s != atomic_load(&w->settings) && turn_server_settings(w->server, s)) {
		w->streams.opt.last_channel = last_channel(s);
		atomic_store(&w->settings, s);
	}
	if (atomic_load(&w->want_drain))
		turn_server_drain(w->server);
	if (atomic_load(&w->want_stop) && !w->stopping)
		close_handles(w);
}

void worker_drain(struct worker *w)
{
	atomic_store(&w->want_drain, true);
	uv_async_send(&w->wake);
}

void worker_settings(struct worker *w, const struct turn_settings *s)
{
	atomic_store(&w->want_settings, s);
	uv_async_send(&w->wake);
}

const struct turn_settings *worker_settings_in_use(const struct worker *w)
{
	return atomic_load(&w->settings);
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->want_stop, true);
	if (w->started)
		uv_async_send(&w->wake);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void run(void *arg)
{
	struct worker *w = arg;
	uv_run(&w->loop, UV_RUN_DEFAULT);	/* until close_handles() */
}

static int open_paths(struct worker *w, const struct worker_options *o, char why[256])
{
	w->paths = calloc(o->n_listeners + 1, sizeof(*w->paths));	/* there may be none: no-udp */
	if (w->paths == NULL)
		return ENOMEM;
	for (; w->n_paths < o->n_listeners; w->n_paths++) {
		const struct endpoint *at = &o->listeners[w->n_paths];
		char text[ENDPOINT_TEXT];
		int rc = path_udp_open(&w->paths[w->n_paths], (uint32_t)w->n_paths, at, o->listener_buffer, &w->sent[LEG_CLIENT]);
		if (rc != 0) {
			snprintf(why, 256, "cannot listen on %s (UDP): %s", endpoint_format(at, text), strerror(rc));
			return rc;
		}
	}
	return 0;
}

static int open_handles(struct worker *w, const struct worker_options *o)
{
	int rc;

	if ((rc = uv_loop_init(&w->loop)) < 0)
		return rc;
	w->loop_open = true;
	path_tcps_init(&w->streams, &(struct path_tcp_options){
		.loop = &w->loop, .handler = &stream_ops, .owner = w, .descriptors = o->addresses, .strangers = o->strangers,
		.allocate_timeout = o->allocate_timeout,
		.last_channel = last_channel(o->settings),
	});
	if ((rc = landing_place_open(&w->place, &w->loop, on_landed, w)) < 0)
		return rc;
	w->place_open = true;
	if ((rc = uv_async_init(&w->loop, &w->wake, on_wake)) < 0 || (rc = uv_timer_init(&w->loop, &w->timer)) < 0 ||
	    (rc = uv_timer_init(&w->loop, &w->beat)) < 0 || (rc = uv_timer_start(&w->beat, on_beat, BEAT, BEAT)) < 0 ||
	    (rc = uv_check_init(&w->loop, &w->turn_over)) < 0 || (rc = uv_check_start(&w->turn_over, on_turn_over)) < 0 ||
	    (rc = uv_poll_init(&w->loop, &w->relays_ready, w->relays.epoll)) < 0 ||
	    (rc = uv_poll_start(&w->relays_ready, UV_READABLE, on_relays)) < 0)
		return rc;
	w->beat_due = UINT64_MAX;	/* the first one only begins */
	w->beat.data = w->wake.data = w->timer.data = w->relays_ready.data = w->turn_over.data = w;
	for (size_t i = 0; i < w->n_paths; i++)
		if ((rc = path_udp_start(&w->paths[i], &w->loop, on_clients, w)) < 0)
			return rc;
	return 0;
}

struct worker *worker_new(const struct worker_options *o, char why[256])
{
	struct worker *w = calloc(1, sizeof(*w));
	int rc = ENOMEM;

	why[0] = '\0';
	if (w == NULL)
		goto failed;
	w->index = o->index;
	w->addresses = o->addresses;
	w->timer_due = NEVER;
	w->relays.epoll = -1;
	atomic_store(&w->settings, o->settings);
	atomic_store(&w->want_settings, o->settings);
	if ((rc = open_paths(w, o, why)) != 0 ||
	    (rc = relay_sockets_init(&w->relays, o->addresses, o->index, o->relay_buffer, &w->sent[LEG_PEER])) != 0 ||
	    (rc = -open_handles(w, o)) != 0)	/* libuv's errors are negative errnos */
		goto failed;
	w->relays.on_icmp = on_icmp;
	rc = ENOMEM;
	if ((w->rx = rx_new()) == NULL ||
	    (w->server = turn_server_new(o->settings, &shell_ops, w, uv_now(&w->loop))) == NULL)
		goto failed;
	return w;

failed:
	if (why[0] == '\0')
		snprintf(why, 256, "cannot start worker %u: %s", o->index, strerror(rc));
	worker_free(w);
	return NULL;
}

int worker_start(struct worker *w)
{
	int rc = uv_thread_create(&w->thread, run, w);

	w->started = rc == 0;
	return rc;
}

void worker_join(struct worker *w)
{
	if (w->started)
		uv_thread_join(&w->thread);
	w->started = false;
}

static void close_loop(struct worker *w)
{
	close_handles(w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&w->loop) != 0)
		LOG(LOG_ERROR, "worker_leak", LOG_UINT("worker", w->index), LOG_STR("msg", "handles are left in its loop"));
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->server != NULL)
		turn_server_free(w->server);
	if (w->loop_open)
		close_loop(w);
	path_tcps_free(&w->streams);
	relay_sockets_shut(&w->relays);
	while (w->n_paths > 0)
		path_udp_close(&w->paths[--w->n_paths]);
	free(w->paths);
	rx_free(w->rx);
	free(w);
}

const struct turn_counters *worker_counters(const struct worker *w)
{
	return turn_server_counters(w->server);
}

const struct tx_counts *worker_sent(const struct worker *w, enum turn_leg leg)
{
	return &w->sent[leg];
}

const struct path_tcp_counts *worker_stream_counts(const struct worker *w)
{
	return &w->streams.counts;
}
