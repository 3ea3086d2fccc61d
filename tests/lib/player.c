#include "tests/lib/world.h"

#include "common/base/reader.h"
#include "common/proto/turn_cred.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct player *world_player(struct world *w, const char *user)
{
	struct player *p = world_memory(sizeof(*p));

	assert_true(w->n_players < 16);
	p->w = w;
	p->out = world_memory(PLAYER_OUT);
	snprintf(p->user, sizeof(p->user), "%s", user);
	snprintf(p->password, sizeof(p->password), "%s", PASSWORD);
	p->path = (struct client_path){
		.client = ep("7.7.7.1:6000"), .server = ep("9.9.9.9:3478"), .transport = TRANSPORT_UDP, .socket = 3
	};
	p->path.client.ip.b[3] = (uint8_t)(w->n_players + 1);
	w->players[w->n_players++] = p;
	return p;
}

void player_from(struct player *p, const char *client, const char *server)
{
	p->path.client = ep(client);
	p->path.server = ep(server);
}

void player_rest(struct player *p, const char *secret, const char *user)
{
	snprintf(p->user, sizeof(p->user), "%s", user);
	assert_int_equal(turn_cred_password(span_str(secret), span_str(user), p->password), 0);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

struct stun_builder *player_begin(struct player *p, uint16_t method, enum stun_class cls)
{
	static uint32_t transaction;
	uint8_t tid[STUN_TID_SIZE] = { 0 };

	store_u32(tid, ++transaction);
	stun_begin(&p->b, p->out, PLAYER_OUT, method, cls, tid);
	return &p->b;
}

void player_sign_with(struct player *p, const char *user, const char *realm, const char *nonce, const char *password)
{
	char text[1024];
	uint8_t key[MD5_SIZE];

	if (user != NULL)
		stun_add(&p->b, ATTR_USERNAME, span_str(user));
	if (realm != NULL)
		stun_add(&p->b, ATTR_REALM, span_str(realm));
	if (nonce != NULL)
		stun_add(&p->b, ATTR_NONCE, span_str(nonce));
	snprintf(text, sizeof(text), "%s:%s:%s", user ? user : "", realm ? realm : "", password);
	assert_int_equal(digest_md5(span_str(text), key), 0);
	stun_add_integrity(&p->b, span_of(key, sizeof(key)));
}

struct long_term_key player_key(const struct player *p)
{
	struct long_term_key key = { .len = p->sha256 ? SHA256_SIZE : MD5_SIZE };
	char text[1024];

	snprintf(text, sizeof(text), "%s:%s:%s", p->user, p->realm, p->password);
	assert_int_equal((p->sha256 ? digest_sha256 : digest_md5)(span_str(text), key.bytes), 0);
	return key;
}

void player_sign(struct player *p)
{
	static const uint8_t both[] = { 0, 2, 0, 0, 0, 1, 0, 0 }, sha256[] = { 0, 2, 0, 0 };
	struct long_term_key key;

	if (!p->sha256) {
		player_sign_with(p, p->user, p->realm, p->nonce, p->password);
		return;
	}
	stun_add(&p->b, ATTR_USERNAME, span_str(p->user));
	stun_add(&p->b, ATTR_REALM, span_str(p->realm));
	stun_add(&p->b, ATTR_NONCE, span_str(p->nonce));
	stun_add(&p->b, ATTR_PASSWORD_ALGORITHMS, span_of(both, sizeof(both)));
	stun_add(&p->b, ATTR_PASSWORD_ALGORITHM, span_of(sha256, sizeof(sha256)));
	key = player_key(p);
	stun_add_integrity_sha256(&p->b, long_term_key_span(&key));
}

unsigned player_send_bytes(struct player *p, struct span bytes)
{
	unsigned answers = p->answers;

	if (!world_start(p->w))
		return NO_ANSWER;
	p->code = NO_ANSWER;
	world_packet(p->w, &(struct flow_packet){ .data = bytes, .path = &p->path });
	assert_true(p->answers <= answers + 1);
	return p->code;
}

unsigned player_send(struct player *p)
{
	struct span message = stun_end(&p->b);

	p->out_len = message.len;
	return message.len == 0 ? NO_ANSWER : player_send_bytes(p, message);
}

unsigned player_send_signed(struct player *p)
{
	player_sign(p);
	return player_send(p);
}

unsigned player_again(struct player *p)
{
	return player_send_bytes(p, span_of(p->out, p->out_len));
}

void player_challenge(struct player *p)
{
	stun_add_u32(player_begin(p, STUN_ALLOCATE, STUN_REQUEST), ATTR_REQUESTED_TRANSPORT, 17u << 24);
	player_send(p);
}

void add_peer(struct player *p, const char *peer)
{
	struct endpoint e = ep(peer);
	stun_add_xor_address(&p->b, ATTR_XOR_PEER_ADDRESS, &e);
}

/* --- conversations ------------------------------------------------------------------------------------------------ */

void begin_allocate(struct player *p)
{
	if (p->nonce[0] == '\0')
		player_challenge(p);
	stun_add_u32(player_begin(p, STUN_ALLOCATE, STUN_REQUEST), ATTR_REQUESTED_TRANSPORT, 17u << 24);
}

unsigned player_allocate(struct player *p)
{
	begin_allocate(p);
	return player_send_signed(p);
}

unsigned player_allocate_family(struct player *p, uint8_t family)
{
	begin_allocate(p);
	stun_add_u32(&p->b, ATTR_REQUESTED_ADDRESS_FAMILY, (uint32_t)attr_family_number(family) << 24);
	return player_send_signed(p);
}

unsigned player_allocate_both(struct player *p)
{
	begin_allocate(p);
	stun_add_u32(&p->b, ATTR_ADDITIONAL_ADDRESS_FAMILY, (uint32_t)ATTR_FAMILY_IPV6 << 24);
	return player_send_signed(p);
}

unsigned player_refresh(struct player *p, uint32_t lifetime)
{
	stun_add_u32(player_begin(p, STUN_REFRESH, STUN_REQUEST), ATTR_LIFETIME, lifetime);
	return player_send_signed(p);
}

unsigned player_permit(struct player *p, const char *peer)
{
	player_begin(p, STUN_CREATE_PERMISSION, STUN_REQUEST);
	add_peer(p, peer);
	return player_send_signed(p);
}

unsigned player_bind(struct player *p, uint16_t channel, const char *peer)
{
	stun_add_u32(player_begin(p, STUN_CHANNEL_BIND, STUN_REQUEST), ATTR_CHANNEL_NUMBER, (uint32_t)channel << 16);
	add_peer(p, peer);
	return player_send_signed(p);
}

void player_says(struct player *p, const char *peer, const char *text)
{
	player_begin(p, STUN_SEND, STUN_INDICATION);
	add_peer(p, peer);
	stun_add(&p->b, ATTR_DATA, span_str(text));
	assert_int_equal(player_send(p), NO_ANSWER);
}

void player_says_on(struct player *p, uint16_t channel, const char *text)
{
	size_t n = strlen(text);

	channel_data_header(p->out, channel, (uint16_t)n);
	memcpy(p->out + CHANNEL_DATA_HEADER, text, n);
	assert_int_equal(player_send_bytes(p, span_of(p->out, CHANNEL_DATA_HEADER + n)), NO_ANSWER);
}

/* --- hearing ------------------------------------------------------------------------------------------------------ */

/* What was returned stays readable until the next call. */
static struct heard *take(struct heard *queue, unsigned *n)
{
	static struct heard taken;

	if (*n == 0)
		return NULL;
	taken = queue[0];
	memmove(queue, queue + 1, --*n * sizeof(*queue));
	return &taken;
}

struct heard *player_hears(struct player *p)
{
	return take(p->heard, &p->n_heard);
}

struct heard *peer_hears(struct world *w)
{
	return take(w->peer_heard, &w->n_peer_heard);
}

static void assert_payload(const struct heard *h, const char *text)
{
	if (h == NULL) {
		fail_msg("nothing was heard instead of '%s'", text);
		return;
	}
	assert_int_equal(h->len, strlen(text));
	assert_memory_equal(h->bytes, text, h->len);
}

void assert_hears_on(struct player *p, uint16_t channel, const char *text)
{
	const struct heard *h = player_hears(p);
	assert_payload(h, text);
	assert_int_equal(h == NULL ? -1 : h->channel, channel);
}

void assert_hears(struct player *p, const char *text)
{
	assert_hears_on(p, 0, text);
}

void assert_hears_nothing(struct player *p)
{
	assert_int_equal(p->n_heard, 0);
}

void assert_peer_hears(struct world *w, const char *peer, const char *text)
{
	const struct heard *h = peer_hears(w);
	struct endpoint e = ep(peer);
	assert_payload(h, text);
	assert_true(h != NULL && endpoint_equal(&h->to, &e));
}

void assert_peers_hear_nothing(struct world *w)
{
	assert_int_equal(w->n_peer_heard, 0);
}

bool answer_has(const struct player *p, uint16_t type)
{
	struct span ignored;
	return stun_find(&p->m, type, &ignored);
}
