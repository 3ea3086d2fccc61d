#include "turnd/core/redirect.h"

#include "common/base/reader.h"

static bool fits(const struct alternate *a, const struct client_path *path)
{
	return (a->transports & 1u << path->transport) && a->at.ip.family == path->client.ip.family;
}

const struct alternate *redirect_find(const struct turn_settings *set, const struct client_path *path, const uint8_t tid[12])
{
	uint32_t n = 0, nth;

	for (size_t i = 0; i < set->n_alternates; i++)
		n += fits(&set->alternates[i], path);
	if (n == 0)
		return NULL;
	nth = (load_u32(tid) ^ load_u32(tid + 4) ^ load_u32(tid + 8)) % n;
	for (size_t i = 0;; i++) {
		if (fits(&set->alternates[i], path) && nth-- == 0)
			return &set->alternates[i];
	}
}
