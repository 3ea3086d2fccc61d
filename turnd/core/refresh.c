/* refresh.c - Refresh (RFC 8656 section 8), and the lifetime that it shares with Allocate. */
#include "turnd/core/mobility.h"
#include "turnd/core/server_state.h"
#include "turnd/wire/stun_attr.h"

bool request_lifetime(const struct request *r, bool zero_is_zero, uint32_t *lifetime)
{
	const struct turn_settings *set = r->s->settings;
	uint32_t wanted = set->lifetime_default;
	struct span value;

	if (stun_find(r->m, ATTR_LIFETIME, &value) && !attr_read_u32(value, &wanted))
		return false;
	*lifetime = 0;
	if (wanted == 0 && zero_is_zero)
		return true;
	if (wanted < set->lifetime_default)
		wanted = set->lifetime_default;
	if (wanted > set->lifetime_max)
		wanted = set->lifetime_max;
	if (set->strict_expiry && r->authenticated && r->who.expiry - r->unix_now < (int64_t)wanted)
		wanted = (uint32_t)(r->who.expiry - r->unix_now);
	*lifetime = wanted;
	return true;
}

/* Which allocation is meant: the one on this 5-tuple, or the ticket's. */
static unsigned find_allocation(const struct request *r, struct allocation **out)
{
	struct span ticket;

	*out = r->allocation;
	if (!stun_find(r->m, ATTR_MOBILITY_TICKET, &ticket))
		return *out == NULL ? 437 : 0;
	if (!r->s->settings->mobility)
		return 405;
	*out = alloc_table_find_ticket(&r->s->allocations, ticket);
	if (*out == NULL || (r->allocation != NULL && r->allocation != *out))
		return 437;
	return span_eq((*out)->who.user, r->who.user) ? 0 : 441;
}

/* RFC 8016: it goes on here, under a new ticket. */
static void take_along(struct request *r, struct allocation *a)
{
	if (!request_has(r, ATTR_MOBILITY_TICKET))
		return;
	if (r->allocation == NULL)
		mobility_move(a, r->path, r->now);
	mobility_renew(a);
	r->allocation = a;
}

struct outcome method_refresh(struct request *r)
{
	struct allocation *a;
	unsigned code = find_allocation(r, &a);
	uint8_t family = 0;
	uint32_t lifetime;
	struct span value;

	if (code != 0)
		return outcome_error(code);
	if (!request_lifetime(r, true, &lifetime))
		return outcome_error(400);
	if (stun_find(r->m, ATTR_REQUESTED_ADDRESS_FAMILY, &value)) {
		if (!attr_read_family(value, &family))
			return outcome_error(400);
		if (family == 0 || allocation_relay(a, family) == NULL)
			return outcome_error(443);
	}
	take_along(r, a);
	for (unsigned i = 0; i < RELAYS; i++) {
		if (!a->relay[i].open || (family != 0 && relay_place(family) != i))
			continue;
		if (lifetime == 0)
			allocation_close_relay(a, i);
		else
			allocation_extend(a, i, lifetime, r->now);
	}
	if (!allocation_has_relay(a)) {
		allocation_end(a, TURN_END_REFRESH_0, r->now);
		r->allocation = NULL;
	}
	return (struct outcome){ .lifetime = lifetime };
}
