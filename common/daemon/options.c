#include "common/daemon/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/daemon/option_file.h"
#include "common/daemon/option_set.h"
#include "common/daemon/option_value.h"

enum { CONFIG_FILE_LIMIT = 1 << 20 };

/* What the command line asks for beside options. */
struct wishes {
	bool help, version, check, print;
	const char *file;
};

/* One step through the command line. */
struct argument {
	enum { ARG_OPTION, ARG_CONFIG, ARG_HELP, ARG_VERSION, ARG_CHECK, ARG_PRINT, ARG_UNKNOWN, ARG_STRAY } kind;
	struct span name;	/* without the dashes */
	char *value;		/* NULL: none */
	const struct option *row;
	bool is_file;		/* the value names a file that holds the secret */
};

static const struct origin argv_origin = { .source = SOURCE_ARGV };

/* --- the sources, weakest first --- */

static void take_defaults(struct options *o)
{
	static const struct origin at = { .source = SOURCE_DEFAULT };

	for (const struct option *row = o->table; row->name != NULL; row++)
		if (row->def != NULL)
			option_take(o, &at, row, false, span_str(row->def));
}

static void take_lines(struct options *o, struct span text)
{
	struct option_line line = { .number = 0 };

	while (option_file_next(&text, &line)) {
		const struct origin at = { .source = SOURCE_FILE, .line = line.number };
		char hint[OPTION_HINT];
		bool is_file;
		const struct option *row = option_find(o, line.key, &is_file);
		if (row == NULL)
			option_warn(o, &at, line.key, "unknown option, ignored%s", option_hint(o, line.key, hint));
		else
			option_take(o, &at, row, is_file, line.has_value ? line.value : (struct span){ NULL, 0 });
	}
}

static void file_bad(struct options *o, const char *why)
{
	o->errors++;
	fprintf(stderr, "%s: cannot read the configuration: %s\n", o->file, why);
}

static void take_file(struct options *o, const char *path, bool must_exist)
{
	struct stat st;
	ssize_t n = -1;
	uint8_t *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !must_exist)
		return;
	o->file = path;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		text = malloc(CONFIG_FILE_LIMIT + 1);
		errno = ENOMEM;
		n = text != NULL ? option_read_whole(fd, text, CONFIG_FILE_LIMIT + 1) : -1;
	}
	if (n < 0)
		file_bad(o, strerror(errno));
	else if (n > CONFIG_FILE_LIMIT)
		file_bad(o, "larger than 1 MiB");
	else
		take_lines(o, span_of(text, (size_t)n));
	if (n >= 0 && o->file_holds_secret && st.st_mode & (S_IROTH | S_IWOTH))
		fprintf(stderr, "%s: warning: it holds a secret and everybody on this machine can open it: chmod 640 it\n",
			path);
	if (n > 0)
		secret_wipe(text, (size_t)n);
	free(text);
	if (fd >= 0)
		close(fd);
}

/* How a letter of a name is written in a variable's. */
static char capital(char c)
{
	if (c == '-')
		return '_';
	return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* Takes the daemon's "TURND_" off the front of a variable; false if it is not there. */
static bool cut_prefix(const struct options *o, struct span *variable)
{
	size_t n = strlen(o->daemon);

	if (variable->len <= n + 1 || variable->p[n] != '_')
		return false;
	for (size_t i = 0; i < n; i++)
		if (variable->p[i] != (uint8_t)capital(o->daemon[i]))
			return false;
	*variable = span_skip(*variable, n + 1);
	return true;
}

/* "MIN_PORT" -> "min-port"; "" if it cannot be an option. */
static struct span option_name(struct span variable, char name[OPTION_NAME])
{
	if (variable.len > OPTION_NAME)
		return (struct span){ NULL, 0 };
	for (size_t i = 0; i < variable.len; i++) {
		char c = (char)variable.p[i];
		name[i] = (char)(c == '_' ? '-' : c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
		if (capital(name[i]) != c)
			return (struct span){ NULL, 0 };
	}
	return span_of(name, variable.len);
}

static void take_environment(struct options *o, char **envp)
{
	for (; envp != NULL && *envp != NULL; envp++) {
		struct span value = span_str(*envp);
		struct span variable = text_cut(&value, '='), rest = variable;
		const struct origin at = { .source = SOURCE_ENVIRONMENT, .variable = variable };
		const struct option *row;
		char text[OPTION_NAME], hint[OPTION_HINT];
		struct span name;
		bool is_file;
		if (!cut_prefix(o, &rest))
			continue;
		name = option_name(rest, text);
		row = option_find(o, name, &is_file);
		if (row == NULL)
			option_warn(o, &at, (struct span){ NULL, 0 }, "unknown option, ignored%s", option_hint(o, name, hint));
		else if (value.len > 0)
			option_take(o, &at, row, is_file, value);
	}
}

/* --- the command line --- */

static void name_argument(const struct options *o, const char *text, struct argument *a)
{
	static const struct {
		const char *flag, *name;
		int kind;
	} others[] = {
		{ "-c", "config", ARG_CONFIG }, { "-h", "help", ARG_HELP }, { "", "version", ARG_VERSION },
		{ "", "check-config", ARG_CHECK }, { "", "print-config", ARG_PRINT },
	};

	*a = (struct argument){ .kind = ARG_STRAY, .name = span_str(text) };
	if (text_has_prefix(a->name, "--") && a->name.len > 2) {
		struct span rest = span_skip(a->name, 2);
		a->kind = ARG_UNKNOWN;
		a->name = text_cut(&rest, '=');
		a->row = option_find(o, a->name, &a->is_file);
		if (a->row != NULL)
			a->kind = ARG_OPTION;
	}
	if (text[0] == '-' && text[1] != '\0' && text[2] == '\0')
		for (const struct option *row = o->table; row->name != NULL; row++)
			if (row->flag == text[1])
				*a = (struct argument){ .kind = ARG_OPTION, .name = span_str(row->name), .row = row };
	for (size_t i = 0; a->row == NULL && i < sizeof(others) / sizeof(others[0]); i++)
		if (span_eq_str(a->name, a->kind == ARG_STRAY ? others[i].flag : others[i].name)) {
			a->kind = others[i].kind;
			return;
		}
}

/* Without '=': does the next argument belong to this one? */
static bool takes_next(const struct argument *a, const char *next)
{
	switch (a->kind) {
	case ARG_CONFIG:
		return true;
	case ARG_UNKNOWN:	/* nobody knows: what does not look like an option is taken for a value */
		return next[0] != '-';
	case ARG_OPTION:
		return a->row->kind == OPT_DROPPED ? next[0] != '-' : a->row->kind != OPT_SWITCH;
	default:
		return false;
	}
}

static bool next_argument(const struct options *o, char ***at, struct argument *a)
{
	char *text = **at;

	if (text == NULL)
		return false;
	++*at;
	name_argument(o, text, a);
	a->value = a->kind != ARG_STRAY ? strchr(text, '=') : NULL;
	if (a->value != NULL)
		a->value++;
	else if (**at != NULL && takes_next(a, **at))
		a->value = *(*at)++;
	return true;
}

static void read_wishes(const struct options *o, char **argv, struct wishes *w)
{
	struct argument a;

	while (next_argument(o, &argv, &a)) {
		w->help |= a.kind == ARG_HELP;
		w->version |= a.kind == ARG_VERSION;
		w->check |= a.kind == ARG_CHECK;
		w->print |= a.kind == ARG_PRINT;
		if (a.kind == ARG_CONFIG)
			w->file = a.value;
	}
}

static void take_argument(struct options *o, struct argument *a)
{
	struct span value = a->value != NULL ? span_str(a->value) : (struct span){ NULL, 0 };

	if (value.p == NULL && a->row->kind != OPT_SWITCH && a->row->kind != OPT_DROPPED) {
		option_bad(o, &argv_origin, span_str(a->row->name), "needs a value");
		return;
	}
	option_take(o, &argv_origin, a->row, a->is_file, value);
	if (!option_is_secret(a->row) || a->is_file)
		return;
	option_warn(o, &argv_origin, span_str(a->row->name),
		    "a secret on the command line can be seen by others: better use --%s-file", a->row->name);
	memset(a->value, '*', value.len);
}

static void take_command_line(struct options *o, char **argv)
{
	struct argument a;
	char hint[OPTION_HINT];

	while (next_argument(o, &argv, &a)) {
		if (a.kind == ARG_OPTION)
			take_argument(o, &a);
		else if (a.kind == ARG_UNKNOWN)
			option_bad(o, &argv_origin, a.name, "no such option%s", option_hint(o, a.name, hint));
		else if (a.kind == ARG_STRAY)
			option_bad(o, &argv_origin, a.name, "is not an option");
		else if (a.kind == ARG_CONFIG && a.value == NULL)
			option_bad(o, &argv_origin, a.name, "needs the name of a file");
	}
}

/* --- all of it --- */

static struct options *options_new(const char *daemon, const struct option *table, void *config)
{
	struct options *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	*o = (struct options){ .daemon = daemon, .table = table, .config = config };
	while (table[o->n_rows].name != NULL)
		o->n_rows++;
	o->given = calloc(o->n_rows + 1, sizeof(*o->given));
	if (o->given == NULL) {
		free(o);
		return NULL;
	}
	return o;
}

void options_free(struct options *o)
{
	if (o == NULL)
		return;
	for (size_t r = 0; r < o->n_rows; r++) {
		option_value_clear(&o->table[r], o->config);
		free(o->given[r].at);
	}
	free(o->given);
	free(o);
}

/* Prints what was wished for instead of a start. */
static enum options_verdict grant(const struct options *o, const struct wishes *w)
{
	struct buf out;
	enum options_verdict verdict = OPTIONS_EXIT_OK;

	if (!w->check && !w->print)
		return OPTIONS_RUN;
	buf_init(&out, 1 << 20);
	if (w->print)
		options_print_config(o->table, o->config, &out);
	if (w->check)
		buf_addf(&out, "%sconfiguration ok\n", w->print ? "# " : "");
	if (out.failed || fwrite(out.p, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
		verdict = OPTIONS_EXIT_BAD;
	buf_close(&out);
	return verdict;
}

enum options_verdict options_load(struct options **out, const char *daemon, const struct option *table,
				  const char *default_file, int argc, char **argv, char **envp, void *config,
				  bool (*check)(struct options *o, void *config))
{
	struct options *o = options_new(daemon, table, config);
	struct wishes w = { .file = NULL };
	enum options_verdict verdict = OPTIONS_EXIT_BAD;

	*out = NULL;
	if (o == NULL) {
		fprintf(stderr, "%s: no memory is left for the options\n", daemon);
		return OPTIONS_EXIT_BAD;
	}
	argv += argc > 0;
	read_wishes(o, argv, &w);
	if (w.help || w.version) {
		if (!w.help)
			printf("%s %s\n", daemon, SUITE_VERSION);
		options_free(o);
		return w.help ? OPTIONS_HELP : OPTIONS_EXIT_OK;
	}
	take_defaults(o);
	if (w.file != NULL || default_file != NULL)
		take_file(o, w.file != NULL ? w.file : default_file, w.file != NULL);
	take_environment(o, envp);
	take_command_line(o, argv);
	if (o->errors == 0 && (check == NULL || check(o, config)) && o->errors == 0)
		verdict = grant(o, &w);
	if (verdict == OPTIONS_RUN)
		*out = o;
	else
		options_free(o);
	return verdict;
}
