/* covers: common/base/text.c */
#include "common/base/text.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_percent(struct span in)
{
	struct buf raw, encoded, back;

	buf_init(&raw, in.len);
	buf_init(&encoded, 3 * in.len);
	buf_init(&back, in.len);
	percent_decode(in, &raw);
	require(!raw.failed);
	require(percent_encode(buf_span(&raw), &encoded));
	require(percent_decode(buf_span(&encoded), &back));
	require(span_eq(buf_span(&back), buf_span(&raw)));
	buf_close(&raw);
	buf_close(&encoded);
	buf_close(&back);
}

static void check_query(struct span in)
{
	static const char *const names[] = { "", "r", "username" };
	struct buf value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		buf_init(&value, in.len / 2);
		require(query_get(in, names[i], &value) || value.len == 0);
		buf_close(&value);
	}
}

static void check_pieces(struct span in)
{
	struct span rest = in, piece;
	size_t total = 0, pieces = 0;
	uint64_t number;

	while (rest.len > 0) {
		piece = text_cut(&rest, ',');
		total += piece.len;
		pieces++;
		piece = text_trim(piece);
		require(utf8_valid(piece) || !parse_u64(piece, &number));
		require(utf8_valid(piece) || !text_is_word(piece, "-._~"));
		require(text_eq_nocase(piece, "r") || piece.len != 1 || !text_has_prefix(piece, "r"));
	}
	/* a separator between any two pieces, and one more if the text ends in it */
	require(in.len == 0 || total + pieces == in.len + (in.p[in.len - 1] != ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	check_percent(in);
	check_query(in);
	check_pieces(in);
	if (utf8_valid(in))
		for (size_t n = 0; n < size; n++)	/* valid text falls apart only inside a character */
			require(utf8_valid(span_first(in, n)) == ((data[n] & 0xc0) != 0x80));
	return 0;
}
