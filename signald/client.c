/* Its life: from the upgrade to the last close callback, and its deadlines. */
#include "signald/client_internal.h"

#include <stdlib.h>

#include "common/base/log.h"

enum { READ_CHUNK = 65536 };		/* what a stream hands over at a time, at most */
enum { CONTROL_SLACK = 16384 };		/* for error and control frames above unsent-limit */
enum { UNFINISHED_MAX = 3 };		/* pings that a fragmented message may last */

void client_schedule(struct client *c)
{
	msec_t due = c->due;

	if (c->state < CLIENT_CLOSING && stream_pending(c->stream) > 0) {
		msec_t stalled = stream_progress(c->stream) + c->all->cfg->stall_timeout;
		due = stalled < due ? stalled : due;
	}
	wheel_set(c->all->wheel, &c->timer, due);
}

/* --- the end ------------------------------------------------------------------------------------------------- */

/* Out of the room and of every queue; the socket may live on for its Close frames. */
void client_leave(struct client *c, enum close_reason why)
{
	struct endpoint peer = stream_peer(c->stream);

	if (c->all->corked_for == c)
		client_uncork(c->all);
	if (c->state >= CLIENT_CLOSING)		/* that has shown that the connection is broken */
		return;
	LOG(LOG_DEBUG, "client_closed", LOG_STR("why", close_reason_label(why)), LOG_ENDPOINT("peer", &peer));
	client_count(c, COUNT_CLOSE + why);
	if (c->state == CLIENT_MEMBER)
		metric_sub(c->all->metrics, COUNT_REGISTERED, 1);
	c->state = CLIENT_CLOSING;
	c->waiting = false;
	hub_cancel(c->all->hub, &c->op, client_now(c));
	client_set_choking(c, false);
	hub_leave(c->all->hub, &c->conn, client_now(c));
}

void client_end(struct client *c, enum close_reason why)
{
	if (c->state < CLIENT_CLOSING)
		client_leave(c, why);
	if (c->state == CLIENT_ENDED)
		return;
	c->state = CLIENT_ENDED;
	wheel_clear(c->all->wheel, &c->timer);
	stream_close(c->stream);
}

/* Nothing more will be said: what is unsent still goes out, then the connection ends. */
void client_retire(struct client *c)
{
	c->state = CLIENT_ENDED;
	wheel_clear(c->all->wheel, &c->timer);
	stream_finish(c->stream);
}

void client_close_frame(struct client *c, enum close_reason why, struct span frame)
{
	if (c->state >= CLIENT_CLOSING)
		return;
	client_leave(c, why);
	if (!stream_write(c->stream, &frame, 1)) {
		client_end(c, why);
		return;
	}
	c->due = client_now(c) + c->all->cfg->close_timeout;
	client_schedule(c);
	client_go_on(c);
}

void client_close(struct client *c, enum close_reason why, enum ws_close_code code, const char *text)
{
	uint8_t frame[WS_CONTROL_FRAME_MAX];

	client_close_frame(c, why, span_of(frame, ws_frame_close(frame, code, text)));
}

static void on_closed(void *owner, enum stream_end why)		/* the only free() of a client that was upgraded */
{
	struct client *c = owner;
	(void)why;

	client_end(c, CLOSE_LOST);
	list_del(&c->link);
	c->all->n--;
	metric_sub(c->all->metrics, COUNT_CONNECTIONS, 1);
	ws_codec_close(&c->codec);
	buf_close(&c->input);
	free(c);
}

static void on_evict(struct hub_conn *conn, enum hub_evict why)
{
	struct client *c = container_of(conn, struct client, conn);

	if (why == HUB_EVICT_DELETED)
		client_close(c, CLOSE_DELETED, WS_CODE_NORMAL, "");
	else
		client_close(c, CLOSE_SUPERSEDED, WS_CODE_POLICY, "registered anew on another connection");
}

static void on_probe(struct hub_conn *conn)
{
	struct client *c = container_of(conn, struct client, conn);

	c->probed = true;
	client_ping(c);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void ping_or_drop(struct client *c)
{
	const struct signald_config *cfg = c->all->cfg;

	c->missed = c->heard || c->paused ? 0 : c->missed + 1;
	c->unfinished = ws_codec_in_message(&c->codec) ? c->unfinished + 1 : 0;
	if (c->missed >= cfg->ping_misses) {
		client_close(c, CLOSE_SILENT, WS_CODE_POLICY, "no answer to pings");
	} else if (c->unfinished >= UNFINISHED_MAX) {
		client_close(c, CLOSE_FRAGMENTS, WS_CODE_POLICY, "a message without an end");
	} else {
		c->heard = false;
		c->due = client_now(c) + cfg->ping_interval;
		client_schedule(c);
		client_ping(c);
	}
}

static void on_timer(struct wheel_timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	msec_t now = client_now(c);

	if (c->state == CLIENT_CLOSING)
		client_end(c, CLOSE_LOST);
	else if (stream_pending(c->stream) > 0 && now >= stream_progress(c->stream) + c->all->cfg->stall_timeout)
		client_close(c, CLOSE_SLOW, WS_CODE_POLICY, "nothing was taken for too long");
	else if (now < c->due)
		client_schedule(c);
	else if (c->all->draining)
		client_close(c, CLOSE_DRAIN, WS_CODE_GOING_AWAY, "");
	else if (c->state == CLIENT_NEW)
		client_close(c, CLOSE_UNREGISTERED, WS_CODE_POLICY, "not registered in time");
	else
		ping_or_drop(c);
}

/* --- the beginning ------------------------------------------------------------------------------------------- */

void client_open(struct clients *all, struct http_exchange *x, const char *accept)
{
	static const struct stream_handler handler = { .data = client_data, .drained = client_drained, .closed = on_closed };
	static const struct hub_conn_ops ops = { .deliver = client_deliver, .evict = on_evict, .probe = on_probe };
	const struct http_header headers[] = { { SPAN_LIT("Sec-WebSocket-Accept"), span_str(accept) } };
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		http_reply_text(x, 503, "out of memory\n");
		return;
	}
	c->all = all;
	c->conn.ops = &ops;
	c->timer.fire = on_timer;
	ws_codec_init(&c->codec, all->cfg->max_message);
	buf_init(&c->input, all->cfg->max_message + WS_CLIENT_HEAD_MAX + 2 * READ_CHUNK);
	c->stream = http_upgrade(x, "websocket", headers, 1, &handler, c, &c->input);
	if (c->stream == NULL) {
		buf_close(&c->input);
		free(c);
		return;
	}
	stream_set_limit(c->stream, all->cfg->unsent_limit + CONTROL_SLACK);
	list_add_tail(&all->all, &c->link);
	all->n++;
	client_count(c, COUNT_CONNECTIONS);
	c->due = client_now(c) + all->cfg->register_timeout;
	client_schedule(c);
	client_pump(c, (struct span){ NULL, 0 });
}

/* --- all of them ----------------------------------------------------------------------------------------------- */

void clients_init(struct clients *all)
{
	list_init(&all->all);
	buf_init(&all->corked, CORK_SIZE);
}

void clients_close(struct clients *all)
{
	buf_close(&all->corked);
}

void clients_drain(struct clients *all)
{
	msec_t now = uv_now(all->loop);
	unsigned i = 0;

	all->draining = true;
	list_each(l, &all->all) {
		struct client *c = container_of(l, struct client, link);
		if (c->state >= CLIENT_CLOSING)
			continue;
		c->due = now + all->cfg->drain_spread * i++ / all->n;
		client_schedule(c);
	}
}

void clients_stop(struct clients *all)
{
	list_each(l, &all->all) {
		struct client *c = container_of(l, struct client, link);
		client_close(c, CLOSE_STOP, WS_CODE_GOING_AWAY, "");
		client_end(c, CLOSE_STOP);
	}
}
