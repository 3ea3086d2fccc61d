/* redis_url.h - where one Redis node is, from a URL. Pure.
 *
 *	unix://[user:password@]/path/to/socket
 *	redis://[user:password@]host[:port][/db]	port 6379, db 0; an IPv6 address in brackets
 *	rediss://[user:password@]host[:port][/db][?ca=/path]	TLS; ca: PEM file of the issuers to trust, else the system's
 *
 * User and password are percent-decoded; an empty user is the default one (":password@").
 */
#ifndef COMMON_REDIS_REDIS_URL_H
#define COMMON_REDIS_REDIS_URL_H

#include "common/base/span.h"

struct tls_client;

enum { REDIS_PATH_SIZE = 108, REDIS_HOST_SIZE = 256, REDIS_CREDENTIAL_SIZE = 513 };	/* with the NUL */
enum { REDIS_ADDRESS_SIZE = REDIS_HOST_SIZE + 8 };

struct redis_node {		/* a value: copies are complete; wipe what is no longer needed, it holds a password */
	char path[REDIS_PATH_SIZE];	/* unix socket; "" for TCP */
	char host[REDIS_HOST_SIZE];
	uint16_t port;
	unsigned db;
	bool tls;
	char ca[REDIS_HOST_SIZE];		/* "": the system's */
	struct tls_client *trust;		/* with tls: set and owned by the route, which outlives all connections */
	bool auth;			/* user and password count; user "" is the default user */
	char user[REDIS_CREDENTIAL_SIZE], password[REDIS_CREDENTIAL_SIZE];
};

/* False with a sentence in why[]: what is wrong and what would be right, without any part of the password. */
bool redis_url_parse(struct span url, struct redis_node *out, char why[160]);

/* "/path" or "host:port", for logs. Returns out. */
const char *redis_node_address(const struct redis_node *n, char out[REDIS_ADDRESS_SIZE]);

#endif
