/* config.h - turnd's options, and what is made of them.
 *
 * turn-contract section 11: coturn's names and syntax. What coturn knows and turnd does not (any more, or yet) is in
 * the table too, with a word on what to do instead.
 */
#ifndef TURND_CONFIG_H
#define TURND_CONFIG_H

#include "common/crypto/tls_server.h"
#include "common/daemon/service.h"
#include "common/proto/node_record.h"
#include "common/proto/turn_secret.h"
#include "turnd/core/settings.h"

struct turnd_config {
	struct service_config service;	/* first */
	/* where */
	struct string_list listening_ip, relay_ip, external_ip;
	uint16_t listening_port, alt_listening_port, min_port, max_port;
	uint16_t tls_listening_port, tcp_proxy_port, tls_proxy_port;	/* of the proxies 0: none */
	struct string_list trusted_proxy;
	bool no_udp, no_tcp, no_tls, dtls, rfc5780, mobility;
	struct string_list cert, pkey;
	char *pkey_pwd;
	unsigned threads;		/* 0: one for each processor we may use */
	size_t sock_buf_size;		/* bytes; 0: turnd's choice */
	/* who */
	char *realm;			/* NULL: the host's name */
	struct string_list users, secrets;
	struct string_list nonce_secrets;
	struct string_list alternates, udp_alternates, tcp_alternates, tls_alternates;
	int redirect;			/* index into redirects */
	char *secret_file, *rest_separator;
	int rest_hash, password_algorithms;		/* indices: into rest_hashes, algorithm_names */
	bool use_auth_secret, lt_cred_mech, no_auth, yes_open_relay, strict_expiry, secure_stun;
	msec_t stale_nonce, credential_max_lifetime;
	bool refusal_limit;
	unsigned refusal_rate;
	/* how much */
	unsigned user_quota, total_quota, max_permissions, max_channels, drain_min_allocations;
	size_t max_bps, bps_capacity;	/* bytes a second, each way; 0: no limit */
	msec_t max_allocate_lifetime, max_allocate_timeout;
	/* with whom */
	struct string_list allowed_peer_ip, denied_peer_ip;
	bool allow_loopback_peers, allow_private_peers, allow_multicast_peers;
	/* what answers look like */
	bool fingerprint, software_attribute, include_reason_string, rfc5766_channel_numbers, verbose;
	/* the fleet */
	char *redis, *zone;		/* NULL: none */
	struct string_list turn_uri;
	const struct turn_secrets *learnt;	/* no option: what Redis said; borrowed; may be NULL */
};

extern const struct option turnd_options[];

bool turnd_check(struct options *o, void *config);	/* service.check */

/* Where a mistake is said: the option, which element of a list, and a sentence. */
struct complaints {
	void (*say)(void *ctx, const char *option, size_t i, const char *sentence);
	void *ctx;
};
void config_complain(const struct complaints *say, const char *option, size_t i, const char *sentence, ...)
	__attribute__((format(printf, 4, 5)));		/* say may be NULL: nobody listens */

/* --- config_addresses.c: where --- */

enum { ADDRESSES_MAX = 64 };

struct interfaces {		/* the addresses of this host, as they were when asked */
	struct ip_addr ip[ADDRESSES_MAX], broadcast[ADDRESSES_MAX];
	size_t n, n_broadcast;
};
void interfaces_read(struct interfaces *out);		/* loopback too; link-local IPv6 not: it needs a zone */

/* 0 after a complaint. */
size_t config_listeners(const struct turnd_config *c, struct endpoint out[ADDRESSES_MAX], const struct complaints *say);
bool config_is_loopback(const struct endpoint *listeners, size_t n);	/* nobody outside can reach any of them */

struct relay_pair { struct ip_addr ip, advertised; };
/* relay-ip, else the listening addresses, else (for a wildcard) those of the interfaces, loopback only if there is nothing
 * else; advertised as external-ip says. False after a complaint; none at all is no complaint yet. */
bool config_relays(const struct turnd_config *c, const struct interfaces *host, struct relay_pair out[ADDRESSES_MAX],
		   size_t *n, const struct complaints *say);

/* RFC 5780: the four sockets of each family that has two listening addresses; their numbers are places in config_listeners().
 * 0 if it is off, or after a complaint. */
size_t config_discovery(const struct turnd_config *c, struct discovery_group out[2], const struct complaints *say);

/* What our lease announces: turn-uri, else every listening address by UDP and TCP, a wildcard's being those of the
 * interfaces, as external-ip calls them. The texts go to *text, which must be empty and have its limit. False: no memory. */
enum { CONFIG_URIS_TEXT = 2 * ADDRESSES_MAX * 80 };
bool config_uris(const struct turnd_config *c, const struct interfaces *host, struct buf *text,
		 struct span out[NODE_URLS_MAX], size_t *n);

/* Our own listening, admin and Redis addresses: never a peer. Wildcards become all addresses of the host. */
size_t config_services(const struct turnd_config *c, const struct interfaces *host, struct endpoint *out, size_t max);

/* Ranges of addresses, to be freed; NULL after a complaint. */
struct ip_range *config_ranges(const struct string_list *list, const char *option, const struct complaints *say);

/* What a TLS server is made of; it points into c. False: there is no certificate. */
bool config_tls(const struct turnd_config *c, struct tls_server_options *out);

/* --- config_settings.c: the core's settings, with all they point to; nothing is borrowed from the configuration --- */

struct turnd_settings {
	struct turn_settings turn;	/* points into what follows */
	char realm[128];
	struct span secrets[8];
	struct buf text;		/* what names and secrets view: reserved once, never moved */
	struct turn_user *users;
	struct ip_range *allowed, *denied;
	struct endpoint *services;
	struct alternate *alternates;
	struct ip_addr broadcasts[ADDRESSES_MAX];
	struct discovery_group discovery[2];
};

/* NULL after at least one complaint. nonce_key: 32 bytes that outlive a reload; used unless the configuration has some. */
struct turnd_settings *turnd_settings_new(const struct turnd_config *c, const struct interfaces *host,
					  const uint8_t nonce_key[32], struct quota *quota, const struct complaints *say);
void turnd_settings_free(struct turnd_settings *s);	/* NULL is fine; wipes keys and secrets */

#endif
