/* tiny_daemon.c - the smallest service: it accepts connections, and its work in progress are those still open.
 *
 * For service_test.py. --leak forgets a timer at the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/daemon/metrics.h"
#include "common/daemon/service.h"

struct config {
	struct service_config service;
	uint16_t port;
	bool leak;
	char *secret;
};

#define FIELD(f) offsetof(struct config, f)
static const struct option options[] = {
	SERVICE_OPTIONS("9999"),
	OPTION_GROUP("Tiny"),
	{ .name = "listening-port", .kind = OPT_PORT, .offset = FIELD(port), .def = "9998", .help = "accept here" },
	{ .name = "leak", .kind = OPT_SWITCH, .offset = FIELD(leak), .def = "no", .help = "forget a timer" },
	{ .name = "secret", .kind = OPT_SECRET, .offset = FIELD(secret), .help = "known to nobody" },
	{ .name = NULL }
};

enum { ACCEPTED, RELOADS, N_METRICS };
static const struct metric_desc descriptions[N_METRICS] = {
	[ACCEPTED] = { "tiny_accepted_total", NULL, METRIC_COUNTER, "Connections accepted." },
	[RELOADS] = { "tiny_reloads_total", NULL, METRIC_COUNTER, "Configurations read again." },
};

struct tiny {
	const struct config *config;
	struct listener *listener;
	struct stream *guest;		/* one at a time */
	uv_timer_t forgotten;
	struct metrics metrics;
};

static void on_data(void *owner, struct span in)
{
	(void)owner, (void)in;
}

static void on_closed(void *owner, enum stream_end why)
{
	struct tiny *t = owner;

	(void)why;
	t->guest = NULL;
}

static void on_connection(void *owner, struct listener *l, struct endpoint peer)
{
	static const struct stream_handler handler = { .data = on_data, .closed = on_closed };
	struct tiny *t = owner;

	(void)peer;
	if (t->guest != NULL)
		return;
	t->guest = listener_accept(l, &handler, t);
	metric_add(&t->metrics, ACCEPTED, 1);
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer;
}

static void tiny_free(void *self)
{
	struct tiny *t = self;

	metrics_close(&t->metrics);
	free(t);
}

static void *tiny_start(uv_loop_t *loop, const void *config, char why[256])
{
	struct listener_options o = { .at = { .ip = { .family = 4, .b = { 127, 0, 0, 1 } } } };
	struct tiny *t = calloc(1, sizeof(*t));

	if (t == NULL || metrics_init(&t->metrics, descriptions, N_METRICS) < 0) {
		snprintf(why, 256, "no memory is left");
		free(t);
		return NULL;
	}
	t->config = config;
	o.at.port = t->config->port;
	t->listener = listener_open(loop, &o, on_connection, t, why);
	if (t->listener == NULL) {
		tiny_free(t);
		return NULL;
	}
	uv_timer_init(loop, &t->forgotten);
	uv_timer_start(&t->forgotten, on_timer, 3600 * 1000, 0);
	return t;
}

static void tiny_drain(void *self)
{
	(void)self;
}

static bool tiny_drained(void *self)
{
	struct tiny *t = self;

	return t->guest == NULL;
}

static void tiny_reload(void *self)
{
	struct tiny *t = self;

	metric_add(&t->metrics, RELOADS, 1);
}

static void tiny_stop(void *self)
{
	struct tiny *t = self;

	listener_close(t->listener);
	if (t->guest != NULL)
		stream_close(t->guest);
	if (!t->config->leak)
		uv_close((uv_handle_t *)&t->forgotten, NULL);
}

static bool tiny_ready(void *self, const char **why_not)
{
	struct tiny *t = self;

	*why_not = "there is a guest";
	return t->guest == NULL;
}

static void tiny_metrics(void *self, struct buf *out)
{
	const struct metrics *const all[] = { &((struct tiny *)self)->metrics };

	metrics_print(all, 1, out);
}

static void tiny_status(void *self, struct buf *out)
{
	struct tiny *t = self;

	buf_addf(out, "{\"guest\":%s}", t->guest != NULL ? "true" : "false");
}

int main(int argc, char **argv)
{
	static const struct service tiny = {
		.name = "tiny", .purpose = "accepts a guest", .options = options, .config_size = sizeof(struct config),
		.start = tiny_start, .drain = tiny_drain, .drained = tiny_drained, .reload = tiny_reload,
		.stop = tiny_stop, .free = tiny_free,
		.admin = { .ready = tiny_ready, .metrics = tiny_metrics, .status = tiny_status },
	};

	return service_main(&tiny, argc, argv);
}
