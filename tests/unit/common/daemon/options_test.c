#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/daemon/options.h"
#include "tests/lib/failing_alloc.h"

/* --- a made-up daemon --- */

struct config {
	uint16_t min_port, max_port;
	msec_t lifetime;
	bool fingerprint;
	char *realm, *key;
	struct string_list ips, secrets;
};

#define FIELD(f) offsetof(struct config, f)
static const struct option table[] = {
	OPTION_GROUP("Ports"),
	{ .name = "min-port", .kind = OPT_PORT, .offset = FIELD(min_port), .def = "49152", .min = "1024", .help = "lowest relay port" },
	{ .name = "max-port", .kind = OPT_PORT, .offset = FIELD(max_port), .def = "65535", .min = "1024", .help = "highest relay port" },
	{ .name = "listening-ip", .kind = OPT_STRINGS, .offset = FIELD(ips), .def = "127.0.0.1,::1", .help = "listen here",
	  .alias = "listen" },
	OPTION_GROUP("Protocol"),
	{ .name = "max-lifetime", .kind = OPT_MSEC, .offset = FIELD(lifetime), .def = "1h", .help = "longest allocation granted" },
	{ .name = "fingerprint", .kind = OPT_SWITCH, .offset = FIELD(fingerprint), .def = "no", .help = "add FINGERPRINT" },
	{ .name = "realm", .kind = OPT_STRING, .offset = FIELD(realm), .help = "realm of the credentials", .flag = 'r' },
	{ .name = "auth-secret", .kind = OPT_SECRETS, .offset = FIELD(secrets), .help = "TURN REST secret" },
	{ .name = "pkey-pwd", .kind = OPT_SECRET, .offset = FIELD(key), .help = "password of the private key" },
	{ .name = "dh-file", .kind = OPT_DROPPED, .help = "only ECDHE is offered: leave it out" },
	{ .name = NULL }
};

static bool ports_in_order(struct options *o, void *config)
{
	const struct config *c = config;

	if (c->min_port <= c->max_port)
		return true;
	options_bad(o, "min-port", 0, "is above max-port, which is %u", (unsigned)c->max_port);
	return false;
}

/* --- one start, with what it said --- */

struct start {
	char dir[32], file[64], secret_file[64];
	struct config config;
	struct options *options;
	enum options_verdict verdict;
	char said[8192], printed[8192];	/* standard error, standard output */
};

static int begin(void **state)
{
	struct start *s = calloc(1, sizeof(*s));

	strcpy(s->dir, "/tmp/options_test.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	snprintf(s->file, sizeof(s->file), "%s/turnd.conf", s->dir);
	snprintf(s->secret_file, sizeof(s->secret_file), "%s/secret", s->dir);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct start *s = *state;

	options_free(s->options);
	unlink(s->file);
	unlink(s->secret_file);
	rmdir(s->dir);
	free(s);
	return 0;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void take_back(int kept, int fd, int capture, char *out, size_t size)
{
	ssize_t n;

	fflush(fd == 1 ? stdout : stderr);
	dup2(kept, fd);
	close(kept);
	n = pread(capture, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(capture);
}

/* argv ends in NULL and starts behind the program's name. */
static void run(struct start *s, char **argv, char **envp)
{
	char *all[16] = { (char[]){ "turnd" } };
	int argc = 1, err = memfd_create("err", 0), out = memfd_create("out", 0);
	int kept_err = dup(2), kept_out = dup(1);

	for (; argv != NULL && argv[argc - 1] != NULL; argc++)
		all[argc] = argv[argc - 1];
	options_free(s->options);
	memset(&s->config, 0, sizeof(s->config));
	fflush(stdout);
	dup2(err, 2);
	dup2(out, 1);
	s->verdict = options_load(&s->options, "turnd", table, s->file, argc, all, envp, &s->config, ports_in_order);
	take_back(kept_err, 2, err, s->said, sizeof(s->said));
	take_back(kept_out, 1, out, s->printed, sizeof(s->printed));
}

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })
#define TEXT(s) ((char[]){ s })

static const char *expand(const struct start *s, const char *fmt, char out[4096])
{
	size_t n = 0;

	for (; *fmt != '\0' && n < 3800; fmt++)
		n += (size_t)(*fmt == '@' ? snprintf(out + n, 4096 - n, "%s", s->file)
			      : *fmt == '$' ? snprintf(out + n, 4096 - n, "%s", s->secret_file)
					    : snprintf(out + n, 4096 - n, "%c", *fmt));
	out[n] = '\0';
	return out;
}

/* '@' stands for the configuration file's name, '$' for the secret's. */
static void assert_says(const struct start *s, const char *text)
{
	char out[4096];

	assert_string_equal(s->said, expand(s, text, out));
}

/* --- stories --- */

static void without_anything_the_defaults_count(void **state)
{
	struct start *s = *state;

	run(s, NULL, NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_says(s, "");
	assert_int_equal(s->config.min_port, 49152);
	assert_int_equal(s->config.lifetime, HOURS(1));
	assert_int_equal(s->config.ips.n, 2);
	assert_string_equal(s->config.ips.v[1], "::1");
	assert_null(s->config.realm);
	assert_false(options_given(s->options, "min-port"));
	assert_false(options_given(s->options, "no-such-option"));
}

static void the_later_source_beats_the_earlier(void **state)
{
	struct start *s = *state;

	write_file(s->file, "min-port = 2001\nmax-port=2002\nmax-lifetime 10m\nrealm=\"file\"\nfingerprint\n", 0644);
	run(s, ARGV(TEXT("--min-port=4001"), TEXT("--realm"), TEXT("argv")),
	    ARGV(TEXT("TURND_MIN_PORT=3001"), TEXT("TURND_MAX_PORT=5002"), TEXT("TURND_REALM="), TEXT("PATH=/bin")));
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_says(s, "");
	assert_int_equal(s->config.min_port, 4001);
	assert_int_equal(s->config.max_port, 5002);
	assert_int_equal(s->config.lifetime, MINUTES(10));
	assert_true(s->config.fingerprint);
	assert_string_equal(s->config.realm, "argv");
	assert_true(options_given(s->options, "max-lifetime"));
}

static void a_stronger_source_replaces_a_list_as_a_whole(void **state)
{
	struct start *s = *state;

	write_file(s->file, "listening-ip=10.0.0.1\nlisten=10.0.0.2\n", 0644);
	run(s, NULL, NULL);
	assert_int_equal(s->config.ips.n, 2);
	assert_string_equal(s->config.ips.v[0], "10.0.0.1");
	assert_string_equal(s->config.ips.v[1], "10.0.0.2");
	run(s, NULL, ARGV(TEXT("TURND_LISTENING_IP=10.0.0.3, 10.0.0.4,,10.0.0.5")));
	assert_int_equal(s->config.ips.n, 3);
	assert_string_equal(s->config.ips.v[1], "10.0.0.4");
	run(s, ARGV(TEXT("--listen"), TEXT("a,b")), ARGV(TEXT("TURND_LISTENING_IP=10.0.0.3")));
	assert_int_equal(s->config.ips.n, 1);
	assert_string_equal(s->config.ips.v[0], "a,b");
	run(s, ARGV(TEXT("--listening-ip=")), NULL);
	assert_int_equal(s->config.ips.n, 0);
	assert_says(s, "");
}

static void a_bare_key_means_yes_or_the_default(void **state)
{
	struct start *s = *state;

	write_file(s->file, "fingerprint\nmax-lifetime\nrealm\n", 0644);
	run(s, ARGV(TEXT("--realm=x")), NULL);
	assert_says(s, "@:3: realm: needs a value\n");
	write_file(s->file, "fingerprint\nmax-lifetime\nlistening-ip\n", 0644);
	run(s, NULL, NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_true(s->config.fingerprint);
	assert_int_equal(s->config.lifetime, HOURS(1));
	assert_int_equal(s->config.ips.n, 2);
	write_file(s->file, "fingerprint\nmax-lifetime\nrealm\n", 0644);
	run(s, NULL, NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_says(s, "@:3: realm: needs a value\n");
	run(s, ARGV(TEXT("--fingerprint=off"), TEXT("--realm=x"), TEXT("--fingerprint"), TEXT("--max-lifetime")), NULL);
	assert_string_equal(strstr(s->said, "command line"), "command line: warning: fingerprint: given more than once; the last "
			    "one counts\ncommand line: max-lifetime: needs a value\n");
}

static void every_error_is_reported_with_its_place(void **state)
{
	struct start *s = *state;

	write_file(s->file, "# comment\nmin-port=abc\n\nmax-port=1\n", 0644);
	run(s, ARGV(TEXT("--max-lifetime=soon"), TEXT("stray"), TEXT("--min-prot"), TEXT("5"), TEXT("--=1"), TEXT("--config")),
	    ARGV(TEXT("TURND_FINGERPRINT=perhaps")));
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_null(s->options);
	assert_says(s, "@:2: min-port: 'abc' is not a port (1024..65535)\n"
		       "@:4: max-port: '1' is out of range (1024..65535)\n"
		       "environment TURND_FINGERPRINT: fingerprint: 'perhaps' is neither yes nor no\n"
		       "command line: max-lifetime: 'soon' is not a time such as 10s, 500ms, 5m or 24h\n"
		       "command line: stray: is not an option\n"
		       "command line: min-prot: no such option (did you mean 'min-port'?)\n"
		       "command line: no such option\n"
		       "command line: config: needs the name of a file\n");
}

static void unknown_keys_of_a_file_or_the_environment_only_warn(void **state)
{
	struct start *s = *state;

	write_file(s->file, "cli-port=5766\nmaxport=70000\nmin-port = 2000\nmin-port = 3000\ndh-file=/x\n", 0644);
	run(s, ARGV(TEXT("--dh-file"), TEXT("/y"), TEXT("--dh-file")),
	    ARGV(TEXT("TURND_REALMS=x"), TEXT("TURND_realm=x"), TEXT("turnd_realm=x"), TEXT("TURND_=x"), TEXT("TURNDER=1"),
		 TEXT("TURND_A_NAME_THAT_IS_LONGER_THAN_ANY_NAME_OF_AN_OPTION_HAS_A_RIGHT_TO_BE=x"), TEXT("NOVALUE")));
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_int_equal(s->config.min_port, 3000);
	assert_says(s, "@:1: warning: cli-port: unknown option, ignored\n"
		       "@:2: warning: maxport: unknown option, ignored (did you mean 'max-port'?)\n"
		       "@:4: warning: min-port: given more than once; the last one counts\n"
		       "@:5: warning: dh-file: ignored; only ECDHE is offered: leave it out\n"
		       "environment TURND_REALMS: warning: unknown option, ignored (did you mean 'realm'?)\n"
		       "environment TURND_realm: warning: unknown option, ignored\n"
		       "environment TURND_A_NAME_THAT_IS_LONGER_THAN_ANY_NAME_OF_AN_OPTION_HAS_A_RIGHT_TO_BE: warning: unknown "
		       "option, ignored\n"
		       "command line: warning: dh-file: ignored; only ECDHE is offered: leave it out\n"
		       "command line: warning: dh-file: ignored; only ECDHE is offered: leave it out\n");
}

static void options_are_checked_together_and_named_by_their_place(void **state)
{
	struct start *s = *state;

	write_file(s->file, "max-port = 2000\n", 0644);
	run(s, NULL, NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_says(s, "turnd: min-port: is above max-port, which is 2000\n");
	run(s, ARGV(TEXT("--min-port=3000")), NULL);
	assert_says(s, "command line: min-port: is above max-port, which is 2000\n");
	run(s, ARGV(TEXT("--min-port=1024")), NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
}

static void a_secret_comes_from_a_file_without_its_newline(void **state)
{
	struct start *s = *state;
	char variable[128], argument[128];

	write_file(s->secret_file, "one\r\n two\n\n", 0600);
	snprintf(variable, sizeof(variable), "TURND_AUTH_SECRET_FILE=%s", s->secret_file);
	run(s, NULL, ARGV(variable));
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_says(s, "");
	assert_int_equal(s->config.secrets.n, 2);
	assert_string_equal(s->config.secrets.v[0], "one");
	assert_string_equal(s->config.secrets.v[1], "two");

	write_file(s->secret_file, "pass word\n", 0644);
	snprintf(argument, sizeof(argument), "--pkey-pwd-file=%s", s->secret_file);
	run(s, ARGV(argument), NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_string_equal(s->config.key, "pass word");
	assert_says(s, "command line: warning: pkey-pwd: everybody on this machine can open $: chmod 600 it\n");
}

static void a_secret_file_that_is_no_good_is_an_error(void **state)
{
	struct start *s = *state;
	char argument[128], list[128];
	char *large = malloc(17 << 10);

	snprintf(argument, sizeof(argument), "--pkey-pwd-file=%s", s->secret_file);
	snprintf(list, sizeof(list), "--auth-secret-file=%s", s->secret_file);
	run(s, ARGV(argument), NULL);
	assert_says(s, "command line: pkey-pwd: cannot read $: No such file or directory\n");
	write_file(s->secret_file, "\n", 0600);
	run(s, ARGV(argument, list), NULL);
	assert_says(s, "command line: pkey-pwd: is empty\ncommand line: auth-secret: its file is empty\n");
	run(s, ARGV(TEXT("--pkey-pwd-file=/")), NULL);
	assert_says(s, "command line: pkey-pwd: cannot read /: Is a directory\n");
	memset(large, 'x', 17 << 10);
	large[(17 << 10) - 1] = '\0';
	write_file(s->secret_file, large, 0600);
	free(large);
	run(s, ARGV(argument), NULL);
	assert_says(s, "command line: pkey-pwd: $ is too large for a secret\n");
}

static void a_secret_on_the_command_line_is_blanked_there(void **state)
{
	struct start *s = *state;
	char joined[] = "--auth-secret=hush", apart[] = "secret";

	run(s, ARGV(joined, TEXT("--pkey-pwd"), apart), NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_string_equal(s->config.secrets.v[0], "hush");
	assert_string_equal(s->config.key, "secret");
	assert_string_equal(joined, "--auth-secret=****");
	assert_string_equal(apart, "******");
	assert_says(s, "command line: warning: auth-secret: a secret on the command line can be seen by others: better use "
		       "--auth-secret-file\n"
		       "command line: warning: pkey-pwd: a secret on the command line can be seen by others: better use "
		       "--pkey-pwd-file\n");
}

static void a_configuration_with_a_secret_should_not_be_open_to_all(void **state)
{
	struct start *s = *state;

	write_file(s->file, "pkey-pwd = x\n", 0604);
	run(s, NULL, NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_says(s, "@: warning: it holds a secret and everybody on this machine can open it: chmod 640 it\n");
	write_file(s->file, "pkey-pwd = x\n", 0640);
	run(s, NULL, NULL);
	assert_says(s, "");
}

static void a_named_configuration_must_be_readable(void **state)
{
	struct start *s = *state;
	FILE *f;

	run(s, ARGV(TEXT("-c"), TEXT("/nonexistent/turnd.conf")), NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_says(s, "/nonexistent/turnd.conf: cannot read the configuration: No such file or directory\n");
	run(s, ARGV(TEXT("--config=/")), NULL);
	assert_says(s, "/: cannot read the configuration: Is a directory\n");
	f = fopen(s->file, "w");
	assert_non_null(f);
	for (int i = 0; i < (1 << 20) / 16 + 1; i++)
		fprintf(f, "# sixteen bytes\n");
	fclose(f);
	run(s, NULL, NULL);
	assert_says(s, "@: cannot read the configuration: larger than 1 MiB\n");
}

static void check_config_and_print_config_end_without_a_start(void **state)
{
	struct start *s = *state;

	run(s, ARGV(TEXT("--check-config")), NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_OK);
	assert_null(s->options);
	assert_string_equal(s->printed, "configuration ok\n");
	run(s, ARGV(TEXT("--check-config"), TEXT("--min-port=x")), NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_string_equal(s->printed, "");
	run(s, ARGV(TEXT("--version"), TEXT("--whatever")), NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_OK);
	assert_string_equal(s->printed, "turnd " SUITE_VERSION "\n");
	run(s, ARGV(TEXT("-h")), NULL);
	assert_int_equal(s->verdict, OPTIONS_HELP);
}

static void the_printed_configuration_reads_back_as_itself(void **state)
{
	struct start *s = *state;
	char first[8192];

	write_file(s->file, "realm = \" blanks \"\nmax-lifetime=90m\nlistening-ip=a\nlistening-ip=b\nauth-secret=x\n", 0600);
	run(s, ARGV(TEXT("--print-config")), NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_OK);
	assert_string_equal(s->printed, "# --- Ports\nmin-port = 49152\nmax-port = 65535\nlistening-ip = a\nlistening-ip = b\n"
					"\n# --- Protocol\nmax-lifetime = 90m\nfingerprint = no\nrealm = \" blanks \"\nauth-secret = ***\n"
					"# pkey-pwd =\n");
	memcpy(first, s->printed, sizeof(first));
	write_file(s->file, first, 0600);
	run(s, ARGV(TEXT("--print-config")), NULL);
	assert_string_equal(s->printed, first);
}

static void help_is_grouped_and_aligned(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	options_print_help("turnd", "a TURN server", table, &out);
	assert_non_null(buf_cstr(&out));
	assert_non_null(strstr(buf_cstr(&out), "turnd - a TURN server\n\nusage: turnd [-c FILE] [--OPTION=VALUE ...]\n"));
	assert_string_equal(strstr(buf_cstr(&out), "\nPorts\n"),
		"\nPorts\n"
		"  --min-port=PORT         lowest relay port (default 49152)\n"
		"  --max-port=PORT         highest relay port (default 65535)\n"
		"  --listening-ip=TEXT     listen here; repeatable (default 127.0.0.1,::1); also --listen\n"
		"\nProtocol\n"
		"  --max-lifetime=TIME     longest allocation granted (default 1h)\n"
		"  --fingerprint[=yes|no]  add FINGERPRINT\n"
		"  -r, --realm=TEXT        realm of the credentials\n"
		"  --auth-secret=SECRET    TURN REST secret; or --auth-secret-file=PATH; repeatable\n"
		"  --pkey-pwd=SECRET       password of the private key; or --pkey-pwd-file=PATH\n"
		"\nTaken and ignored, with a word on what to do instead: dh-file\n");
	buf_close(&out);
}

static void every_failing_allocation_ends_in_a_sentence(void **state)
{
	struct start *s = *state;
	unsigned n = 0;

	write_file(s->file, "realm=x\nlistening-ip=a\n", 0600);
	for (; alloc_fail_at(n), run(s, ARGV(TEXT("--pkey-pwd=x"), TEXT("--print-config")), NULL), alloc_failed(); n++) {
		alloc_fail_never();
		assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
		assert_null(s->options);
		assert_string_not_equal(s->said, "");
	}
	alloc_fail_never();
	assert_int_equal(s->verdict, OPTIONS_EXIT_OK);
	assert_true(n > 10);
}

static void a_flag_is_a_short_name_on_the_command_line(void **state)
{
	struct start *s = *state;
	char value[] = "example.org";

	run(s, (char *[]){ (char[]){ "-r" }, value, NULL }, NULL);
	assert_int_equal(s->verdict, OPTIONS_RUN);
	assert_string_equal(s->config.realm, "example.org");
	run(s, (char *[]){ (char[]){ "-r" }, NULL }, NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
	assert_non_null(strstr(s->said, "realm: needs a value"));
	run(s, (char *[]){ (char[]){ "-x" }, NULL }, NULL);
	assert_int_equal(s->verdict, OPTIONS_EXIT_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_anything_the_defaults_count, begin, end),
		cmocka_unit_test_setup_teardown(the_later_source_beats_the_earlier, begin, end),
		cmocka_unit_test_setup_teardown(a_stronger_source_replaces_a_list_as_a_whole, begin, end),
		cmocka_unit_test_setup_teardown(a_bare_key_means_yes_or_the_default, begin, end),
		cmocka_unit_test_setup_teardown(every_error_is_reported_with_its_place, begin, end),
		cmocka_unit_test_setup_teardown(unknown_keys_of_a_file_or_the_environment_only_warn, begin, end),
		cmocka_unit_test_setup_teardown(options_are_checked_together_and_named_by_their_place, begin, end),
		cmocka_unit_test_setup_teardown(a_secret_comes_from_a_file_without_its_newline, begin, end),
		cmocka_unit_test_setup_teardown(a_secret_file_that_is_no_good_is_an_error, begin, end),
		cmocka_unit_test_setup_teardown(a_secret_on_the_command_line_is_blanked_there, begin, end),
		cmocka_unit_test_setup_teardown(a_configuration_with_a_secret_should_not_be_open_to_all, begin, end),
		cmocka_unit_test_setup_teardown(a_named_configuration_must_be_readable, begin, end),
		cmocka_unit_test_setup_teardown(check_config_and_print_config_end_without_a_start, begin, end),
		cmocka_unit_test_setup_teardown(the_printed_configuration_reads_back_as_itself, begin, end),
		cmocka_unit_test_setup_teardown(a_flag_is_a_short_name_on_the_command_line, begin, end),
		cmocka_unit_test(help_is_grouped_and_aligned),
		cmocka_unit_test_setup_teardown(every_failing_allocation_ends_in_a_sentence, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
