#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/crypto/digest.h"
#include "turnd/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One start with these lines as the configuration file; what it said, with the file's name cut off. */
struct run {
	struct options *options;
	struct turnd_config config;
	enum options_verdict verdict;
	char said[4096];
};

static void write_file(char path[64], const char *text)
{
	int fd;
	strcpy(path, "/tmp/turnd_config_test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void start(struct run *r, const char *lines)
{
	char path[64], name[] = "turnd", *argv[] = { name, NULL };
	char *envp[] = { NULL };
	FILE *said = tmpfile();
	int err = dup(STDERR_FILENO);
	size_t n;

	*r = (struct run){ .options = NULL };
	write_file(path, lines);
	fflush(stderr);
	dup2(fileno(said), STDERR_FILENO);
	r->verdict = options_load(&r->options, "turnd", turnd_options, path, 1, argv, envp, &r->config, turnd_check);
	fflush(stderr);
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(said);
	n = fread(r->said, 1, sizeof(r->said) - 1, said);
	r->said[n] = '\0';
	fclose(said);
	unlink(path);
	for (char *p; (p = strstr(r->said, path)) != NULL;)
		memmove(p, p + strlen(path), strlen(p + strlen(path)) + 1);
}

static void end(struct run *r)
{
	options_free(r->options);
}

static void a_mistake_is_said_in_a_sentence(void **state)
{
	static const struct { const char *lines, *said; } bad[] = {
		{ "realm=x\nstatic-auth-secret=s\ndenied-peer-ip=10.0.0.0/33",
		  ":3: denied-peer-ip: '10.0.0.0/33' is not an address, a range a-b or a prefix a/n\n" },
		{ "static-auth-secret=s\nallowed-peer-ip=10.0.0.9-10.0.0.1",
		  ":2: allowed-peer-ip: '10.0.0.9-10.0.0.1' is not an address, a range a-b or a prefix a/n\n" },
		{ "static-auth-secret=s\ndenied-peer-ip=10.0.0.1-::1",
		  ":2: denied-peer-ip: '10.0.0.1-::1' is not an address, a range a-b or a prefix a/n\n" },
		{ "static-auth-secret=s\nlistening-ip=127.0.0.1\nlistening-ip=localhost",
		  ":3: listening-ip: 'localhost' is not an IP address\n" },
		{ "static-auth-secret=s\nrelay-ip=0.0.0.0",
		  ":2: relay-ip: '0.0.0.0' is not one address: relays need one that peers can answer to\n" },
		{ "static-auth-secret=s\nexternal-ip=192.0.2.1/::1",
		  ":2: external-ip: '192.0.2.1/::1' is not an address, or two of one family as public/private\n" },
		{ "static-auth-secret=s\nmin-port=50001\nmax-port=50000",
		  ":2: min-port: 50001 is above max-port, 50000\n" },
		{ "user=alice", ":1: user: is not name:password or name:0xKEY\n" },
		{ "user=alice:a\nuser=alice:b", ":2: user: 'alice' is given twice\n" },
		{ "static-auth-secret=s\nrest-api-separator=::", ":2: rest-api-separator: '::' is not one character\n" },
		{ "listening-ip=192.0.2.1",
		  "turnd: static-auth-secret: there is neither a secret nor a user, and no default: give static-auth-secret, "
		  "secret-file, redis or user\n" },
		{ "use-auth-secret\nlistening-ip=127.0.0.1",
		  ":1: use-auth-secret: there is no secret: give static-auth-secret, secret-file or redis\n" },
		{ "no-auth", ":1: no-auth: a relay without credentials that others can reach is abused within hours; "
		  "if that is wanted, say yes-open-relay too\n" },
		{ "secret-file=/nonexistent/file", ":1: secret-file: cannot read /nonexistent/file: No such file or directory\n" },
		{ "listening-port=0\nuser=a:b", ":1: listening-port: '0' is out of range (1..65535)\n" },
		{ "static-auth-secret=1\nstatic-auth-secret=2\nstatic-auth-secret=3\nstatic-auth-secret=4\nstatic-auth-secret=5\n"
		  "static-auth-secret=6\nstatic-auth-secret=7\nstatic-auth-secret=8\nstatic-auth-secret=9\n",
		  ":9: static-auth-secret: more than 8 secrets at a time\n" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct run r;
		start(&r, bad[i].lines);
		assert_int_equal(r.verdict, OPTIONS_EXIT_BAD);
		assert_string_equal(r.said, bad[i].said);
		end(&r);
	}
}

static void a_configuration_of_coturn_is_taken(void **state)
{
	struct run r;
	(void)state;

	start(&r, "listening-port=3478\nrelay-ip=192.0.2.7\nexternal-ip=203.0.113.5/192.0.2.7\nmin-port=50000\nmax-port=50100\n"
		  "fingerprint\nlt-cred-mech\nuser=ninefingers:0xbc807ee29df3c9ffa736523fb2c4e8ee\nrealm=north.gov\n"
		  "stale-nonce\nrelay-threads=3\nno-cli\n");
	assert_int_equal(r.verdict, OPTIONS_RUN);
	assert_string_equal(r.said, ":12: warning: no-cli: ignored; the admin listener (admin-ip, admin-port) has /healthz /readyz "
				    "/metrics /status\n"
				    ":8: warning: user: has a key for MD5 only, and RFC 8489 clients will try SHA-256: give the "
				    "password, or a key of 64 digits, or say password-algorithms = md5\n");
	assert_int_equal(r.config.threads, 3);
	assert_int_equal(r.config.stale_nonce, SECONDS(600));
	assert_true(r.config.fingerprint);
	end(&r);
}

static void every_option_of_a_usual_coturn_file_is_known(void **state)
{
	static const char *const names[] = {
		"cipher-list", "no-dtls", "no-tcp-relay",
		"no-stun", "stun-only", "no-multicast-peers", "no-loopback-peers",
		"userdb", "syslog", "simple-log", "cli-password", "web-admin", "prometheus", "dh2066", "no-tlsv1",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char lines[128], expected[64];
		struct run r;
		snprintf(lines, sizeof(lines), "user=a:b\n%s=1\n", names[i]);
		snprintf(expected, sizeof(expected), ":2: warning: %s: ignored; ", names[i]);
		start(&r, lines);
		assert_int_equal(r.verdict, OPTIONS_RUN);
		assert_memory_equal(r.said, expected, strlen(expected));
		end(&r);
	}
}

static void without_secret_loopback_serves_binding_only(void **state)
{
	struct run r;
	(void)state;

	start(&r, "listening-ip=127.0.0.1\nlistening-ip=::1\n");
	assert_int_equal(r.verdict, OPTIONS_RUN);
	assert_string_equal(r.said, "turnd: warning: static-auth-secret: there is neither a secret nor a user: nobody can allocate, only "
				    "Binding is answered\n");
	end(&r);
	start(&r, "listening-ip=127.0.0.1\nno-auth\n");
	assert_int_equal(r.verdict, OPTIONS_RUN);
	assert_string_equal(r.said, "");
	end(&r);
	start(&r, "no-auth\nyes-open-relay\n");
	assert_int_equal(r.verdict, OPTIONS_RUN);
	end(&r);
}

static struct turnd_settings *settings(struct run *r, const char *lines)
{
	static const uint8_t key[32] = { 1 };
	static const struct interfaces host = {
		.ip = { { 4, { 127, 0, 0, 1 } }, { 4, { 192, 0, 2, 7 } } }, .n = 2,
		.broadcast = { { 4, { 192, 0, 2, 255 } } }, .n_broadcast = 1,
	};
	struct turnd_settings *s;

	start(r, lines);
	assert_int_equal(r->verdict, OPTIONS_RUN);
	s = turnd_settings_new(&r->config, &host, key, NULL, NULL);
	assert_non_null(s);
	return s;
}

static void users_have_the_key_of_the_rfc(void **state)
{
	uint8_t expected[32];
	struct run r;
	struct turnd_settings *s = settings(&r, "realm=example.org\nuser=alice:pass:word\n"
						"user=bob:0x000102030405060708090a0b0c0d0E0F\nuser=carol:0x12\n"
						"user=dave:0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
	(void)state;

	assert_int_equal(s->turn.n_users, 4);
	assert_true(span_eq_str(s->turn.users[0].name, "alice"));
	digest_md5(SPAN_LIT("alice:example.org:pass:word"), expected);
	assert_memory_equal(s->turn.users[0].md5.bytes, expected, 16);
	for (uint8_t i = 0; i < 16; i++)
		assert_int_equal(s->turn.users[1].md5.bytes[i], i);
	digest_md5(SPAN_LIT("carol:example.org:0x12"), expected);
	assert_memory_equal(s->turn.users[2].md5.bytes, expected, 16);
	digest_sha256(SPAN_LIT("alice:example.org:pass:word"), expected);
	assert_memory_equal(s->turn.users[0].sha256.bytes, expected, 32);
	digest_sha256(SPAN_LIT("bob:example.org"), expected);
	assert_memory_equal(s->turn.users[1].hash, expected, 32);
	for (uint8_t i = 0; i < 32; i++)
		assert_int_equal(s->turn.users[3].sha256.bytes[i], i);
	assert_int_equal(s->turn.users[0].md5.len + s->turn.users[1].md5.len, 32);
	assert_int_equal(s->turn.users[1].sha256.len + s->turn.users[3].md5.len, 0);
	assert_non_null(strstr(r.said, "user: "));		/* bob's key is for MD5 only: RFC 8489 clients fail */
	turnd_settings_free(s);
	end(&r);
}

static void secrets_come_from_options_and_from_a_file(void **state)
{
	char path[64], lines[256];
	struct run r;
	struct turnd_settings *s;
	(void)state;

	write_file(path, "# newest first\nsecond\r\n\n  third \n");
	snprintf(lines, sizeof(lines), "static-auth-secret=first\nsecret-file=%s\nstateless-nonce-secret=fleet\n", path);
	s = settings(&r, lines);
	unlink(path);
	assert_int_equal(s->turn.n_secrets, 3);
	assert_true(span_eq_str(s->turn.secrets[0], "first"));
	assert_true(span_eq_str(s->turn.secrets[1], "second"));
	assert_true(span_eq_str(s->turn.secrets[2], "third"));
	assert_int_not_equal(s->turn.nonce_keys[0][0], 1);
	assert_int_equal(s->turn.n_nonce_keys, 1);
	turnd_settings_free(s);
	end(&r);
}

static void nonce_secrets_are_two_at_most_the_newest_first(void **state)
{
	uint8_t expected[32];
	struct run r;
	struct turnd_settings *s = settings(&r, "user=a:b\nstateless-nonce-secret=new\nstateless-nonce-secret=old\n");
	(void)state;
	assert_int_equal(s->turn.n_nonce_keys, 2);
	digest_sha256(SPAN_LIT("new"), expected);
	assert_memory_equal(s->turn.nonce_keys[0], expected, 32);
	digest_sha256(SPAN_LIT("old"), expected);
	assert_memory_equal(s->turn.nonce_keys[1], expected, 32);
	turnd_settings_free(s);
	end(&r);
	s = settings(&r, "user=a:b\n");
	assert_int_equal(s->turn.nonce_keys[0][0], 1);			/* the process's own */
	assert_int_equal(s->turn.n_nonce_keys, 1);
	turnd_settings_free(s);
	end(&r);
	start(&r, "user=a:b\nstateless-nonce-secret=1\nstateless-nonce-secret=2\nstateless-nonce-secret=3\n");
	assert_int_equal(r.verdict, OPTIONS_EXIT_BAD);
	assert_non_null(strstr(r.said, "more than 2 secrets"));
	end(&r);
}

static void alternates_are_for_the_transports_they_are_named_after(void **state)
{
	static const struct { const char *at; unsigned transports; const char *domain; } want[] = {
		{ "192.0.2.1:3478", 3, "" }, { "[2001:db8::1]:3479", 3, "" }, { "192.0.2.2:3478", 1, "" }, { "192.0.2.3:3478", 2, "" },
		{ "192.0.2.4:5349", 12, "" }, { "[2001:db8::2]:5349", 12, "a.example.org" }, { "192.0.2.5:443", 12, "b-1.example.org" }
	};
	static const char *const bad[] = {
		"alternate-server=example.org", "alternate-server=192.0.2.1:0", "alternate-server=192.0.2.1/a.example.org",
		"tcp-alternate-server=192.0.2.1:99999", "tls-alternate-server=192.0.2.1/a b", "redirect=never"
	};
	struct run r;
	struct turnd_settings *s = settings(&r, "user=a:b\nalternate-server=192.0.2.1\nalternate-server=[2001:db8::1]:3479\n"
		"udp-alternate-server=192.0.2.2\ntcp-alternate-server=192.0.2.3\ntls-alternate-server=192.0.2.4\n"
		"tls-alternate-server=2001:db8::2/a.example.org\ntls-alternate-server=192.0.2.5:443/b-1.example.org\n");
	(void)state;
	end(&r);							/* nothing is borrowed from the configuration */
	assert_int_equal(s->turn.n_alternates, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < s->turn.n_alternates; i++) {
		const struct alternate *a = &s->turn.alternates[i];
		struct endpoint at;
		assert_true(endpoint_parse(&at, span_str(want[i].at)) && endpoint_equal(&a->at, &at));
		assert_int_equal(a->transports, want[i].transports);
		assert_true(span_eq_str(a->domain, want[i].domain));
	}
	assert_true(s->turn.redirect);
	turnd_settings_free(s);
	s = settings(&r, "user=a:b\nredirect=draining\n");
	assert_false(s->turn.redirect);
	turnd_settings_free(s);
	end(&r);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char lines[128];
		snprintf(lines, sizeof(lines), "user=a:b\n%s\n", bad[i]);
		start(&r, lines);
		assert_int_equal(r.verdict, OPTIONS_EXIT_BAD);
		end(&r);
	}
}

static void algorithms_and_limits_of_credentials_are_as_configured(void **state)
{
	static const struct { const char *lines; unsigned algorithms, hashes, max, rate, burst; } cases[] = {
		{ "", ALGORITHMS_ALL, 1, 0, 100, 500 },
		{ "password-algorithms=md5\nrest-hash=sha256\ncredential-max-lifetime=24h\nunauthorized-ratelimit-rps=7\n",
		  ALGORITHM_MD5, 2, 86400, 7, 35 },
		{ "password-algorithms=sha256\nrest-hash=both\nunauthorized-ratelimit=no\n", ALGORITHM_SHA256, 3, 0, 0, 500 },
		{ "password-algorithms=both\nrest-hash=sha1\nunauthorized-ratelimit\n", ALGORITHMS_ALL, 1, 0, 100, 500 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char lines[256];
		struct run r;
		struct turnd_settings *s;
		snprintf(lines, sizeof(lines), "user=a:b\n%s", cases[i].lines);
		s = settings(&r, lines);
		assert_int_equal(s->turn.algorithms, cases[i].algorithms);
		assert_int_equal(s->turn.rest_hashes, cases[i].hashes);
		assert_int_equal(s->turn.credential_max, cases[i].max);
		assert_int_equal(s->turn.rates[RATE_REFUSAL].per_second, cases[i].rate);
		assert_int_equal(s->turn.rates[RATE_REFUSAL].burst, cases[i].burst);
		turnd_settings_free(s);
		end(&r);
	}
}

static void learnt_secrets_stand_first_and_all_are_at_most_eight(void **state)
{
	struct turn_secrets learnt = { .n = 2, .v = { { .id = "b", .text = "new" }, { .id = "a", .text = "own3" } } };
	static const char *const expected[] = { "new", "own3", "own0", "own1", "own2", "own4", "own5", "own6" };
	uint8_t key[32] = { 1 };
	const struct interfaces host = { .n = 0 };
	struct run r;
	struct turnd_settings *s;
	(void)state;

	start(&r, "static-auth-secret=own0\nstatic-auth-secret=own1\nstatic-auth-secret=own2\nstatic-auth-secret=own3\n"
	      "static-auth-secret=own4\nstatic-auth-secret=own5\nstatic-auth-secret=own6\nstatic-auth-secret=own7\n");
	assert_int_equal(r.verdict, OPTIONS_RUN);
	r.config.learnt = &learnt;
	s = turnd_settings_new(&r.config, &host, key, NULL, NULL);
	assert_non_null(s);
	memset(&learnt, 0, sizeof(learnt));	/* nothing is borrowed */
	assert_int_equal(s->turn.n_secrets, 8);
	for (size_t i = 0; i < 8; i++)
		assert_true(span_eq_str(s->turn.secrets[i], expected[i]));
	turnd_settings_free(s);
	end(&r);
}

static void redis_is_as_good_as_a_secret_and_no_peer(void **state)
{
	struct run r;
	struct turnd_settings *s = settings(&r, "listening-ip=192.0.2.7\nuse-auth-secret\nredis=redis://:word@198.51.100.3:6380\n");
	const struct policy_settings *p = &s->turn.policy;
	char text[ENDPOINT_TEXT];
	(void)state;

	assert_int_equal(s->turn.n_secrets, 0);
	assert_string_equal(endpoint_format(&p->own_services[p->n_own_services - 1], text), "198.51.100.3:6380");
	turnd_settings_free(s);
	end(&r);
}

static void the_fleets_options_are_checked(void **state)
{
	static const char *const bad[] = {
		"redis=http://x\n", "zone=a b\n", "turn-uri=stun:h\n", "turn-uri=turn:h?transport=sctp\n",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char lines[128];
		struct run r;
		snprintf(lines, sizeof(lines), "user=a:b\n%s", bad[i]);
		start(&r, lines);
		assert_int_equal(r.verdict, OPTIONS_EXIT_BAD);
		assert_non_null(strstr(r.said, strtok(lines + strlen("user=a:b\n"), "=")));
		end(&r);
	}
}

static void the_lease_announces_turn_uri_or_every_listener(void **state)
{
	static const struct interfaces host = {
		.ip = { { 4, { 127, 0, 0, 1 } }, { 4, { 10, 0, 0, 7 } }, { 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } }, .n = 3,
	};
	static const struct {
		const char *lines, *uris;
	} rows[] = {
		{ "", "turn:10.0.0.7:3478?transport=udp turn:[2001:db8::1]:3478?transport=udp "
		      "turn:10.0.0.7:3478?transport=tcp turn:[2001:db8::1]:3478?transport=tcp " },
		{ "no-tcp\nexternal-ip=192.0.2.7\n", "turn:192.0.2.7:3478?transport=udp turn:[2001:db8::1]:3478?transport=udp " },
		{ "listening-ip=127.0.0.1\nlistening-port=3500\nno-udp\n", "turn:127.0.0.1:3500?transport=tcp " },
		{ "listening-ip=10.0.0.7\nlistening-ip=10.0.0.8\nexternal-ip=192.0.2.7\n",
		  "turn:192.0.2.7:3478?transport=udp turn:192.0.2.7:3478?transport=tcp " },
		{ "turn-uri=turns:t.example.org\nturn-uri=turn:t.example.org:1\n", "turns:t.example.org turn:t.example.org:1 " },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span uris[NODE_URLS_MAX];
		char lines[256], got[512] = "";
		struct buf text;
		struct run r;
		size_t n;
		snprintf(lines, sizeof(lines), "user=a:b\n%s", rows[i].lines);
		start(&r, lines);
		assert_int_equal(r.verdict, OPTIONS_RUN);
		buf_init(&text, CONFIG_URIS_TEXT);
		assert_true(config_uris(&r.config, &host, &text, uris, &n));
		for (size_t k = 0; k < n; k++) {
			assert_true(node_url_valid(NODE_TURN, uris[k]));
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s ", SPAN_ARG(uris[k]));
		}
		assert_string_equal(got, rows[i].uris);
		buf_close(&text);
		end(&r);
	}
}

static void ranges_have_both_ends(void **state)
{
	static const struct { const char *text, *low, *high; } cases[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1" }, { "10.1.2.3/8", "10.0.0.0", "10.255.255.255" },
		{ "10.0.0.1 - 10.0.1.0", "10.0.0.1", "10.0.1.0" }, { "0.0.0.0/0", "0.0.0.0", "255.255.255.255" },
		{ "192.0.2.77/32", "192.0.2.77", "192.0.2.77" }, { "192.0.2.77/31", "192.0.2.76", "192.0.2.77" },
		{ "2001:db8:ffff::/33", "2001:db8:8000::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "::1", "::1", "::1" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char lines[128], text[IP_TEXT];
		struct run r;
		struct turnd_settings *s;
		snprintf(lines, sizeof(lines), "user=a:b\ndenied-peer-ip=%s\n", cases[i].text);
		s = settings(&r, lines);
		assert_int_equal(s->turn.policy.n_denied, 1);
		assert_string_equal(ip_format(&s->turn.policy.denied[0].low, text), cases[i].low);
		assert_string_equal(ip_format(&s->turn.policy.denied[0].high, text), cases[i].high);
		turnd_settings_free(s);
		end(&r);
	}
}

static void listening_and_admin_addresses_are_no_peers(void **state)
{
	static const char *const expected[] = { "127.0.0.1:3478", "192.0.2.7:3478", "127.0.0.1:5349", "192.0.2.7:5349", "192.0.2.7:9641" };
	struct run r;
	struct turnd_settings *s = settings(&r, "user=a:b\nlistening-ip=0.0.0.0\nadmin-ip=192.0.2.7\n");
	char text[ENDPOINT_TEXT];
	(void)state;

	assert_int_equal(s->turn.policy.n_own_services, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(endpoint_format(&s->turn.policy.own_services[i], text), expected[i]);
	assert_int_equal(s->turn.policy.n_directed_broadcasts, 1);
	turnd_settings_free(s);
	end(&r);
}

static void relay_addresses_follow_the_listeners_and_external_ip(void **state)
{
	static const struct interfaces host = {
		.ip = { { 4, { 127, 0, 0, 1 } }, { 4, { 10, 0, 0, 7 } }, { 4, { 10, 0, 0, 8 } }, { 6, { [15] = 1 } } }, .n = 4,
	};
	static const struct { const char *lines, *relays; } cases[] = {
		{ "", "10.0.0.7=10.0.0.7 10.0.0.8=10.0.0.8 " },
		{ "listening-ip=::\n", "::1=::1 " },
		{ "listening-ip=10.0.0.8\nlistening-ip=10.0.0.8\n", "10.0.0.8=10.0.0.8 " },
		{ "listening-ip=0.0.0.0\nrelay-ip=10.0.0.9\n", "10.0.0.9=10.0.0.9 " },
		{ "external-ip=192.0.2.1\n", "10.0.0.7=192.0.2.1 10.0.0.8=192.0.2.1 " },
		{ "external-ip=192.0.2.2/10.0.0.8\nexternal-ip=192.0.2.1\nexternal-ip=2001:db8::1\n",
		  "10.0.0.7=192.0.2.1 10.0.0.8=192.0.2.2 " },
		{ "relay-ip=10.0.0.7\nrelay-ip=2001:db8::7\nexternal-ip=2001:db8::1\n",
		  "10.0.0.7=10.0.0.7 2001:db8::7=2001:db8::1 " },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char lines[256], got[512] = "", a[IP_TEXT], b[IP_TEXT];
		struct relay_pair pairs[ADDRESSES_MAX];
		struct run r;
		size_t n, len = 0;
		snprintf(lines, sizeof(lines), "user=a:b\n%s", cases[i].lines);
		start(&r, lines);
		assert_true(config_relays(&r.config, &host, pairs, &n, NULL));
		for (size_t k = 0; k < n; k++)
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%s=%s ", ip_format(&pairs[k].ip, a),
						ip_format(&pairs[k].advertised, b));
		assert_string_equal(got, cases[i].relays);
		end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistake_is_said_in_a_sentence),
		cmocka_unit_test(a_configuration_of_coturn_is_taken),
		cmocka_unit_test(every_option_of_a_usual_coturn_file_is_known),
		cmocka_unit_test(without_secret_loopback_serves_binding_only),
		cmocka_unit_test(users_have_the_key_of_the_rfc),
		cmocka_unit_test(secrets_come_from_options_and_from_a_file),
		cmocka_unit_test(nonce_secrets_are_two_at_most_the_newest_first),
		cmocka_unit_test(alternates_are_for_the_transports_they_are_named_after),
		cmocka_unit_test(algorithms_and_limits_of_credentials_are_as_configured),
		cmocka_unit_test(learnt_secrets_stand_first_and_all_are_at_most_eight),
		cmocka_unit_test(redis_is_as_good_as_a_secret_and_no_peer),
		cmocka_unit_test(the_fleets_options_are_checked),
		cmocka_unit_test(the_lease_announces_turn_uri_or_every_listener),
		cmocka_unit_test(ranges_have_both_ends),
		cmocka_unit_test(listening_and_admin_addresses_are_no_peers),
		cmocka_unit_test(relay_addresses_follow_the_listeners_and_external_ip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
