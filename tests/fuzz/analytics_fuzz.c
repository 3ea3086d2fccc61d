/* covers: roomd/analytics.c */
/* POST /a/: any body is judged, none is trusted. */
#include "roomd/analytics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	(void)analytics_valid(span_of(data, size));
	return 0;
}
