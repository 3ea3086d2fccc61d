#include "common/redis/redis_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/random.h"
#include "common/crypto/digest.h"
#include "common/net/stream.h"

enum { OUT_MAX = 32 * 1024 * 1024, OUT_KEEP = 256 * 1024, WHY = 256 };

enum state { WAITING, CONNECTING, HELLO, UP, CLOSING, STOPPING };
enum health { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_LOST, HEALTH_REFUSED };

struct redis_conn {
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_idle_t idle;		/* active for the turn in which something is to be done */
	struct stream *stream;
	unsigned open;		/* timer, idle, stream: what must close before the end */
	enum state state;
	bool was_up;		/* CLOSING: `lost` is due */

	struct redis_node node;
	struct redis_timing timing;
	const struct redis_conn_handler *h;
	void *owner;
	void (*stopped)(void *owner);

	struct resp_reader reader;
	struct buf out;
	unsigned hello_left;	/* answers to come until UP */
	msec_t backoff, up_since;

	enum health health;	/* as logged */
	enum health trouble;	/* of the connection that ends, and in words: */
	char why[WHY];
};

static void reconnect_later(struct redis_conn *c);

static void report(struct redis_conn *c, enum health health)
{
	static const char *const event[] = { "", "redis_up", "redis_lost", "redis_refused" };
	char address[REDIS_ADDRESS_SIZE];

	if (c->health == health)
		return;
	c->health = health;
	redis_node_address(&c->node, address);
	if (health == HEALTH_UP)
		LOG(LOG_INFO, event[health], LOG_STR("address", address), LOG_STR("use", c->h->use));
	else
		LOG(LOG_WARNING, event[health], LOG_STR("address", address), LOG_STR("use", c->h->use),
		    LOG_STR("msg", c->why));
}

/* --- down -------------------------------------------------------------------------------------------------- */

static void set_trouble(struct redis_conn *c, enum health trouble, struct span why)
{
	c->trouble = trouble;
	snprintf(c->why, sizeof(c->why), "%.*s", (int)(why.len < WHY ? why.len : WHY), (const char *)why.p);
}

static void close_down(struct redis_conn *c, enum health trouble, struct span why)
{
	if (c->state == WAITING || c->state == CLOSING || c->state == STOPPING)
		return;
	set_trouble(c, trouble, why);
	c->was_up = c->state == UP;
	c->state = CLOSING;
	uv_timer_stop(&c->timer);
	stream_close(c->stream);
}

void redis_conn_lose(struct redis_conn *c, const char *why)
{
	close_down(c, HEALTH_LOST, span_str(why));
}

void redis_conn_refuse(struct redis_conn *c, struct span why)
{
	close_down(c, HEALTH_REFUSED, why);
}

static void handle_gone(struct redis_conn *c)
{
	void (*stopped)(void *) = c->stopped;
	void *owner = c->owner;

	if (--c->open > 0)
		return;
	resp_reader_close(&c->reader);
	buf_close(&c->out);
	secret_wipe(&c->node, sizeof(c->node));
	free(c);
	stopped(owner);
}

static void on_handle_closed(uv_handle_t *h)
{
	handle_gone(h->data);
}

static void on_closed(void *owner, enum stream_end end)
{
	struct redis_conn *c = owner;
	const char *why = stream_why(c->stream);
	bool was_up = c->state == UP || (c->state == CLOSING && c->was_up);

	c->stream = NULL;
	if (c->state == STOPPING) {
		handle_gone(c);
		return;
	}
	c->open--;
	if (c->state != CLOSING)
		set_trouble(c, HEALTH_LOST, span_str(why[0] != 0 ? why : end == STREAM_END_PEER ?
						     "the server closed the connection" : "no connection"));
	if (was_up && uv_now(c->loop) - c->up_since >= c->timing.backoff_max)
		c->backoff = c->timing.backoff_min;
	reconnect_later(c);
	if (was_up)
		c->h->lost(c->owner);
}

/* --- up ---------------------------------------------------------------------------------------------------- */

static void hello_part(struct redis_conn *c, const struct span *argv, size_t argc)
{
	resp_array(&c->out, argc);
	resp_bulks(&c->out, argv, argc);
	c->hello_left++;
}

static void say_hello(struct redis_conn *c)
{
	const struct redis_node *n = &c->node;
	char number[16];
	struct span db = span_of(number, (size_t)snprintf(number, sizeof(number), "%u", n->db)), out;
	struct span user = span_str(n->user), password = span_str(n->password);
	bool sent;

	c->hello_left = 0;
	if (n->auth && user.len > 0)
		hello_part(c, (struct span[]){ SPAN_LIT("AUTH"), user, password }, 3);
	else if (n->auth)
		hello_part(c, (struct span[]){ SPAN_LIT("AUTH"), password }, 2);
	if (n->db != 0)
		hello_part(c, (struct span[]){ SPAN_LIT("SELECT"), db }, 2);
	hello_part(c, (struct span[]){ SPAN_LIT("PING") }, 1);
	out = buf_span(&c->out);
	sent = !c->out.failed && stream_write(c->stream, &out, 1);
	buf_reset(&c->out);
	if (!sent)
		redis_conn_lose(c, "no memory for the hello");
}

static void on_connected(void *owner)
{
	struct redis_conn *c = owner;

	if (c->state != CONNECTING)
		return;
	c->state = HELLO;
	say_hello(c);
}

static void hello_answered(struct redis_conn *c, const struct redis_value *v)
{
	if (v->kind != REDIS_STATUS) {
		redis_conn_refuse(c, v->kind == REDIS_ERROR ? v->str : SPAN_LIT("the hello was answered as Redis never does"));
		return;
	}
	if (--c->hello_left > 0)
		return;
	c->state = UP;
	c->up_since = uv_now(c->loop);
	uv_timer_stop(&c->timer);
	report(c, HEALTH_UP);
	c->h->up(c->owner);
}

static void on_data(void *owner, struct span in)
{
	struct redis_conn *c = owner;
	const struct redis_value *v;
	enum resp_result result = RESP_REPLY;

	if (c->state != HELLO && c->state != UP)
		return;
	if (!resp_reader_feed(&c->reader, in))
		result = RESP_BROKEN;
	while (result == RESP_REPLY && (c->state == HELLO || c->state == UP)) {
		result = resp_reader_next(&c->reader, &v);
		if (result == RESP_REPLY && c->state == HELLO)
			hello_answered(c, v);
		else if (result == RESP_REPLY)
			c->h->reply(c->owner, v);
	}
	if (result == RESP_BROKEN)
		redis_conn_lose(c, resp_reader_why(&c->reader));
}

static const struct stream_handler stream_handler = {
	.connected = on_connected, .data = on_data, .closed = on_closed,
};

static struct stream *dial(struct redis_conn *c)
{
	const struct redis_node *n = &c->node;

	if (n->path[0] != 0)
		return stream_connect_unix(c->loop, n->path, &stream_handler, c);
	if (n->trust != NULL)
		return stream_connect_host_tls(c->loop, n->host, n->port, n->trust, &stream_handler, c);
	return stream_connect_host(c->loop, n->host, n->port, &stream_handler, c);
}

static void connect_now(struct redis_conn *c)
{
	resp_reader_close(&c->reader);
	buf_reset(&c->out);
	if (resp_reader_init(&c->reader) == 0)
		c->stream = dial(c);
	if (c->stream == NULL) {
		set_trouble(c, HEALTH_LOST, SPAN_LIT("no memory to connect"));
		reconnect_later(c);
		return;
	}
	c->open++;
	c->state = CONNECTING;
	stream_set_limit(c->stream, OUT_MAX);
	redis_conn_tick_at(c, uv_now(c->loop) + c->timing.command);
}

static void reconnect_later(struct redis_conn *c)
{
	msec_t half = c->backoff / 2;

	report(c, c->trouble);
	c->state = WAITING;
	redis_conn_tick_at(c, uv_now(c->loop) + half + random_below((uint32_t)half + 1));
	c->backoff = c->backoff * 2 < c->timing.backoff_max ? c->backoff * 2 : c->timing.backoff_max;
}

/* --- the loop's calls -------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
	struct redis_conn *c = t->data;
	msec_t next;

	switch (c->state) {
	case WAITING:
		connect_now(c);
		break;
	case CONNECTING:
		redis_conn_lose(c, "no connection in time");
		break;
	case HELLO:
		redis_conn_lose(c, "connected, but no answer in time");
		break;
	case UP:
		next = c->h->tick(c->owner, uv_now(c->loop));
		if (next != NEVER && c->state == UP)
			redis_conn_tick_at(c, next);
		break;
	case CLOSING:
	case STOPPING:
		break;
	}
}

static void on_idle(uv_idle_t *idle)
{
	struct redis_conn *c = idle->data;
	struct span out;

	uv_idle_stop(idle);
	if (c->h->turn != NULL)
		c->h->turn(c->owner);
	if (c->state != UP || c->out.len == 0)
		return;
	out = buf_span(&c->out);
	if (!stream_write(c->stream, &out, 1))
		redis_conn_lose(c, "the server does not take what we send");
	if (c->out.cap > OUT_KEEP)
		buf_close(&c->out);
	buf_reset(&c->out);
}

void redis_conn_wake(struct redis_conn *c)
{
	if (c->state != STOPPING)
		uv_idle_start(&c->idle, on_idle);
}

void redis_conn_tick_at(struct redis_conn *c, msec_t due)
{
	msec_t now = uv_now(c->loop);

	uv_timer_start(&c->timer, on_timer, due > now ? due - now : 0, 0);
}

/* --- the owner's calls ------------------------------------------------------------------------------------- */

struct redis_conn *redis_conn_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				  const struct redis_conn_handler *h, void *owner)
{
	struct redis_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->node = *node;
	c->timing = *timing;
	c->backoff = timing->backoff_min;
	c->h = h;
	c->owner = owner;
	c->timer.data = c->idle.data = c;
	buf_init(&c->out, OUT_MAX);
	uv_timer_init(loop, &c->timer);
	uv_idle_init(loop, &c->idle);
	c->open = 2;
	connect_now(c);
	return c;
}

size_t redis_conn_send(struct redis_conn *c, const struct span *argv, size_t argc, struct span tail, size_t n_tail)
{
	size_t before = c->out.len;

	if (c->state != UP)
		return 0;
	resp_array(&c->out, argc + n_tail);
	resp_bulks(&c->out, argv, argc);
	buf_add_span(&c->out, tail);
	if (c->out.failed) {
		c->out.len = before;	/* a part of it may stand there */
		c->out.failed = false;
		return 0;
	}
	redis_conn_wake(c);
	return c->out.len - before;
}

bool redis_conn_up(const struct redis_conn *c)
{
	return c->state == UP;
}

bool redis_conn_losing(const struct redis_conn *c)
{
	return c->state == CLOSING && c->was_up;
}

struct resp_reader *redis_conn_reader(struct redis_conn *c)
{
	return &c->reader;
}

void redis_conn_stop(struct redis_conn *c, void (*done)(void *owner))
{
	c->stopped = done;
	c->state = STOPPING;
	if (c->stream != NULL)
		stream_close(c->stream);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	uv_close((uv_handle_t *)&c->idle, on_handle_closed);
}
