#include "signald/bye.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/origin.h"
#include "common/proto/ids.h"

int bye_open(struct bye *b, uv_loop_t *loop, const struct signald_config *cfg, struct metrics *m)
{
	*b = (struct bye){ .metrics = m };
	b->server = calloc(cfg->room_server.n + 1, sizeof(struct http_client *));
	if (b->server == NULL)
		return -1;
	for (size_t i = 0; i < cfg->room_server.n; i++) {
		char host[ORIGIN_HOST_MAX + 1];
		struct origin at;

		origin_parse(&at, span_str(cfg->room_server.v[i]), false);	/* config.c has checked it */
		b->server[i] = http_client_new(loop, &(struct http_client_options){
			.host = origin_host(&at, host), .port = at.port,
		});
		if (b->server[i] == NULL) {
			bye_close(b);
			return -1;
		}
		b->n++;
	}
	return 0;
}

static void on_answer(void *ctx, enum http_call_result r, int status, struct span body)
{
	struct bye *b = ctx;
	bool done = r == HTTP_CALL_OK && status == 200;
	(void)body;

	b->open--;
	if (done)
		metric_add(b->metrics, COUNT_BYE_DONE, 1);
	else
		metric_add(b->metrics, r == HTTP_CALL_FULL || r == HTTP_CALL_STOPPED ? COUNT_BYE_DROPPED : COUNT_BYE_FAILED, 1);
	if (!done && !b->failing && r != HTTP_CALL_STOPPED)
		LOG(LOG_WARNING, "bye_failed", LOG_UINT("result", r), LOG_UINT("status", status),
		    LOG_STR("msg", "a room server does not take removals; further failures are only counted"));
	b->failing = !done;
}

void bye_tell(struct bye *b, struct span room, struct span client)
{
	char path[sizeof("/bye//") + 2 * ID_MAX];
	int n = snprintf(path, sizeof(path), "/bye/%.*s/%.*s", SPAN_ARG(room), SPAN_ARG(client));

	for (size_t i = 0; i < b->n; i++) {
		if (http_client_call(b->server[i], "POST", span_of(path, (size_t)n), "text/plain", (struct span){ NULL, 0 }, true,
				     on_answer, b) != NULL)
			b->open++;
		else
			metric_add(b->metrics, COUNT_BYE_DROPPED, 1);
	}
}

void bye_close(struct bye *b)
{
	for (size_t i = 0; i < b->n; i++)
		http_client_stop(b->server[i], NULL, NULL);
	free(b->server);
	b->server = NULL;
	b->n = 0;
}
