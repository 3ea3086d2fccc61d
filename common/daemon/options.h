/* options.h - one table of options per daemon; everything about options comes from it.
 *
 * Sources, the later beats the earlier: default, file (`key = value`, `key`, '#' comments, as coturn's
 * turnserver.conf; see option_file.h), environment (NAME_KEY, dashes as underscores; lists are comma-separated; an
 * empty variable counts as absent), command line (--key=value, --key value, --key for switches). A repeatable option
 * given by a stronger source replaces the weaker source's list; `key =` leaves a string or a list empty. A bare key in
 * a file means "yes" for a switch and the default for others. Every secret may also come as NAME_KEY_FILE,
 * `key-file = path` or --key-file=path: the file's content without its final newline (OPT_SECRETS: one a line); a file
 * that others can read is warned about. A secret on the command line works, warns, and is blanked in the process title.
 *
 * An unknown option is an error on the command line, a warning in a file (coturn's have many) and in the environment.
 *
 * Errors are complete sentences: "/etc/turnd.conf:12: min-port: 'abc' is not a port (1024..65535)".
 *
 * Owner: main.   Thread: before threads start; the config struct is const afterwards, but for options_free().
 */
#ifndef COMMON_DAEMON_OPTIONS_H
#define COMMON_DAEMON_OPTIONS_H

#include "common/base/buf.h"
#include "common/base/clock.h"

enum option_kind {		/* the field of the config struct is a */
	OPT_SWITCH,		/* bool: yes/no/true/false/on/off/1/0; bare means yes */
	OPT_UINT,		/* unsigned */
	OPT_PORT,		/* uint16_t, 0 allowed only if min says so */
	OPT_MSEC,		/* msec_t: "10", "10s" (seconds when bare), "500ms", "5m", "24h" */
	OPT_SIZE,		/* size_t: bytes, or with k, m, g (powers of 1024) */
	OPT_STRING,		/* char *: owned by the table; NULL when not given */
	OPT_SECRET,		/* char *: never printed */
	OPT_STRINGS,		/* struct string_list: repeatable */
	OPT_SECRETS,		/* struct string_list: repeatable, never printed */
	OPT_CHOICE,		/* int: index into `choices` */
	OPT_DROPPED,		/* no field: taken, ignored, and warned about with `help` as what to do instead */
	OPT_GROUP		/* no option: `help` is the heading of the rows below it; see OPTION_GROUP */
};

struct string_list {
	char **v;
	size_t n;
};

struct option {
	const char *name;		/* long name; NULL ends the table */
	enum option_kind kind;
	size_t offset;			/* of the field */
	const char *def;		/* default as a user would write it; NULL: none */
	const char *min, *max;		/* as a user would write it; NULL: no limit */
	const char *help;		/* one line */
	const char *const *choices;	/* OPT_CHOICE: NULL-terminated */
	const char *alias;		/* another long name, or NULL */
	char flag;			/* the letter of its short form, "-u VALUE", or 0 */
};

#define OPTION_GROUP(heading) { .name = "", .kind = OPT_GROUP, .help = (heading) }

struct options;		/* the values' origins and memory */

enum options_verdict {
	OPTIONS_RUN,		/* go on */
	OPTIONS_HELP,		/* --help: the caller, who knows the daemon's purpose, calls options_print_help() */
	OPTIONS_EXIT_OK,	/* --version, --print-config, --check-config: it was printed on standard output */
	OPTIONS_EXIT_BAD	/* it was said on standard error, every error of it */
};

/* config: zeroed by the caller, filled here. default_file (may be NULL) is read if it exists; -c/--config=FILE must
 * exist. argv must be writable where it holds secrets. argv and envp are borrowed until options_free().
 * check (may be NULL) looks at options together once all were read without an error, before --check-config says
 * "ok": it reports with options_bad() and returns false if the start must stop. It may fill strings in (from malloc).
 * *out is set for OPTIONS_RUN, else NULL and the config is empty. */
enum options_verdict options_load(struct options **out, const char *daemon, const struct option *table,
				  const char *default_file, int argc, char **argv, char **envp, void *config,
				  bool (*check)(struct options *o, void *config));
void options_free(struct options *o);	/* and every string of the config; secrets are wiped */

/* For `check`: says "<where it came from>: <name>: <sentence>" on standard error. i: which element of a list, or 0.
 * options_bad() makes the start fail. */
void options_bad(struct options *o, const char *name, size_t i, const char *sentence, ...)
	__attribute__((format(printf, 4, 5)));
void options_warn(struct options *o, const char *name, size_t i, const char *sentence, ...)
	__attribute__((format(printf, 4, 5)));
bool options_given(const struct options *o, const char *name);	/* by any source but the default */

void options_print_help(const char *daemon, const char *purpose, const struct option *table, struct buf *out);
void options_print_rows(const struct option *table, struct buf *out);	/* the part of it that lists the options */
/* In the syntax of a file; secrets as "***", what is not set as a comment. */
void options_print_config(const struct option *table, const void *config, struct buf *out);

#endif
