#include "tests/lib/world.h"

#include "common/crypto/digest.h"
#include "common/proto/turn_cred.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct endpoint ep(const char *text)
{
	struct endpoint e;
	assert_true(endpoint_parse(&e, span_str(text)));
	return e;
}

/* Memory of the world's own never fails: failing_alloc watches malloc, calloc and realloc only. (The compiler would make
 * calloc of aligned_alloc and memset.) */
void *world_memory(size_t n)
{
	void *p = NULL;
	assert_int_equal(posix_memalign(&p, 16, n), 0);
	memset(p, 0, n);
	return p;
}

static void keep(struct heard *h, struct span payload)
{
	struct span kept = span_first(payload, sizeof(h->bytes));
	h->len = payload.len;
	if (kept.len > 0)
		memcpy(h->bytes, kept.p, kept.len);
}

/* --- the shell ---------------------------------------------------------------------------------------------------- */

static struct player *player_at(struct world *w, const struct client_path *path)
{
	for (unsigned i = 0; i < w->n_players; i++) {
		if (path_equal(&w->players[i]->path, path))
			return w->players[i];
	}
	return NULL;
}

static void read_answer(struct player *p)
{
	struct span value, rest = p->m.attrs;
	struct stun_attr a;

	p->code = 0;
	if (p->m.cls == STUN_ERROR) {
		assert_true(stun_find(&p->m, ATTR_ERROR_CODE, &value));
		assert_true(attr_read_error(value, &p->code));
	}
	if ((p->code == 401 || p->code == 438) && stun_find(&p->m, ATTR_NONCE, &value)) {
		snprintf(p->nonce, sizeof(p->nonce), "%.*s", SPAN_ARG(value));
		stun_find(&p->m, ATTR_REALM, &value);
		snprintf(p->realm, sizeof(p->realm), "%.*s", SPAN_ARG(value));
	}
	while (stun_next(&rest, &a)) {
		struct endpoint e;
		if (a.type == ATTR_XOR_RELAYED_ADDRESS && attr_read_xor_address(a.value, p->m.tid, &e))
			*(e.ip.family == 6 ? &p->relayed6 : &p->relayed) = e;
		else if (a.type == ATTR_XOR_MAPPED_ADDRESS)
			attr_read_xor_address(a.value, p->m.tid, &p->mapped);
		else if (a.type == ATTR_LIFETIME)
			attr_read_u32(a.value, &p->lifetime);
	}
}

/* The player who asked: the answer may leave from another address, or reach another of its ports (RFC 5780). */
static struct player *player_of(struct world *w, const struct client_path *path)
{
	struct player *p = player_at(w, path);

	for (unsigned i = 0; p == NULL && i < w->n_players; i++) {
		if (ip_equal(&w->players[i]->path.client.ip, &path->client.ip))
			p = w->players[i];
	}
	return p;
}

static void on_answer(void *shell, const struct client_path *to, struct span message)
{
	struct world *w = shell;
	struct player *p = player_of(w, to);

	if (p == NULL) {
		fail_msg("an answer to nobody");
		return;
	}
	assert_true(message.len <= sizeof(p->answer));
	memcpy(p->answer, message.p, message.len);
	p->answer_len = message.len;
	w->answered = *to;
	p->answers++;
	assert_int_equal(stun_parse(&p->m, span_of(p->answer, p->answer_len)), STUN_OK);
	read_answer(p);
}

static enum relay_result on_relay_open(void *shell, struct allocation *owner, uint8_t family, enum relay_parity parity,
				       const struct client_path *from, struct relay *out)
{
	struct world *w = shell;

	assert_non_null(from);
	if (family == 6 ? w->no_ipv6 : w->no_ipv4)
		return RELAY_NO_FAMILY;
	if (w->n_relays >= w->relay_limit)
		return RELAY_NO_CAPACITY;
	w->next_port = (uint16_t)(w->next_port + 1);
	if (parity != RELAY_ANY_PORT)
		w->next_port = (uint16_t)((w->next_port + 1) & ~1);
	out->bound = ep(family == 6 ? "[2a00:1450::1]:1" : "9.9.9.9:1");
	out->bound.port = w->next_port;
	out->advertised = out->bound;
	w->relays[w->n_relays++] = (struct world_relay){ out, owner };
	w->relays_opened++;
	w->next_port += parity == RELAY_EVEN_PORT_RESERVE;
	return RELAY_OK;
}

static bool on_relay_reserve(void *shell, struct relay *r, struct span user, uint8_t token[RELAY_TOKEN])
{
	struct world *w = shell;
	struct world_reservation *v = &w->reservations[w->n_reservations];

	assert_int_equal(r->bound.port % 2, 0);
	if (w->n_reservations == 8)
		return false;
	w->n_reservations++;
	*v = (struct world_reservation){ .at = r->bound, .until = w->now + SECONDS(30), .token = { 't', 'o', 'k', 'e', 'n' } };
	v->at.port++;
	v->token[7] = (uint8_t)w->n_reservations;
	snprintf(v->user, sizeof(v->user), "%.*s", SPAN_ARG(user));
	memcpy(token, v->token, RELAY_TOKEN);
	return true;
}

static struct world_reservation *reservation(struct world *w, const uint8_t token[RELAY_TOKEN], struct span user)
{
	for (unsigned i = 0; i < w->n_reservations; i++) {
		struct world_reservation *v = &w->reservations[i];
		if (memcmp(v->token, token, RELAY_TOKEN) == 0 && w->now < v->until && span_eq_str(user, v->user))
			return v;
	}
	return NULL;
}

static uint8_t on_relay_reserved(void *shell, const uint8_t token[RELAY_TOKEN], struct span user)
{
	const struct world_reservation *v = reservation(shell, token, user);
	return v != NULL ? v->at.ip.family : 0;
}

static enum relay_result on_relay_adopt(void *shell, struct allocation *owner, const uint8_t token[RELAY_TOKEN],
					struct span user, struct relay *out)
{
	struct world *w = shell;
	struct world_reservation *v = reservation(w, token, user);

	if (v == NULL || w->n_relays >= w->relay_limit)
		return RELAY_NO_CAPACITY;
	v->until = 0;
	out->bound = out->advertised = v->at;
	w->relays[w->n_relays++] = (struct world_relay){ out, owner };
	w->relays_opened++;
	return RELAY_OK;
}

static void on_relay_close(void *shell, struct relay *r)
{
	struct world *w = shell;

	for (unsigned i = 0; i < w->n_relays; i++) {
		if (w->relays[i].relay == r) {
			w->relays[i] = w->relays[--w->n_relays];
			return;
		}
	}
	fail_msg("closed a relay that is not open");
}

static struct world_relay *relay_at(struct world *w, const struct endpoint *e)
{
	for (unsigned i = 0; i < w->n_relays; i++) {
		if (endpoint_equal(&w->relays[i].relay->advertised, e))
			return &w->relays[i];
	}
	return NULL;
}

static bool on_relay_is_ours(void *shell, const struct endpoint *peer)
{
	return relay_at(shell, peer) != NULL;
}

static void on_ended(void *shell, const struct allocation_record *r)
{
	struct world *w = shell;
	w->ended++;
	w->record = *r;
	snprintf(w->record_user, sizeof(w->record_user), "%.*s", SPAN_ARG(r->user));
}

static void on_path_left(void *shell, const struct client_path *path)
{
	struct world *w = shell;
	w->n_left++;
	w->left = *path;
}

/* --- the world ---------------------------------------------------------------------------------------------------- */

static struct turn_user static_users[2];

static void make_users(void)
{
	static const char *const names[] = { "alice", "bob" };
	for (unsigned i = 0; i < 2; i++) {
		char text[64];
		static_users[i].name = span_str(names[i]);
		snprintf(text, sizeof(text), "%s:%s:%s", names[i], REALM, PASSWORD);
		assert_int_equal(digest_md5(span_str(text), static_users[i].md5.bytes), 0);
		assert_int_equal(digest_sha256(span_str(text), static_users[i].sha256.bytes), 0);
		static_users[i].md5.len = MD5_SIZE;
		static_users[i].sha256.len = SHA256_SIZE;
		snprintf(text, sizeof(text), "%s:%s", names[i], REALM);
		assert_int_equal(digest_sha256(span_str(text), static_users[i].hash), 0);
	}
}

struct world *world_new(void)
{
	static const struct span secrets[] = { { (const uint8_t *)SECRET, sizeof(SECRET) - 1 } };
	struct world *w = world_memory(sizeof(*w));

	make_users();
	w->settings = (struct turn_settings){
		.realm = SPAN_LIT(REALM), .rest_separator = ':', .secrets = secrets, .n_secrets = 1,
		.users = static_users, .n_users = 2, .nonce_keys = { { 1, 2, 3 } }, .n_nonce_keys = 1, .nonce_lifetime = 600,
		.algorithms = ALGORITHMS_ALL, .rest_hashes = 1 << TURN_HASH_SHA1,
		.lifetime_default = 600, .lifetime_max = 3600, .max_permissions = 1024, .max_channels = 256,
		.rates = RATES_DEFAULT,
	};
	w->now = 5000;
	w->unix_now = WORLD_UNIX;
	w->relay_limit = 64;
	w->next_port = 50000;
	return w;
}

bool world_start(struct world *w)
{
	static const struct turn_shell shell = {
		.answer = on_answer, .relay_open = on_relay_open, .relay_close = on_relay_close,
		.relay_is_ours = on_relay_is_ours, .allocation_ended = on_ended, .path_left = on_path_left, .relay_reserve = on_relay_reserve,
		.relay_reserved = on_relay_reserved, .relay_adopt = on_relay_adopt,
	};
	if (w->server == NULL)
		w->server = turn_server_new(&w->settings, &shell, w, w->now);
	return w->server != NULL;
}

void world_free(struct world *w)
{
	turn_server_free(w->server);
	assert_int_equal(w->n_relays, 0);
	for (unsigned i = 0; i < w->n_players; i++) {
		free(w->players[i]->out);
		free(w->players[i]);
	}
	free(w);
}

int world_setup(void **state)
{
	*state = world_new();
	return 0;
}

int world_teardown(void **state)
{
	world_free(*state);
	return 0;
}

void world_pass(struct world *w, msec_t ms)
{
	msec_t end = w->now + ms, began = w->now / 1000;

	if (!world_start(w))
		return;
	for (msec_t next; (next = turn_server_next(w->server)) <= end;) {
		w->now = next > w->now ? next : w->now;
		turn_server_tick(w->server, w->now);
	}
	w->now = end;
	turn_server_tick(w->server, w->now);
	w->unix_now += (int64_t)(end / 1000 - began);
}

const struct turn_counters *world_counters(struct world *w)
{
	return turn_server_counters(w->server);
}

uint64_t world_drops(struct world *w, enum turn_drop reason)
{
	return count_read(&world_counters(w)->drops[reason]);
}

/* --- the doors -------------------------------------------------------------------------------------------------------- */

static void to_peer(struct world *w, const struct flow_verdict *v)
{
	struct heard *h = &w->peer_heard[w->n_peer_heard++];

	assert_true(w->n_peer_heard <= 64);
	assert_true(v->relay->open);
	*h = (struct heard){ .from = v->relay->advertised, .to = v->peer, .dont_fragment = v->dont_fragment };
	keep(h, v->payload);
}

/* The client takes apart what the server put together: head, payload and tail. */
static void to_client(struct world *w, const struct flow_verdict *v)
{
	struct player *p = player_at(w, v->path);
	size_t len = v->head_len + v->payload.len + v->tail;
	uint8_t *bytes = world_memory(len);
	struct heard *h;
	struct channel_data cd;
	struct stun_msg m;
	struct span value;

	if (p == NULL) {
		fail_msg("data to nobody");
		return;
	}
	h = &p->heard[p->n_heard++];
	assert_true(p->n_heard <= 32);
	*h = (struct heard){ .to = p->path.client };
	memcpy(bytes, v->head, v->head_len);
	if (v->payload.len > 0)
		memcpy(bytes + v->head_len, v->payload.p, v->payload.len);
	if (stun_parse(&m, span_of(bytes, len)) == STUN_OK) {
		assert_int_equal(stun_type(m.method, m.cls), stun_type(STUN_DATA, STUN_INDICATION));
		assert_true(stun_find(&m, ATTR_XOR_PEER_ADDRESS, &value));
		assert_true(attr_read_xor_address(value, m.tid, &h->from));
		assert_true(stun_find(&m, ATTR_DATA, &value));
		keep(h, value);
	} else {
		assert_true(channel_data_parse(&cd, span_of(bytes, len)));
		h->channel = cd.number;
		keep(h, cd.payload);
	}
	free(bytes);
}

void world_packet(struct world *w, const struct flow_packet *in)
{
	struct flow_verdict v;

	flow_forward(w->server, in, &v, 1, w->now);
	w->last_drop = v.action == FLOW_DROP ? v.reason : DROP_NONE;
	if (v.action == FLOW_CONTROL)
		turn_server_message(w->server, in->path, in->data, w->now, w->unix_now);
	else if (v.action == FLOW_TO_PEER)
		to_peer(w, &v);
	else if (v.action == FLOW_TO_CLIENT)
		to_client(w, &v);
}

void world_peer_says(struct world *w, const char *peer, struct player *to, const char *text)
{
	struct endpoint from = ep(peer);
	struct world_relay *r = relay_at(w, from.ip.family == 6 ? &to->relayed6 : &to->relayed);

	if (r != NULL)
		world_packet(w, &(struct flow_packet){ .data = span_str(text), .allocation = r->owner, .peer = from });
}
