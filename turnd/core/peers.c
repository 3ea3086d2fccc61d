/* peers.c - CreatePermission and ChannelBind (RFC 8656 sections 10 and 12.2). */
#include "turnd/core/peer_policy.h"
#include "turnd/core/server_state.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"

bool server_peer_allowed(struct turn_server *s, const struct endpoint *peer, bool for_data)
{
	bool own_relay = s->shell.relay_is_ours != NULL && s->shell.relay_is_ours(s->shell_ctx, peer);
	enum policy_rule rule = peer_policy_judge(&s->settings->policy, peer,
						  for_data ? POLICY_FOR_DATA : POLICY_FOR_PERMISSION, own_relay);
	if (rule != POLICY_ALLOW)
		count_add(&s->counters.policy[rule], 1);
	return rule == POLICY_ALLOW;
}

static unsigned check_peer(const struct request *r, const struct endpoint *peer, bool for_data)
{
	if (allocation_relay(r->allocation, peer->ip.family) == NULL)
		return 443;
	return server_peer_allowed(r->s, peer, for_data) ? 0 : 403;
}

static unsigned reserve(const struct request *r, const struct endpoint *peer)
{
	struct perm_table *t = &r->allocation->permissions;
	unsigned made = t->made;

	if (perm_reserve(t, &peer->ip, r->s->settings->max_permissions, r->now) != PERM_OK)
		return 508;
	count_add(&r->s->counters.permissions, t->made - made);
	return 0;
}

static unsigned grant(const struct request *r, const struct endpoint *peer)
{
	perm_grant(&r->allocation->permissions, &peer->ip, r->now);
	return 0;
}

static unsigned check_for_permission(const struct request *r, const struct endpoint *peer)
{
	return check_peer(r, peer, false);
}

/* Does one step for every XOR-PEER-ADDRESS; stops at the first error. */
static unsigned each_peer(const struct request *r, unsigned (*step)(const struct request *, const struct endpoint *))
{
	struct span rest = r->m->attrs;
	struct stun_attr attr;
	unsigned n = 0;

	while (stun_next(&rest, &attr)) {
		struct endpoint peer;
		unsigned code;
		if (attr.type != ATTR_XOR_PEER_ADDRESS)
			continue;
		code = attr_read_xor_address(attr.value, r->m->tid, &peer) ? step(r, &peer) : 400;
		if (code != 0)
			return code;
		n++;
	}
	return n > 0 ? 0 : 400;
}

struct outcome method_create_permission(struct request *r)
{
	unsigned code;

	if (r->allocation == NULL)
		return outcome_error(437);
	if ((code = each_peer(r, check_for_permission)) != 0 || (code = each_peer(r, reserve)) != 0)
		return outcome_error(code);
	return outcome_error(each_peer(r, grant));
}

static bool channel_number_valid(const struct request *r, uint16_t number)
{
	return number >= CHANNEL_FIRST &&
		number <= (r->s->settings->rfc5766_channel_numbers ? CHANNEL_LAST_RFC5766 : CHANNEL_LAST);
}

struct outcome method_channel_bind(struct request *r)
{
	struct allocation *a = r->allocation;
	struct span number_value, peer_value;
	struct endpoint peer;
	uint16_t number;
	unsigned code, made;

	if (a == NULL)
		return outcome_error(437);
	if (!stun_find(r->m, ATTR_CHANNEL_NUMBER, &number_value) ||
	    !stun_find(r->m, ATTR_XOR_PEER_ADDRESS, &peer_value) ||
	    !attr_read_channel(number_value, &number) || !channel_number_valid(r, number) ||
	    !attr_read_xor_address(peer_value, r->m->tid, &peer) ||
	    channel_conflicts(&a->channels, number, &peer, r->now))
		return outcome_error(400);
	if ((code = check_peer(r, &peer, true)) != 0 || (code = reserve(r, &peer)) != 0)
		return outcome_error(code);
	made = a->channels.made;
	if (channel_bind(&a->channels, number, &peer, r->s->settings->max_channels, r->now) != CHANNEL_OK)
		return outcome_error(508);
	count_add(&r->s->counters.channels, a->channels.made - made);
	return outcome_error(grant(r, &peer));
}
