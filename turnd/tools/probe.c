#include "turnd/tools/tools.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "turnd/tools/probe_report.h"
#include "turnd/tools/probe_wire.h"

enum { PASSWORD_MAX = 2048 };
enum { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };		/* as families[] */

struct probe_config {
	char *user, *password, *realm, *ca_file;
	struct string_list secrets;
	msec_t ttl, timeout;
	int family, relay_family;
	bool binding_only, json, insecure;
};

#define FIELD(f) offsetof(struct probe_config, f)
static const char *const families[] = { "any", "ipv4", "ipv6", NULL }, *const relay_families[] = { "same", "ipv4", "ipv6", NULL };
static const struct option options[] = {
	{ .name = "user", .flag = 'u', .kind = OPT_STRING, .offset = FIELD(user),
	  .help = "the user; with a secret, the name in the credential" },
	{ .name = "password", .kind = OPT_SECRET, .offset = FIELD(password),
	  .help = "the user's password; standard input if absent" },
	{ .name = "static-auth-secret", .kind = OPT_SECRETS, .offset = FIELD(secrets),
	  .help = "the server's secret, to make a credential of; of several the first" },
	{ .name = "ttl", .kind = OPT_MSEC, .offset = FIELD(ttl), .def = "1h", .min = "1s", .max = "87600h",
	  .help = "how long that credential is good: a clock that is further ahead is noticed" },
	{ .name = "realm", .flag = 'r', .kind = OPT_STRING, .offset = FIELD(realm), .help = "the realm that the server must have" },
	{ .name = "family", .kind = OPT_CHOICE, .offset = FIELD(family), .def = "any", .choices = families,
	  .help = "how to reach the server: any, ipv4 or ipv6" },
	{ .name = "relay-family", .kind = OPT_CHOICE, .offset = FIELD(relay_family), .def = "same", .choices = relay_families,
	  .help = "of the relayed addresses: same (as the server's own), ipv4 or ipv6" },
	{ .name = "timeout", .kind = OPT_MSEC, .offset = FIELD(timeout), .def = "5s", .min = "100ms", .max = "60s",
	  .help = "for each answer" },
	{ .name = "binding-only", .kind = OPT_SWITCH, .offset = FIELD(binding_only), .def = "no",
	  .help = "only ask whether the server answers: for a health check" },
	{ .name = "json", .kind = OPT_SWITCH, .offset = FIELD(json), .def = "no", .help = "print JSON" },
	{ .name = "ca-file", .kind = OPT_STRING, .offset = FIELD(ca_file),
	  .help = "whom to trust with turns:, instead of the system's list" },
	{ .name = "insecure", .kind = OPT_SWITCH, .offset = FIELD(insecure), .def = "no", .help = "take any certificate" },
	{ .name = NULL }
};

static const struct tool tool = {
	"turnd probe",
	"turnd probe turn:HOST[:PORT][?transport=udp|tcp]   (or turns:, stun:)\n"
	"Binding, two allocations, data from one relayed address to the other, and from here to a relayed address. Each step with\n"
	"its time and what it means. Exit status 0: it works, 1: it does not.", options
};

/* One run. */
struct probing {
	const struct probe_config *c;
	struct turn_uri uri;
	bool binding_only;
	struct endpoint server;
	struct span password;
	struct tls_client *tls;
	struct wire wires[PROBE_LINKS];
	struct probe plan;
	enum probe_step timed;		/* the step that runs */
	double began, ms[PROBE_STEPS];
	struct report report;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- until there are connections --- */

static bool resolve(struct probing *p)
{
	static const int wanted[] = { [FAMILY_ANY] = AF_UNSPEC, [FAMILY_IPV4] = AF_INET, [FAMILY_IPV6] = AF_INET6 };
	const struct addrinfo hints = { .ai_family = wanted[p->c->family], .ai_socktype = p->uri.tcp ? SOCK_STREAM : SOCK_DGRAM };
	double began = now_ms();
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(p->uri.host, NULL, &hints, &found);
	struct report_line *line = report_add(&p->report, "resolve", rc == 0 ? PROBE_OK : PROBE_FAILED, now_ms() - began);

	if (rc != 0) {
		snprintf(line->sentence, PROBE_SENTENCE, "the name %s has no address: %s", p->uri.host, gai_strerror(rc));
		return false;
	}
	p->server = endpoint_from_sockaddr(found->ai_addr);
	p->server.port = p->uri.port;
	endpoint_format(&p->server, line->sentence);
	freeaddrinfo(found);
	return true;
}

static bool connect_wires(struct probing *p)
{
	const unsigned n = p->binding_only ? 1 : 2;
	double began = now_ms();
	char why[256] = "";
	bool ok = true;
	struct report_line *line;

	for (unsigned i = 0; i < n && ok; i++)
		ok = wire_connect(&p->wires[i], &p->uri, &p->server, p->c->timeout, why);
	if (ok && !p->uri.tcp)
		return true;
	line = report_add(&p->report, "connect", ok ? PROBE_OK : PROBE_FAILED, now_ms() - began);
	snprintf(line->sentence, PROBE_SENTENCE, "%s", ok ? "TCP connections are accepted" : why);
	return ok;
}

static bool handshake_wires(struct probing *p)
{
	const struct tls_client_options o = { .ca_file = p->c->ca_file, .unverified = p->c->insecure, .alpn = { "stun.turn" } };
	const unsigned n = p->binding_only ? 1 : 2;
	double began = now_ms();
	char why[TLS_FILE_WHY] = "";
	struct report_line *line;
	bool ok;

	if (!p->uri.tls)
		return true;
	p->tls = tls_client_new(&o, why);
	ok = p->tls != NULL;
	for (unsigned i = 0; i < n && ok; i++)
		ok = wire_handshake(&p->wires[i], &p->uri, p->tls, p->c->timeout, why);
	line = report_add(&p->report, p->uri.tcp ? "tls" : "dtls", ok ? PROBE_OK : PROBE_FAILED, now_ms() - began);
	if (ok)
		snprintf(line->sentence, PROBE_SENTENCE, "%s, %s%s", tls_engine_version(p->wires[0].tls), tls_engine_cipher(p->wires[0].tls),
			 p->c->insecure ? "; the certificate was NOT looked at" : "");
	else
		snprintf(line->sentence, PROBE_SENTENCE, "%s", why);
	return ok;
}

/* The socket that knows nothing of TURN. */
static bool open_peer(struct probing *p, uint8_t family)
{
	struct wire *w = &p->wires[PROBE_PEER];

	w->fd = socket(family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return w->fd >= 0;
}

/* --- the plan runs --- */

static void note_time(struct probing *p)
{
	enum probe_step current = probe_current(&p->plan);
	double now;

	if (current == p->timed)
		return;
	now = now_ms();
	p->ms[p->timed] = now - p->began;
	p->timed = current;
	p->began = now;
}

static void send_all(struct probing *p)
{
	struct probe_packet out;

	while (probe_output(&p->plan, &out, clock_now())) {
		if (out.link == PROBE_PEER) {
			struct sockaddr_storage sa;
			socklen_t len = endpoint_to_sockaddr(&out.to, &sa);
			/* connected, so that ICMP errors are heard */
			if (connect(p->wires[PROBE_PEER].fd, (struct sockaddr *)&sa, len) < 0)
				probe_lost(&p->plan, PROBE_PEER, false, clock_now());
		}
		wire_send(&p->wires[out.link], out.bytes);
	}
}

struct hearing { struct probing *p; enum probe_link link; };

static void on_message(void *ctx, struct span message)
{
	struct hearing *h = ctx;

	probe_input(&h->p->plan, h->link, message, clock_now());
	note_time(h->p);
}

static void hear_all(struct probing *p)
{
	for (unsigned i = 0; i < PROBE_LINKS; i++) {
		struct hearing h = { p, (enum probe_link)i };
		enum wire_state state = WIRE_OPEN;
		if (p->wires[i].fd >= 0)
			state = wire_receive(&p->wires[i], clock_now(), on_message, &h);
		if (state != WIRE_OPEN)
			probe_lost(&p->plan, h.link, state == WIRE_REFUSED, clock_now());
	}
}

static void sleep_until_due(const struct probing *p)
{
	struct pollfd fds[PROBE_LINKS];
	msec_t due = probe_due(&p->plan), now = clock_now();

	for (unsigned i = 0; i < PROBE_LINKS; i++) {
		fds[i] = (struct pollfd){ .fd = p->wires[i].fd, .events = POLLIN };
		if (wire_due(&p->wires[i]) < due)
			due = wire_due(&p->wires[i]);
	}
	if (due > now)
		poll(fds, PROBE_LINKS, (int)(due - now));
}

static bool run_plan(struct probing *p)
{
	const struct probe_config *c = p->c;
	struct probe_options o = {
		.reliable = p->uri.tcp, .binding_only = p->binding_only, .family = p->server.ip.family, .ttl = (uint32_t)(c->ttl / 1000),
		.user = c->user != NULL ? span_str(c->user) : (struct span){ NULL, 0 }, .password = p->password, .realm = c->realm,
		.patience = c->timeout,
	};

	if (c->relay_family != FAMILY_ANY)
		o.family = c->relay_family == FAMILY_IPV6 ? 6 : 4;
	if (c->secrets.n > 0) {
		o.secret = span_str(c->secrets.v[0]);
		o.name = o.user;
	}
	o.no_peer = !open_peer(p, o.family);
	if (!probe_start(&p->plan, &o, clock_now(), clock_unix())) {
		fprintf(stderr, "%s: no credential can be made: the name has at most 64 letters, digits and any of . _ @ -\n", tool.name);
		return false;
	}
	p->began = now_ms();
	while (!p->plan.over) {
		send_all(p);
		sleep_until_due(p);
		hear_all(p);
		probe_timeout(&p->plan, clock_now());
		note_time(p);
	}
	return true;
}

static void report_plan(struct probing *p)
{
	for (unsigned i = 0; i < PROBE_STEPS; i++) {
		struct report_line *line;
		if (p->plan.steps[i].result == PROBE_NOT_RUN)
			continue;
		line = report_add(&p->report, probe_step_names[i], p->plan.steps[i].result, p->ms[i]);
		line->code = p->plan.steps[i].code;
		memcpy(line->sentence, p->plan.steps[i].sentence, PROBE_SENTENCE);
	}
	p->report.works = probe_works(&p->plan);
}

static int print_report(const struct probing *p)
{
	struct buf out;
	bool ok;

	buf_init(&out, 1 << 16);
	if (p->c->json)
		report_print_json(&p->report, &out);
	else
		report_print_text(&p->report, &out);
	ok = !out.failed && fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_close(&out);
	return ok && p->report.works ? 0 : 1;
}

static int probe(const struct probe_config *c, const char *uri, struct span password)
{
	static struct probing p;	/* large */
	int status = 1;
	bool ran = true;

	p = (struct probing){ .c = c, .password = password };
	for (unsigned i = 0; i < PROBE_LINKS; i++)
		wire_init(&p.wires[i]);
	if (!turn_uri_parse(&p.uri, span_str(uri))) {
		fprintf(stderr, "%s: '%s' is not turn:HOST[:PORT][?transport=udp|tcp]\n", tool.name, uri);
		return 1;
	}
	p.binding_only = c->binding_only || p.uri.stun;
	p.report = (struct report){ .uri = uri, .binding_only = p.binding_only };
	if (resolve(&p) && connect_wires(&p) && handshake_wires(&p)) {
		ran = run_plan(&p);
		report_plan(&p);
	}
	if (ran)
		status = print_report(&p);
	probe_close(&p.plan);
	for (unsigned i = 0; i < PROBE_LINKS; i++)
		wire_close(&p.wires[i]);
	tls_client_free(p.tls);
	return status;
}

/* Takes the URI out of the arguments; everything else is an option. */
static const char *take_uri(int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		const char *uri = argv[i];
		if (!turn_uri_is_one(uri))
			continue;
		memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(*argv));
		--*argc;
		return uri;
	}
	return NULL;
}

int probe_main(int argc, char **argv)
{
	const char *uri = take_uri(&argc, argv);
	struct probe_config c = { .user = NULL };
	struct options *given;
	struct buf asked;
	int status;

	if (!tool_options(&tool, argc, argv, &c, &given, &status))
		return status;
	buf_init(&asked, PASSWORD_MAX);
	status = 1;
	if (uri == NULL)
		fprintf(stderr, "%s: say which server: turn:HOST[:PORT][?transport=udp|tcp]\n", tool.name);
	else if (c.user == NULL || c.secrets.n > 0 || c.binding_only)
		status = probe(&c, uri, (struct span){ NULL, 0 });
	else if (c.password != NULL)
		status = probe(&c, uri, span_str(c.password));
	else if (tool_ask(&tool, "password", &asked))
		status = probe(&c, uri, buf_span(&asked));
	tool_forget(&asked);
	options_free(given);
	return status;
}
