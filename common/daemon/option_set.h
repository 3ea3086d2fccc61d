/* option_set.h - the options of a daemon while they are being read: each value, and where it came from.
 *
 * Inside options only: what the sources (options.c) and the complaints have in common.
 */
#ifndef COMMON_DAEMON_OPTION_SET_H
#define COMMON_DAEMON_OPTION_SET_H

#include <sys/types.h>

#include "common/daemon/options.h"

enum { OPTION_NAME = 64, OPTION_HINT = OPTION_NAME + 32 };

enum option_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_ARGV };	/* weakest first */

struct origin {
	enum option_source source;
	unsigned line;		/* of the file */
	struct span variable;	/* of the environment */
};

struct given {			/* where one option's values came from */
	enum option_source source;
	struct origin *at;	/* one an element; a scalar has one */
	size_t n;
};

struct options {
	const char *daemon;		/* borrowed, as table, config, file */
	const struct option *table;
	size_t n_rows;
	void *config;
	struct given *given;		/* one a row */
	const char *file;		/* the configuration file that was read, or NULL */
	bool file_holds_secret;
	unsigned errors;		/* complaints that forbid a start */
};

/* "<where>: <name>: <sentence>" on standard error; the name may be empty. */
void option_bad(struct options *o, const struct origin *at, struct span name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void option_warn(struct options *o, const struct origin *at, struct span name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The row of that name or alias. *is_file: the name was a secret's with "-file" behind it. */
const struct option *option_find(const struct options *o, struct span name, bool *is_file);

/* " (did you mean 'min-port'?)", or "". */
const char *option_hint(const struct options *o, struct span name, char out[OPTION_HINT]);

/* Takes one value from a source, which must not be weaker than those before it. value.p == NULL: a bare key. */
void option_take(struct options *o, const struct origin *at, const struct option *row, bool is_file, struct span value);

/* -1 with errno; otherwise the number of bytes, at most size. */
ssize_t option_read_whole(int fd, void *out, size_t size);

#endif
