/* covers: signald/message.c */
#include "signald/message.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "common/base/json_text.h"

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool within(struct span part, struct span whole)
{
	return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

/* Another parser's opinion: what we take is a JSON object in which cJSON finds the same command. cJSON is laxer and
 * ends a string at \u0000, so the reverse does not hold. */
static void check_against_cjson(const struct message *m, struct span in)
{
	const char *end;
	cJSON *tree = cJSON_ParseWithLengthOpts((const char *)in.p, in.len, &end, false);
	const char *cmd;

	require(tree != NULL && cJSON_IsObject(tree));
	cmd = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "cmd"));
	if (m->kind == MESSAGE_REGISTER)
		require(cmd != NULL && strcmp(cmd, "register") == 0);
	if (m->kind == MESSAGE_SEND)
		require(cmd != NULL && strcmp(cmd, "send") == 0);
	cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	struct message m;

	if (message_parse(&m, in) != NULL)
		return 0;
	require(within(m.room, in) && within(m.client, in) && within(m.text, in));
	require(json_escaped_valid(m.room) && json_escaped_valid(m.client) && json_escaped_valid(m.text));
	check_against_cjson(&m, in);
	return 0;
}
