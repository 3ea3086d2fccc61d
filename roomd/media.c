#include "roomd/media.h"

#include "common/base/text.h"
#include "roomd/json_write.h"

struct item {
	struct span key, value;
	bool mandatory;
};

static size_t count(struct span s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == (uint8_t)c;
	return n;
}

/* "[mandatory:|optional:]key=value"; any prefix but "mandatory" is optional. */
static bool item_parse(struct item *it, struct span text)
{
	struct span prefix;

	if (count(text, '=') != 1)
		return false;
	it->key = text_cut(&text, '=');
	it->value = text;
	it->mandatory = !text_has_prefix(it->key, "goog");
	if (count(it->key, ':') > 0) {
		prefix = text_cut(&it->key, ':');
		it->mandatory = span_eq_str(prefix, "mandatory");
	}
	return true;
}

/* A mandatory key that comes twice counts once, with its last value: JSON has each key once. */
static bool is_repeated(const struct item *items, size_t n, size_t i)
{
	for (size_t j = i + 1; j < n; j++)
		if (items[j].mandatory && span_eq(items[j].key, items[i].key))
			return true;
	return false;
}

void media_write_track(struct buf *out, const char *key, struct span value)
{
	struct item items[MEDIA_ITEMS];
	size_t n = 0;

	if (value.len == 0 || text_eq_nocase(value, "true") || text_eq_nocase(value, "false")) {
		json_raw(out, key, text_eq_nocase(value, "false") ? "false" : "true");
		return;
	}
	while (value.len > 0 && n < MEDIA_ITEMS)
		n += item_parse(&items[n], text_cut(&value, ','));
	json_open(out, key, '{');
	json_open(out, "mandatory", '{');
	for (size_t i = 0; i < n; i++)
		if (items[i].mandatory && !is_repeated(items, n, i))
			json_key_string(out, items[i].key, items[i].value);
	json_close(out, '}');
	json_open(out, "optional", '[');
	for (size_t i = 0; i < n; i++)
		if (!items[i].mandatory) {
			json_open(out, NULL, '{');
			json_key_string(out, items[i].key, items[i].value);
			json_close(out, '}');
		}
	json_close(out, ']');
	json_close(out, '}');
}
