#include "common/net/proxy_protocol.h"

#include "common/base/reader.h"
#include "common/base/text.h"

enum { LINE_MAX_V1 = 107 };	/* with its CR LF */
enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 };

static const struct span line_start = SPAN_INIT("PROXY ");
static const struct span signature = SPAN_INIT("\r\n\r\n\0\r\nQUIT\n");

static bool begins(struct span in, struct span with)	/* as far as it goes */
{
	size_t n = in.len < with.len ? in.len : with.len;

	return span_eq(span_first(in, n), span_first(with, n));
}

/* --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" ---------------------------------------------- */

static bool parse_address(struct span text, unsigned family, struct ip_addr *out)
{
	return ip_parse(out, text) && out->family == family;
}

static bool parse_port(struct span text, uint16_t *out)
{
	uint64_t n;

	if (!parse_u64(text, &n) || n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool parse_line(struct span line, struct proxy_header *out)
{
	struct span family = text_cut(&line, ' '), source, destination, source_port;
	unsigned version = span_eq_str(family, "TCP4") ? 4 : span_eq_str(family, "TCP6") ? 6 : 0;

	if (version == 0) {
		out->local = true;
		return span_eq_str(family, "UNKNOWN");	/* whatever follows is to be ignored */
	}
	source = text_cut(&line, ' ');
	destination = text_cut(&line, ' ');
	source_port = text_cut(&line, ' ');
	return parse_address(source, version, &out->source.ip) && parse_address(destination, version, &out->destination.ip) &&
		parse_port(source_port, &out->source.port) && parse_port(line, &out->destination.port);
}

static enum proxy_result parse_v1(struct span in, struct proxy_header *out)
{
	struct span head = span_first(in, LINE_MAX_V1);
	const uint8_t *lf = memchr(head.p, '\n', head.len);
	size_t size;

	if (lf == NULL)
		return head.len < LINE_MAX_V1 ? PROXY_MORE : PROXY_NONE;
	size = (size_t)(lf - in.p) + 1;
	if (size < line_start.len + 2 || lf[-1] != '\r')
		return PROXY_NONE;
	out->size = size;
	return parse_line(span_of(in.p + line_start.len, size - line_start.len - 2), out) ? PROXY_HEADER : PROXY_NONE;
}

/* --- version 2: signature, command, family, length, addresses, extensions -------------------------------------- */

static struct ip_addr read_ip(struct reader *r, uint8_t family)
{
	struct ip_addr ip = { .family = family };
	struct span bytes = read_bytes(r, family == 4 ? 4 : 16);

	if (!r->failed)
		memcpy(ip.b, bytes.p, bytes.len);
	return ip;
}

static enum proxy_result parse_v2(struct span in, struct proxy_header *out)
{
	struct reader r = { .left = span_skip(in, signature.len) };
	uint8_t command = read_u8(&r), family = read_u8(&r);
	struct span rest = read_bytes(&r, read_u16(&r));

	if (in.len > signature.len && command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return PROXY_NONE;
	if (in.len >= signature.len + 4 && (in.p[signature.len + 2] << 8 | in.p[signature.len + 3]) > PROXY_HEADER_MAX)
		return PROXY_NONE;
	if (r.failed)
		return PROXY_MORE;
	out->size = in.len - r.left.len;
	out->local = command == COMMAND_LOCAL || (family != TCP4 && family != TCP6);
	if (out->local)
		return PROXY_HEADER;
	r = (struct reader){ .left = rest };
	out->source.ip = read_ip(&r, family == TCP4 ? 4 : 6);
	out->destination.ip = read_ip(&r, family == TCP4 ? 4 : 6);
	out->source.port = read_u16(&r);
	out->destination.port = read_u16(&r);
	return r.failed ? PROXY_NONE : PROXY_HEADER;
}

enum proxy_result proxy_parse(struct span in, struct proxy_header *out)
{
	*out = (struct proxy_header){ 0 };
	if (in.len == 0)
		return PROXY_MORE;
	if (begins(in, line_start))
		return in.len < line_start.len ? PROXY_MORE : parse_v1(in, out);
	if (begins(in, signature))
		return in.len < signature.len ? PROXY_MORE : parse_v2(in, out);
	return PROXY_NONE;
}
