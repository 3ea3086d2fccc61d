/* service.h - what makes a program a daemon. main() is `return service_main(&turnd, argc, argv);`.
 *
 *	options -> log -> descriptor limit raised -> start() (bind) -> admin listener -> pidfile
 *	-> privileges dropped (proc-user, proc-group) -> READY=1 to systemd -> the loop runs
 *
 *	RUNNING --SIGTERM--> DRAINING --drained(), drain-timeout, SIGTERM--> STOPPING --loop empty--> exit 0
 *	   \--------------------------SIGINT-----------------------------------^
 *
 * SIGHUP reopens the log file and calls reload(). After stop() every handle closes, and uv_loop_close() must say that
 * nothing is left: if something is after five seconds, the leak is logged, by kind of handle, and the exit status is 70.
 * A start that fails says one sentence on standard error and in the log; the exit status is 1.
 * Core dumps are off (PR_SET_DUMPABLE 0) unless `core-dumps` is set; SIGPIPE is ignored.
 *
 * A first argument that names a command runs that instead. Every daemon has `health` (health.h).
 *
 * The configuration file is /etc/<name>.conf unless -c names another. Common options (SERVICE_OPTIONS) are part of
 * every daemon's table; struct service_config is the first member of every config struct.
 */
#ifndef COMMON_DAEMON_SERVICE_H
#define COMMON_DAEMON_SERVICE_H

#include <uv.h>

#include "common/daemon/admin.h"
#include "common/daemon/options.h"

struct service_config {
	int log_level, log_format;
	char *log_file, *pidfile, *proc_user, *proc_group;
	char *admin_ip;
	uint16_t admin_port;
	msec_t drain_timeout;
	bool core_dumps;
};

/* Goes first in every option table. `admin_port` is that daemon's default as text. */
#define SERVICE_OPTIONS(admin_port_text) \
	OPTION_GROUP("Running"), \
	{ .name = "log-level", .kind = OPT_CHOICE, .offset = offsetof(struct service_config, log_level), .def = "info", \
	  .choices = service_log_levels, .help = "error, warning, info or debug" }, \
	{ .name = "log-format", .kind = OPT_CHOICE, .offset = offsetof(struct service_config, log_format), .def = "text", \
	  .choices = service_log_formats, .help = "text (key=value) or json" }, \
	{ .name = "log-file", .kind = OPT_STRING, .offset = offsetof(struct service_config, log_file), \
	  .help = "append the log to this file; standard error if absent" }, \
	{ .name = "pidfile", .kind = OPT_STRING, .offset = offsetof(struct service_config, pidfile), \
	  .help = "write the process id there" }, \
	{ .name = "proc-user", .kind = OPT_STRING, .offset = offsetof(struct service_config, proc_user), \
	  .help = "become this user once the ports are bound" }, \
	{ .name = "proc-group", .kind = OPT_STRING, .offset = offsetof(struct service_config, proc_group), \
	  .help = "become this group once the ports are bound" }, \
	{ .name = "admin-ip", .kind = OPT_STRING, .offset = offsetof(struct service_config, admin_ip), .def = "127.0.0.1", \
	  .help = "address of the admin listener (/healthz /readyz /metrics /status)" }, \
	{ .name = "admin-port", .kind = OPT_PORT, .offset = offsetof(struct service_config, admin_port), \
	  .def = (admin_port_text), .min = "0", .max = "65535", .help = "its port; 0: no admin listener" }, \
	{ .name = "drain-timeout", .kind = OPT_MSEC, .offset = offsetof(struct service_config, drain_timeout), .def = "25s", \
	  .min = "0", .max = "24h", .help = "how long SIGTERM waits for work in progress" }, \
	{ .name = "core-dumps", .kind = OPT_SWITCH, .offset = offsetof(struct service_config, core_dumps), .def = "no", \
	  .help = "allow core dumps (they may hold secrets)" }

extern const char *const service_log_levels[], *const service_log_formats[];

/* What else the binary can do: `turnd key ...`. */
struct service_command {
	const char *name, *purpose;
	int (*run)(int argc, char **argv);	/* argv[0] is the command's name; returns the exit status */
};

struct service {
	const char *name, *purpose;
	const struct option *options;
	size_t config_size;
	const struct service_command *commands;	/* of the daemon's own; a name of NULL ends them; may be NULL */
	bool (*check)(struct options *o, void *config);		/* may be NULL */
	/* Binds and starts on the main loop; what it returns is `self` below. NULL with a sentence in why[]: what it
	 * opened is closing then, and closes as the loop turns. */
	void *(*start)(uv_loop_t *loop, const void *config, char why[256]);
	void (*drain)(void *self);		/* take no new work */
	bool (*drained)(void *self);		/* polled every 100 ms while draining */
	void (*reload)(void *self);		/* SIGHUP; may be NULL */
	void (*stop)(void *self);		/* close all handles; called once; memory may go when they have closed */
	void (*free)(void *self);		/* the loop is empty; not called if something leaked */
	struct admin_ops admin;			/* ctx is self; `ready` is not asked while draining; metrics: the daemon's own */
};

/* For reload(): all options once more, from the same sources, the command line as it was. False: they are wrong, which was
 * said on standard error as at the start: keep what you have. True: *config is a new one, to be freed behind its options:
 * options_free(*options), free(*config). The log level is set to what it says. */
bool service_reread(struct options **options, void **config);

/* Once in a process: signals and the log are the process' own. */
int service_main(const struct service *s, int argc, char **argv);

#endif
