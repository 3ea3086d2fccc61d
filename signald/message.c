#include "signald/message.h"

#include "common/base/json_text.h"
#include "common/base/text.h"

enum member { MEMBER_CMD, MEMBER_ROOM, MEMBER_CLIENT, MEMBER_MSG, MEMBER_N, MEMBER_UNKNOWN = MEMBER_N };

struct scan {
	struct span left;
	const char *error;		/* the first one stays */
};

static uint8_t peek(const struct scan *s)
{
	return s->left.len > 0 ? s->left.p[0] : 0;
}

static void skip_blanks(struct scan *s)
{
	size_t n = 0;

	while (n < s->left.len && memchr(" \t\r\n", s->left.p[n], 4) != NULL)
		n++;
	s->left = span_skip(s->left, n);
}

static void complain(struct scan *s, const char *why)
{
	if (s->error == NULL)
		s->error = why;
}

static void expect(struct scan *s, char c)
{
	skip_blanks(s);
	if (peek(s) != (uint8_t)c)
		complain(s, s->left.len == 0 ? "unexpected end of JSON input" : "invalid character");
	s->left = span_skip(s->left, 1);
}

/* Is the byte at n escaped: does an odd number of backslashes stand before it? */
static bool is_escaped(struct span in, size_t n)
{
	size_t first = n;

	while (first > 0 && in.p[first - 1] == '\\')
		first--;
	return (n - first) % 2 == 1;
}

/* A string: what stands between its quotes, still escaped. */
static struct span take_string(struct scan *s)
{
	struct span text = { NULL, 0 };
	size_t n = 0;

	expect(s, '"');
	for (const uint8_t *quote; n < s->left.len; n++) {
		quote = memchr(s->left.p + n, '"', s->left.len - n);
		n = quote != NULL ? (size_t)(quote - s->left.p) : s->left.len;
		if (quote != NULL && !is_escaped(s->left, n))
			break;
	}
	if (n >= s->left.len) {
		complain(s, "unexpected end of JSON input");
		return text;
	}
	text = span_first(s->left, n);
	s->left = span_skip(s->left, n + 1);
	if (!json_escaped_valid(text))
		complain(s, "invalid string");
	return text;
}

static size_t digits(struct span in)
{
	size_t n = 0;

	while (n < in.len && in.p[n] >= '0' && in.p[n] <= '9')
		n++;
	return n;
}

/* At least one digit. */
static void skip_digits(struct scan *s)
{
	size_t n = digits(s->left);

	if (n == 0)
		complain(s, "invalid value");
	s->left = span_skip(s->left, n);
}

static void skip_number(struct scan *s)
{
	if (peek(s) == '-')
		s->left = span_skip(s->left, 1);
	if (peek(s) == '0')
		s->left = span_skip(s->left, 1);
	else
		skip_digits(s);
	if (peek(s) == '.') {
		s->left = span_skip(s->left, 1);
		skip_digits(s);
	}
	if ((peek(s) | 0x20) == 'e') {
		s->left = span_skip(s->left, 1);
		if (peek(s) == '+' || peek(s) == '-')
			s->left = span_skip(s->left, 1);
		skip_digits(s);
	}
}

/* A value without an inside of its own. */
static void skip_scalar(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };

	skip_blanks(s);
	if (peek(s) == '"') {
		take_string(s);
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_has_prefix(s->left, words[i])) {
			s->left = span_skip(s->left, strlen(words[i]));
			return;
		}
	}
	skip_number(s);
}

/* Any value, without recursion: a bit per level says whether it is an object. */
static void skip_value(struct scan *s)
{
	uint64_t is_object = 0;
	unsigned depth = 1;		/* the message's own object is the first level */
	bool fresh;			/* just behind an opening bracket: it may close at once, and wants no comma */

	do {
		skip_blanks(s);
		fresh = peek(s) == '{' || peek(s) == '[';
		if (fresh) {
			if (++depth > MESSAGE_DEPTH_MAX)
				complain(s, "exceeded max depth");
			is_object = is_object << 1 | (peek(s) == '{');
			s->left = span_skip(s->left, 1);
		} else {
			skip_scalar(s);
		}
		while (skip_blanks(s), depth > 1 && s->error == NULL && peek(s) == (is_object & 1 ? '}' : ']')) {
			s->left = span_skip(s->left, 1);
			is_object >>= 1;
			depth--;
			fresh = false;
		}
		if (depth > 1 && !fresh)
			expect(s, ',');
		if (depth > 1 && (is_object & 1) && s->error == NULL) {
			take_string(s);
			expect(s, ':');
		}
	} while (depth > 1 && s->error == NULL);
}

static enum member member_named(struct span name)
{
	static const char *const names[MEMBER_N] = {
		[MEMBER_CMD] = "cmd", [MEMBER_ROOM] = "roomid", [MEMBER_CLIENT] = "clientid", [MEMBER_MSG] = "msg",
	};
	enum member i = 0;

	while (i < MEMBER_N && !span_eq_str(name, names[i]))
		i++;
	return i;
}

static void take_member(struct scan *s, struct span value[MEMBER_N], unsigned *seen)
{
	struct span name = take_string(s);
	enum member m = member_named(name);

	expect(s, ':');
	skip_blanks(s);
	if (m == MEMBER_UNKNOWN) {
		skip_value(s);
		return;
	}
	if (peek(s) != '"')
		complain(s, "a member that must be a string is not");
	else
		value[m] = take_string(s);
	if (*seen & 1u << m)
		complain(s, "a member stands twice");
	*seen |= 1u << m;
}

static bool take_comma(struct scan *s)
{
	skip_blanks(s);
	if (peek(s) != ',')
		return false;
	s->left = span_skip(s->left, 1);
	return true;
}

static const char *parse_object(struct span value[MEMBER_N], struct span in)
{
	struct scan s = { .left = in };
	unsigned seen = 0;

	expect(&s, '{');
	skip_blanks(&s);
	if (peek(&s) != '}') {
		do
			take_member(&s, value, &seen);
		while (s.error == NULL && take_comma(&s));
	}
	expect(&s, '}');
	skip_blanks(&s);
	if (s.left.len > 0)
		complain(&s, "invalid character after the object");
	return s.error;
}

/* The very bytes that JSON.stringify() makes of a send. If the middle is a valid string's inside, no quote in it is
 * bare and its last escape is whole, so the object ends where it seems to. */
static bool parse_usual_send(struct message *m, struct span in)
{
	static const char head[] = "{\"cmd\":\"send\",\"msg\":\"", tail[] = "\"}";
	size_t around = sizeof(head) + sizeof(tail) - 2;

	if (in.len < around || memcmp(in.p, head, sizeof(head) - 1) != 0 ||
	    memcmp(in.p + in.len - (sizeof(tail) - 1), tail, sizeof(tail) - 1) != 0)
		return false;
	m->kind = MESSAGE_SEND;
	m->text = span_of(in.p + sizeof(head) - 1, in.len - around);
	return json_escaped_valid(m->text);
}

const char *message_parse(struct message *m, struct span in)
{
	struct span value[MEMBER_N] = { { NULL, 0 } };
	const char *error;

	*m = (struct message){ .kind = MESSAGE_OTHER };
	if (parse_usual_send(m, in))
		return NULL;
	*m = (struct message){ .kind = MESSAGE_OTHER };
	error = parse_object(value, in);
	if (error != NULL)
		return error;
	if (span_eq_str(value[MEMBER_CMD], "register")) {
		m->kind = MESSAGE_REGISTER;
		m->room = value[MEMBER_ROOM];
		m->client = value[MEMBER_CLIENT];
	} else if (span_eq_str(value[MEMBER_CMD], "send")) {
		m->kind = MESSAGE_SEND;
		m->text = value[MEMBER_MSG];
	}
	return NULL;
}
