#include "turnd/tools/tools.h"

#include <stdio.h>

#include "common/proto/turn_cred.h"

enum { SECRET_MAX = 2048 };

struct credential_config {
	struct string_list secrets;
	char *user;
	msec_t ttl;
};

#define FIELD(f) offsetof(struct credential_config, f)
static const struct option options[] = {
	{ .name = "static-auth-secret", .kind = OPT_SECRETS, .offset = FIELD(secrets),
	  .help = "the server's secret, of several the first; standard input if absent" },
	{ .name = "user", .flag = 'u', .kind = OPT_STRING, .offset = FIELD(user), .help = "the name in it, for quotas and logs" },
	{ .name = "ttl", .kind = OPT_MSEC, .offset = FIELD(ttl), .def = "24h", .min = "1s", .max = "87600h",
	  .help = "how long it is good" },
	{ .name = NULL }
};

static const struct tool tool = {
	"turnd credential",
	"turnd credential: makes a user name and a password that a server with this secret (use-auth-secret) takes until they\n"
	"expire, as roomd does for browsers.", options
};

static int print_credential(const struct credential_config *c, struct span secret)
{
	struct span name = c->user != NULL ? span_str(c->user) : (struct span){ NULL, 0 };
	struct turn_cred cred;

	if (turn_cred_mint(&cred, secret, name, clock_unix(), (uint32_t)(c->ttl / 1000)) < 0) {
		fprintf(stderr, "%s: a name has at most 64 letters, digits and any of . _ @ -\n", tool.name);
		return 1;
	}
	printf("username=%s\npassword=%s\n", cred.username, cred.password);
	secret_wipe(&cred, sizeof(cred));
	return fflush(stdout) == 0 ? 0 : 1;
}

int credential_main(int argc, char **argv)
{
	struct credential_config c = { .user = NULL };
	struct options *given;
	struct buf asked;
	int status;

	if (!tool_options(&tool, argc, argv, &c, &given, &status))
		return status;
	buf_init(&asked, SECRET_MAX);
	status = 1;
	if (c.secrets.n > 0)
		status = print_credential(&c, span_str(c.secrets.v[0]));
	else if (tool_ask(&tool, "secret", &asked))
		status = print_credential(&c, buf_span(&asked));
	tool_forget(&asked);
	options_free(given);
	return status;
}
