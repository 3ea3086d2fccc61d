/* covers: turnd/core/turn_server.c turnd/core/allocate.c turnd/core/refresh.c turnd/core/peers.c turnd/core/answer.c turnd/core/discovery.c turnd/core/icmp.c turnd/core/mobility.c turnd/core/bandwidth.c turnd/core/auth.c turnd/core/long_term.c turnd/core/redirect.c turnd/core/flow.c turnd/core/allocation.c turnd/core/alloc_table.c turnd/core/client_path.c turnd/core/permission.c turnd/core/peer_policy.c turnd/core/nonce.c common/base/rate_limit.c turnd/core/transactions.c */

/* The input is a little program: what four clients, their peers and the clock do, one after the other, through both doors.
 * Requests are signed here, with a nonce that lives, so that the fuzzer need not guess any. */
#include "common/base/reader.h"
#include "common/proto/turn_cred.h"
#include "turnd/core/bandwidth.h"
#include "turnd/core/flow.h"
#include "turnd/core/nonce.h"
#include "turnd/core/peer_policy.h"
#include "turnd/core/quota.h"
#include "turnd/core/settings.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

#include <stdlib.h>

#define REALM "example.org"
enum { CLIENTS = 4, RELAYS_MAX = 4, MESSAGE_MAX = 4096 };

struct open_relay {
	struct relay *relay;
	struct allocation *owner;
};

static struct scene {
	struct turn_settings settings;
	struct turn_server *server;
	msec_t now;
	int64_t unix_now;
	struct client_path clients[CLIENTS];
	struct open_relay relays[RELAYS_MAX];
	unsigned n_relays;
	struct endpoint reserved;	/* port 0: none is */
	uint16_t port;
	bool no_family[2];
	unsigned answers, ended;
	uint8_t message[MESSAGE_MAX], last[MESSAGE_MAX];
	size_t last_len;
	uint8_t tid;
	uint8_t ticket[16];
} scene;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct endpoint ep(const char *text)
{
	struct endpoint e;
	require(endpoint_parse(&e, span_str(text)));
	return e;
}

/* --- the shell ------------------------------------------------------------------------------------------------------ */

/* One of ours; with RFC 5780 the answer may leave from, and go to, another port or address. */
static bool is_client(const struct scene *s, const struct client_path *to)
{
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (path_equal(&s->clients[i], to) ||
		    (s->settings.n_discovery > 0 && to->transport == TRANSPORT_UDP && ip_equal(&s->clients[i].client.ip, &to->client.ip)))
			return true;
	}
	return false;
}

static void on_answer(void *shell, const struct client_path *to, struct span message)
{
	struct scene *s = shell;
	struct stun_msg m;

	require(is_client(s, to));
	require(stun_parse(&m, message) == STUN_OK);
	require(m.cls == STUN_SUCCESS || m.cls == STUN_ERROR || (m.cls == STUN_INDICATION && m.method == STUN_DATA));
	struct span ticket;
	if (stun_find(&m, ATTR_MOBILITY_TICKET, &ticket))
		memcpy(s->ticket, ticket.p, sizeof(s->ticket));
	s->answers++;
}

static enum relay_result on_open(void *shell, struct allocation *owner, uint8_t family, enum relay_parity parity,
				 const struct client_path *from, struct relay *out)
{
	struct scene *s = shell;

	(void)from;
	if (s->no_family[family == 6])
		return RELAY_NO_FAMILY;
	if (s->n_relays == RELAYS_MAX)
		return RELAY_NO_CAPACITY;
	s->port = (uint16_t)(s->port + (parity == RELAY_ANY_PORT ? 1 : 2));
	out->bound = ep(family == 6 ? "[2a00::1]:1" : "9.9.9.9:1");
	out->bound.port = s->port;
	out->advertised = out->bound;
	s->relays[s->n_relays++] = (struct open_relay){ out, owner };
	return RELAY_OK;
}

/* One reservation at a time is enough for every way through the core; its token is "reserved". */
static bool on_reserve(void *shell, struct relay *r, struct span user, uint8_t token[RELAY_TOKEN])
{
	struct scene *s = shell;

	(void)user;
	require(r->open);
	if (s->reserved.port != 0)
		return false;
	s->reserved = r->bound;
	s->reserved.port++;
	memcpy(token, "reserved", RELAY_TOKEN);
	return true;
}

static uint8_t on_reserved(void *shell, const uint8_t token[RELAY_TOKEN], struct span user)
{
	const struct scene *s = shell;

	(void)user;
	return memcmp(token, "reserved", RELAY_TOKEN) == 0 && s->reserved.port != 0 ? s->reserved.ip.family : 0;
}

static enum relay_result on_adopt(void *shell, struct allocation *owner, const uint8_t token[RELAY_TOKEN], struct span user,
				  struct relay *out)
{
	struct scene *s = shell;

	require(on_reserved(shell, token, user) != 0);
	if (s->n_relays == RELAYS_MAX)
		return RELAY_NO_CAPACITY;
	out->bound = out->advertised = s->reserved;
	s->reserved.port = 0;
	s->relays[s->n_relays++] = (struct open_relay){ out, owner };
	return RELAY_OK;
}

static void on_close(void *shell, struct relay *r)
{
	struct scene *s = shell;

	for (unsigned i = 0; i < s->n_relays; i++) {
		if (s->relays[i].relay == r) {
			s->relays[i] = s->relays[--s->n_relays];
			return;
		}
	}
	abort();
}

static bool on_is_ours(void *shell, const struct endpoint *peer)
{
	const struct scene *s = shell;

	for (unsigned i = 0; i < s->n_relays; i++) {
		if (endpoint_equal(&s->relays[i].relay->advertised, peer))
			return true;
	}
	return false;
}

static void on_ended(void *shell, const struct allocation_record *r)
{
	struct scene *s = shell;
	require(r->relay4 != NULL || r->relay6 != NULL);
	s->ended++;
}

/* --- the scene ------------------------------------------------------------------------------------------------------ */

static void open_scene(struct scene *s)
{
	static const struct span secrets[] = { { (const uint8_t *)"new", 3 }, { (const uint8_t *)"old", 3 } };
	static const struct turn_shell shell = {
		on_answer, on_open, on_close, on_is_ours, on_ended, on_reserve, on_reserved, on_adopt, NULL
	};
	static struct turn_user users[2];
	static struct alternate alternates[2];
	static struct endpoint own[1];
	static struct discovery_group discovery[1];
	static struct ip_addr broadcasts[1];

	users[0].name = span_str("bob");
	users[1].name = span_str("alice");
	for (unsigned i = 0; i < 2; i++)
		require(long_term_userhash(users[i].name, SPAN_LIT(REALM), users[i].hash));
	for (unsigned by = ALGORITHM_MD5; by <= ALGORITHM_SHA256; by++)
		require(long_term_key_make(by == ALGORITHM_MD5 ? &users[1].md5 : &users[1].sha256, by, users[1].name, SPAN_LIT(REALM),
					   SPAN_LIT("password")));
	broadcasts[0] = ep("5.6.7.255:0").ip;
	own[0] = ep("9.9.9.9:3478");
	alternates[0] = (struct alternate){ .at = ep("8.8.8.8:1"), .transports = 1 << TRANSPORT_UDP };
	alternates[1] = (struct alternate){ .at = ep("8.8.4.4:1"), .transports = 3 };
	for (unsigned i = 0; i < 4; i++) {
		struct endpoint at = ep(i & 1 ? "9.9.9.9:3479" : "9.9.9.9:3478");
		at.ip.b[3] -= (uint8_t)(i >> 1);
		discovery[0].v[i >> 1][i & 1] = (struct discovery_socket){ at, at, 1 + i };
	}
	*s = (struct scene){
		.settings = {
			.realm = SPAN_LIT(REALM), .rest_separator = ':', .secrets = secrets, .n_secrets = 2,
			.users = users, .n_users = 2, .alternates = alternates, .n_alternates = 2, .n_nonce_keys = NONCE_KEYS, .algorithms = ALGORITHMS_ALL, .rest_hashes = 3,
			.nonce_lifetime = 600, .lifetime_default = 600, .lifetime_max = 3600,
			.max_permissions = 6, .max_channels = 4,
			.rates = { [RATE_REFUSAL] = { 1, 10 }, [RATE_BINDING] = { 5, 5 }, [RATE_BAD_INTEGRITY] = { 1, 3 } },
			.policy = { .own_services = own, .n_own_services = 1, .directed_broadcasts = broadcasts,
				.n_directed_broadcasts = 1 },
			.discovery = discovery,
		},
		.now = 1000, .unix_now = 1800000000, .port = 50000,
		.clients = {
			{ ep("7.7.7.1:6000"), ep("9.9.9.9:3478"), TRANSPORT_UDP, 1 },
			{ ep("7.7.7.1:6001"), ep("9.9.9.9:3478"), TRANSPORT_UDP, 1 },
			{ ep("[2a00::7]:6000"), ep("[2a00::1]:3478"), TRANSPORT_UDP, 2 },
			{ ep("7.7.7.3:6000"), ep("9.9.9.9:3478"), TRANSPORT_TCP, 3 },
		},
	};
	s->settings.quota = quota_new(2, 3);
	s->server = turn_server_new(&s->settings, &shell, s, s->now);
	require(s->server != NULL && s->settings.quota != NULL);
}

static void close_scene(struct scene *s)
{
	turn_server_free(s->server);
	require(s->n_relays == 0);
	quota_free(s->settings.quota);
}

static void check_verdict(struct scene *s, const struct flow_packet *in, const struct flow_verdict *v)
{
	switch ((enum flow_action)v->action) {
	case FLOW_DROP:
		require(v->reason > DROP_NONE && v->reason < DROP_N);
		break;
	case FLOW_CONTROL:
		require(in->path != NULL);
		break;
	case FLOW_TO_PEER:
		require(v->relay->open && v->relay->bound.ip.family == v->peer.ip.family);
		require(v->payload.len == 0 || (v->payload.p >= in->data.p && v->payload.p + v->payload.len <= in->data.p + in->data.len));
		/* Nothing that the rules deny is ever reached, whichever way it was asked for. (A channel may outlive a change
		 * of the lists, and the relay of ours that it leads to.) */
		require(peer_policy_judge(&s->settings.policy, &v->peer, POLICY_FOR_DATA, true) == POLICY_ALLOW);
		require(s->settings.policy.n_denied > 0 ||
			peer_policy_judge(&s->settings.policy, &v->peer, POLICY_FOR_DATA, false) == POLICY_ALLOW);
		break;
	case FLOW_TO_CLIENT:
		require(in->allocation != NULL && v->head_len >= 4 && v->head_len <= FLOW_HEAD && v->tail < 4);
		break;
	}
}

static void from_client(struct scene *s, const struct client_path *path, struct span data)
{
	const struct flow_packet in = { .data = data, .path = path };
	struct flow_verdict v;
	unsigned answers = s->answers;

	flow_forward(s->server, &in, &v, 1, s->now);
	check_verdict(s, &in, &v);
	if (v.action == FLOW_CONTROL)
		turn_server_message(s->server, path, data, s->now, s->unix_now);
	require(s->answers <= answers + 1);
}

/* --- the program ------------------------------------------------------------------------------------------------------ */

static struct endpoint read_peer(struct reader *r, const struct scene *s)
{
	static const char *const peers[] = {
		"5.6.7.8:1", "5.6.7.8:2", "5.6.7.9:1", "5.6.7.10:1", "5.6.7.11:1", "5.6.7.12:1", "5.6.7.13:1", "5.6.7.14:1",
		"[2a00:1::1]:1", "[2a00:1::2]:1", "10.0.0.1:1", "127.0.0.1:1", "[64:ff9b::a00:1]:1", "[64:ff9b:1::a00:1]:1",
		"[2002:a00:1::]:1", "[2001:0:808:808::80ff:fffe]:1", "9.9.9.9:3478", "5.6.7.8:0", "255.255.255.255:1",
		"[::ffff:0:a00:1]:1", "5.6.7.255:1", "[64:ff9b:1::]:1", "[::1]:1"
	};
	uint8_t which = read_u8(r);

	if (which >= 0xf0 && s->n_relays > 0)
		return s->relays[which % s->n_relays].relay->advertised;
	return ep(peers[which % (sizeof(peers) / sizeof(peers[0]))]);
}

static void add_attr(struct reader *r, struct scene *s, struct stun_builder *b)
{
	static const uint16_t types[] = {
		ATTR_LIFETIME, ATTR_REQUESTED_TRANSPORT, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_ADDITIONAL_ADDRESS_FAMILY,
		ATTR_EVEN_PORT, ATTR_RESERVATION_TOKEN, ATTR_DONT_FRAGMENT, ATTR_MOBILITY_TICKET, ATTR_CHANNEL_NUMBER,
		ATTR_DATA, ATTR_PASSWORD_ALGORITHM, ATTR_PASSWORD_ALGORITHMS, ATTR_USERNAME, ATTR_REALM, ATTR_NONCE, ATTR_CHANGE_REQUEST,
		ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_XOR_PEER_ADDRESS, ATTR_RESPONSE_PORT, ATTR_PADDING
	};
	uint8_t which = read_u8(r);
	uint16_t type = types[(which & 31) % (sizeof(types) / sizeof(types[0]))];
	struct endpoint peer;

	if (which & 0x80) {
		peer = read_peer(r, s);
		stun_add_xor_address(b, ATTR_XOR_PEER_ADDRESS, &peer);
	} else if ((which & 0x40) && type == ATTR_RESERVATION_TOKEN) {
		stun_add(b, type, SPAN_LIT("reserved"));
	} else if (which & 0x40) {
		stun_add_u32(b, type, (uint32_t)read_u16(r) << 16);
	} else {
		stun_add(b, type, read_bytes(r, read_u8(r) % 32));
	}
}

/* Which algorithm: as an RFC 5389 client would, or as RFC 8489 clients do, with USERHASH too. */
static enum password_algorithm add_user(struct scene *s, struct stun_builder *b, const char *user, uint8_t kind)
{
	uint8_t list[ALGORITHMS_VALUE], hash[SHA256_SIZE];
	enum password_algorithm by = kind & 1 ? ALGORITHM_SHA256 : ALGORITHM_MD5;

	if (kind & 2) {
		require(long_term_userhash(span_str(user), s->settings.realm, hash));
		stun_add(b, ATTR_USERHASH, span_of(hash, sizeof(hash)));
	} else {
		stun_add(b, ATTR_USERNAME, span_str(user));
	}
	if (kind & 1) {
		stun_add(b, ATTR_PASSWORD_ALGORITHMS, span_of(list, password_algorithms_write(s->settings.algorithms, list)));
		stun_add_u32(b, ATTR_PASSWORD_ALGORITHM, (uint32_t)by << 16);
	}
	return by;
}

/* Who signs: bits 0-2 of how. Bit 3: a nonce of long ago; bit 4: another realm; bit 5: somebody else's nonce; bits 6 and 7:
 * see add_user(), where either means MESSAGE-INTEGRITY-SHA256. */
static void sign(struct scene *s, struct stun_builder *b, const struct client_path *path, uint8_t how)
{
	static const char *const users[] = {
		"alice", "alice", "1800001000:carol", "carol:1800000500", "1800000300", "1700000000:dave", "nobody", "1800001000:carol"
	};
	const char *user = users[how & 7];
	char password[TURN_PASSWORD_SIZE] = "password", nonce[NONCE_SIZE];
	struct ip_addr ip = how & 0x20 ? ep("1.2.3.4:1").ip : path->client.ip;
	size_t len = nonce_make(&s->settings, &ip, s->unix_now - (how & 8 ? 700 : 0), nonce);
	enum password_algorithm by = add_user(s, b, user, how >> 6);
	struct long_term_key key;

	require(len > 0);
	if ((how & 7) > 1)
		require(turn_cred_password_by(how & 2 ? TURN_HASH_SHA1 : TURN_HASH_SHA256, how & 1 ? SPAN_LIT("old") : SPAN_LIT("new"),
					      span_str(user), password) == 0);
	stun_add(b, ATTR_REALM, how & 0x10 ? SPAN_LIT("elsewhere") : s->settings.realm);
	stun_add(b, ATTR_NONCE, span_of(nonce, len));
	require(long_term_key_make(&key, by, span_str(user), SPAN_LIT(REALM), (how & 7) == 1 ? SPAN_LIT("wrong") : span_str(password)));
	(how >> 6 ? stun_add_integrity_sha256 : stun_add_integrity)(b, long_term_key_span(&key));
}

static void act_request(struct reader *r, struct scene *s, const struct client_path *path)
{
	static const uint16_t methods[] = {
		STUN_ALLOCATE, STUN_REFRESH, STUN_CREATE_PERMISSION, STUN_CHANNEL_BIND, STUN_BINDING, STUN_SEND, STUN_DATA, 0x00A
	};
	uint8_t what = read_u8(r), how = read_u8(r), tid[STUN_TID_SIZE] = { 0 };
	uint16_t method = methods[what & 7];
	struct stun_builder b;

	tid[0] = ++s->tid;
	stun_begin(&b, s->message, sizeof(s->message), method, method == STUN_SEND ? STUN_INDICATION : STUN_REQUEST, tid);
	if (method == STUN_ALLOCATE && !(what & 8))
		stun_add_u32(&b, ATTR_REQUESTED_TRANSPORT, 17u << 24);
	if (method == STUN_REFRESH && (what & 8))
		stun_add(&b, ATTR_MOBILITY_TICKET, span_of(s->ticket, sizeof(s->ticket)));
	for (unsigned n = what >> 5; n > 0; n--)
		add_attr(r, s, &b);
	if (method == STUN_SEND)
		stun_add(&b, ATTR_DATA, span_of("payload", how & 7));
	else if (how != 0xff)
		sign(s, &b, path, how);
	if (what & 16)
		stun_add_fingerprint(&b);
	memcpy(s->last, s->message, stun_end(&b).len);
	s->last_len = stun_end(&b).len;
	from_client(s, path, span_of(s->last, s->last_len));
}

static void act_channel(struct reader *r, struct scene *s, const struct client_path *path)
{
	uint8_t frame[64] = { 0 };
	uint8_t number = read_u8(r), size = read_u8(r);

	channel_data_header(frame, (uint16_t)(CHANNEL_FIRST + number % 8), size % 64);
	from_client(s, path, span_of(frame, CHANNEL_DATA_HEADER + size % 60));
}

static void act_peer(struct reader *r, struct scene *s)
{
	uint8_t which = read_u8(r);
	struct flow_packet in = { .data = span_of("from a peer", which % 12), .peer = read_peer(r, s) };
	struct flow_verdict v;

	if (s->n_relays == 0)
		return;
	in.allocation = s->relays[which % s->n_relays].owner;
	flow_forward(s->server, &in, &v, 1, s->now);
	check_verdict(s, &in, &v);
}

static void act_icmp(struct reader *r, struct scene *s)
{
	struct icmp_error e = { .peer = read_peer(r, s), .type = read_u8(r) % 16, .code = read_u8(r), .mtu = 1280 };
	unsigned answers = s->answers;

	if (s->n_relays > 0)
		turn_server_icmp(s->server, s->relays[e.code % s->n_relays].owner, &e, s->now);
	require(s->answers <= answers + 1);
}

static void act_time(struct scene *s, unsigned seconds)
{
	s->now += SECONDS(seconds) + 1;
	s->unix_now += seconds;
	require(turn_server_tick(s->server, s->now) > s->now);
}

static void act_settings(struct scene *s, uint8_t what)
{
	static struct ip_range denied[1];
	static struct capacity capacity;

	capacity = (struct capacity){ .bytes_per_second = 30 };
	denied[0] = (struct ip_range){ ep("5.6.7.8:0").ip, ep("5.6.7.9:0").ip };
	s->settings.policy.denied = s->settings.policy.allowed = denied;
	if (what & 0x10)
		s->settings.mobility = !s->settings.mobility;
	if (what & 0x80)
		s->settings.max_bps = 20 - s->settings.max_bps;
	if (what & 0x20)
		s->settings.capacity = s->settings.capacity == NULL ? &capacity : NULL;
	if (what & 0x40)
		s->settings.n_discovery = 1 - s->settings.n_discovery;
	switch (what & 15) {
	case 0: s->no_family[0] = !s->no_family[0]; break;
	case 1: s->no_family[1] = !s->no_family[1]; break;
	case 2: s->settings.strict_expiry = !s->settings.strict_expiry; break;
	case 3: s->settings.secure_stun = !s->settings.secure_stun; break;
	case 4: s->settings.include_reason_string = !s->settings.include_reason_string; break;
	case 5: s->settings.software_attribute = !s->settings.software_attribute; break;
	case 6: s->settings.policy.n_denied = 1 - s->settings.policy.n_denied; break;
	case 7: s->settings.n_secrets = s->settings.n_secrets > 0 ? 0 : 2; break;
	case 8: turn_server_drain(s->server); break;
	case 9: s->settings.policy.n_allowed = 1 - s->settings.policy.n_allowed; break;
	case 10: quota_limits(s->settings.quota, 1, 2); break;
	case 11: s->settings.no_auth = !s->settings.no_auth; break;
	case 12: s->settings.n_users = 2 - s->settings.n_users, s->settings.redirect = what & 64; break;
	case 13: s->settings.rfc5766_channel_numbers = true; break;
	case 14: s->settings.algorithms = 1 + (what >> 4) % ALGORITHMS_ALL; break;
	default:
		s->settings.fingerprint = !s->settings.fingerprint;
		s->settings.credential_max = 600 - s->settings.credential_max;
	}
	require(turn_server_settings(s->server, &s->settings));
}

/* Every allocation holds one relay or two, and a timer as long as it lives. */
static void check_books(const struct scene *s)
{
	unsigned n = turn_server_allocations(s->server);
	const count_t *current = turn_server_counters(s->server)->allocations_current;

	require(n <= s->n_relays && s->n_relays <= 2 * n);
	require(n == count_read(&current[TRANSPORT_UDP]) + count_read(&current[TRANSPORT_TCP]));
	require(n == 0 || turn_server_next(s->server) != NEVER);
}

static void act(struct reader *r, struct scene *s)
{
	uint8_t op = read_u8(r);
	const struct client_path *path = &s->clients[op >> 6];

	switch (op & 15) {
	case 0: case 1: case 2: case 3: case 4: act_request(r, s, path); break;
	case 5: from_client(s, path, span_of(s->last, s->last_len)); break;		/* once more */
	case 6: from_client(s, path, read_bytes(r, read_u8(r))); break;
	case 7: case 8: act_channel(r, s, path); break;
	case 9: case 10: act_peer(r, s); break;
	case 11: act_time(s, read_u8(r)); break;
	case 12: act_time(s, read_u16(r) % 5000); break;
	case 13: act_settings(s, read_u8(r)); break;
	case 14: act_icmp(r, s); break;
	default: turn_server_client_gone(s->server, &s->clients[3], s->now); break;	/* its stream */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .left = span_of(data, size) };

	if (size > 1024)
		return 0;
	open_scene(&scene);
	while (r.left.len > 0 && !r.failed) {
		act(&r, &scene);
		check_books(&scene);
	}
	close_scene(&scene);
	return 0;
}
