#include "roomd/commands.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "roomd/fleet.h"

enum { PATIENCE = 5000 };		/* ms */

struct errand {
	const char *name;
	const struct roomd_config *config;
	uv_loop_t loop;
	uv_timer_t patience;
	struct redis_route *route;
	struct node_feed *nodes;
	void (*go)(struct errand *e);	/* Redis is there; once */
	bool gone, over;
	int status;
};

static void route_gone(void *ctx)
{
	(void)ctx;
}

static void finish(struct errand *e, int status)
{
	if (e->over)
		return;
	e->over = true;
	e->status = status;
	uv_close((uv_handle_t *)&e->patience, NULL);
	if (e->nodes != NULL)
		node_feed_stop(e->nodes);
	redis_route_stop(e->route, route_gone, NULL);
}

static void on_impatient(uv_timer_t *t)
{
	struct errand *e = t->data;

	fprintf(stderr, "roomd %s: Redis did not answer within %d s\n", e->name, PATIENCE / 1000);
	finish(e, 1);
}

static void on_state(void *owner, bool up)
{
	struct errand *e = owner;

	if (!up || e->gone)
		return;
	e->gone = true;
	e->go(e);
}

static int run_errand(struct errand *e)
{
	char why[160];

	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&e->loop) < 0)
		return 1;
	e->route = redis_route_new(&e->loop, e->config->redis, NULL, on_state, e, why);
	if (e->route == NULL) {
		fprintf(stderr, "roomd %s: %s\n", e->name, why);
		uv_loop_close(&e->loop);
		return 1;
	}
	uv_timer_init(&e->loop, &e->patience);
	e->patience.data = e;
	uv_timer_start(&e->patience, on_impatient, PATIENCE, 0);
	uv_run(&e->loop, UV_RUN_DEFAULT);
	uv_loop_close(&e->loop);
	node_feed_free(e->nodes);
	return e->status;
}

/* --- roomd fleet --------------------------------------------------------------------------------------------- */

static void on_nodes(void *owner)
{
	struct errand *e = owner;
	const struct node_set nodes = node_feed_nodes(e->nodes);
	struct buf out;
	bool ok;

	buf_init(&out, 16 << 20);
	fleet_print_table(&nodes, clock_unix() * 1000, &out);
	ok = !out.failed && fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_close(&out);
	finish(e, ok ? 0 : 1);
}

static void print_fleet(struct errand *e)
{
	if ((e->nodes = node_feed_new(e->route, NULL, on_nodes, e)) == NULL)
		finish(e, 1);
}

/* --- roomd rotate-secret ------------------------------------------------------------------------------------- */

static void on_rotated(void *ctx, const struct redis_value *v)
{
	struct errand *e = ctx;
	int64_t active_at, wait;

	switch (rotation_answer(v, &active_at)) {
	case ROTATION_DONE:
		wait = active_at - clock_unix();
		printf("a new TURN secret was made; roomd mints with it in %" PRId64 " s, the old ones stay valid as long as their "
		       "credentials\n", wait > 0 ? wait : 0);
		finish(e, fflush(stdout) == 0 ? 0 : 1);
		return;
	case ROTATION_FULL:
		fprintf(stderr, "roomd rotate-secret: %d secrets are valid already: one must retire first (credential-lifetime)\n",
			TURN_SECRETS_MAX);
		break;
	default:
		fprintf(stderr, "roomd rotate-secret: Redis did not do it: %.*s\n", SPAN_ARG(v->str));
	}
	finish(e, 1);
}

static void rotate(struct errand *e)
{
	rotation_start(e->route, e->config->site.credential_lifetime, 0, on_rotated, e);
}

/* --- both ---------------------------------------------------------------------------------------------------- */

static int command(const char *name, void (*go)(struct errand *e), int argc, char **argv)
{
	struct roomd_config config = { .redis = NULL };
	struct options *options;
	struct errand e = { .name = name, .config = &config, .go = go };
	enum options_verdict v = options_load(&options, "roomd", roomd_options, "/etc/roomd.conf", argc, argv, environ, &config,
					      roomd_config_check);
	int status = v == OPTIONS_EXIT_OK || v == OPTIONS_HELP ? 0 : 1;

	if (v == OPTIONS_HELP)
		printf("usage: roomd %s [-c FILE] [--redis=URL]\nTakes roomd's options; see roomd --help.\n", name);
	if (v != OPTIONS_RUN)
		return status;
	log_setup(LOG_ERROR, LOG_KEY_VALUE, -1);
	if (config.redis != NULL)
		status = run_errand(&e);
	else
		fprintf(stderr, "roomd %s: there is no fleet without redis: give --redis=URL, or -c FILE with one\n", name);
	options_free(options);
	return status;
}

static int fleet_main(int argc, char **argv)
{
	return command("fleet", print_fleet, argc, argv);
}

static int rotate_main(int argc, char **argv)
{
	return command("rotate-secret", rotate, argc, argv);
}

const struct service_command roomd_commands[] = {
	{ "fleet", "who lives: turnd and signald, their load, whether they drain", fleet_main },
	{ "rotate-secret", "makes a new TURN secret; no call is dropped", rotate_main },
	{ .name = NULL }
};
