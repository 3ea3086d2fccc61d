#include <stdio.h>

#include "common/base/random.h"
#include "roomd/handler.h"
#include "roomd/json_write.h"
#include "roomd/params.h"

static void left(void *ctx, const struct room_answer *a)
{
	(void)ctx, (void)a;
}

/* Nobody will ever know that id: its seat must not stay taken. */
static void give_seat_back(struct call *c, const struct room_answer *a)
{
	char id[ID_MAX];
	struct span client = span_of(id, a->client.len);

	memcpy(id, a->client.p, a->client.len);
	if (span_eq(client, c->client))		/* a rejoined seat is known: it stays */
		c->d->store->ops->leave(c->d->store, c->room, client, left, NULL);
}

static void answer_success(struct call *c, const struct room_answer *a)
{
	const struct http_request *r = http_exchange_request(c->x);
	struct params_request p = {
		.query = r->query, .host = r->host, .user_agent = http_header_get(r, "user-agent"),
		.room = c->room, .client = a->client, .initiator = a->initiator,
		.messages = a->messages, .n_messages = a->n_messages, .signal = site_signal(&c->d->site, a->signal, c->room),
	};
	struct buf out;

	buf_init(&out, PARAMS_LIMIT);
	json_open(&out, NULL, '{');
	json_string(&out, "result", SPAN_LIT("SUCCESS"));
	if (params_write(&c->d->site, &p, "params", &out) && (json_close(&out, '}'), !out.failed)) {
		reply_json(c->x, 200, buf_span(&out));
		metric_add(&c->d->metrics, M_JOIN_SUCCESS, 1);
		servers_signal_used(&c->d->site.servers, span_str(p.signal->name));
		if (!span_eq(a->client, c->client))
			metric_add(&c->d->metrics, M_REJOIN, 1);
	} else {
		metric_add(&c->d->metrics, M_JOIN_ERROR, 1);
		http_reply_text(c->x, 500, "no memory");
		give_seat_back(c, a);
	}
	buf_close(&out);
}

static void answer_refusal(struct call *c, enum roomd_metric metric, const char *result)
{
	char json[96];

	metric_add(&c->d->metrics, metric, 1);
	snprintf(json, sizeof(json), "{\"result\":\"%s\",\"params\":{\"messages\":[]}}", result);
	reply_json(c->x, 200, span_str(json));
}

static void on_joined(void *ctx, const struct room_answer *a)
{
	struct call *c = ctx;

	if (c->x == NULL) {
		if (a->result == ROOM_SUCCESS)
			give_seat_back(c, a);
	} else if (a->result == ROOM_SUCCESS) {
		answer_success(c, a);
	} else if (a->result == ROOM_FULL) {
		answer_refusal(c, M_JOIN_FULL, "FULL");
	} else if (a->result == ROOM_DUPLICATE_CLIENT) {
		answer_refusal(c, M_JOIN_ERROR, "DUPLICATE_CLIENT");
	} else if (a->result == ROOM_UNAVAILABLE) {
		metric_add(&c->d->metrics, M_JOIN_UNAVAILABLE, 1);
		reply_later(c->x, 503);
	} else {
		answer_refusal(c, M_JOIN_ERROR, "ERROR");
	}
	call_free(c);
}

void handle_join(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	const struct http_request *r = http_exchange_request(x);
	char id[CLIENT_ID_SIZE], rejoin[ID_MAX];
	uint8_t request[ROOM_REQUEST_SIZE];
	struct call *c;

	client_id_make(id);
	random_bytes(request, sizeof(request));
	c = call_new(d, x, a->room, span_str(id));
	if (c == NULL)
		return;
	d->store->ops->join(d->store, &(struct room_join){
		.room = c->room, .client = c->client, .rejoin = params_id(r->query, "rejoin", rejoin),
		.request = span_of(request, sizeof(request)), .signal = span_str(params_signal(&d->site, r->query)->name),
		.capacity = d->config->room_capacity, .loopback = params_loopback(r->query),
	}, on_joined, c);
}
