#include "common/proto/ids.h"

#include "common/base/random.h"

static bool is_id_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

bool id_valid(struct span id)
{
	if (id.len == 0 || id.len > ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!is_id_byte(id.p[i]))
			return false;
	return true;
}

void client_id_make(char out[CLIENT_ID_SIZE])
{
	for (size_t i = 0; i < CLIENT_ID_SIZE - 1; i++)
		out[i] = (char)('0' + random_below(10));
	out[CLIENT_ID_SIZE - 1] = '\0';
}
