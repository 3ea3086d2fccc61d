#include "common/base/json_text.h"

#include "common/base/text.h"

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

/* How many of the first bytes stand for themselves in a JSON string. */
static size_t plain_run(struct span s)
{
	const uint64_t ones = 0x0101010101010101, highs = ones << 7;
	size_t n = 0;

	/* Eight at a time: x - ones borrows into a byte's highest bit if the byte was 0 (or above 0x80, which
	 * ~x takes out again); so "equal to c" is "x ^ c is zero". A false alarm only ends the fast part. */
	for (uint64_t x; n + 8 <= s.len; n += 8) {
		memcpy(&x, s.p + n, 8);
		uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\';
		if ((((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) |
			((backslash - ones) & ~backslash)) & highs)
			break;
	}
	while (n < s.len && is_plain(s.p[n]))
		n++;
	return n;
}

static bool take_hex4(struct span *s, uint32_t *out)
{
	uint32_t v = 0;

	if (s->len < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_value(s->p[i]);
		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*s = span_skip(*s, 4);
	*out = v;
	return true;
}

/* Behind "\u": a code point, from one unit or from a pair of surrogates. */
static bool take_code_point(struct span *s, uint32_t *out)
{
	uint32_t high, low;

	if (!take_hex4(s, &high))
		return false;
	*out = high;
	if (high < 0xd800 || high > 0xdfff)
		return true;
	if (high > 0xdbff || !text_has_prefix(*s, "\\u"))
		return false;
	*s = span_skip(*s, 2);
	if (!take_hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
		return false;
	*out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

/* Takes an escape off *s, which begins behind its backslash. */
static bool take_escape(struct span *s, uint32_t *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *at;
	uint8_t c;

	if (s->len == 0)
		return false;
	c = s->p[0];
	*s = span_skip(*s, 1);
	if (c == 'u')
		return take_code_point(s, out);
	at = memchr(names, c, sizeof(names) - 1);
	if (at == NULL)
		return false;
	*out = (uint8_t)values[at - names];
	return true;
}

static bool add_utf8(struct buf *out, uint32_t c)
{
	uint8_t b[4];
	size_t n;

	if (c < 0x80) {
		return buf_add_byte(out, (uint8_t)c);
	} else if (c < 0x800) {
		b[0] = (uint8_t)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (uint8_t)(0xe0 | c >> 12);
		n = 3;
	} else {
		b[0] = (uint8_t)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		b[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	return buf_add(out, b, n);
}

/* Walks over escaped text; decodes it into *out unless that is NULL. */
static bool walk(struct span s, struct buf *out)
{
	uint32_t c;

	if (!utf8_valid(s))
		return false;
	while (s.len > 0) {
		struct span plain = span_first(s, plain_run(s));
		s = span_skip(s, plain.len);
		if (out != NULL && !buf_add_span(out, plain))
			return false;
		if (s.len == 0)
			break;
		if (s.p[0] != '\\')
			return false;
		s = span_skip(s, 1);
		if (!take_escape(&s, &c) || (out != NULL && !add_utf8(out, c)))
			return false;
	}
	return out == NULL || !out->failed;
}

bool json_escaped_valid(struct span between_quotes)
{
	return walk(between_quotes, NULL);
}

bool json_unescape(struct span between_quotes, struct buf *out)
{
	size_t before = out->len;

	if (walk(between_quotes, out))
		return true;
	out->len = before;
	return false;
}

static bool add_escape(struct buf *out, uint8_t c)
{
	static const char *const named[] = {
		['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
		['"'] = "\\\"", ['\\'] = "\\\\",
	};

	return named[c] != NULL ? buf_add_str(out, named[c]) : buf_addf(out, "\\u%04x", c);
}

bool json_escape(struct span raw, struct buf *out)
{
	size_t before = out->len;

	if (!utf8_valid(raw))
		return false;
	while (raw.len > 0) {
		struct span plain = span_first(raw, plain_run(raw));
		raw = span_skip(raw, plain.len);
		if (!buf_add_span(out, plain))
			break;
		if (raw.len > 0 && !add_escape(out, raw.p[0]))
			break;
		raw = span_skip(raw, 1);
	}
	if (!out->failed)
		return true;
	out->len = before;
	return false;
}
