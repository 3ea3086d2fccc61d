#include "common/base/log.h"
#include "roomd/handler.h"

/* The answer comes after the change: on `bye` the peer posts a new offer at once and must find itself alone. */
static void on_left(void *ctx, const struct room_answer *a)
{
	struct call *c = ctx;

	if (c->x != NULL && a->result == ROOM_SUCCESS)
		http_reply(c->x, &(struct http_reply){ .status = 200 });
	else if (c->x != NULL)
		reply_later(c->x, 503);
	call_free(c);
}

static void leave(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	struct call *c = call_new(d, x, a->room, a->client);

	if (c != NULL)
		d->store->ops->leave(d->store, c->room, c->client, on_left, c);
}

void handle_leave(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	metric_add(&d->metrics, M_LEAVE, 1);
	leave(d, x, a);
}

static bool is_trusted(const struct string_list *l, const struct ip_addr *ip)
{
	struct ip_addr trusted;

	for (size_t i = 0; i < l->n; i++)
		if (ip_parse(&trusted, span_str(l->v[i])) && ip_equal(&trusted, ip))
			return true;
	return false;
}

void handle_bye(struct roomd *d, struct http_exchange *x, const struct route_args *a)
{
	const struct http_request *r = http_exchange_request(x);

	if (!is_trusted(&d->config->trusted_signal, &r->peer.ip)) {
		metric_add(&d->metrics, M_BYE_REFUSED, 1);
		if (!d->bye_complained)
			LOG(LOG_WARNING, "bye_refused", LOG_ENDPOINT("from", &r->peer),
			    LOG_STR("msg", "not one of the trusted-signal addresses; further ones are only counted"));
		d->bye_complained = true;
		http_reply_text(x, 403, "not from here");
		return;
	}
	metric_add(&d->metrics, M_BYE, 1);
	leave(d, x, a);
}
