#include "common/net/landing.h"
#include "common/net/stream_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/crypto/tls_engine.h"

void landing_drop(struct landing *l)
{
	if (l == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	tls_engine_free(l->tls);
	buf_close(&l->unread);
	if (l->admission != NULL)
		admission_leave(l->admission, &l->peer.ip);
	free(l);
}

static void take_waiting(struct landing_place *p, struct list *out)
{
	list_init(out);
	uv_mutex_lock(&p->lock);
	while (!list_empty(&p->waiting)) {
		struct list *first = p->waiting.next;
		list_del(first);
		list_add_tail(out, first);
	}
	p->n_waiting = 0;
	uv_mutex_unlock(&p->lock);
}

static void on_wake(uv_async_t *wake)
{
	struct landing_place *p = wake->data;
	struct list taken;

	take_waiting(p, &taken);
	while (!list_empty(&taken)) {
		struct landing *l = container_of(taken.next, struct landing, link);
		list_del(&l->link);
		p->landed(p->owner, l);
		landing_drop(l);
	}
}

int landing_place_open(struct landing_place *p, uv_loop_t *loop, void (*landed)(void *owner, struct landing *l), void *owner)
{
	int rc;

	*p = (struct landing_place){ .landed = landed, .owner = owner };
	list_init(&p->waiting);
	rc = uv_mutex_init(&p->lock);
	if (rc < 0)
		return rc;
	rc = uv_async_init(loop, &p->wake, on_wake);
	if (rc < 0)
		uv_mutex_destroy(&p->lock);
	p->wake.data = p;
	return rc;
}

static void on_closed(uv_handle_t *h)
{
	struct landing_place *p = h->data;
	struct list left;

	take_waiting(p, &left);
	while (!list_empty(&left)) {
		struct landing *l = container_of(left.next, struct landing, link);
		list_del(&l->link);
		landing_drop(l);
	}
	uv_mutex_destroy(&p->lock);
	p->closed(p);
}

void landing_place_close(struct landing_place *p, void (*closed)(struct landing_place *p))
{
	p->closed = closed;
	uv_close((uv_handle_t *)&p->wake, on_closed);
}

bool landing_put(struct landing_place *p, struct landing *l)
{
	bool room;

	uv_mutex_lock(&p->lock);
	room = p->n_waiting < LANDING_WAITING_MAX;
	if (room) {
		list_add_tail(&p->waiting, &l->link);
		p->n_waiting++;
	}
	uv_mutex_unlock(&p->lock);
	if (room)
		(void)uv_async_send(&p->wake);
	return room;
}

struct stream *landing_adopt(struct landing *l, uv_loop_t *loop, const struct stream_handler *h, void *owner)
{
	struct tls_engine *tls = l->tls;
	int fd = l->fd;
	struct stream *s;

	l->fd = -1;
	l->tls = NULL;
	s = tls != NULL ? stream_adopt_tls(loop, fd, tls, h, owner) : stream_adopt(loop, fd, h, owner);
	if (s == NULL)
		return NULL;
	s->peer = l->peer;
	if (l->admission != NULL)
		stream_on_gone(s, admission_leave, l->admission, l->peer.ip);
	l->admission = NULL;
	return s;
}
