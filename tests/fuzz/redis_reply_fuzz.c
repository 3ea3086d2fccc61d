/* covers: common/redis/resp.c */
#include "common/redis/resp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t sink;

static void touch(const struct redis_value *v)
{
	for (size_t i = 0; i < v->str.len; i++)
		sink ^= v->str.p[i];
	for (size_t i = 0; i < v->n; i++)
		touch(&v->item[i]);
}

/* What we would send is read back as what was meant. */
static void check_command(const struct redis_value *v)
{
	struct span argv[8];
	size_t n = 0;
	struct buf wire;
	struct resp_reader r;
	const struct redis_value *back;

	for (; n < v->n && n < 8; n++)
		argv[n] = v->item[n].str;
	buf_init(&wire, SIZE_MAX);
	if (!resp_array(&wire, n) || !resp_bulks(&wire, argv, n) || resp_reader_init(&r) < 0)
		abort();
	if (!resp_reader_feed(&r, buf_span(&wire)) || resp_reader_next(&r, &back) != RESP_REPLY || back->n != n)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!span_eq(back->item[i].str, argv[i]))
			abort();
	resp_reader_close(&r);
	buf_close(&wire);
}

/* The first byte says in which pieces the rest arrives, and whether replies are taken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resp_reader r;
	const struct redis_value *v;
	enum resp_result result = RESP_REPLY;
	struct span left;
	size_t piece, bytes;
	bool take;

	if (size == 0 || resp_reader_init(&r) < 0)
		return 0;
	piece = data[0] >> 1;
	take = data[0] & 1;
	left = span_of(data + 1, size - 1);
	while (left.len > 0 && result != RESP_BROKEN) {
		struct span in = piece > 0 ? span_first(left, piece) : left;
		left = span_skip(left, in.len);
		if (!resp_reader_feed(&r, in))
			break;
		while ((result = resp_reader_next(&r, &v)) == RESP_REPLY) {
			struct resp_memory *m = take ? resp_reader_take(&r, &bytes) : NULL;
			touch(v);
			check_command(v);
			resp_memory_free(m);
		}
	}
	if (result == RESP_BROKEN && resp_reader_why(&r)[0] == 0)
		abort();
	resp_reader_close(&r);
	return 0;
}
