#include "turnd/turnd.h"

#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "turnd/fleet.h"
#include "turnd/io/report.h"
#include "turnd/io/workers.h"
#include "turnd/tools/tools.h"

enum { APPLY_RETRY = 50 };	/* ms: a worker has not taken the last settings yet */

struct turnd {
	struct turnd_config config;	/* as read last; its strings are main's, or those of `reread` */
	struct options *reread;		/* NULL: there was no reload */
	void *reread_config;
	struct workers *workers;
	struct fleet *fleet;		/* NULL: without Redis */
	uv_timer_t apply;		/* what Redis said */
};

/* --- settings that change ---------------------------------------------------------------------------------------- */

static void on_apply(uv_timer_t *timer)
{
	struct turnd *t = timer->data;
	char why[256];

	t->config.learnt = fleet_secrets(t->fleet);
	if (workers_reload(t->workers, &t->config, why))
		LOG(LOG_INFO, "secrets", LOG_UINT("valid", t->workers->settings->turn.n_secrets), LOG_UINT("from_redis", t->config.learnt->n));
	else
		uv_timer_start(timer, on_apply, APPLY_RETRY, 0);
}

static void on_secrets(void *owner)
{
	struct turnd *t = owner;
	uv_timer_start(&t->apply, on_apply, 0, 0);
}

static void reload(void *self)
{
	struct turnd *t = self;
	struct options *options;
	char why[256] = "the configuration is wrong: see standard error";
	void *config;

	if (service_reread(&options, &config)) {
		struct turnd_config fresh = *(const struct turnd_config *)config;
		fresh.learnt = t->config.learnt;
		if (workers_reload_certificates(t->workers, &fresh, why) && workers_reload(t->workers, &fresh, why)) {
			options_free(t->reread);
			free(t->reread_config);
			t->reread = options;
			t->reread_config = config;
			t->config = fresh;
			LOG(LOG_INFO, "reloaded", LOG_STR("msg", "users, secrets, peers and limits are as the configuration says now"));
			return;
		}
		options_free(options);
		free(config);
	}
	LOG(LOG_ERROR, "reload_failed", LOG_STR("msg", why), LOG_STR("kept", "the values from before"));
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static uint32_t load(void *owner)
{
	const struct turnd *t = owner;
	return workers_allocations(t->workers);
}

static void on_drain_asked(void *owner)
{
	(void)owner;
	raise(SIGTERM);		/* service.h has the one way to drain and end */
}

static bool join_fleet(struct turnd *t, uv_loop_t *loop, const struct turnd_config *c, char why[256])
{
	static const struct fleet_handler handler = { on_secrets, load, on_drain_asked };

	if (c->redis == NULL) {
		LOG(LOG_INFO, "standalone", LOG_STR("msg", "no redis: secrets are the configuration's, and roomd must be told of this server"));
		return true;
	}
	t->fleet = fleet_new(loop, c, t->workers->settings->turn.realm, &handler, t, why);
	return t->fleet != NULL;
}

static void stop(void *self)
{
	struct turnd *t = self;

	if (t->workers != NULL)
		workers_stop(t->workers);
	if (t->fleet != NULL)
		fleet_stop(t->fleet);
	uv_close((uv_handle_t *)&t->apply, NULL);
}

static void release(void *self)
{
	struct turnd *t = self;

	fleet_free(t->fleet);
	if (t->workers != NULL)
		workers_free(t->workers);
	options_free(t->reread);
	free(t->reread_config);
	free(t);
}

/* The workers have loops of their own; main's serves signals, the admin listener and Redis. */
static void *start(uv_loop_t *loop, const void *config, char why[256])
{
	struct turnd *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		strcpy(why, "no memory");
		return NULL;
	}
	t->config = *(const struct turnd_config *)config;
	uv_timer_init(loop, &t->apply);
	t->apply.data = t;
	t->workers = workers_start(loop, config, why);
	if (t->workers != NULL && join_fleet(t, loop, config, why))
		return t;
	stop(t);
	uv_run(loop, UV_RUN_DEFAULT);	/* lets the close callbacks run */
	release(t);
	return NULL;
}

static void drain(void *self)
{
	struct turnd *t = self;

	workers_drain(t->workers);
	if (t->fleet != NULL)
		fleet_drain(t->fleet);
}

static bool drained(void *self)
{
	const struct turnd *t = self;
	return workers_allocations(t->workers) <= t->workers->config->drain_min_allocations;
}

/* --- admin pages ------------------------------------------------------------------------------------------------- */

static bool ready(void *self, const char **why_not)
{
	const struct turnd *t = self;
	const struct turn_settings *s = &t->workers->settings->turn;

	*why_not = "no TURN secret is known yet";
	return t->fleet == NULL || s->n_secrets > 0 || s->n_users > 0 || s->no_auth;
}

static void metrics(void *self, struct buf *out)
{
	const struct turnd *t = self;

	report_metrics(t->workers, out);
	if (t->fleet != NULL)
		fleet_metrics(t->fleet, out);
}

static void status(void *self, struct buf *out)
{
	report_status(((const struct turnd *)self)->workers, out);
}

const struct service turnd_service = {
	.name = "turnd", .purpose = "TURN server: relays media for WebRTC calls",
	.options = turnd_options, .config_size = sizeof(struct turnd_config),
	.commands = turnd_commands, .check = turnd_check,
	.start = start, .drain = drain, .drained = drained, .reload = reload, .stop = stop, .free = release,
	.admin = { .ready = ready, .metrics = metrics, .status = status },
};
