#include "common/net/doors.h"

#include <stdio.h>

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	struct doors *d = owner;
	struct arrival a = { .listener = l };

	(void)peer;
	d->arrived(d->owner, &a);
}

static void on_landed(void *owner, struct landing *l)
{
	struct doors *d = owner;
	struct arrival a = { .landing = l };

	if (!d->closing)
		d->arrived(d->owner, &a);
}

struct stream *arrival_accept(struct arrival *a, uv_loop_t *loop, const struct stream_handler *h, void *owner)
{
	return a->listener != NULL ? listener_accept(a->listener, h, owner) : landing_adopt(a->landing, loop, h, owner);
}

struct span arrival_unread(const struct arrival *a)
{
	return a->landing != NULL ? buf_span(&a->landing->unread) : span_of(NULL, 0);
}

void doors_init(struct doors *d, uv_loop_t *loop, void (*arrived)(void *owner, struct arrival *a), void *owner)
{
	*d = (struct doors){ .loop = loop, .arrived = arrived, .owner = owner };
}

int doors_listen(struct doors *d, const struct listener_options *o, char why[128])
{
	struct listener *l;

	if (d->n_listeners == DOORS_LISTENERS_MAX) {
		snprintf(why, 128, "more than %d addresses to listen on", DOORS_LISTENERS_MAX);
		return -1;
	}
	l = listener_open(d->loop, o, on_connection, d, why);
	if (l == NULL)
		return -1;
	d->at[d->n_listeners] = listener_at(l);
	d->listeners[d->n_listeners++] = l;
	return 0;
}

static void on_place_closed(struct landing_place *p)
{
	struct doors *d = container_of(p, struct doors, place);

	d->closed(d);
}

static void on_lander_stopped(void *ctx)
{
	struct doors *d = ctx;

	landing_place_close(&d->place, on_place_closed);
}

int doors_listen_tls(struct doors *d, const struct endpoint *at, size_t n, const struct lander_options *o, char why[128])
{
	struct landing_place *place = &d->place;
	int rc = landing_place_open(place, d->loop, on_landed, d);

	if (rc < 0) {
		snprintf(why, 128, "cannot take connections from other threads: %s", uv_strerror(rc));
		return -1;
	}
	d->place_open = true;
	d->lander = lander_new(d->loop, o, &place, 1, why);
	if (d->lander == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (lander_listen(d->lander, &at[i], why) < 0)
			return -1;
	return lander_start(d->lander, why);
}

struct endpoint doors_at(const struct doors *d, unsigned i)
{
	return i < d->n_listeners ? d->at[i] : (struct endpoint){ 0 };
}

struct endpoint doors_tls_at(const struct doors *d, unsigned i)
{
	return d->lander != NULL ? lander_at(d->lander, i) : (struct endpoint){ 0 };
}

struct lander_counts doors_lander_counts(const struct doors *d)
{
	return d->lander != NULL ? lander_counts(d->lander) : d->counts;
}

void doors_close(struct doors *d, void (*closed)(struct doors *d))
{
	struct lander *lander = d->lander;

	d->counts = doors_lander_counts(d);
	d->closing = true;
	d->closed = closed;
	d->lander = NULL;
	for (unsigned i = 0; i < d->n_listeners; i++)
		listener_close(d->listeners[i]);
	if (lander != NULL)
		lander_stop(lander, on_lander_stopped, d);
	else if (d->place_open)
		landing_place_close(&d->place, on_place_closed);
	else
		closed(d);
}
