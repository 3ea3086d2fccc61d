#include "common/redis/redis_url.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"

enum { WHY = 160, DEFAULT_PORT = 6379, DB_MAX = 65535 };

#define FORMS "use unix:///path/to/socket or redis[s]://[user:password@]host[:port][/db]"

static bool refuse(char why[WHY], const char *sentence)
{
	snprintf(why, WHY, "%s", sentence);
	return false;
}

static bool has_control_or_blank(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

/* A NUL inside would silently shorten what C strings carry on. */
static bool copy_text(char *out, size_t size, struct span s)
{
	if (s.len >= size || (s.len > 0 && memchr(s.p, 0, s.len) != NULL))
		return false;
	if (s.len > 0)
		memcpy(out, s.p, s.len);
	out[s.len] = 0;
	return true;
}

static bool parse_credential(char out[REDIS_CREDENTIAL_SIZE], struct span text)
{
	struct buf b;
	bool ok;

	buf_init(&b, 3 * REDIS_CREDENTIAL_SIZE);
	ok = percent_decode(text, &b) && !b.failed && copy_text(out, REDIS_CREDENTIAL_SIZE, buf_span(&b));
	if (b.p != NULL)
		secret_wipe(b.p, b.len);
	buf_close(&b);
	return ok;
}

static bool parse_user_info(struct redis_node *n, struct span info, char why[WHY])
{
	struct span password = info, user = text_cut(&password, ':');

	if (user.len == info.len)
		return refuse(why, "a user without a password: write redis://user:password@host, "
			      "or redis://:password@host for the default user");
	if (!parse_credential(n->user, user) || !parse_credential(n->password, password))
		return refuse(why, "user or password cannot be read: at most 512 bytes each, and special characters as %XX "
			      "(@ is %40, / is %2F, % is %25)");
	n->auth = true;
	return true;
}

static bool parse_port(uint16_t *out, struct span text, char why[WHY])
{
	uint64_t port;

	if (!parse_u64(text, &port) || port == 0 || port > UINT16_MAX)
		return refuse(why, "the port must be a number from 1 to 65535, as in redis://host:6379");
	*out = (uint16_t)port;
	return true;
}

static bool parse_host_port(struct redis_node *n, struct span s, char why[WHY])
{
	struct span host, rest = s;

	if (text_has_prefix(s, "[")) {
		if (memchr(s.p, ']', s.len) == NULL)
			return refuse(why, "an IPv6 address needs its closing bracket, as in redis://[::1]:6379");
		rest = span_skip(s, 1);
		host = text_cut(&rest, ']');
		if (rest.len > 0 && rest.p[0] != ':')
			return refuse(why, "behind the IPv6 address comes only a port, as in redis://[::1]:6379");
		rest = span_skip(rest, 1);
	} else {
		host = text_cut(&rest, ':');
		if (rest.len > 0 && memchr(rest.p, ':', rest.len) != NULL)
			return refuse(why, "an IPv6 address needs brackets, as in redis://[::1]:6379");
	}
	if (host.len == 0)
		return refuse(why, "the host is missing; " FORMS);
	if (!copy_text(n->host, sizeof(n->host), host))
		return refuse(why, "the host name is longer than 255 bytes");
	n->port = DEFAULT_PORT;
	return rest.len == 0 || parse_port(&n->port, rest, why);
}

static bool parse_tcp(struct redis_node *n, struct span s, char why[WHY])
{
	struct span query = s, db = text_cut(&query, '?'), authority = text_cut(&db, '/');
	uint64_t number = 0;

	if (n->tls && text_has_prefix(query, "ca="))
		query = span_skip(query, 3);
	else if (query.len > 0)
		return refuse(why, "the only parameter is ca, with TLS: rediss://host?ca=/path/to/issuers.pem");
	if (!copy_text(n->ca, sizeof(n->ca), query))
		return refuse(why, "the path of ca is longer than 255 bytes");
	if (!parse_host_port(n, authority, why))
		return false;
	if (db.len > 0 && (!parse_u64(db, &number) || number > DB_MAX))
		return refuse(why, "behind the host comes only the number of the database, as in redis://host:6379/0");
	n->db = (unsigned)number;
	return true;
}

static bool parse_unix(struct redis_node *n, struct span path, char why[WHY])
{
	if (!text_has_prefix(path, "/") || path.len == 1)
		return refuse(why, "the socket needs an absolute path, with three slashes: unix:///path/to/socket");
	if (!copy_text(n->path, sizeof(n->path), path))
		return refuse(why, "the path of the socket is longer than the 107 bytes that the system allows");
	return true;
}

/* Everything up to the last '@' before the first '/': a raw '@' in a password still works. */
static bool take_user_info(struct redis_node *n, struct span *s, char why[WHY])
{
	size_t at = SIZE_MAX;
	struct span info;

	for (size_t i = 0; i < s->len && s->p[i] != '/'; i++)
		if (s->p[i] == '@')
			at = i;
	if (at == SIZE_MAX)
		return true;
	info = span_first(*s, at);
	*s = span_skip(*s, at + 1);
	return parse_user_info(n, info, why);
}

bool redis_url_parse(struct span url, struct redis_node *out, char why[WHY])
{
	struct redis_node n = { .tls = text_has_prefix(url, "rediss://") };
	bool tcp = n.tls || text_has_prefix(url, "redis://"), ok;

	why[0] = 0;
	if (text_has_prefix(url, "redis-sentinel://"))
		return refuse(why, "redis-sentinel:// does not exist yet; " FORMS);
	if (text_has_prefix(url, "redis-cluster://"))
		return refuse(why, "redis-cluster:// does not exist yet; " FORMS);
	if (!tcp && !text_has_prefix(url, "unix://"))
		return refuse(why, "not a Redis URL; " FORMS);
	if (has_control_or_blank(url))
		return refuse(why, "blanks and control characters must be written as %XX");
	url = span_skip(url, n.tls ? strlen("rediss://") : tcp ? strlen("redis://") : strlen("unix://"));
	ok = take_user_info(&n, &url, why) && (tcp ? parse_tcp(&n, url, why) : parse_unix(&n, url, why));
	if (ok)
		*out = n;
	secret_wipe(&n, sizeof(n));
	return ok;
}

const char *redis_node_address(const struct redis_node *n, char out[REDIS_ADDRESS_SIZE])
{
	bool v6 = strchr(n->host, ':') != NULL;

	if (n->path[0] != 0)
		snprintf(out, REDIS_ADDRESS_SIZE, "%s", n->path);
	else
		snprintf(out, REDIS_ADDRESS_SIZE, v6 ? "[%s]:%u" : "%s:%u", n->host, n->port);
	return out;
}
