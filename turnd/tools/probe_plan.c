#include "turnd/tools/probe_plan.h"

#include "common/base/random.h"

#include <stdio.h>

enum { ANY_CLOCK = 315360000 /* s: ten years */, QUOTA_REACHED = 486, UNAUTHORIZED = 401, FORBIDDEN = 403 };

const char *const probe_step_names[PROBE_STEPS] = { "binding", "allocate", "permission", "relay", "direct", "release" };

enum move_id {
	BIND, ALLOCATE_A, ALLOCATE_B, PERMIT_A, PERMIT_B, A_TO_B, B_TO_A, PERMIT_PEER, PEER_TO_A, A_TO_PEER,
	RELEASE_A, RELEASE_B, OVER,
	CLOCK_B,	/* beside the row: a wrong secret, or a clock of the server that is ahead of ours? */
	MOVES
};

/* A request by one of the clients, or a datagram from one link to another. */
static const struct move {
	enum probe_step step;
	enum probe_link from, to;
	uint16_t method;	/* 0: a datagram */
} moves[MOVES] = {
	[BIND] =	{ PROBE_BINDING, PROBE_A, PROBE_A, STUN_BINDING },
	[ALLOCATE_A] =	{ PROBE_ALLOCATE, PROBE_A, PROBE_A, STUN_ALLOCATE },
	[ALLOCATE_B] =	{ PROBE_ALLOCATE, PROBE_B, PROBE_B, STUN_ALLOCATE },
	[PERMIT_A] =	{ PROBE_PERMISSION, PROBE_A, PROBE_A, STUN_CREATE_PERMISSION },
	[PERMIT_B] =	{ PROBE_PERMISSION, PROBE_B, PROBE_B, STUN_CREATE_PERMISSION },
	[A_TO_B] =	{ PROBE_RELAY, PROBE_A, PROBE_B, 0 },
	[B_TO_A] =	{ PROBE_RELAY, PROBE_B, PROBE_A, 0 },
	[PERMIT_PEER] =	{ PROBE_DIRECT, PROBE_A, PROBE_A, STUN_CREATE_PERMISSION },
	[PEER_TO_A] =	{ PROBE_DIRECT, PROBE_PEER, PROBE_A, 0 },
	[A_TO_PEER] =	{ PROBE_DIRECT, PROBE_A, PROBE_PEER, 0 },
	[RELEASE_A] =	{ PROBE_RELEASE, PROBE_A, PROBE_A, STUN_REFRESH },
	[RELEASE_B] =	{ PROBE_RELEASE, PROBE_B, PROBE_B, STUN_REFRESH },
	[CLOCK_B] =	{ PROBE_ALLOCATE, PROBE_B, PROBE_B, STUN_ALLOCATE },
};

/* Where a step that did not succeed leads. */
static const enum move_id goes_on[PROBE_STEPS] = {
	[PROBE_BINDING] = OVER, [PROBE_ALLOCATE] = RELEASE_A, [PROBE_PERMISSION] = PERMIT_PEER, [PROBE_RELAY] = PERMIT_PEER,
	[PROBE_DIRECT] = RELEASE_A, [PROBE_RELEASE] = OVER,
};

/* --- from move to move --- */

/* What was never allocated need not be given back. */
static bool possible(const struct probe *p, unsigned move)
{
	return moves[move].step != PROBE_RELEASE || p->client[moves[move].from].relayed.port != 0;
}

static bool peer_possible(struct probe *p)
{
	const char *why = NULL;

	if (p->o.no_peer)
		why = "there is no UDP socket to try it with";
	else if (p->client[PROBE_A].mapped.ip.family != p->client[PROBE_A].relayed.ip.family)
		why = "we have no address of the relayed address' family that the server knows";
	if (why == NULL)
		return true;
	p->steps[PROBE_DIRECT].result = PROBE_SKIPPED;
	snprintf(p->steps[PROBE_DIRECT].sentence, PROBE_SENTENCE, "%s", why);
	return false;
}

static void start_request(struct probe *p, const struct move *m, msec_t now)
{
	struct turn_request r = { .method = m->method, .family = p->o.family };

	if (p->move == PERMIT_PEER)
		r.peer = p->client[PROBE_A].mapped;
	else if (m->method == STUN_CREATE_PERMISSION)
		r.peer = p->client[m->from == PROBE_A ? PROBE_B : PROBE_A].relayed;
	turn_client_request(&p->client[m->from], &r, now);
}

static void start_datagram(struct probe *p, const struct move *m, msec_t now)
{
	random_bytes(p->token, sizeof(p->token));
	if (m->to == PROBE_PEER)
		p->to = p->peer;
	else
		p->to = p->client[m->to].relayed;
	p->send_at = now;
	p->pause = TURN_CLIENT_RTO;
	p->give_up = now + p->o.patience;
}

static void begin(struct probe *p, unsigned move, msec_t now)
{
	while (move < OVER && !possible(p, move))
		move++;
	if (move == PERMIT_PEER && !peer_possible(p)) {
		begin(p, RELEASE_A, now);
		return;
	}
	p->move = move;
	p->over = move == OVER || (p->o.binding_only && move > BIND);
	if (p->over)
		return;
	if (moves[move].method != 0)
		start_request(p, &moves[move], now);
	else
		start_datagram(p, &moves[move], now);
}

static void conclude(struct probe *p, enum probe_result result, enum turn_event event)
{
	enum probe_step step = moves[p->move].step;
	unsigned code = event == TURN_REFUSED ? p->client[moves[p->move].from].code : 0;

	if (p->move == CLOCK_B && event != TURN_SUCCESS) {	/* it helps only to tell what A was told */
		event = TURN_REFUSED;
		code = UNAUTHORIZED;
	}
	p->steps[step].result = result;
	p->steps[step].code = code;
	probe_verdict(p, step, event, code, p->steps[step].sentence);
}

static void succeeded(struct probe *p, msec_t now)
{
	enum probe_step step = moves[p->move].step;
	const char *realm = p->client[PROBE_A].realm;

	if (p->move == CLOCK_B)
		p->clocks_differ = true;
	if (p->move == CLOCK_B || (p->move == ALLOCATE_A && p->o.realm != NULL && strcmp(p->o.realm, realm) != 0)) {
		conclude(p, PROBE_FAILED, TURN_SUCCESS);
		begin(p, RELEASE_A, now);
		return;
	}
	if (p->move + 1 == OVER || moves[p->move + 1].step != step || !possible(p, p->move + 1))
		conclude(p, PROBE_OK, TURN_SUCCESS);
	begin(p, p->move + 1, now);
}

/* B tries a credential that any clock takes: A cannot, since coturn lets nobody change his name on one connection. */
static bool suspect_clock(struct probe *p, msec_t now)
{
	const struct turn_client *a = &p->client[PROBE_A];

	if (p->move != ALLOCATE_A || a->code != UNAUTHORIZED || p->o.secret.len == 0 || !a->challenged)
		return false;
	if (turn_cred_mint(&p->ageless, p->o.secret, p->o.name, p->unix_start, ANY_CLOCK) < 0)
		return false;
	turn_client_credential(&p->client[PROBE_B], span_str(p->ageless.username), span_str(p->ageless.password));
	begin(p, CLOCK_B, now);
	return true;
}

static enum probe_result weight(const struct probe *p, enum turn_event event)
{
	if (moves[p->move].step != PROBE_DIRECT)
		return PROBE_FAILED;
	if (p->move == PERMIT_PEER && event == TURN_REFUSED && p->client[PROBE_A].code == FORBIDDEN)
		return PROBE_SKIPPED;
	return p->o.reliable ? PROBE_WARNED : PROBE_FAILED;	/* where TCP is used, UDP may be blocked */
}

static void failed(struct probe *p, enum turn_event event, msec_t now)
{
	if (event == TURN_REFUSED && suspect_clock(p, now))
		return;
	if (p->move == ALLOCATE_B && event == TURN_REFUSED && p->client[PROBE_B].code == QUOTA_REACHED) {
		p->alone = true;
		conclude(p, PROBE_OK, TURN_SUCCESS);
		begin(p, PERMIT_PEER, now);
		return;
	}
	conclude(p, weight(p, event), event);
	begin(p, goes_on[moves[p->move].step], now);
}

static void on_event(struct probe *p, enum turn_event event, msec_t now)
{
	if (event == TURN_SUCCESS)
		succeeded(p, now);
	else if (event != TURN_NOTHING)
		failed(p, event, now);
}

/* --- the outside --- */

bool probe_start(struct probe *p, const struct probe_options *o, msec_t now, int64_t unix_now)
{
	struct span user = o->user, password = o->password;

	*p = (struct probe){ .o = *o, .unix_start = unix_now };
	if (o->secret.len > 0) {
		if (turn_cred_mint(&p->cred, o->secret, o->name, unix_now, o->ttl) < 0)
			return false;
		user = span_str(p->cred.username);
		password = span_str(p->cred.password);
	}
	for (unsigned i = 0; i < 2; i++)
		turn_client_init(&p->client[i], user, password, o->reliable, o->patience);
	begin(p, BIND, now);
	return true;
}

void probe_close(struct probe *p)
{
	turn_client_close(&p->client[PROBE_A]);
	turn_client_close(&p->client[PROBE_B]);
	secret_wipe(&p->cred, sizeof(p->cred));
	secret_wipe(&p->ageless, sizeof(p->ageless));
}

bool probe_output(struct probe *p, struct probe_packet *out, msec_t now)
{
	const struct move *m = &moves[p->move];

	if (p->over)
		return false;
	*out = (struct probe_packet){ .link = m->from };
	if (m->method != 0) {
		out->bytes = turn_client_output(&p->client[m->from], now);
		return out->bytes.len > 0;
	}
	if (now < p->send_at)
		return false;
	p->send_at = now + p->pause;
	p->pause *= 2;
	out->to = p->to;
	out->bytes = span_of(p->token, sizeof(p->token));
	if (m->from != PROBE_PEER)
		out->bytes = turn_client_say(out->bytes, &p->to, p->mem);
	return true;
}

msec_t probe_due(const struct probe *p)
{
	if (p->over)
		return NEVER;
	if (moves[p->move].method != 0)
		return turn_client_due(&p->client[moves[p->move].from]);
	return p->send_at < p->give_up ? p->send_at : p->give_up;
}

void probe_timeout(struct probe *p, msec_t now)
{
	if (p->over)
		return;
	if (moves[p->move].method != 0)
		on_event(p, turn_client_timeout(&p->client[moves[p->move].from], now), now);
	else if (now >= p->give_up)
		failed(p, TURN_SILENCE, now);
}

void probe_input(struct probe *p, enum probe_link link, struct span bytes, msec_t now)
{
	enum turn_event event = TURN_DATA;
	struct span data = bytes;
	const struct move *m;

	if (p->over)
		return;
	m = &moves[p->move];
	if (link != PROBE_PEER) {
		event = turn_client_input(&p->client[link], bytes, now);
		data = p->client[link].data;
	}
	if (event != TURN_DATA) {
		on_event(p, event, now);	/* nobody but the one whose move it is waits for an answer */
	} else if (m->method == 0 && m->to == link && span_eq(data, span_of(p->token, sizeof(p->token)))) {
		if (p->move == PEER_TO_A)
			p->peer = p->client[PROBE_A].from;
		succeeded(p, now);
	}
}

void probe_lost(struct probe *p, enum probe_link link, bool refused, msec_t now)
{
	enum probe_step step;

	if (p->over)
		return;
	step = moves[p->move].step;
	if (link == PROBE_PEER && step != PROBE_DIRECT)
		return;
	p->steps[step].result = link == PROBE_PEER && p->o.reliable ? PROBE_WARNED : PROBE_FAILED;
	probe_verdict_lost(p, link, refused, p->steps[step].sentence);
	begin(p, link == PROBE_PEER ? RELEASE_A : OVER, now);
}

bool probe_works(const struct probe *p)
{
	for (unsigned i = 0; i < PROBE_STEPS; i++)
		if (p->steps[i].result == PROBE_FAILED)
			return false;
	return p->over && p->steps[PROBE_BINDING].result == PROBE_OK;
}

enum probe_step probe_current(const struct probe *p)
{
	return p->over ? PROBE_STEPS : moves[p->move].step;
}
