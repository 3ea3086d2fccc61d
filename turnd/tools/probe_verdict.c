#include "turnd/tools/probe_plan.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECONDS_A_DAY = 86400 };

struct addresses { char mapped[ENDPOINT_TEXT], a[ENDPOINT_TEXT], b[ENDPOINT_TEXT], peer[ENDPOINT_TEXT]; };

static void format_addresses(const struct probe *p, struct addresses *t)
{
	endpoint_format(&p->client[PROBE_A].mapped, t->mapped);
	endpoint_format(&p->client[PROBE_A].relayed, t->a);
	endpoint_format(&p->client[PROBE_B].relayed, t->b);
	endpoint_format(&p->peer, t->peer);
}

static unsigned patience(const struct probe *p)
{
	return (unsigned)((p->o.patience + 999) / 1000);
}

static void say_duration(int64_t seconds, char out[32])
{
	if (seconds >= 2 * SECONDS_A_DAY)
		snprintf(out, 32, "%" PRId64 " days", seconds / SECONDS_A_DAY);
	else
		snprintf(out, 32, "%" PRId64 " s", seconds);
}

/* --- what an error answer means --- */

static void say_unauthorized(const struct probe *p, char out[PROBE_SENTENCE])
{
	const struct turn_client *c = &p->client[PROBE_A];
	char realm[64], user[64], ago[32];
	struct turn_username parts;

	turn_client_printable(span_str(c->realm), realm, sizeof(realm));
	turn_client_printable(c->user, user, sizeof(user));
	if (c->user.len == 0) {
		snprintf(out, PROBE_SENTENCE, "a credential is needed (401, realm '%s'): give --static-auth-secret-file, or --user and "
			 "--password-file", realm);
	} else if (!c->challenged) {
		snprintf(out, PROBE_SENTENCE, "401 without a realm and a nonce: this is no server of RFC 5766 or RFC 8656");
	} else if (p->o.secret.len > 0) {
		snprintf(out, PROBE_SENTENCE, "the secret is not one that the server has for realm '%s' (401)%s", realm,
			 p->client[PROBE_B].code == 401 ? "; it is not the clock: a credential good for ten years is refused too" : "");
	} else if (turn_username_parse(c->user, ':', &parts) && parts.expiry <= p->unix_start) {
		say_duration(p->unix_start - parts.expiry, ago);
		snprintf(out, PROBE_SENTENCE, "the credential '%s' expired %s ago (401)", user, ago);
	} else {
		snprintf(out, PROBE_SENTENCE, "the server does not know user '%s' with this password in realm '%s' (401): wrong password, "
			 "a key made for another realm, or an expired credential by the server's clock", user, realm);
	}
}

static const char *code_meaning(unsigned code)
{
	switch (code) {
	case 400: return "bad request: something on the way changes our messages, or the server is older than RFC 5766";
	case 403: return "forbidden: by the rules of the server";
	case 437: return "allocation mismatch: a left-over allocation of the same address and port";
	case 438: return "every nonce is stale at once: several servers without a common nonce secret answer at this address";
	case 440: return "no relay address of this family: see relay-ip, or ask with --relay-family for the other";
	case 441: return "wrong credentials: the allocation belongs to another user";
	case 442: return "relaying of UDP is switched off";
	case 486: return "the user's quota is reached: see user-quota and who else uses this name";
	case 500: return "the server failed: see its log";
	case 508: return "no capacity: relay ports or descriptors are used up, total-quota is reached, or the server drains";
	default: return "not an answer that a probe expects";
	}
}

static void say_refused(const struct probe *p, enum probe_step step, unsigned code, char out[PROBE_SENTENCE])
{
	char alternate[ENDPOINT_TEXT];
	struct addresses t;

	format_addresses(p, &t);
	if (code == 401) {
		say_unauthorized(p, out);
	} else if (code == 300) {
		snprintf(out, PROBE_SENTENCE, "the server sends us elsewhere (300), to %s: it drains or shares load; probe that one",
			 endpoint_format(&p->client[PROBE_A].alternate, alternate));
	} else if (code == 403 && step == PROBE_PERMISSION) {
		snprintf(out, PROBE_SENTENCE, "the server does not relay between its own relayed addresses %s and %s (403): they are private "
			 "or denied; behind NAT give external-ip, else see denied-peer-ip", t.a, t.b);
	} else if (code == 403 && step == PROBE_DIRECT) {
		snprintf(out, PROBE_SENTENCE, "the server does not relay to where we are, %s (403): usual for private and loopback "
			 "addresses; run the probe from outside to see whether the relay ports are reachable", t.mapped);
	} else {
		snprintf(out, PROBE_SENTENCE, "%s is refused with %u: %s", probe_step_names[step], code, code_meaning(code));
	}
}

/* --- what silence means --- */

static void say_silence(const struct probe *p, enum probe_step step, char out[PROBE_SENTENCE])
{
	struct addresses t;

	format_addresses(p, &t);
	switch (step) {
	case PROBE_BINDING:
		snprintf(out, PROBE_SENTENCE, "no answer within %u s: %s", patience(p), p->o.reliable ?
			 "something accepts connections there, but it does not speak STUN" :
			 "wrong address or port, a firewall that drops UDP, or no server there");
		break;
	case PROBE_RELAY:
		snprintf(out, PROBE_SENTENCE, "nothing came through from %s to %s within %u s: the relayed addresses do not reach each other: "
			 "wrong external-ip, a NAT that does not turn packets back, or a firewall over the relay ports "
			 "(min-port to max-port, UDP)", t.a, t.b, patience(p));
		break;
	case PROBE_DIRECT:
		if (p->peer.port != 0)
			snprintf(out, PROBE_SENTENCE, "a datagram from %s reached the relayed address %s, but the answer did not come back: "
				 "a firewall lets no UDP out from the relay ports, or none in here", t.peer, t.a);
		else
			snprintf(out, PROBE_SENTENCE, "the relayed address %s cannot be reached from %s within %u s: wrong external-ip, a "
				 "firewall over the relay ports (min-port to max-port, UDP), or %s", t.a, t.mapped, patience(p),
				 p->o.reliable ? "UDP is blocked here, which TURN over TCP is for" : "we are behind the server's own NAT");
		break;
	default:
		snprintf(out, PROBE_SENTENCE, "Binding was answered, but this was not, within %u s: the server limits how often it answers "
			 "us, or packets are lost", patience(p));
		break;
	}
}

/* --- what success means --- */

static void say_allocated(const struct probe *p, const struct addresses *t, char out[PROBE_SENTENCE])
{
	const struct turn_client *a = &p->client[PROBE_A];
	char realm[64], ttl[32];

	turn_client_printable(span_str(a->realm), realm, sizeof(realm));
	say_duration(p->o.ttl, ttl);
	if (p->clocks_differ)
		snprintf(out, PROBE_SENTENCE, "the clocks differ: a credential good for %s is refused, one good for ten years is taken: the "
			 "server's clock is ahead of this host's by %s or more, or this host's is behind", ttl, ttl);
	else if (p->o.realm != NULL && strcmp(p->o.realm, a->realm) != 0)
		snprintf(out, PROBE_SENTENCE, "the server's realm is '%s', not '%.60s'", realm, p->o.realm);
	else if (!a->challenged)
		snprintf(out, PROBE_SENTENCE, "relays at %s and %s WITHOUT A CREDENTIAL: this is an open relay", t->a, t->b);
	else if (p->alone)
		snprintf(out, PROBE_SENTENCE, "relays at %s for %" PRIu32 " s, realm '%s'; a second allocation is beyond the user's "
			 "quota (486)", t->a, a->lifetime, realm);
	else
		snprintf(out, PROBE_SENTENCE, "relays at %s and %s for %" PRIu32 " s, realm '%s'", t->a, t->b, a->lifetime, realm);
}

static void say_success(const struct probe *p, enum probe_step step, char out[PROBE_SENTENCE])
{
	const char *software = p->client[PROBE_A].software;
	struct addresses t;

	format_addresses(p, &t);
	switch (step) {
	case PROBE_BINDING:
		snprintf(out, PROBE_SENTENCE, "the server answers and sees us as %s%s%s", t.mapped,
			 *software != '\0' ? "; it is " : "", software);
		break;
	case PROBE_ALLOCATE:
		say_allocated(p, &t, out);
		break;
	case PROBE_PERMISSION:
		snprintf(out, PROBE_SENTENCE, "the relayed addresses may talk to each other");
		break;
	case PROBE_RELAY:
		snprintf(out, PROBE_SENTENCE, "data went from %s to %s and back", t.a, t.b);
		break;
	case PROBE_DIRECT:
		snprintf(out, PROBE_SENTENCE, "%s reaches the relayed address %s and hears from it", t.peer, t.a);
		break;
	default:
		snprintf(out, PROBE_SENTENCE, "the server has taken the allocations back");
		break;
	}
}

void probe_verdict(const struct probe *p, enum probe_step step, enum turn_event event, unsigned code,
		   char out[PROBE_SENTENCE])
{
	switch (event) {
	case TURN_SUCCESS:
		say_success(p, step, out);
		break;
	case TURN_REFUSED:
		say_refused(p, step, code, out);
		break;
	case TURN_SILENCE:
		say_silence(p, step, out);
		break;
	case TURN_FORGED:
		snprintf(out, PROBE_SENTENCE, "the answer is not signed with our password: it does not come from the server, or something on "
			 "the way changes it");
		break;
	default:
		snprintf(out, PROBE_SENTENCE, "the answer lacks what must be in it: not a TURN server, or a broken one");
		break;
	}
}

void probe_verdict_lost(const struct probe *p, enum probe_link link, bool refused, char out[PROBE_SENTENCE])
{
	struct addresses t;

	format_addresses(p, &t);
	if (link == PROBE_PEER && !refused)
		snprintf(out, PROBE_SENTENCE, "there is no way from here to the relayed address %s: wrong external-ip, or we have no route of "
			 "its family", t.a);
	else if (link == PROBE_PEER)
		snprintf(out, PROBE_SENTENCE, "the host at the relayed address %s says that the port is closed: it is not the server: wrong "
			 "external-ip, or a NAT that does not forward the relay ports", t.a);
	else if (refused)
		snprintf(out, PROBE_SENTENCE, "the port is closed: no server listens there, or a firewall refuses");
	else
		snprintf(out, PROBE_SENTENCE, "the server closed the connection: it does not speak TURN there, or a proxy is in the way");
}
