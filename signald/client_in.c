/* From the client: bytes to frames, frames to operations at the hub; and when to read at all. */
#include "signald/client_internal.h"

#include "common/proto/ids.h"
#include "signald/message.h"

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
	if (c->waiting)
		return true;
	hub_each_other(&c->conn, find_choking, &choked);
	return choked;
}

static void update_reading(struct client *c)
{
	bool pause = must_pause(c);

	if (pause == c->paused || c->state == CLIENT_ENDED)
		return;
	c->paused = pause;
	if (pause) {
		client_count(c, COUNT_PAUSED);
		stream_read_stop(c->stream);
	} else {
		stream_read_start(c->stream);
	}
}

void client_go_on(struct client *c)
{
	update_reading(c);
	if (!c->paused && !c->pumping)
		client_pump(c, (struct span){ NULL, 0 });
}

static void other_goes_on(struct hub_conn *other, void *ctx)
{
	(void)ctx;
	client_go_on(container_of(other, struct client, conn));
}

void client_set_choking(struct client *c, bool choking)
{
	if (c->choking == choking)
		return;
	c->choking = choking;
	hub_each_other(&c->conn, other_goes_on, NULL);
}

/* --- what it wants ------------------------------------------------------------------------------------------- */

static void close_with_error(struct client *c, enum client_error e, const char *detail)
{
	client_put_error(c, e, detail);
	client_close(c, CLOSE_ERROR, WS_CODE_NORMAL, "");
}

static void registered(struct client *c)
{
	c->state = CLIENT_MEMBER;
	client_count(c, COUNT_REGISTRATIONS);
	client_count(c, COUNT_REGISTERED);
	if (!c->all->draining)
		c->due = client_now(c) + c->all->cfg->ping_interval;
	client_schedule(c);
}

static void dropped(struct client *c, enum hub_result r)
{
	client_count(c, COUNT_DROPPED);
	if (r == HUB_NOMEM)
		client_close(c, CLOSE_NO_MEMORY, WS_CODE_INTERNAL, "out of memory");
	else if (r == HUB_UNAVAILABLE)
		client_put_error(c, ERROR_UNAVAILABLE, "");
}

static void on_done(struct hub_op *op, enum hub_result r)
{
	struct client *c = container_of(op, struct client, op);

	c->waiting = false;
	if (r == HUB_OK)
		registered(c);
	else if (r == HUB_DELIVERED)
		client_count(c, COUNT_DELIVERED);
	else if (r == HUB_QUEUED)
		client_count(c, COUNT_QUEUED);
	else if (op->kind == HUB_REGISTER)
		close_with_error(c, client_error_of(r), "");
	else
		dropped(c, r);
	if (!c->pumping)
		client_go_on(c);
}

static void submit(struct client *c, struct hub_op op)
{
	op.conn = &c->conn;
	op.done = on_done;
	c->op = op;
	c->waiting = true;
	hub_submit(c->all->hub, &c->op, client_now(c));
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
	else
		client_put_error(c, ERROR_UNKNOWN_COMMAND, "");
}

/* --- its frames ---------------------------------------------------------------------------------------------- */

static void on_close(struct client *c, struct span reply)
{
	client_leave(c, CLOSE_PEER);
	(void)stream_write(c->stream, &reply, 1);	/* a courtesy; the connection ends anyway */
	client_retire(c);
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
		hub_alive(c->all->hub, &c->conn, client_now(c));
	}
	if (kind == WS_EVENT_TEXT)
		on_text(c, e->message);
	else if (kind == WS_EVENT_BINARY)
		client_close(c, CLOSE_NOT_TEXT, WS_CODE_UNSUPPORTED, "text only");
	else if (kind == WS_EVENT_PING)
		client_put_control(c, reply);
	else if (kind == WS_EVENT_FAILED)
		client_close_frame(c, reason_of(e->code), reply);
	else if (kind == WS_EVENT_CLOSE)
		on_close(c, reply);
}

/* We have sent a Close frame: nothing but its answer matters. */
static void on_event_closing(struct client *c, enum ws_event_kind kind)
{
	if (kind == WS_EVENT_CLOSE || kind == WS_EVENT_FAILED)
		client_retire(c);
}

static void pump_span(struct client *c, struct span *in)
{
	struct ws_event e;

	c->pumping = true;
	c->all->pumping++;
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
	c->all->pumping--;
	client_uncork(c->all);
}

/* Works through what waits and what is fresh, as far as may be now; the rest waits. */
void client_pump(struct client *c, struct span fresh)
{
	if (c->input.len == 0 && !c->paused) {
		pump_span(c, &fresh);
		if (c->state != CLIENT_ENDED && !buf_add_span(&c->input, fresh))
			client_end(c, CLOSE_NO_MEMORY);
	} else {
		struct span all;
		if (!buf_add_span(&c->input, fresh)) {
			client_end(c, CLOSE_NO_MEMORY);
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

void client_data(void *owner, struct span in)
{
	struct client *c = owner;

	if (c->state != CLIENT_ENDED)
		client_pump(c, in);
}
