/* site.h - what the configuration says about this installation, ready for use: who we are, which signaling servers
 * there are, which ICE servers we hand out. Pure once made.
 *
 * Owner: the shell.   Thread: any; const while serving.
 */
#ifndef ROOMD_SITE_H
#define ROOMD_SITE_H

#include "common/base/origin.h"
#include "common/daemon/options.h"

struct site_options {		/* as the configuration gives them; part of struct roomd_config */
	struct string_list public_url, signal_server, turn_server, stun_server;
	struct string_list api_key;
	char *static_auth_secret;	/* there, if there is a turn_server */
	msec_t credential_lifetime;
};

struct signal_server {
	struct origin public_at;	/* where clients connect */
	struct origin inner;		/* where we POST; plain HTTP */
	char name[ORIGIN_TEXT_SIZE];	/* its public URL: what a room remembers (room_store.h) */
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
};

/* Builds it. Each value that cannot be used goes to `bad`, with what it must be ("'x' must be ..."; value NULL: the option is
 * missing), and the answer is false; false without a complaint means no memory. */
bool site_init(struct site *s, const struct site_options *options,
	       site_complaint bad, void *ctx);
void site_close(struct site *s);	/* fine on a zeroed one */

/* The base of links for a request to this Host: the one it names, else the first. Never NULL. */
const struct origin *site_base(const struct site *s, struct span host);
/* By the name a room remembers; the first server if it is not configured any more. Never NULL. */
const struct signal_server *site_signal(const struct site *s, struct span name);
/* By a `wshpp` parameter: NULL if no configured server is there. */
const struct signal_server *site_signal_at(const struct site *s, struct span authority);

bool site_gives_ice(const struct site *s);	/* is there any STUN or TURN server? */

#endif
