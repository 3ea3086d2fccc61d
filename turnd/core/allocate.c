/* allocate.c - Allocate (RFC 8656 section 7), checks in the order of turn-contract section 4. */
#include "turnd/core/mobility.h"
#include "turnd/core/redirect.h"
#include "turnd/core/server_state.h"
#include "turnd/wire/stun_attr.h"

enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { EVEN_PORT_R = 0x80 };

struct wish {			/* what an Allocate asks for */
	bool family[RELAYS];
	enum relay_parity parity;
	const uint8_t *token;		/* RESERVATION-TOKEN, or NULL */
	bool mobile;
	uint32_t lifetime;
};

static unsigned check_transport(const struct request *r)
{
	struct span value;
	uint8_t protocol;

	if (!stun_find(r->m, ATTR_REQUESTED_TRANSPORT, &value) || !attr_read_protocol(value, &protocol))
		return 400;
	if (protocol == PROTOCOL_UDP)
		return 0;
	if (protocol != PROTOCOL_TCP)
		return 442;
	if (r->path->transport == TRANSPORT_UDP || r->path->transport == TRANSPORT_DTLS ||
	    request_has(r, ATTR_DONT_FRAGMENT) || request_has(r, ATTR_EVEN_PORT) || request_has(r, ATTR_RESERVATION_TOKEN))
		return 400;
	return 442;
}

static bool find_additional_family(const struct request *r, struct span *value)
{
	return stun_find(r->m, ATTR_ADDITIONAL_ADDRESS_FAMILY, value) ||
	       stun_find(r->m, ATTR_ADDITIONAL_ADDRESS_FAMILY_COTURN, value);
}

static unsigned check_port(const struct request *r, struct wish *w)
{
	const struct turn_server *s = r->s;
	struct span value, ignored;
	uint8_t family;

	if (stun_find(r->m, ATTR_EVEN_PORT, &value)) {
		if (value.len != 1)
			return 400;
		w->parity = value.p[0] & EVEN_PORT_R ? RELAY_EVEN_PORT_RESERVE : RELAY_EVEN_PORT;
	}
	if (!stun_find(r->m, ATTR_RESERVATION_TOKEN, &value))
		return 0;
	if (value.len != RELAY_TOKEN || w->parity != RELAY_ANY_PORT || request_has(r, ATTR_REQUESTED_ADDRESS_FAMILY) ||
	    find_additional_family(r, &ignored))
		return 400;
	w->token = value.p;
	family = s->shell.relay_reserved(s->shell_ctx, w->token, r->who.user);
	w->family[relay_place(family)] = true;
	return family != 0 ? 0 : 508;
}

static unsigned check_families(const struct request *r, struct wish *w)
{
	struct span value;
	uint8_t family;

	if (find_additional_family(r, &value)) {
		if (!attr_read_family(value, &family) || family != 6 || w->parity == RELAY_EVEN_PORT_RESERVE ||
		    request_has(r, ATTR_REQUESTED_ADDRESS_FAMILY))
			return 400;
		w->family[RELAY_IPV4] = w->family[RELAY_IPV6] = true;
		return 0;
	}
	if (w->token != NULL)
		return 0;
	family = 4;
	if (stun_find(r->m, ATTR_REQUESTED_ADDRESS_FAMILY, &value)) {
		if (!attr_read_family(value, &family))
			return 400;
		if (family == 0)
			return 440;
	}
	w->family[relay_place(family)] = true;
	return 0;
}

static unsigned check_mobility(const struct request *r, struct wish *w)
{
	struct span ticket;

	if (!stun_find(r->m, ATTR_MOBILITY_TICKET, &ticket))
		return 0;
	w->mobile = true;
	return ticket.len > 0 ? 400 : r->s->settings->mobility ? 0 : 405;
}

static unsigned read_wish(const struct request *r, struct wish *w)
{
	unsigned code;

	*w = (struct wish){ .lifetime = 0 };
	if ((code = check_transport(r)) != 0 || (code = check_port(r, w)) != 0 ||
	    (code = check_families(r, w)) != 0 || (code = check_mobility(r, w)) != 0)
		return code;
	return request_lifetime(r, false, &w->lifetime) ? 0 : 400;
}

static enum relay_result ask_for_relay(struct allocation *a, uint8_t family, const struct wish *w, struct relay *out)
{
	const struct turn_shell *shell = &a->server->shell;
	void *ctx = a->server->shell_ctx;

	if (w->token != NULL)
		return shell->relay_adopt(ctx, a, w->token, a->who.user, out);
	return shell->relay_open(ctx, a, family, w->parity, &a->path, out);
}

static unsigned open_relay(struct allocation *a, unsigned place, const struct wish *w)
{
	struct relay *relay = &a->relay[place];

	switch (ask_for_relay(a, place == RELAY_IPV6 ? 6 : 4, w, relay)) {
	case RELAY_OK:
		relay->open = true;
		return 0;
	case RELAY_NO_FAMILY:
		return 440;
	case RELAY_NO_CAPACITY:
		break;
	}
	*relay = (struct relay){ .open = false };
	return 508;
}

/* Of a dual allocation one relay is enough; the other's error is told beside it. */
static unsigned open_relays(struct allocation *a, const struct wish *w)
{
	unsigned first_code = 0;

	for (unsigned i = 0; i < RELAYS; i++) {
		unsigned code = w->family[i] ? open_relay(a, i, w) : 0;
		if (code == 0)
			continue;
		if (first_code == 0)
			first_code = code;
		a->missing_family = i == RELAY_IPV6 ? 6 : 4;
		a->missing_code = (uint16_t)code;
	}
	return allocation_has_relay(a) ? 0 : first_code;
}

/* There is one relay only: R=1 excludes a dual allocation. */
static unsigned reserve_next(struct allocation *a)
{
	struct turn_server *s = a->server;
	struct relay *relay = &a->relay[a->relay[RELAY_IPV6].open ? RELAY_IPV6 : RELAY_IPV4];

	a->reserved = s->shell.relay_reserve(s->shell_ctx, relay, a->who.user, a->token);
	return a->reserved ? 0 : 508;
}

static unsigned take_quota(struct allocation *a)
{
	a->quota = a->server->settings->quota;
	if (a->quota == NULL)
		return 0;
	switch (quota_take(a->quota, a->who.name, &a->quota_user)) {
	case QUOTA_OK:
		return 0;
	case QUOTA_USER_FULL:
	case QUOTA_TOTAL_FULL:
		return 486;
	case QUOTA_NOMEM:
		break;
	}
	return 508;
}

static unsigned check_redirect(const struct request *r)
{
	const struct turn_settings *set = r->s->settings;

	if (!r->s->draining && !set->redirect)
		return 0;
	if (redirect_find(set, r->path, r->m->tid) != NULL)
		return 300;
	return r->s->draining ? 508 : 0;
}

static unsigned fill(struct allocation *a, const struct request *r, const struct wish *w)
{
	unsigned code;

	memcpy(a->tid, r->m->tid, sizeof(a->tid));
	a->lifetime = w->lifetime;
	if ((code = take_quota(a)) != 0)
		return code;
	if ((code = check_redirect(r)) != 0)
		return code;
	if ((code = open_relays(a, w)) != 0)
		return code;
	if (w->parity == RELAY_EVEN_PORT_RESERVE && (code = reserve_next(a)) != 0)
		return code;
	if (w->mobile && !mobility_begin(a))
		return 508;
	return alloc_table_add(&r->s->allocations, a) ? 0 : 508;
}

struct outcome method_allocate(struct request *r)
{
	struct turn_server *s = r->s;
	struct allocation *a = r->allocation;
	struct wish w;
	unsigned code;

	if (a != NULL) {
		bool again = memcmp(a->tid, r->m->tid, sizeof(a->tid)) == 0;
		return again ? (struct outcome){ .lifetime = a->lifetime } : outcome_error(437);
	}
	code = read_wish(r, &w);
	if (code != 0)
		return outcome_error(code);
	a = allocation_new(s, r->path, &r->who, r->now);
	if (a == NULL)
		return outcome_error(508);
	code = fill(a, r, &w);
	if (code != 0) {
		allocation_free(a);
		return outcome_error(code);
	}
	for (unsigned i = 0; i < RELAYS; i++) {
		if (a->relay[i].open)
			allocation_extend(a, i, w.lifetime, r->now);
	}
	count_add(&s->counters.allocations_current[a->path.transport], 1);
	count_add(&s->counters.allocations_total[a->path.transport], 1);
	r->allocation = a;
	return (struct outcome){ .lifetime = w.lifetime };
}
