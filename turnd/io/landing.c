#include "turnd/io/landing.h"

#include "common/base/log.h"
#include "common/net/listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct landing {
	uv_loop_t loop;
	uv_thread_t thread;
	uv_async_t stop;
	bool started;
	struct listener **listeners;
	size_t n_listeners;
	struct worker **workers;
	unsigned n_workers;
};

/* --- accepting --------------------------------------------------------------------------------------------------- */

static struct worker *least_loaded(const struct landing *l)
{
	struct worker *best = l->workers[0];
	unsigned fewest = worker_streams(best);

	for (unsigned i = 1; i < l->n_workers; i++) {
		unsigned n = worker_streams(l->workers[i]);
		if (n < fewest) {
			fewest = n;
			best = l->workers[i];
		}
	}
	return best;
}

static void on_gone(void *owner, enum stream_end why)
{
	(void)owner;
	(void)why;
}

static const struct stream_handler on_its_way = { .closed = on_gone };

static void on_connection(void *owner, struct listener *listener, struct endpoint peer)
{
	struct landing *l = owner;
	struct stream *s = listener_accept(listener, &on_its_way, l);
	struct landed landed = { .fd = -1, .transport = TRANSPORT_TCP, .client = peer };

	if (s == NULL)
		return;
	landed.server = stream_local(s);
	landed.fd = stream_export(s, NULL, NULL);
	if (landed.fd < 0)
		stream_close(s);
	else if (!worker_land(least_loaded(l), &landed))
		close(landed.fd);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void close_all(struct landing *l)
{
	while (l->n_listeners > 0)
		listener_close(l->listeners[--l->n_listeners]);
	if (!uv_is_closing((uv_handle_t *)&l->stop))
		uv_close((uv_handle_t *)&l->stop, NULL);
}

static void on_stop(uv_async_t *a)
{
	close_all(a->data);
}

static void run(void *arg)
{
	struct landing *l = arg;
	uv_run(&l->loop, UV_RUN_DEFAULT);	/* until close_all() */
}

static bool open_listeners(struct landing *l, const struct landing_options *o, char why[256])
{
	char sentence[128];

	l->listeners = calloc(o->n_tcp + 1, sizeof(struct listener *));
	if (l->listeners == NULL) {
		snprintf(why, 256, "no memory");
		return false;
	}
	for (; l->n_listeners < o->n_tcp; l->n_listeners++) {
		const struct listener_options at = { .at = o->tcp[l->n_listeners] };
		l->listeners[l->n_listeners] = listener_open(&l->loop, &at, on_connection, l, sentence);
		if (l->listeners[l->n_listeners] == NULL) {
			snprintf(why, 256, "%s (TCP)", sentence);
			return false;
		}
	}
	return true;
}

struct landing *landing_new(const struct landing_options *o, char why[256])
{
	struct landing *l = calloc(1, sizeof(*l));
	int rc = UV_ENOMEM;

	if (l == NULL || (rc = uv_loop_init(&l->loop)) < 0) {
		snprintf(why, 256, "cannot accept connections: %s", uv_strerror(rc));
		free(l);
		return NULL;
	}
	l->workers = o->workers;
	l->n_workers = o->n_workers;
	(void)uv_async_init(&l->loop, &l->stop, on_stop);	/* the loop has its eventfd already */
	l->stop.data = l;
	if (open_listeners(l, o, why))
		return l;
	landing_free(l);
	return NULL;
}

int landing_start(struct landing *l)
{
	int rc = uv_thread_create(&l->thread, run, l);

	l->started = rc == 0;
	return rc;
}

void landing_free(struct landing *l)
{
	if (l == NULL)
		return;
	if (l->started) {
		uv_async_send(&l->stop);
		uv_thread_join(&l->thread);
	} else {
		close_all(l);
		uv_run(&l->loop, UV_RUN_DEFAULT);
	}
	if (uv_loop_close(&l->loop) != 0)
		LOG(LOG_ERROR, "landing_leak", LOG_STR("msg", "handles are left in its loop"));
	free(l->listeners);
	free(l);
}
