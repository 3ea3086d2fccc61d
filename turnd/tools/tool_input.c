#include "turnd/tools/tools.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "common/crypto/digest.h"

const struct service_command turnd_commands[] = {
	{ "key", "prints a user's key for the configuration, as turnadmin -k did", key_main },
	{ "credential", "makes a TURN REST credential", credential_main },
	{ "probe", "tells whether TURN works from here; exit status 0: yes, 1: no", probe_main },
	{ NULL, NULL, NULL }
};

static int print_help(const struct tool *t)
{
	struct buf out;
	bool ok;

	buf_init(&out, 1 << 16);
	buf_addf(&out, "%s\n\n", t->usage);
	options_print_rows(t->options, &out);
	ok = !out.failed && fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_close(&out);
	return ok ? 0 : 1;
}

bool tool_options(const struct tool *t, int argc, char **argv, void *config, struct options **options, int *status)
{
	*status = 1;
	switch (options_load(options, t->name, t->options, NULL, argc, argv, NULL, config, NULL)) {
	case OPTIONS_RUN:
		return true;
	case OPTIONS_HELP:
		*status = print_help(t);
		return false;
	case OPTIONS_EXIT_OK:
		*status = 0;
		return false;
	case OPTIONS_EXIT_BAD:
		break;
	}
	return false;
}

/* As getpass(3): no echo, and no signal that would leave the terminal so. */
static bool hide_input(struct termios *before)
{
	struct termios hidden;

	if (tcgetattr(STDIN_FILENO, before) < 0)
		return false;
	hidden = *before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
}

static void read_line(struct buf *out)
{
	char c;

	while (!out->failed && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		buf_add_byte(out, (uint8_t)c);
	if (out->len > 0 && out->p[out->len - 1] == '\r')
		out->len--;
}

bool tool_ask(const struct tool *t, const char *what, struct buf *out)
{
	struct termios before;
	bool hidden;

	/* Reserved at once: growing would leave copies of the secret in freed memory. */
	if (buf_reserve(out, out->limit) == NULL) {
		fprintf(stderr, "%s: no memory is left\n", t->name);
		return false;
	}
	hidden = isatty(STDIN_FILENO) && hide_input(&before);
	if (hidden)
		fprintf(stderr, "%s: ", what);
	read_line(out);
	if (hidden) {
		fputc('\n', stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	}
	if (out->failed)
		fprintf(stderr, "%s: the %s on standard input is longer than %zu bytes\n", t->name, what, out->limit);
	else if (out->len == 0)
		fprintf(stderr, "%s: there is no %s on standard input\n", t->name, what);
	return !out->failed && out->len > 0;
}

void tool_forget(struct buf *secret)
{
	if (secret->p != NULL)
		secret_wipe(secret->p, secret->cap);
	buf_close(secret);
}
