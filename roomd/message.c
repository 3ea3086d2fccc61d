#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "roomd/handler.h"

static void on_forwarded(void *ctx, bool taken)
{
	struct call *c = ctx;

	metric_add(&c->d->metrics, taken ? M_MESSAGE_FORWARDED : M_MESSAGE_FAILED, 1);
	if (!taken && !c->d->forward_complained)
		LOG(LOG_WARNING, "forward_failed", LOG_SPAN("room", c->room),
		    LOG_STR("msg", "the signaling server does not take messages; said again once one was taken"));
	c->d->forward_complained = !taken;
	if (c->x != NULL && taken)
		reply_result(c->x, "SUCCESS");
	else if (c->x != NULL)
		reply_json(c->x, 500, SPAN_LIT("{\"result\":\"ERROR\",\"error\":\"the signaling server did not take it\"}"));
	call_free(c);
}

static void refuse(struct call *c, const char *result)
{
	metric_add(&c->d->metrics, M_MESSAGE_REFUSED, 1);
	reply_result(c->x, result);
	call_free(c);
}

static void on_stored(void *ctx, const struct room_answer *a)
{
	struct call *c = ctx;

	if (c->x == NULL) {
		call_free(c);
	} else if (a->result == ROOM_FORWARD) {
		signal_link_forward(c->d->signal, site_signal(&c->d->site, a->signal, c->room), c->room, c->client,
				    http_exchange_request(c->x)->body, on_forwarded, c);
	} else if (a->result == ROOM_SUCCESS) {
		metric_add(&c->d->metrics, M_MESSAGE_STORED, 1);
		reply_result(c->x, "SUCCESS");
		call_free(c);
	} else if (a->result == ROOM_UNKNOWN_ROOM) {
		refuse(c, "UNKNOWN_ROOM");
	} else if (a->result == ROOM_UNKNOWN_CLIENT) {
		refuse(c, "UNKNOWN_CLIENT");
	} else if (a->result == ROOM_UNAVAILABLE) {
		metric_add(&c->d->metrics, M_MESSAGE_FAILED, 1);
		reply_later(c->x, 503);
		call_free(c);
	} else {
		refuse(c, "ERROR");
	}
}

void handle_message(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	struct span body = http_exchange_request(x)->body;
	uint8_t request[ROOM_REQUEST_SIZE];
	struct call *c = call_new(d, x, a->room, a->client);

	if (c == NULL)
		return;
	if (body.len == 0 || body.len > ROOM_MESSAGE_MAX || !utf8_valid(body)) {
		refuse(c, "ERROR");
		return;
	}
	random_bytes(request, sizeof(request));
	d->store->ops->message(d->store, &(struct room_message){
		.room = c->room, .client = c->client, .request = span_of(request, sizeof(request)), .body = body,
	}, on_stored, c);
}
