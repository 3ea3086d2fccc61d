#include "common/net/loop_wheel.h"

static void on_timer(uv_timer_t *t);

void loop_wheel_arm(struct loop_wheel *w)
{
	msec_t next = wheel_next(&w->wheel), now = uv_now(w->timer.loop);

	if (next >= w->due || w->closed != NULL)	/* a timer that fires early does no harm */
		return;
	w->due = next;
	(void)uv_timer_start(&w->timer, on_timer, next > now ? next - now : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
	struct loop_wheel *w = t->data;

	w->due = NEVER;
	wheel_advance(&w->wheel, uv_now(t->loop));
	loop_wheel_arm(w);
}

void loop_wheel_init(struct loop_wheel *w, uv_loop_t *loop)
{
	wheel_init(&w->wheel, uv_now(loop));
	(void)uv_timer_init(loop, &w->timer);
	w->timer.data = w;
	w->due = NEVER;
	w->closed = NULL;
}

void loop_wheel_set(struct loop_wheel *w, struct wheel_timer *t, msec_t from_now)
{
	wheel_set(&w->wheel, t, uv_now(w->timer.loop) + from_now);
	loop_wheel_arm(w);
}

static void on_closed(uv_handle_t *h)
{
	struct loop_wheel *w = h->data;

	w->closed(w);
}

void loop_wheel_close(struct loop_wheel *w, void (*closed)(struct loop_wheel *w))
{
	w->closed = closed;
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
