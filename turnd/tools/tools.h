/* tools.h - what else turnd's binary can do: `turnd key`, `turnd credential`, `turnd probe`. */
#ifndef TURND_TOOLS_TOOLS_H
#define TURND_TOOLS_TOOLS_H

#include "common/daemon/service.h"

extern const struct service_command turnd_commands[];

int key_main(int argc, char **argv);
int credential_main(int argc, char **argv);
int probe_main(int argc, char **argv);

/* --- for the commands themselves: tool_input.c --- */

struct tool {
	const char *name;		/* "turnd key" */
	const char *usage;		/* what --help says above the options */
	const struct option *options;
};

/* Reads the command line, and nothing else, into *config (zeroed). False: there is nothing more to do, and *status is the exit
 * status. True: options_free(*options) when done. */
bool tool_options(const struct tool *t, int argc, char **argv, void *config, struct options **options, int *status);

/* One line of standard input; on a terminal it is asked for and not shown. out: empty at first; its limit is the longest line's.
 * False: no line, or too long a one, which was said on standard error. */
bool tool_ask(const struct tool *t, const char *what, struct buf *out);
void tool_forget(struct buf *secret);	/* wipes and frees */

#endif
