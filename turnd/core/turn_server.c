#include "turnd/core/turn_server.h"

#include "turnd/core/discovery.h"
#include "turnd/core/mobility.h"
#include "turnd/wire/stun_attr.h"

#include <stdlib.h>

_Static_assert(TURN_ENDS == TURN_END_SHUTDOWN + 1 && TURN_TRANSPORTS == TRANSPORT_DTLS + 1, "counters.h counts them all");

struct turn_server *turn_server_new(const struct turn_settings *settings, const struct turn_shell *shell, void *shell_ctx,
				    msec_t now)
{
	struct turn_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->settings = settings;
	s->shell = *shell;
	s->shell_ctx = shell_ctx;
	wheel_init(&s->wheel, now);
	alloc_table_init(&s->allocations);
	if (!auth_init(&s->auth, settings))
		goto free_server;
	if (!transactions_init(&s->transactions))
		goto close_auth;
	if (!rate_limit_init(&s->rates))
		goto close_transactions;
	return s;

close_transactions:
	transactions_close(&s->transactions);
close_auth:
	auth_close(&s->auth);
free_server:
	free(s);
	return NULL;
}

static void end_at_shutdown(struct allocation *a, void *ctx)
{
	(void)ctx;
	allocation_end(a, TURN_END_SHUTDOWN, a->server->wheel.now);
}

void turn_server_free(struct turn_server *s)
{
	if (s == NULL)
		return;
	alloc_table_each(&s->allocations, end_at_shutdown, NULL);
	alloc_table_close(&s->allocations);
	rate_limit_close(&s->rates);
	transactions_close(&s->transactions);
	auth_close(&s->auth);
	free(s);
}

bool turn_server_settings(struct turn_server *s, const struct turn_settings *settings)
{
	struct auth fresh;

	if (!auth_init(&fresh, settings))
		return false;
	auth_close(&s->auth);
	s->auth = fresh;
	s->settings = settings;
	return true;
}

/* --- answers to strangers ---------------------------------------------------------------------------------------- */

static bool spoofable(const struct request *r)
{
	return r->path->transport == TRANSPORT_UDP;
}

static bool within_rate(const struct request *r, enum rate_kind kind)
{
	return !spoofable(r) || (kind == RATE_REFUSAL && rate_limit_trusted(&r->s->rates, &r->path->client.ip, r->now)) ||
		rate_limit_take(&r->s->rates, &r->path->client.ip, kind, r->s->settings->rates[kind], r->now);
}

static void refuse(const struct request *r, unsigned code)
{
	if (within_rate(r, RATE_REFUSAL))
		answer_send(r, outcome_error(code));
	else
		count_add(&r->s->counters.drops[DROP_RATE_LIMIT], 1);
}

/* --- attributes we had to understand ----------------------------------------------------------------------------- */

static bool understood(uint16_t type)
{
	switch (type) {
	case ATTR_MAPPED_ADDRESS: case ATTR_USERNAME: case ATTR_MESSAGE_INTEGRITY: case ATTR_ERROR_CODE:
	case ATTR_UNKNOWN_ATTRIBUTES: case ATTR_CHANNEL_NUMBER: case ATTR_LIFETIME: case ATTR_BANDWIDTH:
	case ATTR_XOR_PEER_ADDRESS: case ATTR_DATA: case ATTR_REALM: case ATTR_NONCE: case ATTR_XOR_RELAYED_ADDRESS:
	case ATTR_REQUESTED_ADDRESS_FAMILY: case ATTR_EVEN_PORT: case ATTR_REQUESTED_TRANSPORT:
	case ATTR_DONT_FRAGMENT: case ATTR_MESSAGE_INTEGRITY_SHA256: case ATTR_PASSWORD_ALGORITHM: case ATTR_USERHASH:
	case ATTR_XOR_MAPPED_ADDRESS: case ATTR_RESERVATION_TOKEN: case ATTR_PRIORITY: case ATTR_USE_CANDIDATE:
		return true;
	default:
		return !attr_must_be_understood(type);
	}
}

unsigned message_unknown_attributes(const struct stun_msg *m, uint16_t types[UNKNOWN_MAX])
{
	struct span rest = m->attrs;
	struct stun_attr a;
	unsigned n = 0;

	while (n < UNKNOWN_MAX && stun_next(&rest, &a)) {
		if (!understood(a.type))
			types[n++] = a.type;
	}
	return n;
}

/* --- one request ------------------------------------------------------------------------------------------------- */

static void handle_binding(struct request *r)
{
	uint16_t unknown[UNKNOWN_MAX];
	unsigned n = message_unknown_attributes(r->m, unknown), code = 0;
	bool serves = discovery_serves(r);
	struct discovery d = { .padding = false };

	if (serves) {
		n = discovery_understood(unknown, n);
		code = discovery_read(r, &d);
	}
	if (!within_rate(r, (n > 0 && !r->authenticated) || code != 0 || d.padding ? RATE_REFUSAL : RATE_BINDING)) {
		count_add(&r->s->counters.drops[DROP_RATE_LIMIT], 1);
		return;
	}
	if (n > 0) {
		answer_unknown_attributes(r, unknown, n);
		return;
	}
	if (serves && code == 0)
		r->discovery = &d;
	answer_send(r, outcome_error(code));
	r->discovery = NULL;
}

static bool authenticate(struct request *r)
{
	struct turn_server *s = r->s;
	const struct ip_addr *client = &r->path->client.ip;
	const struct rate bad = s->settings->rates[RATE_BAD_INTEGRITY];
	struct auth_owner owner;
	struct auth_query q = { .m = r->m, .client = client, .unix_now = r->unix_now };
	struct auth_result result;

	if (s->settings->no_auth) {
		r->authenticated = true;
		r->who = (struct identity){ .expiry = INT64_MAX };
		return true;
	}
	if (r->allocation != NULL) {
		owner = (struct auth_owner){ &r->allocation->who, span_of(r->allocation->nonce, r->allocation->nonce_len) };
		q.owner = &owner;
	}
	q.refuse = r->m->integrity.len + r->m->integrity_sha256.len > 0 &&
		!rate_limit_allows(&s->rates, client, RATE_BAD_INTEGRITY, bad, r->now);
	result = auth_check(&s->auth, &q, &r->who);
	count_add(&s->counters.auth_failures[result.failure], 1);
	if (result.nonce_ours)
		rate_limit_trust(&s->rates, client, r->now);
	if (result.failure == AUTH_BAD_INTEGRITY || result.failure == AUTH_UNKNOWN_USER)
		rate_limit_take(&s->rates, client, RATE_BAD_INTEGRITY, bad, r->now);
	if (result.failure != AUTH_OK)
		refuse(r, result.code);
	r->authenticated = result.failure == AUTH_OK;
	return r->authenticated;
}

static struct outcome run_method(struct request *r)
{
	switch (r->method) {
	case METHOD_ALLOCATE: return method_allocate(r);
	case METHOD_REFRESH: return method_refresh(r);
	case METHOD_CREATE_PERMISSION: return method_create_permission(r);
	case METHOD_CHANNEL_BIND: return method_channel_bind(r);
	default: return outcome_error(400);
	}
}

/* The nonce that was good is remembered: the next request with it costs no MAC of ours. */
static void remember_nonce(struct request *r)
{
	struct span nonce;

	if (r->allocation == NULL || !stun_find(r->m, ATTR_NONCE, &nonce) || nonce.len > NONCE_SIZE)
		return;
	memcpy(r->allocation->nonce, nonce.p, nonce.len);
	r->allocation->nonce_len = (uint8_t)nonce.len;
}

static void handle_authenticated(struct request *r)
{
	struct turn_server *s = r->s;
	uint64_t key = transaction_key(r->path, r->m->tid, r->m->method);
	const struct outcome *before = transactions_find(&s->transactions, key, r->now);
	uint16_t unknown[UNKNOWN_MAX];
	unsigned n = message_unknown_attributes(r->m, unknown);
	struct outcome o;

	if (n > 0) {
		answer_unknown_attributes(r, unknown, n);
		return;
	}
	if (before != NULL) {
		if (r->method == METHOD_ALLOCATE && before->code == 0 &&
		    (r->allocation == NULL || memcmp(r->allocation->tid, r->m->tid, STUN_TID_SIZE) != 0))
			count_add(&s->counters.drops[DROP_REPLAY], 1);
		else
			answer_send(r, *before);
		return;
	}
	if (r->allocation != NULL)
		mobility_heard(r->allocation, r->path);
	o = run_method(r);
	transactions_add(&s->transactions, key, o, r->now);
	if (!s->settings->no_auth)
		remember_nonce(r);
	answer_send(r, o);
}

static void handle_request(struct request *r)
{
	count_add(&r->s->counters.requests[r->method], 1);
	if (r->method == METHOD_BINDING && !r->s->settings->secure_stun) {
		handle_binding(r);
		return;
	}
	r->allocation = alloc_table_find(&r->s->allocations, r->path);
	if (authenticate(r)) {
		if (r->method == METHOD_BINDING)
			handle_binding(r);
		else
			handle_authenticated(r);
	}
	secret_wipe(&r->who.key, sizeof(r->who.key));
}

static bool method_of(uint16_t number, enum turn_method *method)
{
	switch (number) {
	case STUN_BINDING: *method = METHOD_BINDING; return true;
	case STUN_ALLOCATE: *method = METHOD_ALLOCATE; return true;
	case STUN_REFRESH: *method = METHOD_REFRESH; return true;
	case STUN_CREATE_PERMISSION: *method = METHOD_CREATE_PERMISSION; return true;
	case STUN_CHANNEL_BIND: *method = METHOD_CHANNEL_BIND; return true;
	default: return false;
	}
}

void turn_server_message(struct turn_server *s, const struct client_path *path, struct span message,
			 msec_t now, int64_t unix_now)
{
	struct stun_msg m;
	struct request r = { .s = s, .path = path, .m = &m, .now = now, .unix_now = unix_now };

	if (stun_parse(&m, message) != STUN_OK)
		count_add(&s->counters.drops[DROP_MALFORMED], 1);
	else if (m.cls == STUN_REQUEST && method_of(m.method, &r.method))
		handle_request(&r);
	else if (m.cls != STUN_INDICATION || m.method != STUN_BINDING)	/* that one is a keepalive */
		count_add(&s->counters.drops[DROP_METHOD], 1);
}

/* --- streams ---------------------------------------------------------------------------------------------------- */

/* Behind a proxy two connections can seem to be one 5-tuple: only the one that allocated counts. */
static struct allocation *allocation_of_stream(const struct turn_server *s, const struct client_path *path)
{
	struct allocation *a = alloc_table_find(&s->allocations, path);
	const struct client_path *own;

	if (a == NULL)
		return NULL;
	own = path_equal(&a->path, path) ? &a->path : &a->mobility->old_path;
	return own->socket == path->socket ? a : NULL;
}

bool turn_server_has_client(const struct turn_server *s, const struct client_path *path)
{
	return allocation_of_stream(s, path) != NULL;
}

void turn_server_client_gone(struct turn_server *s, const struct client_path *path, msec_t now)
{
	struct allocation *a = allocation_of_stream(s, path);

	if (a != NULL && !mobility_path_lost(a, path, now))
		allocation_end(a, TURN_END_CLIENT_GONE, now);
}

/* --- time and state ---------------------------------------------------------------------------------------------- */

msec_t turn_server_tick(struct turn_server *s, msec_t now)
{
	wheel_advance(&s->wheel, now);
	return wheel_next(&s->wheel);
}

msec_t turn_server_next(const struct turn_server *s)
{
	return wheel_next(&s->wheel);
}

void turn_server_drain(struct turn_server *s)
{
	s->draining = true;
}

unsigned turn_server_allocations(const struct turn_server *s)
{
	return alloc_table_count(&s->allocations);
}

const struct turn_counters *turn_server_counters(const struct turn_server *s)
{
	return &s->counters;
}
