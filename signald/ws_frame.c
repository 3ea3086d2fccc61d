#include "signald/ws_frame.h"

#include "common/base/reader.h"

enum { MASKED = 0x80, LENGTH = 0x7f, LENGTH_16 = 126, LENGTH_64 = 127, CONTROL = 0x08, FIN = 0x80, MASK_SIZE = 4 };

static uint64_t read_length(struct reader *r, uint8_t seven_bits)
{
	uint64_t high;

	if (seven_bits == LENGTH_16)
		return read_u16(r);
	if (seven_bits != LENGTH_64)
		return seven_bits;
	high = read_u32(r);
	return high << 32 | read_u32(r);
}

enum ws_peek_result ws_frame_peek(struct span in, size_t max_payload, size_t *size)
{
	struct reader r = { .left = in };
	uint8_t first = read_u8(&r), second = read_u8(&r);
	uint64_t length;

	if (r.failed)
		return WS_PEEK_PARTIAL;
	if (!(second & MASKED) || ((first & CONTROL) && (second & LENGTH) > WS_CONTROL_MAX))
		return WS_PEEK_BROKEN;
	length = read_length(&r, second & LENGTH);
	if (r.failed)
		return WS_PEEK_PARTIAL;
	if (length > max_payload)
		return length >> 63 ? WS_PEEK_BROKEN : WS_PEEK_TOO_LONG;
	read_bytes(&r, MASK_SIZE);
	read_bytes(&r, (size_t)length);
	if (r.failed)
		return WS_PEEK_PARTIAL;
	*size = in.len - r.left.len;
	return WS_PEEK_WHOLE;
}

size_t ws_frame_head(uint8_t out[WS_SERVER_HEAD_MAX], enum ws_opcode opcode, size_t payload)
{
	out[0] = (uint8_t)(FIN | opcode);
	if (payload < LENGTH_16) {
		out[1] = (uint8_t)payload;
		return 2;
	}
	if (payload <= UINT16_MAX) {
		out[1] = LENGTH_16;
		store_u16(out + 2, (uint16_t)payload);
		return 4;
	}
	out[1] = LENGTH_64;
	store_u32(out + 2, (uint32_t)((uint64_t)payload >> 32));
	store_u32(out + 6, (uint32_t)payload);
	return 10;
}

size_t ws_frame_close(uint8_t out[WS_CONTROL_FRAME_MAX], enum ws_close_code code, const char *reason)
{
	struct span text = span_first(span_str(reason), WS_CONTROL_MAX - 2);
	size_t head = ws_frame_head(out, WS_OP_CLOSE, 2 + text.len);

	store_u16(out + head, (uint16_t)code);
	memcpy(out + head + 2, text.p, text.len);
	return head + 2 + text.len;
}
