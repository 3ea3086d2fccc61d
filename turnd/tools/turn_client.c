#include "turnd/tools/turn_client.h"

#include "common/base/random.h"
#include "common/base/reader.h"
#include "turnd/wire/stun_attr.h"

enum { MAX_CHALLENGES = 3, PROTOCOL_UDP = 17 };

void turn_client_init(struct turn_client *c, struct span user, struct span password, bool reliable, msec_t patience)
{
	*c = (struct turn_client){ .user = user, .password = password, .reliable = reliable, .patience = patience };
}

void turn_client_close(struct turn_client *c)
{
	secret_wipe(&c->key, sizeof(c->key));
}

static bool make_key(struct turn_client *c)
{
	return long_term_key_make(&c->key, ALGORITHM_MD5, c->user, span_str(c->realm), c->password);
}

void turn_client_credential(struct turn_client *c, struct span user, struct span password)
{
	c->user = user;
	c->password = password;
	make_key(c);
}

/* --- requests --- */

static void add_arguments(struct stun_builder *b, const struct turn_request *r)
{
	switch (r->method) {
	case STUN_ALLOCATE:
		stun_add_u32(b, ATTR_REQUESTED_TRANSPORT, (uint32_t)PROTOCOL_UDP << 24);
		if (r->family == 6)
			stun_add_u32(b, ATTR_REQUESTED_ADDRESS_FAMILY, (uint32_t)attr_family_number(6) << 24);
		break;
	case STUN_CREATE_PERMISSION:
		stun_add_xor_address(b, ATTR_XOR_PEER_ADDRESS, &r->peer);
		break;
	case STUN_REFRESH:
		stun_add_u32(b, ATTR_LIFETIME, r->lifetime);
		break;
	default:
		break;
	}
}

static void build(struct turn_client *c, msec_t now)
{
	uint8_t tid[STUN_TID_SIZE];
	struct stun_builder b;

	random_bytes(tid, sizeof(tid));
	stun_begin(&b, c->out, sizeof(c->out), c->request.method, STUN_REQUEST, tid);
	add_arguments(&b, &c->request);
	if (c->nonce_len > 0 && (c->request.method != STUN_BINDING || c->challenges > 0)) {
		stun_add(&b, ATTR_USERNAME, c->user);
		stun_add(&b, ATTR_REALM, span_str(c->realm));
		stun_add(&b, ATTR_NONCE, span_of(c->nonce, c->nonce_len));
		stun_add_integrity(&b, long_term_key_span(&c->key));
	}
	c->out_len = stun_end(&b).len;
	c->send_at = now;
	c->pause = TURN_CLIENT_RTO;
}

void turn_client_request(struct turn_client *c, const struct turn_request *r, msec_t now)
{
	c->request = *r;
	c->waiting = true;
	c->challenges = 0;
	c->code = 0;
	c->give_up = now + c->patience;
	build(c, now);
}

struct span turn_client_output(struct turn_client *c, msec_t now)
{
	if (!c->waiting || c->out_len == 0 || now < c->send_at)
		return (struct span){ NULL, 0 };
	c->send_at = c->reliable ? NEVER : now + c->pause;
	c->pause *= 2;
	return span_of(c->out, c->out_len);
}

msec_t turn_client_due(const struct turn_client *c)
{
	if (!c->waiting)
		return NEVER;
	return c->send_at < c->give_up ? c->send_at : c->give_up;
}

enum turn_event turn_client_timeout(struct turn_client *c, msec_t now)
{
	if (!c->waiting || (c->out_len > 0 && now < c->give_up))
		return TURN_NOTHING;
	c->waiting = false;
	return c->out_len > 0 ? TURN_SILENCE : TURN_BROKEN;
}

/* --- answers --- */

char *turn_client_printable(struct span text, char *out, size_t size)
{
	size_t n = 0;

	for (; n < text.len && n + 1 < size; n++)
		out[n] = (char)(text.p[n] >= 0x20 && text.p[n] < 0x7F ? text.p[n] : '?');
	out[n] = '\0';
	return out;
}

/* True: the request goes out again, with what the server wants. */
static bool follow_challenge(struct turn_client *c, const struct stun_msg *m, msec_t now)
{
	bool signed_before = c->challenges > 0 || (c->challenged && c->request.method != STUN_BINDING);
	struct span realm, nonce;

	if (!stun_find(m, ATTR_NONCE, &nonce) || nonce.len == 0 || nonce.len > sizeof(c->nonce))
		return false;
	if (stun_find(m, ATTR_REALM, &realm)) {
		if (realm.len >= sizeof(c->realm) || memchr(realm.p, 0, realm.len) != NULL)
			return false;
		memcpy(c->realm, realm.p, realm.len);
		c->realm[realm.len] = '\0';
	}
	c->challenged = true;
	memcpy(c->nonce, nonce.p, nonce.len);
	c->nonce_len = nonce.len;
	if (c->user.len == 0 || (c->code == 401 && signed_before) || ++c->challenges > MAX_CHALLENGES || !make_key(c))
		return false;
	build(c, now);
	return true;
}

static bool read_address(const struct stun_msg *m, uint16_t type, struct endpoint *out)
{
	struct span value;

	return stun_find(m, type, &value) && attr_read_xor_address(value, m->tid, out);
}

/* ALTERNATE-SERVER is a plain address (RFC 8489 section 14.15): the XOR with nothing. */
static void read_alternate(struct turn_client *c, const struct stun_msg *m)
{
	struct span v;

	c->alternate = (struct endpoint){ .port = 0 };
	if (!stun_find(m, ATTR_ALTERNATE_SERVER, &v) || v.len < 4 || v.len != (v.p[1] == ATTR_FAMILY_IPV6 ? 20u : 8u))
		return;
	c->alternate.port = load_u16(v.p + 2);
	c->alternate.ip.family = v.p[1] == ATTR_FAMILY_IPV6 ? 6 : 4;
	memcpy(c->alternate.ip.b, v.p + 4, v.len - 4);
}

static enum turn_event read_success(struct turn_client *c, const struct stun_msg *m)
{
	struct span value;
	bool whole = true;

	/* RFC 8489 section 9.2.5: a signed request's success is signed too. */
	if (c->nonce_len > 0 && c->request.method != STUN_BINDING && !stun_integrity_ok(m, long_term_key_span(&c->key)))
		return TURN_FORGED;
	if (c->request.method == STUN_BINDING || c->request.method == STUN_ALLOCATE)
		whole = read_address(m, ATTR_XOR_MAPPED_ADDRESS, &c->mapped);
	if (c->request.method == STUN_ALLOCATE)
		whole = read_address(m, ATTR_XOR_RELAYED_ADDRESS, &c->relayed) && whole;
	if (c->request.method == STUN_ALLOCATE || c->request.method == STUN_REFRESH)
		whole = stun_find(m, ATTR_LIFETIME, &value) && attr_read_u32(value, &c->lifetime) && whole;
	return whole ? TURN_SUCCESS : TURN_BROKEN;
}

static enum turn_event read_answer(struct turn_client *c, const struct stun_msg *m, msec_t now)
{
	struct span value;

	if (stun_find(m, ATTR_SOFTWARE, &value))
		turn_client_printable(value, c->software, sizeof(c->software));
	c->code = 0;
	if (m->cls == STUN_ERROR) {
		if (!stun_find(m, ATTR_ERROR_CODE, &value) || !attr_read_error(value, &c->code)) {
			c->waiting = false;
			return TURN_BROKEN;
		}
		if ((c->code == 401 || c->code == 438) && follow_challenge(c, m, now))
			return TURN_NOTHING;
		read_alternate(c, m);
	}
	c->waiting = false;
	return c->code != 0 ? TURN_REFUSED : read_success(c, m);
}

enum turn_event turn_client_input(struct turn_client *c, struct span message, msec_t now)
{
	struct stun_msg m;

	if (stun_parse(&m, message) != STUN_OK)
		return TURN_NOTHING;
	if (m.method == STUN_DATA && m.cls == STUN_INDICATION)
		return read_address(&m, ATTR_XOR_PEER_ADDRESS, &c->from) && stun_find(&m, ATTR_DATA, &c->data) ?
		       TURN_DATA : TURN_NOTHING;
	if (!c->waiting || (m.cls != STUN_SUCCESS && m.cls != STUN_ERROR) || m.method != c->request.method ||
	    memcmp(m.tid, c->out + 8, STUN_TID_SIZE) != 0)
		return TURN_NOTHING;
	return read_answer(c, &m, now);
}

struct span turn_client_say(struct span data, const struct endpoint *peer, uint8_t mem[TURN_CLIENT_MESSAGE])
{
	uint8_t tid[STUN_TID_SIZE];
	struct stun_builder b;

	random_bytes(tid, sizeof(tid));
	stun_begin(&b, mem, TURN_CLIENT_MESSAGE, STUN_SEND, STUN_INDICATION, tid);
	stun_add_xor_address(&b, ATTR_XOR_PEER_ADDRESS, peer);
	stun_add(&b, ATTR_DATA, data);
	return stun_end(&b);
}
