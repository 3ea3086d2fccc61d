#include "turnd/core/flow.h"

#include "common/base/random.h"
#include "common/base/reader.h"
#include "turnd/core/mobility.h"
#include "turnd/core/server_state.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"

_Static_assert(FLOW_HEAD >= STUN_HEADER + 2 * STUN_ATTR_HEADER + XOR_ADDRESS_MAX, "a Data indication's head");

enum { IPV4_PAYLOAD_MAX = 65507, IPV6_PAYLOAD_MAX = 65527, STUN_BODY_MAX = 65532 };	/* bytes of a UDP datagram, of a message */

struct tally {			/* of one batch: counters are touched once */
	uint64_t packets[LEG_N][DIR_N], bytes[LEG_N][DIR_N];
};

struct door {			/* one batch */
	struct turn_server *s;
	msec_t now;
	struct allocation *last;	/* of the packet before: bursts come from one client */
	struct tally tally;
};

static void drop(struct flow_verdict *v, enum turn_drop reason)
{
	v->action = FLOW_DROP;
	v->reason = (uint8_t)reason;
}

static size_t datagram_max(const struct ip_addr *to)
{
	return to->family == 6 ? IPV6_PAYLOAD_MAX : IPV4_PAYLOAD_MAX;
}

/* --- from a client ----------------------------------------------------------------------------------------------- */

static struct allocation *find_allocation(struct door *d, const struct client_path *path)
{
	if (d->last == NULL || !path_equal(&d->last->path, path))
		d->last = alloc_table_find(&d->s->allocations, path);
	if (d->last != NULL && d->last->mobility != NULL)
		mobility_heard(d->last, path);
	return d->last;
}

/* Payload may flow at the rate that is granted to the allocation, and to all of them together. */
static bool within_bandwidth(const struct door *d, struct allocation *a, enum turn_direction dir, size_t n)
{
	const struct turn_settings *set = d->s->settings;

	return (set->max_bps == 0 || bucket_take(&a->bandwidth[dir], set->max_bps, n, d->now)) &&
		(set->capacity == NULL || capacity_take(set->capacity, &d->s->capacity, dir, n, d->now));
}

static void to_peer(struct door *d, struct flow_verdict *v, struct allocation *a, const struct endpoint *peer,
		    struct span payload)
{
	const struct relay *relay = allocation_relay(a, peer->ip.family);

	if (relay == NULL) {
		drop(v, DROP_NO_ALLOCATION);
		return;
	}
	if (payload.len > datagram_max(&peer->ip)) {
		drop(v, DROP_TOO_LONG);
		return;
	}
	if (!within_bandwidth(d, a, DIR_IN, payload.len)) {
		drop(v, DROP_BANDWIDTH);
		return;
	}
	v->action = FLOW_TO_PEER;
	v->payload = payload;
	v->relay = relay;
	v->peer = *peer;
	a->packets_in++;
	a->bytes_in += payload.len;
	d->tally.packets[LEG_PEER][DIR_OUT]++;
	d->tally.bytes[LEG_PEER][DIR_OUT] += payload.len;
}

static void from_channel(struct door *d, const struct flow_packet *in, struct flow_verdict *v)
{
	struct allocation *a = find_allocation(d, in->path);
	const struct channel *channel;
	struct channel_data data;

	if (!channel_data_parse(&data, in->data))
		drop(v, DROP_MALFORMED);
	else if (a == NULL)
		drop(v, DROP_NO_ALLOCATION);
	else if ((channel = channel_find(&a->channels, data.number, d->now)) == NULL)
		drop(v, DROP_NO_CHANNEL);
	else
		to_peer(d, v, a, &channel->peer, data.payload);
}

static void from_send(struct door *d, const struct flow_packet *in, struct flow_verdict *v)
{
	struct allocation *a = find_allocation(d, in->path);
	struct span peer_value, payload, ignored;
	uint16_t unknown[UNKNOWN_MAX];
	struct endpoint peer;
	struct stun_msg m;

	if (stun_parse(&m, in->data) != STUN_OK || !stun_find(&m, ATTR_XOR_PEER_ADDRESS, &peer_value) ||
	    !stun_find(&m, ATTR_DATA, &payload) || !attr_read_xor_address(peer_value, m.tid, &peer) ||
	    message_unknown_attributes(&m, unknown) > 0)
		drop(v, DROP_MALFORMED);
	else if (a == NULL)
		drop(v, DROP_NO_ALLOCATION);
	else if (!perm_allows(&a->permissions, &peer.ip, d->now))
		drop(v, DROP_NO_PERMISSION);
	else if (!server_peer_allowed(d->s, &peer, true))
		drop(v, DROP_POLICY);
	else {
		v->dont_fragment = stun_find(&m, ATTR_DONT_FRAGMENT, &ignored);
		to_peer(d, v, a, &peer, payload);
	}
}

static void from_client(struct door *d, const struct flow_packet *in, struct flow_verdict *v)
{
	const uint8_t *p = in->data.p;
	uint8_t last_channel_byte = d->s->settings->rfc5766_channel_numbers ? CHANNEL_LAST_RFC5766 >> 8 : CHANNEL_LAST >> 8;

	d->tally.packets[LEG_CLIENT][DIR_IN]++;
	d->tally.bytes[LEG_CLIENT][DIR_IN] += in->data.len;
	if (in->data.len < CHANNEL_DATA_HEADER)
		drop(v, DROP_MALFORMED);
	else if (p[0] >= CHANNEL_FIRST >> 8 && p[0] <= last_channel_byte)
		from_channel(d, in, v);
	else if (load_u16(p) == stun_type(STUN_SEND, STUN_INDICATION))
		from_send(d, in, v);
	else if (p[0] < 4)
		v->action = FLOW_CONTROL;
	else
		drop(v, DROP_MALFORMED);
}

/* --- from a peer ------------------------------------------------------------------------------------------------- */

static void head_channel(struct flow_verdict *v, uint16_t number, size_t length)
{
	channel_data_header(v->head, number, (uint16_t)length);
	v->head_len = CHANNEL_DATA_HEADER;
}

static void head_data(struct flow_verdict *v, const struct endpoint *peer, size_t length)
{
	uint8_t *address = v->head + STUN_HEADER + STUN_ATTR_HEADER, *data;
	size_t n, body;

	random_bytes(v->head + 8, STUN_TID_SIZE);
	n = attr_write_xor_address(peer, v->head + 8, address);
	data = address + n;
	v->tail = (uint8_t)(-length & 3);
	body = STUN_ATTR_HEADER + n + STUN_ATTR_HEADER + length + v->tail;
	store_u16(v->head, stun_type(STUN_DATA, STUN_INDICATION));
	store_u16(v->head + 2, (uint16_t)body);
	store_u32(v->head + 4, STUN_COOKIE);
	store_u16(address - 4, ATTR_XOR_PEER_ADDRESS);
	store_u16(address - 2, (uint16_t)n);
	store_u16(data, ATTR_DATA);
	store_u16(data + 2, (uint16_t)length);
	v->head_len = (uint8_t)(data + STUN_ATTR_HEADER - v->head);
}

static bool is_stream(const struct client_path *path)
{
	return path->transport == TRANSPORT_TCP || path->transport == TRANSPORT_TLS;
}

static bool fits(const struct client_path *path, const struct flow_verdict *v, size_t length)
{
	size_t size = v->head_len + length + v->tail;

	if (!is_stream(path))
		return size <= datagram_max(&path->client.ip);
	return v->head_len == CHANNEL_DATA_HEADER ? length <= UINT16_MAX : size <= STUN_HEADER + STUN_BODY_MAX;
}

static void from_peer(struct door *d, const struct flow_packet *in, struct flow_verdict *v)
{
	struct allocation *a = in->allocation;
	const struct client_path *client = allocation_client(a);
	const struct channel *channel;

	d->tally.packets[LEG_PEER][DIR_IN]++;
	d->tally.bytes[LEG_PEER][DIR_IN] += in->data.len;
	if (!perm_allows(&a->permissions, &in->peer.ip, d->now)) {
		drop(v, DROP_NO_PERMISSION);
		return;
	}
	if (client == NULL) {
		drop(v, DROP_NO_ALLOCATION);
		return;
	}
	channel = channel_find_peer(&a->channels, &in->peer, d->now);
	if (channel == NULL) {
		head_data(v, &in->peer, in->data.len);
	} else {
		head_channel(v, channel->number, in->data.len);
		v->tail = is_stream(client) ? (uint8_t)(-in->data.len & 3) : 0;
	}
	if (!fits(client, v, in->data.len)) {
		drop(v, DROP_TOO_LONG);
		return;
	}
	if (!within_bandwidth(d, a, DIR_OUT, in->data.len)) {
		drop(v, DROP_BANDWIDTH);
		return;
	}
	v->action = FLOW_TO_CLIENT;
	v->payload = in->data;
	v->path = client;
	a->packets_out++;
	a->bytes_out += in->data.len;
	d->tally.packets[LEG_CLIENT][DIR_OUT]++;
	d->tally.bytes[LEG_CLIENT][DIR_OUT] += v->head_len + in->data.len + v->tail;
}

/* --- the door ---------------------------------------------------------------------------------------------------- */

static void count(struct turn_counters *c, const struct tally *t)
{
	for (unsigned leg = 0; leg < LEG_N; leg++) {
		for (unsigned dir = 0; dir < DIR_N; dir++) {
			count_add(&c->packets[leg][dir], t->packets[leg][dir]);
			count_add(&c->bytes[leg][dir], t->bytes[leg][dir]);
		}
	}
}

void flow_forward(struct turn_server *s, const struct flow_packet *in, struct flow_verdict *out, size_t n, msec_t now)
{
	struct door d = { .s = s, .now = now };

	for (size_t i = 0; i < n; i++) {
		struct flow_verdict *v = &out[i];
		v->reason = DROP_NONE;
		v->head_len = v->tail = 0;
		v->dont_fragment = false;
		if (in[i].path != NULL)
			from_client(&d, &in[i], v);
		else
			from_peer(&d, &in[i], v);
		if (v->action == FLOW_DROP)
			count_add(&s->counters.drops[v->reason], 1);
	}
	count(&s->counters, &d.tally);
}
