#include "turnd/core/client_path.h"

#include "common/base/map.h"
#include "common/base/reader.h"

bool path_equal(const struct client_path *a, const struct client_path *b)
{
	return a->transport == b->transport && endpoint_equal(&a->client, &b->client) &&
		endpoint_equal(&a->server, &b->server);
}

static size_t put_endpoint(uint8_t *out, const struct endpoint *e)
{
	size_t n = e->ip.family == 6 ? 16 : 4;
	memcpy(out, e->ip.b, n);
	store_u16(out + n, e->port);
	return n + 2;
}

size_t path_key(const struct client_path *p, uint8_t out[PATH_KEY_SIZE])
{
	size_t n = put_endpoint(out, &p->client);
	n += put_endpoint(out + n, &p->server);
	out[n++] = p->transport;
	return n;
}

uint64_t path_hash(const struct client_path *p)
{
	uint8_t key[PATH_KEY_SIZE];
	return map_hash(span_of(key, path_key(p, key)));
}
