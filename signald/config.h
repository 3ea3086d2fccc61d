/* config.h - signald's options: read once, const afterwards. The table in config.c says what each means. */
#ifndef SIGNALD_CONFIG_H
#define SIGNALD_CONFIG_H

#include "common/daemon/service.h"
#include "common/daemon/tls_identity.h"

struct signald_config {
	struct service_config service;		/* first: see service.h */
	struct string_list listening_ip;
	uint16_t listening_port;
	struct tls_options tls;
	struct string_list public_url, room_server, allowed_origin;
	char *redis, *zone, *internal_url;	/* NULL: none */
	unsigned max_connections, max_connections_per_address;
	size_t max_message;
	unsigned queue_messages;
	size_t queue_bytes, room_bytes, unsent_hold, unsent_limit;
	msec_t stall_timeout, grace, register_timeout, ping_interval, probe_timeout, close_timeout, drain_spread;
	unsigned ping_misses;
};

extern const struct option signald_options[];
bool signald_config_check(struct options *o, void *config);

/* A POST body may grow as it is escaped for JSON: up to this. SDP grows by a tenth. */
static inline size_t config_max_escaped(const struct signald_config *c) { return 2 * c->max_message; }

#endif
