#include "roomd/json_write.h"

#include "common/base/json_text.h"

static void quoted(struct buf *out, struct span text)
{
	buf_add_byte(out, '"');
	if (!json_escape(text, out))
		out->failed = true;
	buf_add_byte(out, '"');
}

static void comma(struct buf *out)
{
	if (out->len > 0 && out->p[out->len - 1] != '{' && out->p[out->len - 1] != '[')
		buf_add_byte(out, ',');
}

static void begin(struct buf *out, const char *key)
{
	comma(out);
	if (key != NULL) {
		quoted(out, span_str(key));
		buf_add_byte(out, ':');
	}
}

void json_open(struct buf *out, const char *key, char bracket)
{
	begin(out, key);
	buf_add_byte(out, (uint8_t)bracket);
}

void json_close(struct buf *out, char bracket)
{
	buf_add_byte(out, (uint8_t)bracket);
}

void json_string(struct buf *out, const char *key, struct span text)
{
	begin(out, key);
	quoted(out, text);
}

void json_raw(struct buf *out, const char *key, const char *value)
{
	begin(out, key);
	buf_add_str(out, value);
}

void json_key_string(struct buf *out, struct span key, struct span text)
{
	comma(out);
	quoted(out, key);
	buf_add_byte(out, ':');
	quoted(out, text);
}
