/* world.h - a made-up network around one turn_server: clients that know TURN, peers that only listen, a steered clock.
 *
 *	struct world *w = *state;				a cmocka fixture: world_setup, world_teardown
 *	struct player *alice = world_player(w, "alice");
 *	player_allocate(alice);
 *	player_permit(alice, PEER);
 *	world_peer_says(w, PEER, alice, "hello");
 *	assert_hears(alice, "hello");
 *
 * The server starts with the first thing that happens; a test changes w->settings before. What clients send goes through
 * both doors as the real shell does it. Endpoints are text, "5.6.7.8:4000" or "[2a00::1]:4000".
 */
#ifndef TESTS_LIB_WORLD_H
#define TESTS_LIB_WORLD_H

#include "turnd/core/flow.h"
#include "turnd/core/settings.h"
#include "turnd/wire/stun_build.h"

#define REALM "example.org"
#define PASSWORD "Sesame, open"			/* of every static user: alice, bob */
#define SECRET "north"				/* of TURN REST credentials */
#define PEER "5.6.7.8:4000"
#define PEER_IPV6 "[2a00:1450::8]:4000"
#define WORLD_UNIX INT64_C(1800000000)		/* when a world begins */

enum { NO_ANSWER = 1 };				/* as a code */
enum { PLAYER_OUT = 70000 };

struct heard {			/* a datagram that reached a client or a peer */
	struct endpoint from, to;
	uint16_t channel;		/* client: ChannelData; 0: Data indication */
	bool dont_fragment;		/* peer */
	size_t len;			/* of the payload */
	uint8_t bytes[1500];		/* its first ones */
};

struct player {
	struct world *w;
	struct client_path path;
	char user[600], password[64], realm[64], nonce[128];
	bool sha256;			/* signs as RFC 8489 clients do */
	struct stun_builder b;
	uint8_t *out;			/* PLAYER_OUT bytes: the request being built, or the last one sent */
	size_t out_len;
	uint8_t answer[2048];		/* the last one */
	size_t answer_len;
	struct stun_msg m;		/* parsed from it */
	unsigned code;			/* 0 success, else the error; NO_ANSWER */
	unsigned answers;		/* ever */
	struct endpoint relayed, relayed6, mapped;
	uint32_t lifetime;
	struct heard heard[32];
	unsigned n_heard;		/* not asked for yet */
};

struct world {
	struct turn_settings settings;
	struct turn_server *server;
	msec_t now;
	int64_t unix_now;
	struct player *players[16];
	unsigned n_players;
	struct world_relay { struct relay *relay; struct allocation *owner; } relays[64];
	struct world_reservation { struct endpoint at; msec_t until; uint8_t token[8]; char user[600]; } reservations[8];
	unsigned n_reservations;	/* ever made; the shell's part is played for 30 s each */
	unsigned n_relays, relays_opened;
	unsigned relay_limit;		/* 508 beyond */
	bool no_ipv4, no_ipv6;		/* 440 */
	uint16_t next_port;
	struct heard peer_heard[64];
	unsigned n_peer_heard;
	struct client_path answered;	/* where the last answer left from and went to */
	unsigned n_left;		/* paths that an allocation moved away from */
	struct client_path left;	/* the last of them */
	enum turn_drop last_drop;	/* of the data door; DROP_NONE if the last packet was not dropped there */
	unsigned ended;			/* end-of-allocation records */
	struct allocation_record record;	/* the last; its pointers are gone */
	char record_user[600];
};

int world_setup(void **state);
int world_teardown(void **state);		/* and checks that no relay was left open */
struct world *world_new(void);
void world_free(struct world *w);
bool world_start(struct world *w);		/* false: no memory */

/* One packet through the data door and, if it says so, the control door; its effects are kept to be heard. */
void world_packet(struct world *w, const struct flow_packet *in);
void *world_memory(size_t n);	/* zeroed; never fails */

void world_pass(struct world *w, msec_t ms);	/* time goes by, ticking whenever the server wants it */
uint64_t world_drops(struct world *w, enum turn_drop reason);
const struct turn_counters *world_counters(struct world *w);

/* Each player comes from an address of its own, with the user name's password already known. */
struct player *world_player(struct world *w, const char *user);
void player_from(struct player *p, const char *client, const char *server);	/* moves it to this path */
void player_rest(struct player *p, const char *secret, const char *user);	/* a TURN REST credential */

/* --- a request, piece by piece; the ends return its code ------------------------------------------------------- */
struct stun_builder *player_begin(struct player *p, uint16_t method, enum stun_class cls);	/* a new transaction */
void player_sign(struct player *p);		/* USERNAME, REALM, NONCE and an integrity */
void player_sign_with(struct player *p, const char *user, const char *realm, const char *nonce, const char *password);
struct long_term_key player_key(const struct player *p);
unsigned player_send(struct player *p);		/* as it stands */
unsigned player_send_signed(struct player *p);
unsigned player_again(struct player *p);	/* the very same bytes once more */
unsigned player_send_bytes(struct player *p, struct span bytes);
void player_challenge(struct player *p);	/* learns realm and nonce by an unsigned Allocate */
void add_peer(struct player *p, const char *peer);	/* XOR-PEER-ADDRESS */

/* --- whole conversations ----------------------------------------------------------------------------------------- */
void begin_allocate(struct player *p);		/* a signed-to-be Allocate for UDP; with a challenge if it has no nonce */
unsigned player_allocate(struct player *p);
unsigned player_allocate_family(struct player *p, uint8_t family);	/* REQUESTED-ADDRESS-FAMILY 4 or 6 */
unsigned player_allocate_both(struct player *p);
unsigned player_refresh(struct player *p, uint32_t lifetime);
unsigned player_permit(struct player *p, const char *peer);
unsigned player_bind(struct player *p, uint16_t channel, const char *peer);
void player_says(struct player *p, const char *peer, const char *text);		/* Send indication */
void player_says_on(struct player *p, uint16_t channel, const char *text);	/* ChannelData */
void world_peer_says(struct world *w, const char *peer, struct player *to, const char *text);

/* --- what was heard, once, in order ------------------------------------------------------------------------------ */
struct heard *player_hears(struct player *p);	/* NULL: nothing more */
struct heard *peer_hears(struct world *w);
void assert_hears(struct player *p, const char *text);		/* in a Data indication */
void assert_hears_on(struct player *p, uint16_t channel, const char *text);
void assert_hears_nothing(struct player *p);
void assert_peer_hears(struct world *w, const char *peer, const char *text);
void assert_peers_hear_nothing(struct world *w);

struct endpoint ep(const char *text);
bool answer_has(const struct player *p, uint16_t type);

#endif
