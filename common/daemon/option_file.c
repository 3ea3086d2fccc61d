#include "common/daemon/option_file.h"

#include "common/base/text.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct span without_quotes(struct span s)
{
	if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
		return span_of(s.p + 1, s.len - 2);
	return s;
}

bool option_file_next(struct span *rest, struct option_line *line)
{
	while (rest->len > 0) {
		struct span s = text_cut(rest, '\n');
		size_t n = 0;

		line->number++;
		if (s.len > 0 && s.p[s.len - 1] == '\r')
			s.len--;
		s = text_trim(s);
		if (s.len == 0 || s.p[0] == '#')
			continue;
		while (n < s.len && s.p[n] != '=' && !is_blank(s.p[n]))
			n++;
		if (n == 0)	/* "= value": the whole line is a key that nobody knows */
			n = s.len;
		line->key = span_first(s, n);
		line->value = text_trim(span_skip(s, n));
		line->has_value = line->value.len > 0;
		if (line->has_value && line->value.p[0] == '=')
			line->value = text_trim(span_skip(line->value, 1));
		line->value = without_quotes(line->value);
		return true;
	}
	return false;
}
