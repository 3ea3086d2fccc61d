/* answer.c - responses: what goes into each, in the order of turn-contract section 4. */
#include "common/base/reader.h"
#include "turnd/core/discovery.h"
#include "turnd/core/mobility.h"
#include "turnd/core/redirect.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

enum { ANSWER_MAX = 1680 };	/* the longest: a padded Binding; then 401 with a realm of 763 bytes */

static const uint16_t method_number[METHOD_N] = {
	STUN_BINDING, STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND
};

static const char *reason_of(unsigned code)
{
	switch (code) {
	case 300: return "Try Alternate";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 405: return "Mobility Forbidden";
	case 420: return "Unknown Attribute";
	case 437: return "Allocation Mismatch";
	case 438: return "Stale Nonce";
	case 440: return "Address Family not Supported";
	case 441: return "Wrong Credentials";
	case 442: return "Unsupported Transport Protocol";
	case 443: return "Peer Address Family Mismatch";
	case 486: return "Allocation Quota Reached";
	case 508: return "Insufficient Capacity";
	default: return "";
	}
}

static void begin(struct stun_builder *b, uint8_t mem[ANSWER_MAX], const struct request *r, unsigned code)
{
	const char *reason = r->s->settings->include_reason_string ? reason_of(code) : "";

	stun_begin(b, mem, ANSWER_MAX, method_number[r->method], code == 0 ? STUN_SUCCESS : STUN_ERROR, r->m->tid);
	if (code != 0)
		stun_add_error(b, code, span_str(reason));
}

/* Of the kind that the request had. */
static void add_integrity(struct stun_builder *b, const struct request *r)
{
	if (auth_by_sha256(r->s->settings, r->m))
		stun_add_integrity_sha256(b, long_term_key_span(&r->who.key));
	else
		stun_add_integrity(b, long_term_key_span(&r->who.key));
}

static void finish(struct stun_builder *b, const struct request *r, unsigned code)
{
	const struct turn_settings *set = r->s->settings;
	struct span message;

	/* Strangers get no byte more than they need. */
	if (set->software_attribute && r->authenticated)
		stun_add(b, ATTR_SOFTWARE, SPAN_LIT("turnd"));
	if (r->authenticated && !set->no_auth)
		add_integrity(b, r);
	if (r->m->fingerprint || set->fingerprint)
		stun_add_fingerprint(b);
	message = stun_end(b);
	if (message.len == 0) {
		count_add(&r->s->counters.drops[DROP_NO_MEMORY], 1);
		return;
	}
	count_add(&r->s->counters.responses[r->method][turn_code_of(code)], 1);
	count_add(&r->s->counters.packets[LEG_CLIENT][DIR_OUT], 1);
	count_add(&r->s->counters.bytes[LEG_CLIENT][DIR_OUT], message.len);
	r->s->shell.answer(r->s->shell_ctx, r->discovery != NULL ? &r->discovery->reply : r->path, message);
}

static void add_challenge(struct stun_builder *b, const struct request *r)
{
	const struct turn_settings *set = r->s->settings;
	uint8_t algorithms[ALGORITHMS_VALUE];
	char nonce[NONCE_SIZE];
	size_t len = nonce_make(set, &r->path->client.ip, r->unix_now, nonce);

	if (len == 0) {
		b->failed = true;
		return;
	}
	stun_add(b, ATTR_REALM, set->realm);
	stun_add(b, ATTR_NONCE, span_of(nonce, len));
	if (set->algorithms & ALGORITHM_SHA256)
		stun_add(b, ATTR_PASSWORD_ALGORITHMS, span_of(algorithms, password_algorithms_write(set->algorithms, algorithms)));
}

static void add_ticket(struct stun_builder *b, const struct request *r)
{
	if (r->allocation != NULL && r->allocation->mobility != NULL && request_has(r, ATTR_MOBILITY_TICKET))
		stun_add(b, ATTR_MOBILITY_TICKET, span_of(r->allocation->mobility->ticket, TICKET_SIZE));
}

static void add_allocation(struct stun_builder *b, const struct request *r, uint32_t lifetime)
{
	const struct allocation *a = r->allocation;

	for (unsigned i = 0; i < RELAYS; i++) {
		if (a->relay[i].open)
			stun_add_xor_address(b, ATTR_XOR_RELAYED_ADDRESS, &a->relay[i].advertised);
	}
	stun_add_xor_address(b, ATTR_XOR_MAPPED_ADDRESS, &r->path->client);
	stun_add_u32(b, ATTR_LIFETIME, lifetime);
	if (a->reserved)
		stun_add(b, ATTR_RESERVATION_TOKEN, span_of(a->token, sizeof(a->token)));
	add_ticket(b, r);
	if (a->missing_family != 0)
		stun_add_address_error(b, a->missing_family, a->missing_code);
}

static void add_alternate(struct stun_builder *b, const struct request *r, const struct alternate *other)
{
	bool tls = r->path->transport == TRANSPORT_TLS || r->path->transport == TRANSPORT_DTLS;

	stun_add_address(b, ATTR_ALTERNATE_SERVER, &other->at);
	if (tls && other->domain.len > 0)
		stun_add(b, ATTR_ALTERNATE_DOMAIN, other->domain);
}

static void add_mapping(struct stun_builder *b, const struct request *r)
{
	static const uint8_t padding[DISCOVERY_PADDING];
	const struct discovery *d = r->discovery;

	stun_add_xor_address(b, ATTR_XOR_MAPPED_ADDRESS, &r->path->client);
	if (d == NULL)
		return;
	stun_add_address(b, ATTR_RESPONSE_ORIGIN, d->origin);
	stun_add_address(b, ATTR_OTHER_ADDRESS, d->other);
	if (d->padding)
		stun_add(b, ATTR_PADDING, span_of(padding, sizeof(padding)));
}

static void add_refreshed(struct stun_builder *b, const struct request *r, uint32_t lifetime)
{
	stun_add_u32(b, ATTR_LIFETIME, lifetime);
	add_ticket(b, r);
}

void answer_send(const struct request *r, struct outcome o)
{
	const struct alternate *other = o.code == 300 ? redirect_find(r->s->settings, r->path, r->m->tid) : NULL;
	struct stun_builder b;
	uint8_t mem[ANSWER_MAX];

	if (o.code == 300 && other == NULL)		/* said before, and gone with a reload since */
		o.code = 508;
	begin(&b, mem, r, o.code);
	if (other != NULL)
		add_alternate(&b, r, other);
	else if (o.code == 401 || o.code == 438)
		add_challenge(&b, r);
	else if (o.code == 0 && r->method == METHOD_BINDING)
		add_mapping(&b, r);
	else if (o.code == 0 && r->method == METHOD_ALLOCATE)
		add_allocation(&b, r, o.lifetime);
	else if (o.code == 0 && r->method == METHOD_REFRESH)
		add_refreshed(&b, r, o.lifetime);
	finish(&b, r, o.code);
}

void answer_unknown_attributes(const struct request *r, const uint16_t *types, unsigned n)
{
	struct stun_builder b;
	uint8_t mem[ANSWER_MAX], list[2 * UNKNOWN_MAX];

	for (unsigned i = 0; i < n; i++)
		store_u16(list + 2 * i, types[i]);
	begin(&b, mem, r, 420);
	stun_add(&b, ATTR_UNKNOWN_ATTRIBUTES, span_of(list, 2 * (size_t)n));
	finish(&b, r, 420);
}
