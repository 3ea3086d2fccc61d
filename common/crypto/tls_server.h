/* tls_server.h - who we are to those who connect: certificates with their keys, ticket keys, counters.
 *
 * What was read from files is a generation: immutable, counted, replaced whole. A reload makes a new one for the
 * handshakes to come; connections keep theirs until they end; a bad file changes nothing and says why.
 *
 * Owner: whoever called new; engines keep alive what they need.   Thread: any, all functions.
 */
#ifndef COMMON_CRYPTO_TLS_SERVER_H
#define COMMON_CRYPTO_TLS_SERVER_H

#include "common/crypto/tls_engine.h"

struct tls_server;

enum { TLS_PAIRS_MAX = 4 };

/* PEM files: the chain, leaf first; its key (may be the same file). */
struct tls_pair_files { const char *cert, *pkey; };

struct tls_server_options {		/* all of it is copied */
	struct tls_pair_files pairs[TLS_PAIRS_MAX];	/* of different kinds of key: what the client offers chooses, ECDSA first */
	size_t n_pairs;
	const char *password;		/* of encrypted keys; NULL: none */
	const char *alpn[TLS_ALPN_MAX + 1];	/* protocols to select from if the client offers any, best first; NULL ends */
};

/* NULL with a sentence in why[]: "/etc/turnd/key.pem: does not match the certificate in /etc/turnd/cert.pem". */
struct tls_server *tls_server_new(const struct tls_server_options *o, char why[TLS_FILE_WHY]);
void tls_server_free(struct tls_server *s);	/* NULL is fine; living engines go on */

/* Reads the files again, or those of o if it is not NULL. False with a sentence in why[]: everything is as before. */
bool tls_server_reload(struct tls_server *s, const struct tls_server_options *o, char why[TLS_FILE_WHY]);
/* Do the files differ from those that were read last, well or badly (by time, size and inode)? For a poll. */
bool tls_server_files_changed(struct tls_server *s);

int64_t tls_server_expiry(struct tls_server *s);	/* Unix seconds: when the first certificate of the chains in use ends */

struct tls_engine *tls_server_accept(struct tls_server *s);	/* TLS; NULL: no memory */

/* Session tickets (RFC 5077, RFC 8446) are encrypted with the first key and accepted with any. A fresh server has one random
 * key. For instances that share their clients, the same keys are set on all. */
enum { TLS_TICKET_KEY = 48, TLS_TICKET_KEYS_MAX = 4 };	/* 16 bytes of name, 32 of secret */
void tls_server_set_ticket_keys(struct tls_server *s, const uint8_t keys[][TLS_TICKET_KEY], size_t n);	/* 1..MAX */
void tls_server_rotate_ticket_key(struct tls_server *s);	/* a new random one first; the one before it is still accepted */

struct tls_counts {
	uint64_t handshakes, resumed;		/* done; of these by a ticket */
	uint64_t refused_by_peer;		/* it sent an alert: does not trust us, knows no common version, ... */
	uint64_t failed;			/* we refused: no common cipher, not TLS, ... */
	uint64_t abandoned;			/* freed before the handshake was over: gone, late */
	uint64_t reloads, reloads_failed;
	uint64_t open;				/* engines beyond their handshake, now */
};
struct tls_counts tls_server_counts(struct tls_server *s);

#endif
