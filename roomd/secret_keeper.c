#include "roomd/secret_keeper.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/random.h"
#include "common/crypto/digest.h"
#include "common/proto/redis_schema.h"

static const int64_t SKEW = 60;		/* seconds by which clocks may differ */

/* ARGV: id, secret, seconds to activation, seconds from there until the others retire, least age of the newest, how many. */
static struct redis_script rotate_script = { .lua =
	"local id, secret, delay, keep, age, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])\n"
	"local now = tonumber(redis.call('TIME')[1])\n"
	"local all = redis.call('HGETALL', KEYS[1])\n"
	"local valid, newest = {}, nil\n"
	"for i = 1, #all, 2 do\n"
	"  local created, active, retire, text = string.match(all[i + 1], '^1 (%d+) (%d+) (%d+) (%S+)$')\n"
	"  if not created then return { 'ODD' } end\n"
	"  if tonumber(retire) ~= 0 and tonumber(retire) <= now then\n"
	"    redis.call('HDEL', KEYS[1], all[i])\n"
	"  else\n"
	"    valid[#valid + 1] = { all[i], created, active, tonumber(retire), text }\n"
	"    if not newest or tonumber(created) > newest then newest = tonumber(created) end\n"
	"  end\n"
	"end\n"
	"if newest and now - newest < age then return { 'EARLY' } end\n"
	"if #valid >= most then return { 'FULL' } end\n"
	"local from = newest and now + delay or now\n"
	"redis.call('HSET', KEYS[1], id, string.format('1 %.0f %.0f 0 %s', now, from, secret))\n"
	"for _, s in ipairs(valid) do\n"
	"  if s[4] == 0 then\n"
	"    redis.call('HSET', KEYS[1], s[1], string.format('1 %s %s %.0f %s', s[2], s[3], from + keep, s[5]))\n"
	"  end\n"
	"end\n"
	"redis.call('PUBLISH', '" REDIS_CHANNEL_SECRETS "', '')\n"
	"return { 'DONE', from }\n"
};

/* ARGV: id, value, id, value, ... */
static struct redis_script restore_script = { .lua =
	"if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end\n"
	"redis.call('HSET', KEYS[1], unpack(ARGV))\n"
	"redis.call('PUBLISH', '" REDIS_CHANNEL_SECRETS "', '')\n"
	"return 1\n"
};

static const struct span secrets_key = SPAN_INIT(REDIS_KEY_SECRETS);

static struct span decimal(char out[24], int64_t n)
{
	return span_of(out, (size_t)snprintf(out, 24, "%" PRId64, n));
}

static void random_hex(char *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		uint8_t b;
		random_bytes(&b, 1);
		snprintf(out + 2 * i, 3, "%02x", b);
	}
}

void rotation_start(struct redis_route *r, msec_t lifetime, int64_t age, redis_reply_cb cb, void *ctx)
{
	char id[2 * 8 + 1], text[2 * 24 + 1], delay[24], keep[24], least[24], most[24];
	struct span args[6];

	random_hex(id, 8);
	random_hex(text, 24);
	args[0] = span_str(id);
	args[1] = span_str(text);
	args[2] = decimal(delay, SECRET_ACTIVATION);
	args[3] = decimal(keep, (int64_t)(lifetime / 1000) + SKEW);
	args[4] = decimal(least, age);
	args[5] = decimal(most, TURN_SECRETS_MAX);
	redis_eval(r, REDIS_ANY_PARTITION, &rotate_script, &secrets_key, 1, args, 6, cb, ctx);
	secret_wipe(text, sizeof(text));
}

enum rotation rotation_answer(const struct redis_value *v, int64_t *active_at)
{
	*active_at = 0;
	if (v->kind != REDIS_ARRAY || v->n == 0)
		return ROTATION_ODD;
	if (span_eq_str(v->item[0].str, "EARLY"))
		return ROTATION_EARLY;
	if (span_eq_str(v->item[0].str, "FULL"))
		return ROTATION_FULL;
	if (!span_eq_str(v->item[0].str, "DONE") || v->n != 2)
		return ROTATION_ODD;
	*active_at = v->item[1].integer;
	return ROTATION_DONE;
}

static void on_rotated(void *ctx, const struct redis_value *v)
{
	struct secret_keeper *k = ctx;
	int64_t active_at;
	enum rotation r = rotation_answer(v, &active_at);

	k->working = false;
	if (r == ROTATION_DONE)
		LOG(LOG_INFO, "turn_secret", LOG_STR("msg", "a new one was made"), LOG_INT("active_at", active_at));
	else if (r == ROTATION_FULL && !k->full)
		LOG(LOG_WARNING, "turn_secret", LOG_STR("msg", "no new one: eight are valid, secret-rotation is too short for "
		    "credential-lifetime"));
	k->full = r == ROTATION_FULL;
}

static void rotate(struct secret_keeper *k, int64_t age)
{
	k->working = true;
	rotation_start(k->route, k->lifetime, age, on_rotated, k);
}

static void on_restored(void *ctx, const struct redis_value *v)
{
	struct secret_keeper *k = ctx;

	k->working = false;
	if (v->kind == REDIS_INTEGER && v->integer == 1)
		LOG(LOG_INFO, "turn_secret", LOG_STR("msg", "Redis had none: the known ones were written there"));
}

static void restore(struct secret_keeper *k, const struct turn_secrets *known)
{
	char values[TURN_SECRETS_MAX][TURN_SECRET_VALUE_SIZE];
	struct span args[2 * TURN_SECRETS_MAX];

	for (size_t i = 0; i < known->n; i++) {
		args[2 * i] = span_str(known->v[i].id);
		args[2 * i + 1] = span_of(values[i], turn_secret_write(&known->v[i], values[i]));
	}
	k->working = true;
	redis_eval(k->route, REDIS_ANY_PARTITION, &restore_script, &secrets_key, 1, args, 2 * known->n, on_restored, k);
	secret_wipe(values, sizeof(values));
}

static void change_coturn(struct secret_keeper *k, const char *how, struct span secret)
{
	char key[REDIS_COTURN_KEY_SIZE];

	redis_command(k->route, REDIS_ANY_PARTITION, (struct span[]){ span_str(how),
		span_of(key, redis_key_coturn(key, k->realm)), secret }, 3, NULL, NULL);
}

/* known: without those that have retired. */
static void keep_coturn_in_step(struct secret_keeper *k, const struct secret_look *l, const struct turn_secrets *known)
{
	for (size_t i = 0; i < l->n_coturn; i++)
		if (turn_secrets_find(known, l->coturn[i]) == NULL)
			change_coturn(k, "SREM", l->coturn[i]);
	for (size_t i = 0; i < known->n; i++) {
		bool there = false;
		for (size_t n = 0; n < l->n_coturn && !there; n++)
			there = span_eq_str(l->coturn[n], known->v[i].text);
		if (!there)
			change_coturn(k, "SADD", span_str(known->v[i].text));
	}
}

static bool due(const struct secret_keeper *k, const struct turn_secrets *ours, int64_t now)
{
	for (size_t i = 0; i < ours->n; i++)
		if (ours->v[i].retire_at != 0 && ours->v[i].retire_at <= now)
			return true;
	return k->rotation > 0 && now - ours->v[0].created >= (int64_t)(k->rotation / 1000);
}

void secret_keeper_looked(struct secret_keeper *k, const struct secret_look *l, const struct turn_secrets *known)
{
	if (k->working || l->odd)
		return;
	if (l->ours->n == 0) {
		if (known->n > 0)
			restore(k, known);
		else
			rotate(k, INT64_MAX);
		return;
	}
	keep_coturn_in_step(k, l, known);
	if (due(k, l->ours, clock_unix()))
		rotate(k, k->rotation > 0 ? (int64_t)(k->rotation / 1000) : INT64_MAX);
}

void secret_keeper_init(struct secret_keeper *k, struct redis_route *route, struct span realm, msec_t lifetime, msec_t rotation)
{
	*k = (struct secret_keeper){ .route = route, .realm = realm, .lifetime = lifetime, .rotation = rotation };
}
