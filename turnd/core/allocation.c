#include "turnd/core/allocation.h"

#include "common/base/random.h"
#include "turnd/core/mobility.h"
#include "turnd/core/server_state.h"

#include <stdlib.h>

static void set_timer(struct allocation *a)
{
	msec_t due = NEVER;
	for (unsigned i = 0; i < RELAYS; i++) {
		if (a->relay[i].open && a->expires[i] < due)
			due = a->expires[i];
	}
	if (due == NEVER)
		wheel_clear(&a->server->wheel, &a->timer);
	else
		wheel_set(&a->server->wheel, &a->timer, due);
}

static void on_timer(struct wheel_timer *t)
{
	struct allocation *a = container_of(t, struct allocation, timer);
	msec_t now = a->server->wheel.now;

	for (unsigned i = 0; i < RELAYS; i++) {
		if (a->relay[i].open && a->expires[i] <= now)
			allocation_close_relay(a, i);
	}
	if (allocation_has_relay(a))
		set_timer(a);
	else
		allocation_end(a, allocation_client(a) != NULL ? TURN_END_EXPIRED : TURN_END_CLIENT_GONE, now);
}

struct allocation *allocation_new(struct turn_server *s, const struct client_path *path, const struct identity *who,
				  msec_t now)
{
	struct allocation *a = calloc(1, sizeof(*a) + who->user.len);

	if (a == NULL)
		return NULL;
	a->server = s;
	a->path = *path;
	a->timer.fire = on_timer;
	perm_init(&a->permissions);
	channel_init(&a->channels);
	a->who = *who;
	a->who.user = span_of(a->user, who->user.len);
	a->who.name = a->who.user;
	if (who->user.len > 0) {
		memcpy(a->user, who->user.p, who->user.len);
		a->who.name = span_of(a->user + (who->name.p - who->user.p), who->name.len);
	}
	random_bytes(&a->id, sizeof(a->id));
	a->born = now;
	return a;
}

void allocation_close_relay(struct allocation *a, unsigned place)
{
	struct relay *r = &a->relay[place];
	if (!r->open)
		return;
	a->server->shell.relay_close(a->server->shell_ctx, r);
	r->open = false;
}

bool allocation_has_relay(const struct allocation *a)
{
	return a->relay[RELAY_IPV4].open || a->relay[RELAY_IPV6].open;
}

void allocation_extend(struct allocation *a, unsigned place, uint32_t lifetime, msec_t now)
{
	a->expires[place] = now + SECONDS(lifetime);
	set_timer(a);
}

void allocation_free(struct allocation *a)
{
	wheel_clear(&a->server->wheel, &a->timer);
	mobility_end(a);
	allocation_close_relay(a, RELAY_IPV4);
	allocation_close_relay(a, RELAY_IPV6);
	if (a->quota_user != NULL)
		quota_give(a->quota, a->quota_user);
	perm_close(&a->permissions);
	channel_close(&a->channels);
	secret_wipe(&a->who.key, sizeof(a->who.key));
	free(a);
}

static const struct relay *relay_or_null(const struct allocation *a, unsigned place)
{
	return a->relay[place].advertised.ip.family != 0 ? &a->relay[place] : NULL;
}

void allocation_end(struct allocation *a, enum turn_end why, msec_t now)
{
	struct turn_server *s = a->server;

	if (why != TURN_END_SHUTDOWN)
		mobility_settle(a);
	alloc_table_take(&s->allocations, a);
	count_add(&s->counters.allocations_current[a->path.transport], (uint64_t)-1);
	count_add(&s->counters.allocations_ended[why], 1);
	if (s->shell.allocation_ended != NULL)
		s->shell.allocation_ended(s->shell_ctx, &(struct allocation_record){
			.id = a->id, .user = a->who.user, .realm = s->settings->realm, .path = &a->path,
			.relay4 = relay_or_null(a, RELAY_IPV4), .relay6 = relay_or_null(a, RELAY_IPV6),
			.why = why, .duration = now - a->born,
			.client_packets_in = a->packets_in, .client_bytes_in = a->bytes_in,
			.client_packets_out = a->packets_out, .client_bytes_out = a->bytes_out,
			.peers = a->permissions.made,
		});
	allocation_free(a);
}
