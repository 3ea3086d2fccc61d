#include "common/redis/node_lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/proto/redis_schema.h"

static const msec_t SET_LIFE = HOURS(1), SET_OLD = MINUTES(1);

enum { NODE_SIZE = 24 };	/* "signal-" 16 digits and the NUL */

struct node_lease {
	struct redis_route *route;
	struct node_lease_options o;
	void *owner;
	void (*done)(void *owner);
	char node[NODE_SIZE];
	int64_t started;
	struct buf text;		/* what urls and zone view */
	struct span urls[NODE_URLS_MAX];
	struct buf record;
	uv_timer_t timer;
	bool clock_known, held, draining, drain_seen, stopped;
	int64_t clock;			/* Redis' Unix ms minus the loop's */
	msec_t sent, renewed;		/* loop time: of the last writing; of the last that was confirmed */
	unsigned round;			/* which partition's set is tidied next */
};

static unsigned partitions(const struct node_lease *l)
{
	return l->o.kind == NODE_SIGNAL ? REDIS_PARTITIONS : 1;
}

static void command(struct node_lease *l, unsigned partition, const struct span *argv, size_t argc, redis_reply_cb cb)
{
	redis_command(l->route, partition, argv, argc, cb, l);
}

static struct span decimal(char out[24], int64_t n)
{
	return span_of(out, (size_t)snprintf(out, 24, "%" PRId64, n));
}

static msec_t now(const struct node_lease *l)
{
	return uv_now(redis_route_loop(l->route));
}

/* --- writing ----------------------------------------------------------------------------------------------- */

static void on_written(void *ctx, const struct redis_value *v)
{
	struct node_lease *l = ctx;

	if (redis_failed(v) || l->stopped)
		return;
	l->renewed = l->sent;
	if (!l->held)
		LOG(LOG_INFO, "lease", LOG_STR("node", l->node), LOG_STR("kind", node_kind_name(l->o.kind)),
		    LOG_SPAN("url", l->urls[0]), LOG_UINT("urls", l->o.n_urls));
	l->held = true;
}

static void on_drain_flag(void *ctx, const struct redis_value *v)
{
	struct node_lease *l = ctx;

	if (redis_failed(v) || v->kind != REDIS_INTEGER || v->integer == 0 || l->drain_seen || l->stopped)
		return;
	l->drain_seen = true;
	LOG(LOG_INFO, "drain_asked", LOG_STR("node", l->node), LOG_STR("by", "Redis"));
	if (l->o.drain_asked != NULL)
		l->o.drain_asked(l->owner);
}

static void write_record(struct node_lease *l)
{
	struct node_record r = {
		.kind = l->o.kind, .started = l->started, .load = l->o.load(l->owner), .draining = l->draining,
		.zone = l->o.zone, .n_urls = l->o.n_urls,
	};
	char key[REDIS_KEY_SIZE], drain[REDIS_KEY_SIZE], life[24];
	struct span node = span_str(l->node), k = span_of(key, redis_key_node(key, node));

	memcpy(r.url, l->urls, sizeof(r.url));
	buf_reset(&l->record);
	if (!node_record_write(&r, &l->record))
		return;
	l->sent = now(l);
	command(l, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("SET"), k, buf_span(&l->record), SPAN_LIT("PX"),
		decimal(life, (int64_t)l->o.life) }, 5, on_written);
	k = span_of(drain, redis_key_drain(drain, node));
	command(l, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("EXISTS"), k }, 2, on_drain_flag);
}

/* A set lives as long as somebody renews in it, and loses who has been dead for a while. */
static void tidy_set(struct node_lease *l, unsigned partition, struct span key)
{
	char life[24], old[24];

	command(l, partition, (struct span[]){ SPAN_LIT("PEXPIRE"), key, decimal(life, (int64_t)SET_LIFE) }, 3, NULL);
	command(l, partition, (struct span[]){ SPAN_LIT("ZREMRANGEBYSCORE"), key, SPAN_LIT("-inf"),
		decimal(old, (int64_t)now(l) + l->clock - (int64_t)SET_OLD) }, 4, NULL);
}

static void write_sets(struct node_lease *l)
{
	char key[REDIS_KEY_SIZE], end[24];
	struct span until = decimal(end, (int64_t)(now(l) + l->o.life) + l->clock);

	for (unsigned p = 0; p < partitions(l); p++) {
		struct span k = span_of(key, redis_key_nodes(key, p));
		command(l, p, (struct span[]){ SPAN_LIT("ZADD"), k, until, span_str(l->node) }, 4, NULL);
		if (!l->held || p == l->round % partitions(l))
			tidy_set(l, p, k);
	}
	l->round++;
}

static void renew(struct node_lease *l);

static void on_time(void *ctx, const struct redis_value *v)
{
	struct node_lease *l = ctx;
	uint64_t seconds, micros;
	bool first = !l->clock_known;

	if (v->kind != REDIS_ARRAY || v->n != 2 || !parse_u64(v->item[0].str, &seconds) || !parse_u64(v->item[1].str, &micros) ||
	    seconds > INT32_MAX * UINT64_C(1000) || l->stopped)
		return;
	l->clock = (int64_t)(seconds * 1000 + micros / 1000) - (int64_t)now(l);
	l->clock_known = true;
	if (first)
		renew(l);
}

static void renew(struct node_lease *l)
{
	if (!redis_route_up(l->route))
		return;
	if (l->clock_known) {
		write_record(l);
		write_sets(l);
	}
	command(l, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("TIME") }, 1, on_time);
}

/* --- time -------------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
	struct node_lease *l = t->data;
	msec_t wait = l->o.renew - l->o.renew / 10 + random_below((uint32_t)(l->o.renew / 5 + 1));

	if (l->held && !node_lease_held(l)) {
		l->held = false;
		l->clock_known = false;		/* it may be another Redis when one is back */
		LOG(LOG_WARNING, "lease_lost", LOG_STR("node", l->node),
		    LOG_STR("msg", "Redis did not take it in time: nobody new is sent here"));
	}
	renew(l);
	uv_timer_start(t, on_timer, l->held ? wait : wait / 10 + 1, 0);
}

/* --- life -------------------------------------------------------------------------------------------------- */

static struct span keep(struct node_lease *l, struct span s)
{
	struct span copy = span_of(l->text.p + l->text.len, s.len);

	buf_add_span(&l->text, s);
	return copy;
}

static bool keep_options(struct node_lease *l, const struct node_lease_options *o)
{
	size_t n = o->zone.len + 1;

	for (size_t i = 0; i < o->n_urls; i++)
		n += o->urls[i].len;
	buf_init(&l->text, n);
	buf_init(&l->record, NODE_RECORD_MAX);
	if (buf_reserve(&l->text, n) == NULL)
		return false;
	l->o = *o;
	l->o.zone = keep(l, o->zone);
	for (size_t i = 0; i < o->n_urls; i++)
		l->urls[i] = keep(l, o->urls[i]);
	l->o.urls = l->urls;
	l->o.life = o->life != 0 ? o->life : SECONDS(4);
	l->o.renew = o->renew != 0 ? o->renew : SECONDS(1);
	return true;
}

struct node_lease *node_lease_new(struct redis_route *route, const struct node_lease_options *o, void *owner)
{
	struct node_lease *l = calloc(1, sizeof(*l));
	struct timeval wall;

	if (l == NULL || !keep_options(l, o)) {
		free(l);
		return NULL;
	}
	l->route = route;
	l->owner = owner;
	snprintf(l->node, sizeof(l->node), "%s-%08" PRIx32 "%08" PRIx32, node_kind_name(o->kind), random_u32(), random_u32());
	gettimeofday(&wall, NULL);
	l->started = (int64_t)wall.tv_sec * 1000 + wall.tv_usec / 1000;
	uv_timer_init(redis_route_loop(route), &l->timer);
	l->timer.data = l;
	uv_timer_start(&l->timer, on_timer, 0, 0);
	return l;
}

const char *node_lease_node(const struct node_lease *l)
{
	return l->node;
}

bool node_lease_held(const struct node_lease *l)
{
	return l->held && now(l) - l->renewed < l->o.life * 3 / 4;
}

void node_lease_drain(struct node_lease *l)
{
	l->draining = true;
	if (!l->stopped)
		renew(l);
}

static void on_removed(void *ctx, const struct redis_value *v)
{
	struct node_lease *l = ctx;

	(void)v;
	l->done(l->owner);
}

void node_lease_stop(struct node_lease *l, void (*done)(void *owner))
{
	char key[REDIS_KEY_SIZE];
	struct span node = span_str(l->node);

	l->stopped = true;
	l->done = done;
	uv_close((uv_handle_t *)&l->timer, NULL);
	for (unsigned p = 0; p < partitions(l); p++)
		command(l, p, (struct span[]){ SPAN_LIT("ZREM"), span_of(key, redis_key_nodes(key, p)), node }, 3, NULL);
	command(l, REDIS_ANY_PARTITION, (struct span[]){ SPAN_LIT("DEL"), span_of(key, redis_key_node(key, node)) }, 2, on_removed);
}

void node_lease_free(struct node_lease *l)
{
	if (l == NULL)
		return;
	buf_close(&l->text);
	buf_close(&l->record);
	free(l);
}
