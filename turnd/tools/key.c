#include "turnd/tools/tools.h"

#include <stdio.h>

#include "turnd/core/long_term.h"

enum { PASSWORD_MAX = 2048 };

struct key_config {
	char *user, *realm, *password;
	int algorithm;
};

#define FIELD(f) offsetof(struct key_config, f)
static const char *const algorithms[] = { "md5", "sha256", NULL };
static const struct option options[] = {
	{ .name = "user", .flag = 'u', .kind = OPT_STRING, .offset = FIELD(user), .help = "the user's name" },
	{ .name = "realm", .flag = 'r', .kind = OPT_STRING, .offset = FIELD(realm), .help = "the realm of the server" },
	{ .name = "password", .flag = 'p', .kind = OPT_SECRET, .offset = FIELD(password),
	  .help = "the password; standard input if absent" },
	{ .name = "algorithm", .kind = OPT_CHOICE, .offset = FIELD(algorithm), .def = "md5", .choices = algorithms,
	  .help = "md5, which every client knows, or sha256" },
	{ .name = NULL }
};

static const struct tool tool = {
	"turnd key",
	"turnd key -u USER -r REALM: prints the key that user = USER:KEY takes instead of a password, so that the password\n"
	"need not stand in the configuration. The password is read from standard input.", options
};

static int print_key(const struct key_config *c, struct span password)
{
	const enum password_algorithm by = c->algorithm == 0 ? ALGORITHM_MD5 : ALGORITHM_SHA256;
	struct long_term_key key;

	if (!long_term_key_make(&key, by, span_str(c->user), span_str(c->realm), password)) {
		fprintf(stderr, "%s: no key could be made: no memory, or texts that are too long\n", tool.name);
		return 1;
	}
	printf("0x");
	for (size_t i = 0; i < key.len; i++)
		printf("%02x", key.bytes[i]);
	putchar('\n');
	secret_wipe(&key, sizeof(key));
	return fflush(stdout) == 0 ? 0 : 1;
}

int key_main(int argc, char **argv)
{
	struct key_config c = { .user = NULL };
	struct options *given;
	struct buf asked;
	int status;

	if (!tool_options(&tool, argc, argv, &c, &given, &status))
		return status;
	buf_init(&asked, PASSWORD_MAX);
	status = 1;
	if (c.user == NULL || c.realm == NULL)
		fprintf(stderr, "%s: give --user and --realm\n", tool.name);
	else if (strchr(c.user, ':') != NULL)
		fprintf(stderr, "%s: a ':' ends the name in user = NAME:KEY: choose a name without\n", tool.name);
	else if (c.password != NULL)
		status = print_key(&c, span_str(c.password));
	else if (tool_ask(&tool, "password", &asked))
		status = print_key(&c, buf_span(&asked));
	tool_forget(&asked);
	options_free(given);
	return status;
}
