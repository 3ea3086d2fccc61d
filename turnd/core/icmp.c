/* icmp.c - ICMP errors become Data indications with an ICMP attribute (RFC 8656 sections 11.5 and 18.13). */
#include "common/base/random.h"
#include "common/base/reader.h"
#include "turnd/core/mobility.h"
#include "turnd/core/server_state.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

enum { ICMP_UNREACHABLE = 3, ICMP_FRAGMENTATION_NEEDED = 4, ICMP_TIME_EXCEEDED = 11 };
enum { ICMP6_UNREACHABLE = 1, ICMP6_TOO_BIG = 2, ICMP6_TIME_EXCEEDED = 3 };

static bool is_told(const struct icmp_error *e)
{
	if (e->peer.ip.family == 4)
		return e->type == ICMP_UNREACHABLE || e->type == ICMP_TIME_EXCEEDED;
	return e->type == ICMP6_UNREACHABLE || e->type == ICMP6_TOO_BIG || e->type == ICMP6_TIME_EXCEEDED;
}

static bool within_rate(struct allocation *a, msec_t now)
{
	if (now - a->icmp_since >= SECONDS(1)) {
		a->icmp_since = now;
		a->icmp_told = 0;
	}
	return a->icmp_told < ICMP_PER_SECOND;
}

static uint32_t error_data(const struct icmp_error *e)
{
	bool too_big = e->peer.ip.family == 4 ? e->type == ICMP_UNREACHABLE && e->code == ICMP_FRAGMENTATION_NEEDED
					      : e->type == ICMP6_TOO_BIG;
	return too_big ? e->mtu : 0;
}

static void tell(struct turn_server *s, const struct allocation *a, const struct icmp_error *e)
{
	uint8_t mem[STUN_HEADER + STUN_ATTR_HEADER + XOR_ADDRESS_MAX + STUN_ATTR_HEADER + 8], tid[STUN_TID_SIZE], value[8] = { 0 };
	struct stun_builder b;
	struct span message;

	random_bytes(tid, sizeof(tid));
	store_u16(value + 2, (uint16_t)((e->type & 0x7f) << 9 | e->code));
	store_u32(value + 4, error_data(e));
	stun_begin(&b, mem, sizeof(mem), STUN_DATA, STUN_INDICATION, tid);
	stun_add_xor_address(&b, ATTR_XOR_PEER_ADDRESS, &e->peer);
	stun_add(&b, ATTR_ICMP, span_of(value, sizeof(value)));
	message = stun_end(&b);
	count_add(&s->counters.packets[LEG_CLIENT][DIR_OUT], 1);
	count_add(&s->counters.bytes[LEG_CLIENT][DIR_OUT], message.len);
	s->shell.answer(s->shell_ctx, allocation_client(a), message);
}

void turn_server_icmp(struct turn_server *s, struct allocation *a, const struct icmp_error *e, msec_t now)
{
	enum turn_drop why = DROP_NONE;

	if (!is_told(e) || allocation_client(a) == NULL)
		return;
	if (!perm_allows(&a->permissions, &e->peer.ip, now))
		why = DROP_NO_PERMISSION;
	else if (!within_rate(a, now))
		why = DROP_RATE_LIMIT;
	if (why != DROP_NONE) {
		count_add(&s->counters.drops[why], 1);
		return;
	}
	a->icmp_told++;
	tell(s, a, e);
}
