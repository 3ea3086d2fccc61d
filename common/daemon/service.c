#include "common/daemon/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/daemon/health.h"
#include "common/daemon/notify.h"
#include "common/daemon/process.h"
#include "common/daemon/runtime.h"

enum { EXIT_START = 1, EXIT_LEAK = 70, WHY = 256 };
enum { DRAIN_POLL = 100, CLOSING_LIMIT = 5000 };	/* ms */

const char *const service_log_levels[] = { "error", "warning", "info", "debug", NULL };
const char *const service_log_formats[] = { "text", "json", NULL };

enum phase { STARTING, RUNNING, DRAINING, STOPPING };	/* only ever forward */

static struct running {
	const struct service *s;
	const struct service_config *config;
	struct identity identity;
	int log_fd;			/* -1: standard error */
	enum phase phase;
	uv_loop_t loop;
	uv_signal_t term, interrupt, hangup;
	uv_timer_t drain_poll, watchdog;
	msec_t drain_end;
	struct runtime runtime;
	struct admin admin;
	void *self;			/* the daemon's */
	bool pidfile_written;
	struct options *options;
	int argc;
	char **argv;			/* as it was: reading options blanks the secrets in it */
} run;

/* --- complaints --- */

/* For a start that failed: people look at the terminal, machines at the log. */
static int start_failed(const char *why)
{
	LOG(LOG_ERROR, "start_failed", LOG_STR("msg", why));
	fprintf(stderr, "%s: %s\n", run.s->name, why);
	return EXIT_START;
}

static void log_leak(uv_handle_t *handle, void *arg)
{
	unsigned *n = arg;

	++*n;
	LOG(LOG_ERROR, "handle_leaked", LOG_STR("type", uv_handle_type_name(handle->type)),
	    LOG_UINT("active", uv_is_active(handle)), LOG_UINT("closing", uv_is_closing(handle)));
}

/* --- the end: drain, stop, prove the loop empty --- */

static void close_once(void *handle)
{
	if (uv_handle_get_loop(handle) != NULL && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void stop(const char *reason)
{
	if (run.phase == STOPPING)
		return;
	LOG(LOG_INFO, "stop", LOG_STR("reason", reason));
	run.phase = STOPPING;
	notify_send("STOPPING=1");
	run.s->stop(run.self);
	admin_stop(&run.admin);
	runtime_stop(&run.runtime);
	close_once(&run.term);
	close_once(&run.interrupt);
	close_once(&run.hangup);
	close_once(&run.drain_poll);
	close_once(&run.watchdog);
	uv_stop(&run.loop);	/* empty_loop() goes on from here, with a limit */
}

static void on_drain_poll(uv_timer_t *timer)
{
	(void)timer;
	if (run.s->drained(run.self)) {
		stop("drained");
	} else if (uv_now(&run.loop) >= run.drain_end) {
		LOG(LOG_WARNING, "drain_timeout", LOG_UINT("ms", run.config->drain_timeout));
		stop("drain-timeout");
	}
}

static void drain(void)
{
	LOG(LOG_INFO, "drain", LOG_UINT("timeout_ms", run.config->drain_timeout));
	run.phase = DRAINING;
	notify_send("STOPPING=1\nSTATUS=draining");
	uv_update_time(&run.loop);
	run.drain_end = uv_now(&run.loop) + run.config->drain_timeout;
	run.s->drain(run.self);
	uv_timer_start(&run.drain_poll, on_drain_poll, 0, DRAIN_POLL);
}

static void on_closing_limit(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Turns the loop until all is closed. False: something is left, and was logged. */
static bool empty_loop(void)
{
	uv_timer_t limit;
	unsigned n = 0;

	uv_timer_init(&run.loop, &limit);
	uv_unref((uv_handle_t *)&limit);	/* alone it is no reason to wait */
	uv_timer_start(&limit, on_closing_limit, CLOSING_LIMIT, 0);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&limit, NULL);
	uv_run(&run.loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&run.loop) == 0)
		return true;
	uv_walk(&run.loop, log_leak, &n);
	LOG(LOG_ERROR, "loop_not_empty", LOG_UINT("handles", n), LOG_UINT("requests", run.loop.active_reqs.count));
	return false;
}

/* --- signals --- */

static void on_terminate(uv_signal_t *handle, int signum)
{
	(void)handle;
	if (signum == SIGTERM && run.phase == RUNNING)
		drain();
	else
		stop(signum == SIGTERM ? "second SIGTERM" : "SIGINT");
}

/* The descriptor keeps its number, so that threads that log just now notice nothing. */
static void reopen_log(void)
{
	char why[WHY];
	int fd;

	if (run.log_fd < 0)
		return;
	fd = log_file_open(run.config->log_file, &run.identity, why);
	if (fd < 0) {
		LOG(LOG_ERROR, "log_reopen_failed", LOG_STR("msg", why));
		return;
	}
	dup3(fd, run.log_fd, O_CLOEXEC);
	close(fd);
}

static void on_hangup(uv_signal_t *handle, int signum)
{
	(void)handle, (void)signum;
	if (run.phase == RUNNING)
		notify_reloading();
	reopen_log();
	LOG(LOG_INFO, "reload", LOG_STR("by", "SIGHUP"));
	if (run.s->reload != NULL)
		run.s->reload(run.self);
	if (run.phase == RUNNING)
		notify_send("READY=1");
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	notify_send("WATCHDOG=1");
}

/* --- admin pages: the daemon's own, and what all have --- */

static bool admin_ready(void *ctx, const char **why_not)
{
	(void)ctx;
	if (run.phase == RUNNING)
		return run.s->admin.ready == NULL || run.s->admin.ready(run.self, why_not);
	*why_not = "draining";
	return false;
}

static void admin_metrics(void *ctx, struct buf *out)
{
	(void)ctx;
	runtime_print(&run.runtime, out);
	if (run.s->admin.metrics != NULL)
		run.s->admin.metrics(run.self, out);
}

static void admin_status(void *ctx, struct buf *out)
{
	(void)ctx;
	if (run.s->admin.status != NULL)
		run.s->admin.status(run.self, out);
	else
		buf_add_str(out, "{}");
}

static struct admin_ops admin_pages = { .ready = admin_ready, .metrics = admin_metrics, .status = admin_status };

/* --- the start --- */

static int watch_signals(void)
{
	const msec_t watchdog = notify_watchdog();
	int rc = 0;

	if ((rc = uv_signal_init(&run.loop, &run.term)) < 0 || (rc = uv_signal_init(&run.loop, &run.interrupt)) < 0 ||
	    (rc = uv_signal_init(&run.loop, &run.hangup)) < 0 || (rc = uv_timer_init(&run.loop, &run.drain_poll)) < 0 ||
	    (rc = uv_timer_init(&run.loop, &run.watchdog)) < 0 ||
	    (rc = uv_signal_start(&run.term, on_terminate, SIGTERM)) < 0 ||
	    (rc = uv_signal_start(&run.interrupt, on_terminate, SIGINT)) < 0 ||
	    (rc = uv_signal_start(&run.hangup, on_hangup, SIGHUP)) < 0)
		return rc;
	return watchdog > 0 ? uv_timer_start(&run.watchdog, on_watchdog, 0, watchdog) : 0;
}

static bool open_admin(char why[WHY])
{
	struct endpoint at = { .port = run.config->admin_port };

	if (at.port == 0)
		return true;
	admin_pages.pages = run.s->admin.pages;		/* their ctx is the daemon's self */
	return ip_parse(&at.ip, span_str(run.config->admin_ip)) &&
	       admin_start(&run.admin, &run.loop, &at, &admin_pages, run.self, why) == 0;
}

/* Everything behind start(): false with a sentence in why[]. */
static bool make_ready(char why[WHY])
{
	int rc;

	if ((rc = runtime_start(&run.runtime, &run.loop, run.s->name)) < 0 || (rc = watch_signals()) < 0) {
		snprintf(why, WHY, "cannot watch the loop and its signals: %s", uv_strerror(rc));
		return false;
	}
	if (!open_admin(why))
		return false;
	if (run.config->pidfile != NULL) {
		if (pidfile_write(run.config->pidfile, why) < 0)
			return false;
		run.pidfile_written = true;
	}
	if (identity_assume(&run.identity, why) < 0)
		return false;
	process_allow_core_dumps(run.config->core_dumps);
	return true;
}

static int serve(void)
{
	char why[WHY] = "";
	bool ready;
	int rc = uv_loop_init(&run.loop);

	if (rc < 0) {
		snprintf(why, WHY, "cannot make an event loop: %s", uv_strerror(rc));
		return start_failed(why);
	}
	run.self = run.s->start(&run.loop, run.config, why);
	if (run.self == NULL) {
		start_failed(why);
		return empty_loop() ? EXIT_START : EXIT_LEAK;
	}
	ready = make_ready(why);
	if (ready) {
		run.phase = RUNNING;
		LOG(LOG_INFO, "ready", LOG_STR("daemon", run.s->name), LOG_STR("version", SUITE_VERSION),
		    LOG_INT("pid", getpid()));
		notify_send("READY=1");
		uv_run(&run.loop, UV_RUN_DEFAULT);
	} else {
		start_failed(why);
		stop("start failed");
	}
	if (!empty_loop())
		return EXIT_LEAK;
	run.s->free(run.self);
	LOG(LOG_INFO, "end", LOG_STR("daemon", run.s->name));
	return ready ? 0 : EXIT_START;
}

/* --- options --- */

static bool check(struct options *o, void *config)
{
	const struct service_config *c = config;
	struct ip_addr ip;
	char why[WHY];
	bool ok = true;

	if (c->admin_port != 0 && (c->admin_ip == NULL || !ip_parse(&ip, span_str(c->admin_ip)))) {
		options_bad(o, "admin-ip", 0, "'%s' is not an IP address", c->admin_ip != NULL ? c->admin_ip : "");
		ok = false;
	}
	if (identity_find(&run.identity, c->proc_user, c->proc_group, why) < 0) {
		options_bad(o, c->proc_user != NULL ? "proc-user" : "proc-group", 0, "%s", why);
		ok = false;
	}
	return (run.s->check == NULL || run.s->check(o, config)) && ok;
}

static int print_help(const struct service *s)
{
	struct buf out;
	bool ok;

	buf_init(&out, 1 << 20);
	options_print_help(s->name, s->purpose, s->options, &out);
	buf_addf(&out, "\nCommands, each with a --help of its own\n  %s health      asks the running daemon's /readyz; exit status 0: "
		       "ready, 1: not\n", s->name);
	for (const struct service_command *c = s->commands; c != NULL && c->name != NULL; c++)
		buf_addf(&out, "  %s %-10s  %s\n", s->name, c->name, c->purpose);
	ok = !out.failed && fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_close(&out);
	return ok ? 0 : EXIT_START;
}

static int serve_with_log(void)
{
	char why[WHY];
	int status;

	if (run.config->log_file != NULL) {
		run.log_fd = log_file_open(run.config->log_file, &run.identity, why);
		if (run.log_fd < 0)
			return start_failed(why);
	}
	log_setup((enum log_level)run.config->log_level, (enum log_format)run.config->log_format, run.log_fd);
	process_raise_descriptor_limit();
	process_allow_core_dumps(run.config->core_dumps);
	signal(SIGPIPE, SIG_IGN);
	status = serve();
	if (run.pidfile_written)
		unlink(run.config->pidfile);	/* or not, if we have become somebody else */
	return status;
}

/* One block: the pointers, then the texts. */
static char **argv_copy(int argc, char **argv)
{
	size_t n = ((size_t)argc + 1) * sizeof(char *);
	char **copy, *text;

	for (int i = 0; i < argc; i++)
		n += strlen(argv[i]) + 1;
	if ((copy = malloc(n)) == NULL)
		return NULL;
	text = (char *)(copy + argc + 1);
	for (int i = 0; i < argc; i++) {
		copy[i] = text;
		text = stpcpy(text, argv[i]) + 1;
	}
	copy[argc] = NULL;
	return copy;
}

static void argv_free(int argc, char **argv)
{
	for (int i = 0; argv != NULL && i < argc; i++)
		secret_wipe(argv[i], strlen(argv[i]));
	free(argv);
}

static const char *default_file(const struct service *s, char out[64])
{
	snprintf(out, 64, "/etc/%s.conf", s->name);
	return out;
}

static enum options_verdict load(struct options **o, char **argv, void *config)
{
	char file[64];

	return options_load(o, run.s->name, run.s->options, default_file(run.s, file), run.argc, argv, environ, config, check);
}

/* True: the first argument names one, and it ran. */
static bool command(const struct service *s, int argc, char **argv, int *status)
{
	char file[64];

	if (argc < 2)
		return false;
	if (strcmp(argv[1], "health") == 0) {
		*status = health_main(s, default_file(s, file), argc - 1, argv + 1);
		return true;
	}
	for (const struct service_command *c = s->commands; c != NULL && c->name != NULL; c++) {
		if (strcmp(argv[1], c->name) == 0) {
			*status = c->run(argc - 1, argv + 1);
			return true;
		}
	}
	return false;
}

bool service_reread(struct options **options, void **config)
{
	char **argv = argv_copy(run.argc, run.argv);
	enum options_verdict verdict = OPTIONS_EXIT_BAD;

	*options = NULL;
	*config = calloc(1, run.s->config_size);
	if (argv != NULL && *config != NULL)
		verdict = load(options, argv, *config);
	argv_free(run.argc, argv);
	if (verdict == OPTIONS_RUN) {
		log_set_level((enum log_level)((const struct service_config *)*config)->log_level);
		return true;
	}
	options_free(*options);
	free(*config);
	return false;
}

int service_main(const struct service *s, int argc, char **argv)
{
	int status = EXIT_START;
	void *config;

	if (command(s, argc, argv, &status))
		return status;
	config = calloc(1, s->config_size);
	run = (struct running){ .s = s, .config = config, .log_fd = -1, .argc = argc, .argv = argv_copy(argc, argv) };
	if (config == NULL || run.argv == NULL)
		return start_failed("no memory is left for the configuration");
	switch (load(&run.options, argv, config)) {
	case OPTIONS_RUN:
		status = serve_with_log();
		break;
	case OPTIONS_HELP:
		status = print_help(s);
		break;
	case OPTIONS_EXIT_OK:
		status = 0;
		break;
	case OPTIONS_EXIT_BAD:
		break;
	}
	if (status != EXIT_LEAK) {	/* what leaked may still look at it */
		options_free(run.options);
		free(config);
	}
	argv_free(run.argc, run.argv);
	return status;
}
