/* config.h - roomd's options.
 *
 * Owner: service.   Thread: any; const once read.
 */
#ifndef ROOMD_CONFIG_H
#define ROOMD_CONFIG_H

#include "common/daemon/service.h"
#include "common/daemon/tls_identity.h"
#include "roomd/site.h"

struct roomd_config {
	struct service_config service;	/* first: SERVICE_OPTIONS */
	struct site_options site;
	struct string_list listening_ip;
	uint16_t listening_port;
	struct tls_options tls;
	char *redis;			/* NULL: rooms in memory */
	struct string_list trusted_signal;
	char *realm, *zone;		/* NULL: the host's name; none */
	msec_t secret_rotation;		/* 0: by hand only */
	unsigned room_capacity;
	char *web_root;
	size_t max_rooms;
	size_t max_waiting;		/* bytes of waiting messages in all rooms */
	unsigned max_connections;
	unsigned max_connections_per_address;
	unsigned join_rate, ice_rate;	/* a second, from one address; 0: no limit */
	msec_t signal_deadline;
	msec_t head_timeout, body_timeout, idle_timeout;
};

extern const struct option roomd_options[];

/* service's check: options that depend on each other, lists element by element. */
bool roomd_config_check(struct options *o, void *config);

#endif
