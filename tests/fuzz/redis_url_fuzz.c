/* covers: common/redis/redis_url.c */
#include "common/redis/redis_url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct redis_node n;
	char why[160] = "", address[REDIS_ADDRESS_SIZE];

	if (!redis_url_parse(span_of(data, size), &n, why)) {
		if (why[0] == 0)
			abort();	/* a refusal without a sentence */
		return 0;
	}
	if ((n.path[0] == 0) == (n.host[0] == 0) || (n.host[0] != 0 && n.port == 0))
		abort();
	redis_node_address(&n, address);
	return 0;
}
