#include "common/net/lander_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* --- the threads --------------------------------------------------------------------------------------------- */

static void on_wheel_closed(struct loop_wheel *w)
{
	(void)w;
}

static void on_stop(uv_async_t *stop)
{
	struct lander_thread *t = stop->data;

	for (unsigned i = 0; i < t->lander->n_listeners; i++)
		listener_close(t->listeners[i]);
	approach_close_all(t);
	loop_wheel_close(&t->wheel, on_wheel_closed);
	uv_close((uv_handle_t *)&t->stop, NULL);
}

static void thread_main(void *arg)
{
	struct lander_thread *t = arg;

	(void)setpriority(PRIO_PROCESS, 0, 19);		/* of this thread alone: Linux */
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&t->loop);
	if (atomic_fetch_sub(&t->lander->running, 1) == 1)
		(void)uv_async_send(&t->lander->ended);
}

static int thread_init(struct lander_thread *t, struct lander *l)
{
	int rc;

	t->lander = l;
	list_init(&t->pending);
	rc = uv_loop_init(&t->loop);
	if (rc < 0)
		return rc;
	rc = uv_async_init(&t->loop, &t->stop, on_stop);
	if (rc < 0) {
		(void)uv_loop_close(&t->loop);
		return rc;
	}
	t->stop.data = t;
	loop_wheel_init(&t->wheel, &t->loop);
	return 0;
}

/* Of one that never ran. */
static void thread_close(struct lander_thread *t)
{
	on_stop(&t->stop);
	(void)uv_run(&t->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&t->loop);
}

/* --- the lander ---------------------------------------------------------------------------------------------- */

static void lander_free(struct lander *l)
{
	admission_unref(l->admission);
	free(l->places);
	free(l);
}

static void on_ended_closed(uv_handle_t *h)
{
	struct lander *l = h->data;
	void (*done)(void *ctx) = l->done;
	void *ctx = l->done_ctx;

	lander_free(l);
	done(ctx);
}

static void on_ended(uv_async_t *ended)
{
	struct lander *l = ended->data;

	for (unsigned i = 0; i < l->n_running; i++)
		(void)uv_thread_join(&l->threads[i].thread);
	uv_close((uv_handle_t *)&l->ended, on_ended_closed);
}

static struct lander_options with_defaults(const struct lander_options *o)
{
	struct lander_options r = *o;

	r.threads = r.threads == 0 ? 1 : r.threads < LANDER_THREADS_MAX ? r.threads : LANDER_THREADS_MAX;
	r.max_pending = r.max_pending == 0 ? 1024 : r.max_pending;
	r.deadline = r.deadline == 0 ? SECONDS(10) : r.deadline;
	r.first_deadline = r.first_deadline == 0 ? SECONDS(10) : r.first_deadline;
	return r;
}

/* All but the threads. */
static struct lander *lander_alloc(uv_loop_t *loop, const struct lander_options *o, struct landing_place *const *places,
				   unsigned n_places)
{
	struct lander_options opt = with_defaults(o);
	struct lander *l = calloc(1, sizeof *l + opt.threads * sizeof l->threads[0]);

	if (l == NULL)
		return NULL;
	l->opt = opt;
	l->loop = loop;
	l->admission = admission_new(opt.max_connections, opt.max_per_address);
	l->places = calloc(n_places, sizeof *l->places);
	if (l->admission == NULL || l->places == NULL || uv_async_init(loop, &l->ended, on_ended) < 0) {
		lander_free(l);
		return NULL;
	}
	memcpy(l->places, places, n_places * sizeof *places);
	l->n_places = n_places;
	l->ended.data = l;
	return l;
}

static void nobody_waits(void *ctx)
{
	(void)ctx;
}

struct lander *lander_new(uv_loop_t *loop, const struct lander_options *o, struct landing_place *const *places, unsigned n_places,
			  char why[128])
{
	struct lander *l = lander_alloc(loop, o, places, n_places);
	int rc = 0;

	if (l == NULL) {
		snprintf(why, 128, "no memory for accepting connections");
		return NULL;
	}
	while (l->n_threads < l->opt.threads && rc == 0) {
		rc = thread_init(&l->threads[l->n_threads], l);
		l->n_threads += rc == 0;
	}
	if (rc == 0)
		return l;
	snprintf(why, 128, "cannot make a loop to accept connections: %s", uv_strerror(rc));
	lander_stop(l, nobody_waits, NULL);
	return NULL;
}

int lander_listen(struct lander *l, const struct endpoint *at, char why[128])
{
	struct listener_options o = { .at = *at, .reuseport = l->n_threads > 1 };
	unsigned n = l->n_listeners;

	if (n == LANDER_LISTENERS_MAX) {
		snprintf(why, 128, "more than %d addresses to listen on", LANDER_LISTENERS_MAX);
		return -1;
	}
	for (unsigned i = 0; i < l->n_threads; i++) {
		struct lander_thread *t = &l->threads[i];
		o.join = i > 0;
		t->listeners[n] = listener_open(&t->loop, &o, approach_begin, t, why);
		if (t->listeners[n] == NULL) {
			while (i-- > 0)
				listener_close(l->threads[i].listeners[n]);
			return -1;
		}
		l->at[n] = o.at = listener_at(t->listeners[n]);
	}
	l->n_listeners++;
	return 0;
}

struct endpoint lander_at(const struct lander *l, unsigned i)
{
	return i < l->n_listeners ? l->at[i] : (struct endpoint){ 0 };
}

int lander_start(struct lander *l, char why[128])
{
	int rc = 0;

	atomic_store(&l->running, l->n_threads);
	while (l->n_running < l->n_threads && rc == 0) {
		struct lander_thread *t = &l->threads[l->n_running];
		rc = uv_thread_create(&t->thread, thread_main, t);
		l->n_running += rc == 0;
	}
	if (rc == 0)
		return 0;
	atomic_fetch_sub(&l->running, l->n_threads - l->n_running);
	snprintf(why, 128, "cannot start a thread to accept connections: %s", uv_strerror(rc));
	return -1;
}

void lander_stop(struct lander *l, void (*done)(void *ctx), void *ctx)
{
	l->done = done;
	l->done_ctx = ctx;
	for (unsigned i = 0; i < l->n_threads; i++) {
		if (i < l->n_running)
			(void)uv_async_send(&l->threads[i].stop);
		else
			thread_close(&l->threads[i]);
	}
	if (l->n_running == 0)
		(void)uv_async_send(&l->ended);
}

struct lander_counts lander_counts(const struct lander *l)
{
	uint64_t n[N_COUNTERS];

	for (unsigned i = 0; i < N_COUNTERS; i++)
		n[i] = atomic_load_explicit(&l->counts[i], memory_order_relaxed);
	return (struct lander_counts){
		.accepted = n[ACCEPTED], .landed = n[LANDED], .refused_limit = n[REFUSED_LIMIT],
		.refused_address = n[REFUSED_ADDRESS], .bad_proxy = n[BAD_PROXY], .bad_handshake = n[BAD_HANDSHAKE],
		.bad_first = n[BAD_FIRST], .late = n[LATE], .overtaken = n[OVERTAKEN], .gone = n[GONE], .dropped = n[DROPPED],
		.pending = n[PENDING]
	};
}
