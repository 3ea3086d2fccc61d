/* site.h - this installation, ready for use: who we are, which signaling servers there are, which ICE servers we hand out.
 * From the configuration, and from the fleet: live servers go before configured ones, which are the fallback. Pure.
 *
 * Owner: the shell, which puts in what it learns of the fleet.   Thread: the loop's.
 */
#ifndef ROOMD_SITE_H
#define ROOMD_SITE_H

#include "common/base/origin.h"
#include "common/daemon/options.h"
#include "common/proto/turn_secret.h"
#include "roomd/servers.h"

struct site_options {		/* as the configuration gives them; part of struct roomd_config */
	struct string_list public_url, signal_server, turn_server, stun_server;
	struct string_list api_key;
	char *static_auth_secret;	/* NULL: none */
	msec_t credential_lifetime;
};

typedef void (*site_complaint)(void *ctx, const char *option, size_t i, const char *value, const char *sentence);

struct site {
	const struct site_options *options;
	struct origin *bases;		/* public-url */
	size_t n_bases;
	struct signal_server *signals;
	size_t n_signals;
	const char **turn_uris;		/* UDP first, then TCP, then TLS; the strings are the options' */
	size_t n_turn_uris;
	struct servers servers;		/* of the fleet; none without Redis */
	const struct turn_secrets *secrets;	/* of the fleet; borrowed; NULL without Redis */
};

/* Builds it. Each value that cannot be used goes to `bad`, with what it must be ("'x' must be ..."; value NULL: the option is
 * missing), and the answer is false; false without a complaint means no memory. */
bool site_init(struct site *s, const struct site_options *options,
	       site_complaint bad, void *ctx);
void site_close(struct site *s);	/* fine on a zeroed one */

/* The base of links for a request to this Host: the one it names, else the first. Never NULL. */
const struct origin *site_base(const struct site *s, struct span host);
/* The room's, by the name that it remembers; another one if that one is gone. Never NULL; until the loop turns. */
const struct signal_server *site_signal(const struct site *s, struct span name, struct span room);
const struct signal_server *site_best_signal(const struct site *s);	/* for a new room. Never NULL */
/* By a `wshpp` parameter: NULL if no server of ours is there. */
const struct signal_server *site_signal_at(const struct site *s, struct span authority);
/* Where to try next when `inner` cannot be reached; NULL: nowhere. */
const struct signal_server *site_signal_besides(const struct site *s, const struct origin *inner);
bool site_has_inner(const struct site *s, const struct origin *inner);

/* The secret to mint with; NULL: there is none. live: for servers of the fleet, else for configured ones. */
const char *site_secret(const struct site *s, bool live, int64_t now);
bool site_gives_ice(const struct site *s);	/* is there any STUN or TURN server? */

#endif
