/* a_site.h - an installation for tests of roomd's pure parts: two public URLs, two signaling servers, TURN and STUN. */
#ifndef TESTS_UNIT_ROOMD_A_SITE_H
#define TESTS_UNIT_ROOMD_A_SITE_H

#include "roomd/site.h"

static char *a_public_urls[] = { (char []){ "https://rooms.example.org" }, (char []){ "http://localhost:8080" } };
static char *a_signals[] = { (char []){ "wss://signal.example.org http://10.0.0.2:8089" }, (char []){ "ws://localhost:8089/" } };
static char *a_turns[] = {
	(char []){ "turns:t.example.org:5349?transport=tcp" }, (char []){ "turn:t.example.org:3478?transport=tcp" },
	(char []){ "turn:t.example.org:3478?transport=udp" },
};
static char *a_stuns[] = { (char []){ "stun:t.example.org:3478" } };
static char *a_keys[] = { (char []){ "key one" }, (char []){ "two" } };
static char a_secret[] = "north";

static struct site_options a_site_options(void)
{
	return (struct site_options){
		.public_url = { a_public_urls, 2 }, .signal_server = { a_signals, 2 }, .turn_server = { a_turns, 3 },
		.stun_server = { a_stuns, 1 }, .api_key = { a_keys, 2 }, .static_auth_secret = a_secret,
		.credential_lifetime = HOURS(24),
	};
}

/* complaints: counted in *(int *)ctx. */
static void a_complaint(void *ctx, const char *option, size_t i, const char *value, const char *sentence)
{
	(void)option, (void)i, (void)value, (void)sentence;
	++*(int *)ctx;
}

#endif
