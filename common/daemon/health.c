#include "common/daemon/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/net/http_client.h"

enum { ANSWER_LIMIT = 1024, PATIENCE = 3000 /* ms */ };

struct question {
	const char *daemon;
	struct endpoint at;
	struct http_client *client;
	int status;
};

/* A listener on all addresses is asked on loopback. */
static bool find_admin(const struct service_config *c, struct endpoint *at)
{
	*at = (struct endpoint){ .port = c->admin_port };
	if (at->port == 0 || c->admin_ip == NULL || !ip_parse(&at->ip, span_str(c->admin_ip)))
		return false;
	if (ip_is_any(&at->ip))
		return ip_parse(&at->ip, at->ip.family == 4 ? SPAN_LIT("127.0.0.1") : SPAN_LIT("::1"));
	return true;
}

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body)
{
	static const char *const failures[] = {
		[HTTP_CALL_CONNECT] = "nobody accepts connections", [HTTP_CALL_LOST] = "the connection was closed",
		[HTTP_CALL_TIMEOUT] = "no answer in time", [HTTP_CALL_BROKEN] = "the answer is not one of ours",
		[HTTP_CALL_FULL] = "no memory", [HTTP_CALL_STOPPED] = "stopped",
	};
	struct question *q = ctx;
	char at[ENDPOINT_TEXT];

	while (body.len > 0 && body.p[body.len - 1] == '\n')
		body.len--;
	if (r == HTTP_CALL_OK && status == 200) {
		q->status = 0;
		printf("%.*s\n", SPAN_ARG(body));
	} else if (r == HTTP_CALL_OK) {
		fprintf(stderr, "%s: not ready (%d): %.*s\n", q->daemon, status, SPAN_ARG(body));
	} else {
		fprintf(stderr, "%s: not ready: %s: %s\n", q->daemon, endpoint_format(&q->at, at), failures[r]);
	}
	http_client_stop(q->client, NULL, NULL);
}

static int ask(struct question *q)
{
	char host[IP_TEXT];
	const struct http_client_options o = { .host = ip_format(&q->at.ip, host), .port = q->at.port, .connections = 1,
					       .body_limit = ANSWER_LIMIT, .deadline = PATIENCE };
	uv_loop_t loop;
	bool asked = false;

	if (uv_loop_init(&loop) < 0)
		return 1;
	q->client = http_client_new(&loop, &o);
	if (q->client != NULL) {
		asked = http_client_call(q->client, "GET", SPAN_LIT("/readyz"), NULL, (struct span){ NULL, 0 }, true,
					 on_answer, q) != NULL;
		if (!asked)
			http_client_stop(q->client, NULL, NULL);
	}
	if (!asked)
		fprintf(stderr, "%s: no memory is left to ask\n", q->daemon);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return q->status;
}

int health_main(const struct service *s, const char *default_file, int argc, char **argv)
{
	struct question q = { .daemon = s->name, .status = 1 };
	void *config = calloc(1, s->config_size);
	struct options *options = NULL;
	enum options_verdict verdict = OPTIONS_EXIT_BAD;

	if (config != NULL)
		verdict = options_load(&options, s->name, s->options, default_file, argc, argv, environ, config, NULL);
	if (verdict == OPTIONS_RUN) {
		if (find_admin(config, &q.at))
			ask(&q);
		else
			fprintf(stderr, "%s: there is no admin listener to ask (admin-ip, admin-port)\n", s->name);
		options_free(options);
	} else if (verdict == OPTIONS_HELP) {
		printf("usage: %s health [the daemon's own options]\nAsks the running daemon's /readyz; exit status 0: ready, 1: not.\n",
		       s->name);
	}
	free(config);
	return verdict == OPTIONS_HELP || verdict == OPTIONS_EXIT_OK ? 0 : q.status;
}
