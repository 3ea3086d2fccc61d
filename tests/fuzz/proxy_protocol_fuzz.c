/* covers: common/net/proxy_protocol.c */
#include "common/net/proxy_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* A copy whose end ASan knows. */
static enum proxy_result parse_exactly(const uint8_t *data, size_t size, struct proxy_header *out)
{
	uint8_t *copy = malloc(size + 1);
	enum proxy_result r;

	require(copy != NULL);
	memcpy(copy + 1, data, size);
	r = proxy_parse(span_of(copy + 1, size), out);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header whole, part;
	enum proxy_result r = parse_exactly(data, size, &whole);

	if (r == PROXY_HEADER) {
		require(whole.size > 0 && whole.size <= size);
		require(whole.local || (whole.source.ip.family != 0 && whole.source.ip.family == whole.destination.ip.family));
		require(parse_exactly(data, whole.size, &part) == PROXY_HEADER && part.size == whole.size);
	}
	for (size_t n = size < 300 ? size : 300; n-- > 0;) {	/* a beginning asks for more, or has decided already */
		enum proxy_result earlier = parse_exactly(data, n, &part);
		require(earlier == PROXY_MORE || earlier == r);
		require(earlier == PROXY_MORE || r != PROXY_HEADER || n >= whole.size);
	}
	return 0;
}
