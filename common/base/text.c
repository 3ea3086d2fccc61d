#include "common/base/text.h"

/* How many bytes the UTF-8 sequence at p takes; 0 if it is not one (RFC 3629 section 4). */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;	/* range of the second byte */
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		low = p[0] == 0xe0 ? 0xa0 : low;
		high = p[0] == 0xed ? 0x9f : high;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		low = p[0] == 0xf0 ? 0x90 : low;
		high = p[0] == 0xf4 ? 0x8f : high;
	} else {
		return 0;
	}
	if (n > left || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_valid(struct span s)
{
	while (s.len > 0) {
		size_t n = utf8_sequence(s.p, s.len);
		if (n == 0)
			return false;
		s = span_skip(s, n);
	}
	return true;
}

static bool is_word_byte(uint8_t c, const char *others)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		(c != '\0' && strchr(others, c) != NULL);
}

bool text_is_word(struct span s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_word_byte(s.p[i], others))
			return false;
	return true;
}

bool parse_u64(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	*out = v;
	return true;
}

int hex_value(uint8_t digit)
{
	uint8_t letter = digit | 0x20;

	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Takes one byte off *s, decoded; -1 on a broken escape. *s must not be empty. */
static int percent_take(struct span *s)
{
	int c = s->p[0], high, low;

	if (c != '%') {
		*s = span_skip(*s, 1);
		return c;
	}
	if (s->len < 3 || (high = hex_value(s->p[1])) < 0 || (low = hex_value(s->p[2])) < 0)
		return -1;
	*s = span_skip(*s, 3);
	return high << 4 | low;
}

bool percent_decode(struct span s, struct buf *out)
{
	while (s.len > 0) {
		int c = percent_take(&s);
		if (c < 0 || !buf_add_byte(out, (uint8_t)c))
			return false;
	}
	return !out->failed;
}

bool percent_encode(struct span s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (is_word_byte(s.p[i], "-._~"))
			buf_add_byte(out, s.p[i]);
		else
			buf_addf(out, "%%%02X", s.p[i]);
	}
	return !out->failed;
}

struct span text_cut(struct span *rest, char sep)
{
	const uint8_t *at = rest->len > 0 ? memchr(rest->p, sep, rest->len) : NULL;
	struct span before = span_first(*rest, at != NULL ? (size_t)(at - rest->p) : rest->len);

	*rest = span_skip(*rest, before.len + (at != NULL));
	return before;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span text_trim(struct span s)
{
	while (s.len > 0 && is_blank(s.p[0]))
		s = span_skip(s, 1);
	while (s.len > 0 && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool text_eq_nocase(struct span a, const char *b)
{
	if (a.len != strlen(b))
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower((uint8_t)b[i]))
			return false;
	return true;
}

bool text_has_prefix(struct span s, const char *prefix)
{
	return span_eq_str(span_first(s, strlen(prefix)), prefix);
}

static bool name_matches(struct span encoded, const char *name)
{
	while (encoded.len > 0 && *name != '\0')
		if (percent_take(&encoded) != (uint8_t)*name++)
			return false;
	return encoded.len == 0 && *name == '\0';
}

bool query_get(struct span query, const char *name, struct buf *out)
{
	size_t before = out->len;

	while (query.len > 0) {
		struct span value = text_cut(&query, '&');
		struct span key = text_cut(&value, '=');
		if (!name_matches(key, name))
			continue;
		if (percent_decode(value, out))
			return true;
		out->len = before;
		return false;
	}
	return false;
}
