#include "signald/client.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/proto/ids.h"
#include "signald/message.h"
#include "signald/ws_codec.h"

enum { READ_CHUNK = 65536 };		/* what a stream hands over at a time, at most */
enum { CONTROL_SLACK = 16384 };		/* for error and control frames above unsent-limit */
enum { UNFINISHED_MAX = 3 };		/* pings that a fragmented message may last */

enum client_state { CLIENT_NEW, CLIENT_MEMBER, CLIENT_CLOSING, CLIENT_ENDED };	/* only ever forward */

struct client {
	struct hub_conn conn;
	struct hub_op op;		/* register or send; one at a time */
	struct clients *all;
	struct stream *stream;
	struct list link;
	struct wheel_timer timer;
	msec_t due;			/* of the state's deadline */
	struct ws_codec codec;
	struct buf input;		/* the beginning of a frame; more only while paused */
	uint8_t state, missed, unfinished;
	bool heard;			/* a frame since the last ping */
	bool probed;			/* the hub wants to know when something is heard */
	bool waiting;			/* op is open */
	bool pumping;			/* pump() is at work, and will go on by itself */
	bool paused;			/* the stream is not read */
	bool choking;			/* has more unsent than it takes: the others are not read */
};

static void pump(struct client *c, struct span fresh);

static msec_t now_of(const struct client *c)
{
	return uv_now(c->all->loop);
}

static void count(struct client *c, size_t id)
{
	metric_add(c->all->metrics, id, 1);
}

static void schedule(struct client *c)
{
	msec_t due = c->due;

	if (c->state < CLIENT_CLOSING && stream_pending(c->stream) > 0) {
		msec_t stalled = stream_progress(c->stream) + c->all->cfg->stall_timeout;
		due = stalled < due ? stalled : due;
	}
	wheel_set(c->all->wheel, &c->timer, due);
}

/* --- reading, or not --------------------------------------------------------------------------------------- */

static void find_choking(struct hub_conn *other, void *found)
{
	if (container_of(other, struct client, conn)->choking)
		*(bool *)found = true;
}

static bool must_pause(struct client *c)
{
	bool choked = false;

	if (c->state >= CLIENT_CLOSING)
		return false;		/* the answer to our Close frame is wanted */
	hub_each_other(&c->conn, find_choking, &choked);
	return c->waiting || choked;
}

static void update_reading(struct client *c)
{
	bool pause = must_pause(c);

	if (pause == c->paused || c->state == CLIENT_ENDED)
		return;
	c->paused = pause;
	if (pause) {
		count(c, COUNT_PAUSED);
		stream_read_stop(c->stream);
	} else {
		stream_read_start(c->stream);
	}
}

static void go_on(struct client *c)
{
	update_reading(c);
	if (!c->paused && !c->pumping)
		pump(c, (struct span){ NULL, 0 });
}

static void other_goes_on(struct hub_conn *other, void *ctx)
{
	(void)ctx;
	go_on(container_of(other, struct client, conn));
}

static void other_updates(struct hub_conn *other, void *ctx)
{
	(void)ctx;
	update_reading(container_of(other, struct client, conn));
}

/* --- the end ------------------------------------------------------------------------------------------------- */

/* Out of the room and of every queue; the socket may live on for its Close frames. */
static void leave(struct client *c, enum close_reason why)
{
	struct endpoint peer = stream_peer(c->stream);

	LOG(LOG_DEBUG, "client_closed", LOG_STR("why", close_reason_label(why)), LOG_ENDPOINT("peer", &peer));
	count(c, COUNT_CLOSE + why);
	if (c->state == CLIENT_MEMBER)
		metric_sub(c->all->metrics, COUNT_REGISTERED, 1);
	c->state = CLIENT_CLOSING;
	c->waiting = false;
	hub_cancel(c->all->hub, &c->op, now_of(c));
	if (c->choking) {
		c->choking = false;
		hub_each_other(&c->conn, other_goes_on, NULL);
	}
	hub_leave(c->all->hub, &c->conn, now_of(c));
}

static void end(struct client *c, enum close_reason why)
{
	if (c->state < CLIENT_CLOSING)
		leave(c, why);
	if (c->state == CLIENT_ENDED)
		return;
	c->state = CLIENT_ENDED;
	wheel_clear(c->all->wheel, &c->timer);
	stream_close(c->stream);
}

/* Nothing more will be said: what is unsent still goes out, then the connection ends. */
static void retire(struct client *c)
{
	c->state = CLIENT_ENDED;
	wheel_clear(c->all->wheel, &c->timer);
	stream_finish(c->stream);
}

static void close_with_frame(struct client *c, enum close_reason why, struct span frame)
{
	if (c->state >= CLIENT_CLOSING)
		return;
	leave(c, why);
	if (!stream_write(c->stream, &frame, 1)) {
		end(c, why);
		return;
	}
	c->due = now_of(c) + c->all->cfg->close_timeout;
	schedule(c);
	go_on(c);
}

static void close_with(struct client *c, enum close_reason why, enum ws_close_code code, const char *text)
{
	uint8_t frame[WS_CONTROL_FRAME_MAX];

	close_with_frame(c, why, span_of(frame, ws_frame_close(frame, code, text)));
}

static void on_closed(void *owner, enum stream_end why)		/* the only free() of a client that was upgraded */
{
	struct client *c = owner;
	(void)why;

	end(c, CLOSE_LOST);
	list_del(&c->link);
	c->all->n--;
	metric_sub(c->all->metrics, COUNT_CONNECTIONS, 1);
	ws_codec_close(&c->codec);
	buf_close(&c->input);
	free(c);
}

/* --- to the client ------------------------------------------------------------------------------------------- */

static bool put(struct client *c, const struct span *parts, size_t n)
{
	if (!stream_write(c->stream, parts, n))
		return false;
	if (stream_pending(c->stream) == 0)
		return true;
	schedule(c);
	if (!c->choking && stream_pending(c->stream) > c->all->cfg->unsent_hold) {
		c->choking = true;
		hub_each_other(&c->conn, other_updates, NULL);
	}
	return true;
}

static void put_control(struct client *c, struct span frame)
{
	if (!put(c, &frame, 1))
		end(c, CLOSE_SLOW);
}

static void on_drained(void *owner)
{
	struct client *c = owner;

	if (!c->choking)
		return;
	c->choking = false;
	hub_each_other(&c->conn, other_goes_on, NULL);
}

static bool on_deliver(struct hub_conn *conn, struct span text)
{
	struct client *c = container_of(conn, struct client, conn);
	uint8_t head[WS_SERVER_HEAD_MAX];
	size_t n = ws_frame_head(head, WS_OP_TEXT, text.len + MESSAGE_FRAMING);
	const struct span frame[] = { span_of(head, n), SPAN_LIT(MESSAGE_HEAD), text, SPAN_LIT(MESSAGE_TAIL) };

	if (c->state >= CLIENT_CLOSING)
		return false;
	if (stream_pending(c->stream) + n + MESSAGE_FRAMING + text.len <= c->all->cfg->unsent_limit &&
	    put(c, frame, sizeof(frame) / sizeof(frame[0])))
		return true;
	close_with(c, CLOSE_SLOW, WS_CODE_POLICY, "too much is unsent");
	return false;
}

/* detail: behind the error's text; "" for none. */
static bool say_error(struct client *c, enum client_error e, const char *detail)
{
	struct span text = span_str(client_error_text(e)), more = span_str(detail);
	struct span head = SPAN_LIT(MESSAGE_ERROR_HEAD), tail = SPAN_LIT(MESSAGE_ERROR_TAIL);
	uint8_t ws_head[WS_SERVER_HEAD_MAX];
	size_t n = ws_frame_head(ws_head, WS_OP_TEXT, head.len + text.len + more.len + tail.len);
	const struct span frame[] = { span_of(ws_head, n), head, text, more, tail };

	count(c, COUNT_ERROR + e);
	return put(c, frame, sizeof(frame) / sizeof(frame[0]));
}

static void close_with_error(struct client *c, enum client_error e, const char *detail)
{
	if (say_error(c, e, detail))
		close_with(c, CLOSE_ERROR, WS_CODE_NORMAL, "");
	else
		end(c, CLOSE_SLOW);
}

static void on_evict(struct hub_conn *conn, enum hub_evict why)
{
	struct client *c = container_of(conn, struct client, conn);

	if (why == HUB_EVICT_DELETED)
		close_with(c, CLOSE_DELETED, WS_CODE_NORMAL, "");
	else
		close_with(c, CLOSE_SUPERSEDED, WS_CODE_POLICY, "registered anew on another connection");
}

static void put_ping(struct client *c)
{
	static const uint8_t ping[] = { 0x80 | WS_OP_PING, 0 };

	put_control(c, span_of(ping, sizeof(ping)));
}

static void on_probe(struct hub_conn *conn)
{
	struct client *c = container_of(conn, struct client, conn);

	c->probed = true;
	put_ping(c);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

static void ping_or_drop(struct client *c)
{
	const struct signald_config *cfg = c->all->cfg;

	c->missed = c->heard || c->paused ? 0 : c->missed + 1;
	c->unfinished = ws_codec_in_message(&c->codec) ? c->unfinished + 1 : 0;
	if (c->missed >= cfg->ping_misses) {
		close_with(c, CLOSE_SILENT, WS_CODE_POLICY, "no answer to pings");
	} else if (c->unfinished >= UNFINISHED_MAX) {
		close_with(c, CLOSE_FRAGMENTS, WS_CODE_POLICY, "a message without an end");
	} else {
		c->heard = false;
		c->due = now_of(c) + cfg->ping_interval;
		schedule(c);
		put_ping(c);
	}
}

static void on_timer(struct wheel_timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	msec_t now = now_of(c);

	if (c->state == CLIENT_CLOSING)
		end(c, CLOSE_LOST);
	else if (stream_pending(c->stream) > 0 && now >= stream_progress(c->stream) + c->all->cfg->stall_timeout)
		close_with(c, CLOSE_SLOW, WS_CODE_POLICY, "nothing was taken for too long");
	else if (now < c->due)
		schedule(c);
	else if (c->all->draining)
		close_with(c, CLOSE_DRAIN, WS_CODE_GOING_AWAY, "");
	else if (c->state == CLIENT_NEW)
		close_with(c, CLOSE_UNREGISTERED, WS_CODE_POLICY, "not registered in time");
	else
		ping_or_drop(c);
}

/* --- what the client says ------------------------------------------------------------------------------------ */

static void registered(struct client *c)
{
	c->state = CLIENT_MEMBER;
	count(c, COUNT_REGISTRATIONS);
	count(c, COUNT_REGISTERED);
	if (!c->all->draining)
		c->due = now_of(c) + c->all->cfg->ping_interval;
	schedule(c);
}

static void dropped(struct client *c, enum hub_result r)
{
	count(c, COUNT_DROPPED);
	if (r == HUB_NOMEM)
		close_with(c, CLOSE_NO_MEMORY, WS_CODE_INTERNAL, "out of memory");
	else if (r == HUB_UNAVAILABLE && !say_error(c, ERROR_UNAVAILABLE, ""))
		end(c, CLOSE_SLOW);
}

static void on_done(struct hub_op *op, enum hub_result r)
{
	struct client *c = container_of(op, struct client, op);

	c->waiting = false;
	if (r == HUB_OK)
		registered(c);
	else if (r == HUB_DELIVERED)
		count(c, COUNT_DELIVERED);
	else if (r == HUB_QUEUED)
		count(c, COUNT_QUEUED);
	else if (op->kind == HUB_REGISTER)
		close_with_error(c, client_error_of(r), "");
	else
		dropped(c, r);
	if (!c->pumping)
		go_on(c);
}

static void submit(struct client *c, struct hub_op op)
{
	op.conn = &c->conn;
	op.done = on_done;
	c->op = op;
	c->waiting = true;
	hub_submit(c->all->hub, &c->op, now_of(c));
}

static void on_register(struct client *c, const struct message *m)
{
	if (c->state == CLIENT_MEMBER)
		close_with_error(c, ERROR_SECOND_REGISTER, "");
	else if (m->room.len == 0 || m->client.len == 0)
		close_with_error(c, ERROR_NO_IDS, "");
	else if (!id_valid(m->room) || !id_valid(m->client))
		close_with_error(c, ERROR_BAD_IDS, "");
	else
		submit(c, (struct hub_op){ .kind = HUB_REGISTER, .room = m->room, .client = m->client });
}

static void on_send(struct client *c, const struct message *m)
{
	if (c->state != CLIENT_MEMBER)
		close_with_error(c, ERROR_NOT_REGISTERED, "");
	else if (m->text.len == 0)
		close_with_error(c, ERROR_NO_MESSAGE, "");
	else
		submit(c, (struct hub_op){ .kind = HUB_SEND, .message = m->text });
}

static void on_text(struct client *c, struct span in)
{
	struct message m;
	const char *wrong = message_parse(&m, in);

	if (wrong != NULL)
		close_with_error(c, ERROR_NOT_JSON, wrong);
	else if (m.kind == MESSAGE_REGISTER)
		on_register(c, &m);
	else if (m.kind == MESSAGE_SEND)
		on_send(c, &m);
	else if (!say_error(c, ERROR_UNKNOWN_COMMAND, ""))
		end(c, CLOSE_SLOW);
}

static void on_close(struct client *c, struct span reply)
{
	leave(c, CLOSE_PEER);
	(void)stream_write(c->stream, &reply, 1);	/* a courtesy; the connection ends anyway */
	retire(c);
}

static enum close_reason reason_of(enum ws_close_code code)
{
	switch (code) {
	case WS_CODE_NOT_TEXT:
		return CLOSE_NOT_TEXT;
	case WS_CODE_TOO_BIG:
		return CLOSE_TOO_BIG;
	case WS_CODE_POLICY:
		return CLOSE_FRAGMENTS;
	case WS_CODE_INTERNAL:
		return CLOSE_NO_MEMORY;
	default:
		return CLOSE_PROTOCOL;
	}
}

static void on_event(struct client *c, enum ws_event_kind kind, const struct ws_event *e)
{
	struct span reply = span_of(e->reply, e->reply_len);

	c->heard = true;
	if (c->probed) {
		c->probed = false;
		hub_alive(c->all->hub, &c->conn, now_of(c));
	}
	if (kind == WS_EVENT_TEXT)
		on_text(c, e->message);
	else if (kind == WS_EVENT_BINARY)
		close_with(c, CLOSE_NOT_TEXT, WS_CODE_UNSUPPORTED, "text only");
	else if (kind == WS_EVENT_PING)
		put_control(c, reply);
	else if (kind == WS_EVENT_FAILED)
		close_with_frame(c, reason_of(e->code), reply);
	else if (kind == WS_EVENT_CLOSE)
		on_close(c, reply);
}

/* We have sent a Close frame: nothing but its answer matters. */
static void on_event_closing(struct client *c, enum ws_event_kind kind)
{
	if (kind == WS_EVENT_CLOSE || kind == WS_EVENT_FAILED)
		retire(c);
}

static void pump_span(struct client *c, struct span *in)
{
	struct ws_event e;

	c->pumping = true;
	while (c->state != CLIENT_ENDED && !must_pause(c)) {
		enum ws_event_kind kind = ws_codec_next(&c->codec, in, &e);
		if (kind == WS_EVENT_NONE)
			break;
		if (c->state == CLIENT_CLOSING)
			on_event_closing(c, kind);
		else
			on_event(c, kind, &e);
	}
	c->pumping = false;
}

/* Works through what waits and what is fresh, as far as may be now; the rest waits. */
static void pump(struct client *c, struct span fresh)
{
	if (c->input.len == 0 && !c->paused) {
		pump_span(c, &fresh);
		if (c->state != CLIENT_ENDED && !buf_add_span(&c->input, fresh))
			end(c, CLOSE_NO_MEMORY);
	} else {
		struct span all;
		if (!buf_add_span(&c->input, fresh)) {
			end(c, CLOSE_NO_MEMORY);
			return;
		}
		all = buf_span(&c->input);
		pump_span(c, &all);
		buf_consume(&c->input, c->input.len - all.len);
	}
	if (c->input.len == 0)
		buf_close(&c->input);
	update_reading(c);
}

static void on_data(void *owner, struct span in)
{
	struct client *c = owner;

	if (c->state != CLIENT_ENDED)
		pump(c, in);
}

/* --- the beginning ------------------------------------------------------------------------------------------- */

void client_open(struct clients *all, struct http_exchange *x, const char *accept)
{
	static const struct stream_handler handler = { .data = on_data, .drained = on_drained, .closed = on_closed };
	static const struct hub_conn_ops ops = { .deliver = on_deliver, .evict = on_evict, .probe = on_probe };
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
	count(c, COUNT_CONNECTIONS);
	c->due = now_of(c) + all->cfg->register_timeout;
	schedule(c);
	pump(c, (struct span){ NULL, 0 });
}

/* --- all of them ----------------------------------------------------------------------------------------------- */

void clients_init(struct clients *all)
{
	list_init(&all->all);
	all->n = 0;
	all->draining = false;
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
		schedule(c);
	}
}

void clients_stop(struct clients *all)
{
	list_each(l, &all->all) {
		struct client *c = container_of(l, struct client, link);
		close_with(c, CLOSE_STOP, WS_CODE_GOING_AWAY, "");
		end(c, CLOSE_STOP);
	}
}
