/* settings.h - what the TURN core must be told, once. config.c fills it from options; tests by hand.
 *
 * Immutable once workers run; a reload makes a new one and swaps the pointer between messages.
 */
#ifndef TURND_CORE_SETTINGS_H
#define TURND_CORE_SETTINGS_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/rate_limit.h"
#include "turnd/core/long_term.h"

struct turn_user {			/* a long-term user of the configuration */
	struct span name;
	struct long_term_key md5, sha256;	/* of which one may be missing */
	uint8_t hash[SHA256_SIZE];		/* USERHASH */
};

enum rate_kind {			/* what one source may do so often: turn-contract section 9 */
	RATE_REFUSAL,			/* 400, 401, 420, 438 to somebody who has not shown a nonce of ours */
	RATE_BINDING,
	RATE_BAD_INTEGRITY,		/* wrong credentials */
	RATE_N
};
#define RATES_DEFAULT { [RATE_REFUSAL] = { 100, 500 }, [RATE_BINDING] = { 2000, 2000 }, [RATE_BAD_INTEGRITY] = { 10, 10 } }
_Static_assert((int)RATE_N <= (int)RATE_KINDS, "one row of rate_limit for each");

struct ip_range { struct ip_addr low, high; };	/* inclusive, one family */

struct policy_settings {		/* turn-contract section 6 */
	bool allow_loopback, allow_private, allow_multicast;
	const struct ip_range *allowed, *denied;
	size_t n_allowed, n_denied;
	const struct endpoint *own_services;	/* listening, admin, Redis: never a peer. Port 0: every port of it */
	size_t n_own_services;
	const struct ip_addr *directed_broadcasts;
	size_t n_directed_broadcasts;
};

enum { NONCE_KEYS = 2, NONCE_KEY_SIZE = 32 };

struct discovery_socket {
	struct endpoint at, advertised;
	uint32_t socket;		/* client_path.socket of it */
};
struct discovery_group {		/* RFC 5780: two addresses of one family, two ports each */
	struct discovery_socket v[2][2];	/* [address][port] */
};

struct capacity;			/* bandwidth.h: process-wide */

struct alternate {			/* another server, for 300 (Try Alternate) */
	struct endpoint at;
	unsigned transports;		/* for clients that came by these: 1 << enum transport */
	struct span domain;		/* ALTERNATE-DOMAIN: the name in its certificate; empty: none is told */
};

struct quota;				/* quota.h: process-wide, behind a mutex of its own; checked at Allocate only */

struct turn_settings {
	struct span realm;
	bool fingerprint, software_attribute, secure_stun, include_reason_string;
	bool mobility;			/* RFC 8016 */
	bool rfc5766_channel_numbers;	/* channel numbers up to 0x7FFF */
	bool no_auth;			/* loopback tests and yes-open-relay only */
	char rest_separator;		/* ':' */
	bool strict_expiry;
	const struct span *secrets;	/* TURN REST secrets, newest first; at most 8 */
	size_t n_secrets;
	unsigned rest_hashes;		/* their passwords are made with: 1 << enum turn_hash, both if there is doubt */
	uint32_t credential_max;	/* seconds that a credential may be good for, D-T4; 0: any time */
	unsigned algorithms;		/* enum password_algorithm: what challenges offer; MD5 alone: as RFC 5389 was */
	const struct turn_user *users;
	size_t n_users;
	uint8_t nonce_keys[NONCE_KEYS][NONCE_KEY_SIZE];	/* the first makes nonces, all are accepted */
	unsigned n_nonce_keys;
	uint32_t nonce_lifetime;	/* seconds; 0: never stale */
	uint32_t lifetime_default, lifetime_max;	/* seconds: 600, 3600 */
	unsigned max_permissions, max_channels;		/* per allocation: 1024, 256 */
	struct policy_settings policy;
	struct rate rates[RATE_N];	/* per source: RATES_DEFAULT, or what the operator wants */
	const struct discovery_group *discovery;	/* NAT behaviour discovery; at most one group of each family */
	size_t n_discovery;		/* 0: not served */
	uint64_t max_bps;		/* bytes a second of an allocation, in each direction; 0: no limit */
	struct capacity *capacity;	/* of all of them; NULL: no limit */
	const struct alternate *alternates;
	size_t n_alternates;
	bool redirect;			/* every Allocate goes there, where one fits; else only while draining */
	struct quota *quota;		/* NULL: none */
};

#endif
