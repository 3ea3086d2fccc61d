#include "common/proto/ids.h"

#include "common/base/random.h"
#include "common/base/text.h"

bool id_valid(struct span id)
{
	return id.len > 0 && id.len <= ID_MAX && text_is_word(id, "_-");
}

void client_id_make(char out[CLIENT_ID_SIZE])
{
	for (size_t i = 0; i < CLIENT_ID_SIZE - 1; i++)
		out[i] = (char)('0' + random_below(10));
	out[CLIENT_ID_SIZE - 1] = '\0';
}
