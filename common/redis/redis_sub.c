#include "common/redis/redis_sub.h"

#include <stdlib.h>

#include "common/base/list.h"
#include "common/redis/redis_conn.h"

struct channel {
	struct list link;
	redis_message_cb cb;
	void (*resubscribed)(void *ctx);
	void *ctx;
	bool active;		/* confirmed on this connection */
	size_t len;
	uint8_t name[];
};

struct redis_sub {
	uv_loop_t *loop;
	struct redis_conn *conn;
	struct list channels;
	msec_t interval;	/* between two PINGs */
	msec_t heard;		/* loop time of the last sign of life */
	void *owner;
	void (*done)(void *owner);
};

enum { SILENT_INTERVALS = 3 };

static struct span channel_name(const struct channel *ch)
{
	return span_of(ch->name, ch->len);
}

static void ask(struct redis_sub *s, const struct channel *ch)
{
	struct span argv[] = { SPAN_LIT("SUBSCRIBE"), channel_name(ch) };

	if (redis_conn_send(s->conn, argv, 2, SPAN_LIT(""), 0) == 0)
		redis_conn_lose(s->conn, "no memory to subscribe");
}

static void on_up(void *owner)
{
	struct redis_sub *s = owner;

	list_each(it, &s->channels)
		ask(s, container_of(it, struct channel, link));
	s->heard = uv_now(s->loop);
	redis_conn_tick_at(s->conn, s->heard + s->interval);
}

static void on_lost(void *owner)
{
	struct redis_sub *s = owner;

	list_each(it, &s->channels)
		container_of(it, struct channel, link)->active = false;
}

/* Confirmations come in the order of asking, one for each SUBSCRIBE. */
static void on_confirmed(struct redis_sub *s, struct span name)
{
	list_each(it, &s->channels) {
		struct channel *ch = container_of(it, struct channel, link);
		if (ch->active || !span_eq(channel_name(ch), name))
			continue;
		ch->active = true;
		if (ch->resubscribed != NULL)
			ch->resubscribed(ch->ctx);
		return;
	}
}

static void on_message(struct redis_sub *s, struct span name, struct span body)
{
	list_each(it, &s->channels) {
		const struct channel *ch = container_of(it, struct channel, link);
		if (ch->active && span_eq(channel_name(ch), name))
			ch->cb(ch->ctx, name, body);
	}
}

static void on_reply(void *owner, const struct redis_value *v)
{
	struct redis_sub *s = owner;

	s->heard = uv_now(s->loop);
	if (v->kind == REDIS_ERROR)
		redis_conn_refuse(s->conn, v->str);
	else if (v->kind != REDIS_ARRAY || v->n != 3)
		return;		/* the answer to a PING, in either form */
	else if (span_eq_str(v->item[0].str, "message"))
		on_message(s, v->item[1].str, v->item[2].str);
	else if (span_eq_str(v->item[0].str, "subscribe"))
		on_confirmed(s, v->item[1].str);
}

static msec_t on_tick(void *owner, msec_t now)
{
	struct redis_sub *s = owner;
	struct span ping = SPAN_LIT("PING");

	if (now - s->heard >= SILENT_INTERVALS * s->interval)
		redis_conn_lose(s->conn, "the subscription has fallen silent");
	else
		redis_conn_send(s->conn, &ping, 1, SPAN_LIT(""), 0);	/* if it fails, silence tells */
	return now + s->interval;
}

static const struct redis_conn_handler handler = {
	.use = "subscriptions", .up = on_up, .reply = on_reply, .lost = on_lost, .tick = on_tick,
};

struct redis_sub *redis_sub_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				void *owner)
{
	struct redis_sub *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->interval = timing->command;
	s->owner = owner;
	list_init(&s->channels);
	s->conn = redis_conn_new(loop, node, timing, &handler, s);
	if (s->conn == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

int redis_sub_add(struct redis_sub *s, struct span channel, redis_message_cb cb,
		  void (*resubscribed)(void *ctx), void *ctx)
{
	struct channel *ch = malloc(sizeof(*ch) + channel.len);

	if (ch == NULL)
		return -1;
	*ch = (struct channel){ .cb = cb, .resubscribed = resubscribed, .ctx = ctx, .len = channel.len };
	if (channel.len > 0)
		memcpy(ch->name, channel.p, channel.len);
	list_add_tail(&s->channels, &ch->link);
	if (redis_conn_up(s->conn))
		ask(s, ch);
	return 0;
}

static void on_stopped(void *owner)
{
	struct redis_sub *s = owner;
	void (*done)(void *) = s->done;
	void *ctx = s->owner;

	list_each_safe(it, next, &s->channels)
		free(container_of(it, struct channel, link));
	free(s);
	done(ctx);
}

void redis_sub_stop(struct redis_sub *s, void (*done)(void *owner))
{
	s->done = done;
	redis_conn_stop(s->conn, on_stopped);
}
