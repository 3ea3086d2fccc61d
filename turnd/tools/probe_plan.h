/* probe_plan.h - what `turnd probe` does, step by step, and what each outcome means. Pure.
 *
 *	binding      what is our address?
 *	allocate     two allocations, A and B
 *	permission   each lets the other's relayed address in
 *	relay        A -> B's relayed address -> B, and back the same way: works through any NAT of ours
 *	direct       a socket that knows nothing of TURN -> A's relayed address -> A, and back: notices a wrong external-ip, which
 *	             data between two relayed addresses of one server may never do
 *	release      both allocations are given back
 *
 * A step that fails leads to the next one that still makes sense. Each leaves a sentence with the likely cause.
 *
 * Owner: whoever embeds it.   Time: `now` in ms of a clock that never runs backwards.
 */
#ifndef TURND_TOOLS_PROBE_PLAN_H
#define TURND_TOOLS_PROBE_PLAN_H

#include "common/proto/turn_cred.h"
#include "turnd/tools/turn_client.h"

enum { PROBE_SENTENCE = 512, PROBE_TOKEN = 16 };

enum probe_step {
	PROBE_BINDING, PROBE_ALLOCATE, PROBE_PERMISSION, PROBE_RELAY, PROBE_DIRECT, PROBE_RELEASE, PROBE_STEPS
};
enum probe_result {
	PROBE_NOT_RUN, PROBE_OK, PROBE_FAILED,
	PROBE_WARNED,		/* failed, but may be no fault of the server */
	PROBE_SKIPPED		/* cannot be tried here */
};
extern const char *const probe_step_names[PROBE_STEPS];

enum probe_link {		/* over what bytes go */
	PROBE_A, PROBE_B,	/* two connections to the server */
	PROBE_PEER,		/* a UDP socket */
	PROBE_LINKS
};

struct probe_options {
	bool reliable;			/* the connections are TCP or TLS */
	bool binding_only;
	bool no_peer;			/* there is no PROBE_PEER */
	uint8_t family;			/* of the relayed addresses: 4 or 6 */
	struct span user, password;	/* borrowed; or */
	struct span secret;		/* borrowed; and with whose name, for how many seconds credentials are made of it */
	struct span name;
	uint32_t ttl;
	const char *realm;		/* the one that is expected; NULL: any */
	msec_t patience;		/* for each answer */
};

struct probe {
	struct probe_options o;
	int64_t unix_start;
	struct turn_cred cred, ageless;
	struct turn_client client[2];
	struct {
		enum probe_result result;
		unsigned code;		/* a STUN error, or 0 */
		char sentence[PROBE_SENTENCE];
	} steps[PROBE_STEPS];
	bool over;
	/* inside */
	unsigned move;
	bool clocks_differ;		/* a credential is taken only if any clock takes it */
	bool alone;			/* there is no second allocation */
	struct endpoint peer;		/* where A heard PROBE_PEER from: as our NAT shows it; port 0: not at all */
	uint8_t token[PROBE_TOKEN], mem[TURN_CLIENT_MESSAGE];
	struct endpoint to;
	msec_t send_at, pause, give_up;
};

/* False: the credential cannot be made (no memory, a name that is not valid). */
bool probe_start(struct probe *p, const struct probe_options *o, msec_t now, int64_t unix_now);
void probe_close(struct probe *p);	/* wipes */

struct probe_packet {
	enum probe_link link;
	struct endpoint to;	/* PROBE_PEER only */
	struct span bytes;	/* valid until the next call of anything here */
};
bool probe_output(struct probe *p, struct probe_packet *out, msec_t now);	/* until false, after each call of the others */
msec_t probe_due(const struct probe *p);
void probe_timeout(struct probe *p, msec_t now);
void probe_input(struct probe *p, enum probe_link link, struct span bytes, msec_t now);
/* The link is gone: refused by ICMP, or closed. */
void probe_lost(struct probe *p, enum probe_link link, bool refused, msec_t now);

bool probe_works(const struct probe *p);	/* over, and no step failed */
enum probe_step probe_current(const struct probe *p);	/* PROBE_STEPS once over */

/* probe_verdict.c: what an event means in this step. */
void probe_verdict(const struct probe *p, enum probe_step step, enum turn_event event, unsigned code,
		   char out[PROBE_SENTENCE]);
void probe_verdict_lost(const struct probe *p, enum probe_link link, bool refused, char out[PROBE_SENTENCE]);

#endif
