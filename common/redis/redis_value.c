#include "common/redis/redis_value.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/crypto/digest.h"

bool redis_error_is(const struct redis_value *v, const char *code)
{
	return v->kind == REDIS_ERROR && text_has_prefix(v->str, code);
}

bool redis_unserved(const struct redis_value *v)
{
	return redis_error_is(v, "LOADING") || redis_error_is(v, "READONLY") || redis_error_is(v, "MASTERDOWN");
}

bool redis_script_sha(struct redis_script *script)
{
	uint8_t hash[SHA1_SIZE];

	if (script->sha[0] != 0)
		return true;
	if (digest_sha1(span_str(script->lua), hash) != 0)
		return false;
	for (size_t i = 0; i < SHA1_SIZE; i++)
		snprintf(script->sha + 2 * i, 3, "%02x", hash[i]);
	return true;
}
