#include "common/redis/secret_feed.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/crypto/digest.h"
#include "common/proto/redis_schema.h"

struct secret_feed {
	struct redis_route *route;
	const struct secret_feed_handler *h;
	void *owner;
	uv_timer_t timer;
	msec_t poll;
	size_t realm_len;
	char realm[REDIS_REALM_MAX];
	struct turn_secrets now;
	/* the look at work */
	bool looking, again, failed, odd, stopped, complained;
	struct turn_secrets ours;
};

static void complain(struct secret_feed *f, const char *what, struct span detail)
{
	if (!f->complained)
		LOG(LOG_WARNING, "turn_secrets", LOG_STR("msg", what), LOG_SPAN("detail", detail));
	f->complained = true;
}

static void take(struct secret_feed *f, struct turn_secrets *fresh)
{
	turn_secrets_drop_retired(fresh, clock_unix());
	if (!turn_secrets_same(&f->now, fresh)) {
		f->now = *fresh;
		if (f->h->changed != NULL)
			f->h->changed(f->owner);
	}
	secret_wipe(fresh, sizeof(*fresh));
}

static void retire(struct secret_feed *f)
{
	struct turn_secrets left = f->now;

	take(f, &left);
}

/* Coturn's have no age and no end; the id only has to be one. */
static void adopt_coturn(struct turn_secrets *out, const struct span *members, size_t n)
{
	*out = (struct turn_secrets){ .n = 0 };
	for (size_t i = 0; i < n && out->n < TURN_SECRETS_MAX; i++) {
		struct turn_secret s = { .id = { 'c', (char)('0' + out->n) } };
		if (!turn_secret_text_valid(members[i]))
			continue;
		memcpy(s.text, members[i].p, members[i].len);
		turn_secrets_add(out, &s);
		secret_wipe(&s, sizeof(s));
	}
}

static int by_text(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = n > 0 ? memcmp(x->p, y->p, n) : 0;

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

static void conclude(struct secret_feed *f, struct span *members, size_t n)
{
	const struct secret_look look = { .ours = &f->ours, .coturn = members, .n_coturn = n, .odd = f->odd };
	struct turn_secrets fresh = f->ours;

	if (fresh.n == 0) {
		if (n > 0)
			qsort(members, n, sizeof(*members), by_text);	/* a set has no order */
		adopt_coturn(&fresh, members, n);
	}
	if (fresh.n > 0)
		take(f, &fresh);
	else
		retire(f);
	if (f->h->looked != NULL)
		f->h->looked(f->owner, &look);
}

static void on_coturn(void *ctx, const struct redis_value *v)
{
	struct secret_feed *f = ctx;
	struct span members[COTURN_SECRETS_MAX];
	size_t n = 0;

	f->looking = false;
	if (v->kind == REDIS_ARRAY)
		for (size_t i = 0; i < v->n && n < COTURN_SECRETS_MAX; i++)
			members[n++] = v->item[i].str;
	else if (redis_error_is(v, "WRONGTYPE"))
		complain(f, "coturn's set is none", v->str);
	else
		f->failed = true;
	if (!f->failed && !f->stopped)
		conclude(f, members, n);
	secret_wipe(&f->ours, sizeof(f->ours));
	if (f->again && !f->stopped)
		secret_feed_look(f);
}

static void on_ours(void *ctx, const struct redis_value *v)
{
	struct secret_feed *f = ctx;
	struct turn_secret s;

	f->failed = v->kind != REDIS_ARRAY || v->n % 2 != 0;
	f->odd = false;
	f->ours = (struct turn_secrets){ .n = 0 };
	if (v->kind == REDIS_ERROR)
		complain(f, "rtc:turn:secrets cannot be read", v->str);
	for (size_t i = 0; !f->failed && i < v->n; i += 2) {
		if (turn_secret_parse(v->item[i].str, v->item[i + 1].str, &s)) {
			f->odd |= f->ours.n == TURN_SECRETS_MAX;
			turn_secrets_add(&f->ours, &s);
			continue;
		}
		f->odd = true;
		complain(f, "rtc:turn:secrets holds what is no secret of ours", v->item[i].str);
	}
	secret_wipe(&s, sizeof(s));
	f->failed |= f->odd && f->ours.n == 0;
}

void secret_feed_look(struct secret_feed *f)
{
	char key[REDIS_COTURN_KEY_SIZE];

	f->again = f->looking;
	if (f->looking || !redis_route_up(f->route))
		return;
	f->looking = true;
	redis_command(f->route, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("HGETALL"), SPAN_LIT(REDIS_KEY_SECRETS) }, 2, on_ours, f);
	redis_command(f->route, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("SMEMBERS"),
		span_of(key, redis_key_coturn(key, span_of(f->realm, f->realm_len))) }, 2, on_coturn, f);
}

static void on_message(void *ctx, struct span channel, struct span body)
{
	struct secret_feed *f = ctx;

	(void)channel, (void)body;
	if (!f->stopped)
		secret_feed_look(f);
}

static void on_timer(uv_timer_t *t)
{
	struct secret_feed *f = t->data;
	bool up = redis_route_up(f->route);

	if (up)
		secret_feed_look(f);
	else
		retire(f);
	uv_timer_start(t, on_timer, up ? f->poll : f->poll / 10 + 1, 0);
}

struct secret_feed *secret_feed_new(struct redis_route *route, struct span realm, msec_t poll,
				    const struct secret_feed_handler *h, void *owner)
{
	struct secret_feed *f = calloc(1, sizeof(*f));

	if (f == NULL || redis_subscribe(route, REDIS_ANY_PARTITION, SPAN_LIT(REDIS_CHANNEL_SECRETS), on_message, NULL, f) < 0) {
		free(f);
		return NULL;
	}
	f->route = route;
	f->h = h;
	f->owner = owner;
	f->poll = poll != 0 ? poll : SECONDS(1);
	f->realm_len = realm.len < REDIS_REALM_MAX ? realm.len : REDIS_REALM_MAX;
	memcpy(f->realm, realm.p, f->realm_len);
	uv_timer_init(redis_route_loop(route), &f->timer);
	f->timer.data = f;
	uv_timer_start(&f->timer, on_timer, 0, 0);
	return f;
}

const struct turn_secrets *secret_feed_get(const struct secret_feed *f)
{
	return &f->now;
}

void secret_feed_stop(struct secret_feed *f)
{
	f->stopped = true;
	uv_close((uv_handle_t *)&f->timer, NULL);
}

void secret_feed_free(struct secret_feed *f)
{
	if (f == NULL)
		return;
	secret_wipe(f, sizeof(*f));
	free(f);
}
