/* turn_server.h - the TURN server of one worker: start reading here.
 *
 * Pure: bytes, state and `now` go in; what shall happen comes out through `struct turn_shell`. Two doors:
 * control (here): one STUN message in, an answer out; data (flow.h): a batch of packets in, verdicts out. The shell puts every
 * datagram through the data door first; what comes back as FLOW_CONTROL goes through turn_server_message().
 *
 * Owner: its worker.   Thread: that worker's; nothing is shared but struct turn_settings (const) and the quota.
 * Time:  `now` is the loop's clock in ms and never runs backwards; `unix_now` is seconds of UTC, for credentials and nonces.
 */
#ifndef TURND_CORE_TURN_SERVER_H
#define TURND_CORE_TURN_SERVER_H

#include "common/base/clock.h"
#include "turnd/core/client_path.h"
#include "turnd/core/relay.h"

struct turn_server;
struct allocation;
struct turn_settings;		/* settings.h: realm, limits, lifetimes, policy, credentials; const, shared by all workers */
struct turn_counters;		/* counters.h: what happened, by method, code and reason; one writer */

enum turn_end {			/* why an allocation ended: a label, and a word in the log */
	TURN_END_EXPIRED, TURN_END_REFRESH_0, TURN_END_CLIENT_GONE, TURN_END_SHUTDOWN
};

struct allocation_record {	/* valid for the call */
	uint64_t id;
	struct span user, realm;
	const struct client_path *path;
	const struct relay *relay4, *relay6;	/* NULL: none of that family */
	enum turn_end why;
	msec_t duration;
	uint64_t client_packets_in, client_bytes_in;	/* relayed payload from the client */
	uint64_t client_packets_out, client_bytes_out;	/* relayed payload to the client */
	unsigned peers;
};

/* What the core asks of its shell. Every call is synchronous; none calls back into the core. */
struct turn_shell {
	/* Send these bytes to the client; copies them. Loss is allowed (UDP). */
	void (*answer)(void *shell, const struct client_path *to, struct span message);
	/* Bind a relay socket and deliver what arrives there with `owner` in flow_packet.allocation. */
	enum relay_result (*relay_open)(void *shell, struct allocation *owner, uint8_t family, enum relay_parity parity,
					const struct client_path *from, struct relay *out);
	/* No packet of it may reach the core any more, nor of the batch at hand. */
	void (*relay_close)(void *shell, struct relay *r);
	/* Is this one of our own relayed addresses in use now? For the peer policy (own relays are allowed, hairpin). */
	bool (*relay_is_ours)(void *shell, const struct endpoint *peer);
	/* End-of-allocation record: the shell logs it and publishes it. May be NULL. */
	void (*allocation_ended)(void *shell, const struct allocation_record *r);
	/* Of a relay opened with RELAY_EVEN_PORT_RESERVE: keep the port behind it for 30 s for this user's token. False: no. */
	bool (*relay_reserve)(void *shell, struct relay *r, struct span user, uint8_t token[RELAY_TOKEN]);
	/* The family, 4 or 6, of what this user has reserved under this token; 0: nothing. */
	uint8_t (*relay_reserved)(void *shell, const uint8_t token[RELAY_TOKEN], struct span user);
	/* As relay_open, but on the port that was reserved; with RELAY_NO_CAPACITY if it is not (any more). */
	enum relay_result (*relay_adopt)(void *shell, struct allocation *owner, const uint8_t token[RELAY_TOKEN],
					 struct span user, struct relay *out);
	/* An allocation is not reached by this path any more: it moved to another one (RFC 8016). May be NULL. */
	void (*path_left)(void *shell, const struct client_path *path);
};

struct turn_server *turn_server_new(const struct turn_settings *settings, const struct turn_shell *shell, void *shell_ctx,
				    msec_t now);		/* NULL: no memory */
void turn_server_free(struct turn_server *s);			/* ends every allocation (TURN_END_SHUTDOWN) */

/* The control door: one whole STUN message. Answers through shell->answer, or stays silent and counts why. */
void turn_server_message(struct turn_server *s, const struct client_path *path, struct span message,
			 msec_t now, int64_t unix_now);

/* A stream: has its client an allocation? It has ended: so does what it held, unless that may move to another path, and
 * nothing is sent to it any more. */
bool turn_server_has_client(const struct turn_server *s, const struct client_path *path);
void turn_server_client_gone(struct turn_server *s, const struct client_path *path, msec_t now);

/* An ICMP error that a relay socket of `a` got (RFC 8656 section 11.5): told to the client if its sender is a permitted peer
 * and it says something about reachability or size, at most ICMP_PER_SECOND times. */
enum { ICMP_PER_SECOND = 10 };		/* for each allocation */
struct icmp_error {
	struct endpoint peer;		/* whom the datagram was for */
	uint8_t type, code;		/* of ICMP or ICMPv6, by the peer's family */
	uint32_t mtu;			/* where the error tells one */
};
void turn_server_icmp(struct turn_server *s, struct allocation *a, const struct icmp_error *e, msec_t now);

/* Time passes: lifetimes end. Returns when to be called next at the latest, or NEVER. */
msec_t turn_server_tick(struct turn_server *s, msec_t now);
msec_t turn_server_next(const struct turn_server *s);

/* After a reload: from now on these count. They and what they point to must live as the old ones had to; allocations
 * keep what they were granted. False: no memory, and the old ones stay in force. */
bool turn_server_settings(struct turn_server *s, const struct turn_settings *settings);

void turn_server_drain(struct turn_server *s);		/* no new allocation: 300 where an alternate is known, else 508 */
unsigned turn_server_allocations(const struct turn_server *s);
const struct turn_counters *turn_server_counters(const struct turn_server *s);

#endif
