#include "roomd/analytics.h"

#include <cjson/cJSON.h>

#include "common/base/text.h"

/* cJSON's own limit on nesting is a matter of its build. */
static bool depth_fits(struct span s)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.len; i++) {
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s.p[i] == '{' || s.p[i] == '['))
			depth++;
		else if (!quoted && (s.p[i] == '}' || s.p[i] == ']'))
			depth -= depth > 0;
		if (depth > ANALYTICS_DEPTH)
			return false;
	}
	return true;
}

static bool number_or_absent(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

	return v == NULL || cJSON_IsNumber(v);
}

bool analytics_valid(struct span body)
{
	const cJSON *event;
	cJSON *root;
	bool good;

	if (body.len > ANALYTICS_MAX || !utf8_valid(body) || !depth_fits(body))
		return false;
	root = cJSON_ParseWithLength((const char *)body.p, body.len);
	event = cJSON_GetObjectItemCaseSensitive(root, "event");
	good = cJSON_IsObject(root) && cJSON_IsString(cJSON_GetObjectItemCaseSensitive(root, "type")) &&
		cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(root, "request_time_ms")) && cJSON_IsObject(event) &&
		cJSON_GetObjectItemCaseSensitive(event, "event_type") != NULL && number_or_absent(event, "event_time_ms");
	cJSON_Delete(root);
	return good;
}
