/* turnd - a TURN server (RFC 8656). Start reading at core/turn_server.h; io/worker.h has the picture of a packet's way. */
#include "common/base/log.h"
#include "turnd/config.h"
#include "turnd/io/report.h"
#include "turnd/io/workers.h"
#include "turnd/tools/tools.h"

#include <stdlib.h>

static void *start(uv_loop_t *loop, const void *config, char why[256])
{
	(void)loop;		/* the workers have loops of their own; main's serves signals and the admin listener */
	return workers_start(config, why);
}

static void drain(void *self)
{
	workers_drain(self);
}

static bool drained(void *self)
{
	const struct workers *ws = self;
	return workers_allocations(ws) <= ws->config->drain_min_allocations;
}

static void reload(void *self)
{
	struct options *options;
	char why[256] = "the configuration is wrong: see standard error";
	void *config;
	bool ok = service_reread(&options, &config);

	if (ok) {
		ok = workers_reload(self, config, why);
		options_free(options);
		free(config);
	}
	if (ok)
		LOG(LOG_INFO, "reloaded", LOG_STR("msg", "users, secrets, peers and limits are as the configuration says now"));
	else
		LOG(LOG_ERROR, "reload_failed", LOG_STR("msg", why), LOG_STR("kept", "the values from before"));
}

static void stop(void *self)
{
	workers_stop(self);
}

static void release(void *self)
{
	workers_free(self);
}

static bool ready(void *self, const char **why_not)
{
	const struct workers *ws = self;

	*why_not = "draining";
	return !ws->draining;
}

static void metrics(void *self, struct buf *out)
{
	report_metrics(self, out);
}

static void status(void *self, struct buf *out)
{
	report_status(self, out);
}

int main(int argc, char **argv)
{
	static const struct service turnd = {
		.name = "turnd", .purpose = "TURN server: relays media for WebRTC calls",
		.options = turnd_options, .config_size = sizeof(struct turnd_config), .commands = turnd_commands,
		.check = turnd_check,
		.start = start, .drain = drain, .drained = drained, .reload = reload, .stop = stop, .free = release,
		.admin = { .ready = ready, .metrics = metrics, .status = status },
	};

	return service_main(&turnd, argc, argv);
}
