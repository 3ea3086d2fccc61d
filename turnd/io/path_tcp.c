#include "turnd/io/path_tcp.h"

#include "common/net/stream.h"
#include "turnd/wire/frame.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

static const msec_t MESSAGE_TIME = SECONDS(10), STALL_TIME = SECONDS(60), STALE_TIME = SECONDS(5);

enum {
	OUTPUT_MAX = STREAM_RELAYED_MAX + STREAM_ANSWERS_MAX, TLS_OVERHEAD = 16 << 10,
	UNSENT_MAX = 128 << 10,		/* bytes that the kernel may hold and not have sent: media must not age there */
	SPARE_CAP = 128 << 10		/* larger output buffers are not kept */
};

struct path_tcp {
	struct client_path path;	/* path.socket: its place in path_tcps.v */
	struct path_tcps *set;
	struct stream *stream;
	struct list in_all, in_strangers, in_dirty;
	struct wheel_timer timer;	/* the earliest of its deadlines, or before */
	msec_t stranger_since, partial_since;
	struct buf partial;		/* the beginning of a frame */
	struct buf out;			/* what is to be written at the end of this turn */
	bool stranger, closing;
	bool choked;			/* an answer found no room: to be closed */
};

const char *const path_tcp_end_names[] = {
	"peer", "network", "junk", "too_long", "slow_message", "stalled", "no_allocation", "crowd", "address", "capacity",
	"shutdown", NULL
};
_Static_assert(sizeof(path_tcp_end_names) / sizeof(char *) == TCP_END_N + 1, "a name for each end");

static msec_t now(const struct path_tcps *t)
{
	return uv_now(t->opt.loop);
}

/* --- strangers --------------------------------------------------------------------------------------------------- */

static void conn_close(struct path_tcp *c, enum path_tcp_end why);

static void become_stranger(struct path_tcp *c)
{
	c->stranger = true;
	c->stranger_since = now(c->set);
	list_add_tail(&c->set->strangers, &c->in_strangers);
}

static void no_stranger_any_more(struct path_tcp *c)
{
	if (!c->stranger)
		return;
	c->stranger = false;
	list_del(&c->in_strangers);
	strangers_leave(c->set->opt.strangers, &c->path.client.ip);
}

/* Strangers spread evenly over the workers: our oldest is about the oldest of all. */
static void drop_oldest_stranger(struct path_tcps *t)
{
	conn_close(container_of(t->strangers.next, struct path_tcp, in_strangers), TCP_END_CROWD);
}

/* --- numbers ----------------------------------------------------------------------------------------------------- */

static bool grow(struct path_tcps *t)
{
	uint32_t cap = t->cap == 0 ? 64 : 2 * t->cap;
	struct path_tcp **v = realloc(t->v, cap * sizeof(struct path_tcp *));
	uint32_t *unused;

	if (v == NULL)
		return false;
	t->v = v;
	unused = realloc(t->free, cap * sizeof(uint32_t));
	if (unused == NULL)
		return false;
	t->free = unused;
	t->cap = cap;
	return true;
}

static bool take_number(struct path_tcps *t, struct path_tcp *c)
{
	if (t->n_free > 0)
		c->path.socket = t->free[--t->n_free];
	else if (t->used < t->cap || grow(t))
		c->path.socket = t->used++;
	else
		return false;
	t->v[c->path.socket] = c;
	return true;
}

static void give_number(struct path_tcps *t, struct path_tcp *c)
{
	t->v[c->path.socket] = NULL;
	t->free[t->n_free++] = c->path.socket;
}

/* --- deadlines --------------------------------------------------------------------------------------------------- */

static msec_t deadline(struct path_tcp *c, enum path_tcp_end *why)
{
	msec_t due = NEVER;

	if (c->stranger) {
		due = c->stranger_since + c->set->opt.allocate_timeout;
		*why = TCP_END_NO_ALLOCATION;
	}
	if (c->partial.len > 0 && c->partial_since + MESSAGE_TIME < due) {
		due = c->partial_since + MESSAGE_TIME;
		*why = TCP_END_SLOW_MESSAGE;
	}
	if (stream_pending(c->stream) > 0 && stream_progress(c->stream) + STALL_TIME < due) {
		due = stream_progress(c->stream) + STALL_TIME;
		*why = TCP_END_STALLED;
	}
	return due;
}

/* A timer that fires early does no harm: it is never moved back. */
static void arm(struct path_tcp *c)
{
	enum path_tcp_end ignored;
	msec_t due = deadline(c, &ignored);

	if (due != NEVER && (!wheel_armed(&c->timer) || due < c->timer.due))
		loop_wheel_set(&c->set->wheel, &c->timer, due > now(c->set) ? due - now(c->set) : 0);
}

static void on_timer(struct wheel_timer *timer)
{
	struct path_tcp *c = container_of(timer, struct path_tcp, timer);
	enum path_tcp_end why;

	if (deadline(c, &why) <= now(c->set))
		conn_close(c, why);
	else
		arm(c);
}

/* --- what comes -------------------------------------------------------------------------------------------------- */

static void deliver(struct path_tcp *c, const struct span *frames, unsigned n)
{
	struct path_tcps *t = c->set;

	t->opt.handler->frames(t->opt.owner, &c->path, frames, n);
	if (c->stranger && t->opt.handler->has_allocation(t->opt.owner, &c->path))
		no_stranger_any_more(c);
}

static enum frame_result cut(const struct path_tcp *c, struct span in, struct frame *f)
{
	return frame_cut(in, c->stranger ? STRANGER_FRAME_MAX : FRAME_MAX, c->set->opt.last_channel, f);
}

static void keep_partial(struct path_tcp *c, struct span in)
{
	if (c->partial.len == 0)
		c->partial_since = now(c->set);
	if (!buf_add_span(&c->partial, in))
		conn_close(c, TCP_END_CAPACITY);
}

/* Adds to the frame that the last read left unfinished what it lacks, and no more. */
static struct span finish_partial(struct path_tcp *c, struct span in)
{
	struct frame f = { .size = 0 };
	enum frame_result r;

	while ((r = cut(c, buf_span(&c->partial), &f)) == FRAME_MORE && in.len > 0 && !c->closing) {
		struct span more = span_first(in, f.size - c->partial.len);
		keep_partial(c, more);
		in = span_skip(in, more.len);
	}
	if (r == FRAME_OK) {
		deliver(c, &f.data, 1);
		buf_close(&c->partial);
	} else if (r != FRAME_MORE) {
		conn_close(c, r == FRAME_JUNK ? TCP_END_JUNK : TCP_END_TOO_LONG);
	}
	return in;
}

/* Hands on at most a batch. Returns what is left. */
static struct span cut_batch(struct path_tcp *c, struct span in)
{
	struct span frames[BATCH];
	enum frame_result r = FRAME_OK;
	struct frame f;
	unsigned n = 0;

	while (n < BATCH && (r = cut(c, in, &f)) == FRAME_OK) {
		frames[n++] = f.data;
		in = span_skip(in, f.size);
	}
	if (n > 0)
		deliver(c, frames, n);
	if (r == FRAME_JUNK || r == FRAME_TOO_LONG)
		conn_close(c, r == FRAME_JUNK ? TCP_END_JUNK : TCP_END_TOO_LONG);
	if (r != FRAME_MORE)
		return in;
	if (in.len > 0)
		keep_partial(c, in);
	return span_skip(in, in.len);
}

static void on_data(void *owner, struct span in)
{
	struct path_tcp *c = owner;

	if (c->partial.len > 0 && !c->closing)
		in = finish_partial(c, in);
	while (in.len > 0 && !c->closing)
		in = cut_batch(c, in);
	if (!c->closing)
		arm(c);
}

/* NULL: that connection is gone; an allocation that may move outlives it. */
static struct path_tcp *find(const struct path_tcps *t, const struct client_path *client)
{
	struct path_tcp *c = t->v[client->socket];
	return c != NULL && path_equal(&c->path, client) ? c : NULL;
}

/* --- what goes --------------------------------------------------------------------------------------------------- */

static bool has_room(struct path_tcp *c, size_t n, size_t limit)
{
	size_t waiting = c->out.len + stream_pending(c->stream);
	return waiting <= limit && n <= limit - waiting;
}

static void make_dirty(struct path_tcp *c)
{
	struct path_tcps *t = c->set;

	if (list_linked(&c->in_dirty))
		return;
	list_add_tail(&t->dirty, &c->in_dirty);
	if (t->n_spare > 0)
		c->out = t->spare[--t->n_spare];
}

/* All parts or none. */
static bool queue(struct path_tcp *c, const struct span *parts, unsigned n, size_t size)
{
	make_dirty(c);
	if (buf_reserve(&c->out, size) == NULL) {
		c->out.failed = false;
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		(void)buf_add_span(&c->out, parts[i]);
	return true;
}

void path_tcp_relay(struct path_tcps *t, const struct client_path *to, struct span head, struct span payload, uint8_t tail)
{
	static const uint8_t zeros[8];
	struct path_tcp *c = find(t, to);
	const struct span parts[] = { head, payload, { zeros, tail } };
	size_t size = head.len + payload.len + tail;

	if (c == NULL || c->closing)
		return;
	if (!has_room(c, size, STREAM_RELAYED_MAX) || now(t) - stream_progress(c->stream) > STALE_TIME ||
	    !queue(c, parts, 3, size))
		count_add(&t->counts.dropped, 1);
}

void path_tcp_answer(struct path_tcps *t, const struct client_path *to, struct span message)
{
	struct path_tcp *c = find(t, to);

	if (c == NULL || c->closing || c->choked)
		return;
	make_dirty(c);
	c->choked = !has_room(c, message.len, OUTPUT_MAX) || !queue(c, &message, 1, message.len);
}

static void recycle(struct path_tcps *t, struct buf *b)
{
	if (b->p == NULL || b->cap > SPARE_CAP || t->n_spare == sizeof(t->spare) / sizeof(t->spare[0])) {
		buf_close(b);
		return;
	}
	buf_reset(b);
	t->spare[t->n_spare++] = *b;
	buf_init(b, b->limit);
}

void path_tcp_flush(struct path_tcps *t)
{
	while (!list_empty(&t->dirty)) {
		struct path_tcp *c = container_of(t->dirty.next, struct path_tcp, in_dirty);
		struct span out = buf_span(&c->out);

		list_del(&c->in_dirty);
		if (!c->closing && out.len > 0 && !stream_write(c->stream, &out, 1))
			stream_close(c->stream);	/* it is broken, or ended already: on_closed() knows which */
		recycle(t, &c->out);
		if (c->choked)
			conn_close(c, TCP_END_STALLED);
		if (!c->closing)
			arm(c);
	}
}

/* --- life -------------------------------------------------------------------------------------------------------- */

/* From here on nothing of it reaches the core, nor anything of the core's the client. */
static void leave(struct path_tcp *c, enum path_tcp_end why)
{
	struct path_tcps *t = c->set;

	c->closing = true;
	count_add(&t->counts.ended[why], 1);
	no_stranger_any_more(c);
	wheel_clear(&t->wheel.wheel, &c->timer);
	if (why != TCP_END_SHUTDOWN)	/* then allocations end with the server, and say so */
		t->opt.handler->gone(t->opt.owner, &c->path);
}

static void conn_close(struct path_tcp *c, enum path_tcp_end why)
{
	struct span out = buf_span(&c->out);

	if (c->closing)
		return;
	leave(c, why);
	if (out.len > 0 && why != TCP_END_SHUTDOWN)
		(void)stream_write(c->stream, &out, 1);	/* what was answered before this turn's last frame */
	stream_close(c->stream);
}

static void on_closed(void *owner, enum stream_end end)
{
	struct path_tcp *c = owner;
	struct path_tcps *t = c->set;

	if (!c->closing)
		leave(c, end == STREAM_END_PEER ? TCP_END_PEER : TCP_END_NETWORK);
	count_add(&t->counts.open[c->path.transport], (uint64_t)-1);
	relay_addresses_release(t->opt.descriptors);
	give_number(t, c);
	list_del(&c->in_all);
	list_del(&c->in_dirty);
	buf_close(&c->partial);
	buf_close(&c->out);
	free(c);
}

static const struct stream_handler on_stream = { .data = on_data, .closed = on_closed };

static void set_socket(int fd)
{
	const int on = 1, unsent = UNSENT_MAX;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

static struct path_tcp *conn_new(struct path_tcps *t, struct landing *l)
{
	struct path_tcp *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->set = t;
	c->timer.fire = on_timer;
	buf_init(&c->partial, FRAME_MAX);
	buf_init(&c->out, OUTPUT_MAX);
	c->path = (struct client_path){ .client = l->peer, .transport = l->tls != NULL ? TRANSPORT_TLS : TRANSPORT_TCP };
	if (!take_number(t, c)) {
		free(c);
		return NULL;
	}
	set_socket(l->fd);
	c->stream = landing_adopt(l, t->opt.loop, &on_stream, c);
	if (c->stream == NULL) {
		give_number(t, c);
		free(c);
		return NULL;
	}
	c->path.server = stream_local(c->stream);
	stream_set_limit(c->stream, OUTPUT_MAX + TLS_OVERHEAD);
	return c;
}

void path_tcp_open(struct path_tcps *t, struct landing *l)
{
	uint8_t transport = l->tls != NULL ? TRANSPORT_TLS : TRANSPORT_TCP;
	enum strangers_verdict v = strangers_enter(t->opt.strangers, &l->peer.ip);
	bool place = v != STRANGER_REFUSED && relay_addresses_reserve(t->opt.descriptors);
	struct path_tcp *c = place ? conn_new(t, l) : NULL;

	count_add(&t->counts.opened[transport], 1);
	if (c == NULL) {
		count_add(&t->counts.ended[v == STRANGER_REFUSED ? TCP_END_ADDRESS : TCP_END_CAPACITY], 1);
		if (place)
			relay_addresses_release(t->opt.descriptors);
		if (v != STRANGER_REFUSED)
			strangers_leave(t->opt.strangers, &l->peer.ip);
		return;
	}
	count_add(&t->counts.open[transport], 1);
	list_add_tail(&t->all, &c->in_all);
	become_stranger(c);
	if (v == STRANGER_CROWD)
		drop_oldest_stranger(t);
	on_data(c, buf_span(&l->unread));
}

void path_tcp_allocation_ended(struct path_tcps *t, const struct client_path *client)
{
	struct path_tcp *c = find(t, client);

	if (c == NULL || c->closing || c->stranger)
		return;
	if (strangers_enter(t->opt.strangers, &c->path.client.ip) == STRANGER_REFUSED) {
		c->choked = true;	/* it is the core that calls: closed when this turn ends */
		make_dirty(c);
		return;
	}
	become_stranger(c);
	arm(c);
}

void path_tcps_init(struct path_tcps *t, const struct path_tcp_options *o)
{
	*t = (struct path_tcps){ .opt = *o };
	loop_wheel_init(&t->wheel, o->loop);
	list_init(&t->all);
	list_init(&t->strangers);
	list_init(&t->dirty);
}

static void on_wheel_closed(struct loop_wheel *w)
{
	(void)w;
}

void path_tcps_shut(struct path_tcps *t)
{
	list_each(it, &t->all)
		conn_close(container_of(it, struct path_tcp, in_all), TCP_END_SHUTDOWN);
	loop_wheel_close(&t->wheel, on_wheel_closed);
}

void path_tcps_free(struct path_tcps *t)
{
	while (t->n_spare > 0)
		buf_close(&t->spare[--t->n_spare]);
	free(t->v);
	free(t->free);
}
