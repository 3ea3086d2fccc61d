#include "common/net/lander_internal.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/crypto/tls_server.h"
#include "common/net/proxy_protocol.h"

/* A connection on its way:
 *
 *	PROXY --header--> HANDSHAKE --connected--> FIRST --enough--> (WRITING, if output waits) --> landed
 *	   \                 \                        \--refused, late, overtaken, gone--> closed
 *
 * Each step is left out where it is not asked for. */
enum approach_state { PROXY, HANDSHAKE, FIRST, WRITING };

enum { FIRST_MAX = 65536 };

struct approach {
	struct list link;
	struct lander_thread *thread;
	struct stream *stream;
	struct wheel_timer deadline;
	enum approach_state state;
	bool admitted, counted;		/* counted: why it ends is */
	struct endpoint peer;
	struct buf in;			/* the PROXY header so far; what has come of the first message */
};

static void count(struct lander *l, enum lander_counter c)
{
	atomic_fetch_add_explicit(&l->counts[c], 1, memory_order_relaxed);
}

static void give_up(struct approach *a, enum lander_counter why)
{
	if (!a->counted)
		count(a->thread->lander, why);
	a->counted = true;
	stream_close(a->stream);
}

static bool admit(struct lander *l, const struct ip_addr *peer)
{
	switch (admission_enter(l->admission, peer)) {
	case ADMITTED:
		return true;
	case ADMISSION_FULL:
		count(l, REFUSED_LIMIT);
		return false;
	case ADMISSION_ADDRESS:
		break;
	}
	count(l, REFUSED_ADDRESS);
	return false;
}

/* False: it cannot be given away yet, for output waits in it. */
static bool export(struct approach *a, struct landing *g)
{
	g->unread = a->in;
	g->fd = stream_export(a->stream, &g->tls, &g->unread);
	buf_init(&a->in, a->in.limit);
	if (g->fd >= 0 || stream_pending(a->stream) == 0)
		return true;
	a->in = g->unread;
	buf_init(&g->unread, 0);
	return false;
}

static void land(struct approach *a)
{
	struct lander *l = a->thread->lander;
	struct landing *g = calloc(1, sizeof *g);
	unsigned place;

	if (g == NULL) {
		give_up(a, DROPPED);
		return;
	}
	g->fd = -1;
	if (!export(a, g)) {
		a->state = WRITING;
		stream_read_stop(a->stream);
		landing_drop(g);
		return;
	}
	if (g->fd < 0) {
		landing_drop(g);
		give_up(a, DROPPED);
		return;
	}
	g->peer = a->peer;
	g->admission = l->admission;
	a->admitted = false;
	place = l->opt.choose != NULL ? l->opt.choose(l->opt.ctx, buf_span(&g->unread)) :
		atomic_fetch_add_explicit(&l->next_place, 1, memory_order_relaxed);
	a->counted = true;
	count(l, LANDED);		/* before it shows there */
	if (landing_put(l->places[place % l->n_places], g))
		return;
	atomic_fetch_sub_explicit(&l->counts[LANDED], 1, memory_order_relaxed);
	count(l, DROPPED);
	landing_drop(g);
}

static void hear_first(struct approach *a, struct span in)
{
	const struct lander_options *o = &a->thread->lander->opt;
	enum lander_verdict v = LANDER_READY;

	if (!buf_add_span(&a->in, in) || a->in.len > FIRST_MAX) {
		give_up(a, BAD_FIRST);
		return;
	}
	if (o->first != NULL)
		v = a->in.len == 0 ? LANDER_MORE : o->first(o->ctx, buf_span(&a->in));
	if (v == LANDER_READY)
		land(a);
	else if (v == LANDER_REFUSE)
		give_up(a, BAD_FIRST);
}

static void wait_for_first(struct approach *a, struct span in)
{
	struct lander_thread *t = a->thread;

	a->state = FIRST;
	loop_wheel_set(&t->wheel, &a->deadline, t->lander->opt.first_deadline);
	hear_first(a, in);
}

/* The client's own bytes begin. */
static void begin(struct approach *a, struct span in)
{
	struct tls_server *server = a->thread->lander->opt.tls;
	struct tls_engine *tls;

	if (server == NULL) {
		wait_for_first(a, in);
		return;
	}
	tls = tls_server_accept(server);
	if (tls == NULL) {
		give_up(a, DROPPED);
		return;
	}
	a->state = HANDSHAKE;
	stream_secure(a->stream, tls, in);
}

static void hear_proxy(struct approach *a, struct span in)
{
	struct lander *l = a->thread->lander;
	struct proxy_header header;
	struct buf heard;

	if (!buf_add_span(&a->in, in)) {
		give_up(a, DROPPED);
		return;
	}
	switch (proxy_parse(buf_span(&a->in), &header)) {
	case PROXY_MORE:
		return;
	case PROXY_NONE:
		give_up(a, BAD_PROXY);
		return;
	case PROXY_HEADER:
		break;
	}
	if (!header.local)
		a->peer = header.source;
	a->admitted = admit(l, &a->peer.ip);
	if (!a->admitted) {
		a->counted = true;
		stream_close(a->stream);
		return;
	}
	heard = a->in;
	buf_init(&a->in, heard.limit);
	begin(a, span_skip(buf_span(&heard), header.size));
	buf_close(&heard);
}

static void on_connected(void *owner)
{
	wait_for_first(owner, span_of(NULL, 0));
}

static void on_data(void *owner, struct span in)
{
	struct approach *a = owner;

	if (a->state == PROXY)
		hear_proxy(a, in);
	else if (a->state == FIRST)
		hear_first(a, in);
	else if (!buf_add_span(&a->in, in))
		give_up(a, DROPPED);
}

static void on_drained(void *owner)
{
	struct approach *a = owner;

	if (a->state == WRITING)
		land(a);
}

static void on_closed(void *owner, enum stream_end why)
{
	struct approach *a = owner;
	struct lander_thread *t = a->thread;

	if (!a->counted)
		count(t->lander, a->state == HANDSHAKE && why == STREAM_END_CONNECT && stream_error(a->stream) == UV_EPROTO ?
		      BAD_HANDSHAKE : GONE);
	if (log_enabled(LOG_DEBUG) && stream_why(a->stream)[0] != 0)
		LOG(LOG_DEBUG, "not_landed", LOG_ENDPOINT("peer", &a->peer), LOG_STR("msg", stream_why(a->stream)));
	atomic_fetch_sub_explicit(&t->lander->counts[PENDING], 1, memory_order_relaxed);
	loop_wheel_clear(&t->wheel, &a->deadline);
	list_del(&a->link);
	t->n_pending--;
	if (a->admitted)
		admission_leave(t->lander->admission, &a->peer.ip);
	buf_close(&a->in);
	free(a);
}

static const struct stream_handler approach_handler = {
	.connected = on_connected, .data = on_data, .drained = on_drained, .closed = on_closed
};

static void on_deadline(struct wheel_timer *t)
{
	give_up(container_of(t, struct approach, deadline), LATE);
}

static struct approach *approach_new(struct lander_thread *t, struct listener *from, struct endpoint peer)
{
	struct approach *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->stream = listener_accept(from, &approach_handler, a);
	if (a->stream == NULL) {
		free(a);
		return NULL;
	}
	a->thread = t;
	a->peer = peer;
	a->deadline.fire = on_deadline;
	buf_init(&a->in, 4 * FIRST_MAX);	/* before `first` may look, and while output waits, one read more comes */
	list_add_tail(&t->pending, &a->link);
	t->n_pending++;
	atomic_fetch_add_explicit(&t->lander->counts[PENDING], 1, memory_order_relaxed);
	loop_wheel_set(&t->wheel, &a->deadline, t->lander->opt.deadline);
	return a;
}

/* The oldest that is not closing already. */
static void drop_oldest(struct lander_thread *t)
{
	list_each(i, &t->pending) {
		struct approach *a = container_of(i, struct approach, link);
		if (!a->counted) {
			give_up(a, OVERTAKEN);
			return;
		}
	}
}

void approach_begin(void *owner, struct listener *from, struct endpoint peer)
{
	struct lander_thread *t = owner;
	struct lander *l = t->lander;
	bool proxied = l->opt.is_proxy != NULL && l->opt.is_proxy(l->opt.ctx, &peer.ip);
	struct approach *a;

	if (!proxied && !admit(l, &peer.ip))
		return;
	a = approach_new(t, from, peer);
	if (a == NULL) {
		count(l, DROPPED);
		if (!proxied)
			admission_leave(l->admission, &peer.ip);
		return;
	}
	count(l, ACCEPTED);
	a->admitted = !proxied;
	if (t->n_pending > l->opt.max_pending)
		drop_oldest(t);
	if (!proxied)
		begin(a, span_of(NULL, 0));
}

void approach_close_all(struct lander_thread *t)
{
	list_each(i, &t->pending)
		stream_close(container_of(i, struct approach, link)->stream);
}
