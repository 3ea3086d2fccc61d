/* covers: turnd/wire/stun.c turnd/wire/stun_attr.c turnd/wire/channel_data.c */
#include "common/base/reader.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

#include <stdlib.h>

#define KEY SPAN_LIT("key")

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool inside(struct span part, struct span whole)
{
	return part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void check_values(const struct stun_attr *a, const uint8_t *tid)
{
	uint8_t back[XOR_ADDRESS_MAX], family, protocol;
	uint16_t channel;
	uint32_t number;
	unsigned code;
	struct endpoint e;

	if (attr_read_xor_address(a->value, tid, &e)) {
		require(attr_write_xor_address(&e, tid, back) == a->value.len);
		require(memcmp(back + 1, a->value.p + 1, a->value.len - 1) == 0);
	}
	if (attr_read_family(a->value, &family) && family != 0)
		require(attr_family_number(family) == a->value.p[0]);
	require(attr_read_u32(a->value, &number) == (a->value.len == 4));
	require(attr_read_protocol(a->value, &protocol) == attr_read_channel(a->value, &channel));
	if (attr_read_error(a->value, &code))
		require(code >= 300 && code <= 699);
}

/* What was taken apart is put together again, signed by us, into `cap` bytes: it fits whole or it is no message. */
static void rebuild(const struct stun_msg *m, uint8_t *mem, size_t cap)
{
	struct stun_builder b;
	struct stun_msg again;
	struct stun_attr a;
	struct span rest = m->attrs, out;
	struct endpoint e = { { 6, { 1, 2, 3 } }, m->method };

	stun_begin(&b, mem, cap, m->method, (enum stun_class)m->cls, m->tid);
	while (stun_next(&rest, &a))
		stun_add(&b, a.type, a.value);
	stun_add_u32(&b, ATTR_LIFETIME, m->method);
	stun_add_xor_address(&b, ATTR_XOR_PEER_ADDRESS, &e);
	stun_add_error(&b, 437, m->fingerprint ? SPAN_LIT("Mismatch") : SPAN_LIT(""));
	stun_add_address_error(&b, m->cls == STUN_REQUEST ? 4 : 6, 508);
	stun_add_integrity(&b, KEY);
	stun_add_fingerprint(&b);
	out = stun_end(&b);
	if (out.len == 0)
		return;
	require(out.len <= cap);
	require(stun_parse(&again, out) == STUN_OK);
	require(again.fingerprint && stun_integrity_ok(&again, KEY) && !stun_integrity_ok(&again, SPAN_LIT("other")));
	require(again.method == m->method && again.cls == m->cls && again.attrs.len >= m->attrs.len);
	require(m->attrs.len == 0 || load_u16(again.attrs.p) == load_u16(m->attrs.p));
}

static void check_message(struct span in, uint8_t *mem, size_t cap)
{
	struct stun_msg m;
	struct stun_attr a;
	struct span rest, found;

	if (stun_parse(&m, in) != STUN_OK)
		return;
	require(in.len >= STUN_HEADER && in.len % 4 == 0);
	require(inside(m.attrs, in) && inside(m.integrity, in) && inside(m.integrity_sha256, in));
	stun_integrity_ok(&m, KEY);
	stun_integrity_sha256_ok(&m, KEY);
	rest = m.attrs;
	while (stun_next(&rest, &a)) {
		require(inside(a.value, in));
		require(stun_find(&m, a.type, &found) && found.p <= a.value.p);
		check_values(&a, m.tid);
	}
	require(rest.len == 0);
	rebuild(&m, mem, cap);
}

/* Fuzzers do not guess checksums: the same bytes once more, with a length and a fingerprint that are right. */
static void check_with_fingerprint(struct span in, uint8_t *mem, size_t cap)
{
	size_t body = (in.len - STUN_HEADER) & ~(size_t)3, n = STUN_HEADER + body;
	uint8_t *p = malloc(n + 8);

	require(p != NULL);
	memcpy(p, in.p, n);
	p[0] &= 0x3f;
	store_u16(p + 2, (uint16_t)(body + 8));
	store_u32(p + 4, STUN_COOKIE);
	store_u16(p + n, ATTR_FINGERPRINT);
	store_u16(p + n + 2, 4);
	store_u32(p + n + 4, stun_fingerprint(span_of(p, n)));
	check_message(span_of(p, n + 8), mem, cap);
	free(p);
}

static void check_channel_data(struct span in)
{
	uint8_t header[CHANNEL_DATA_HEADER];
	struct channel_data c;

	if (!channel_data_parse(&c, in))
		return;
	require(inside(c.payload, in));
	channel_data_header(header, c.number, (uint16_t)c.payload.len);
	require(memcmp(header, in.p, sizeof(header)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t mem[70000];
	struct span in = span_of(data, size);

	if (size > 4096)
		return 0;
	check_message(in, mem, sizeof(mem));
	check_message(in, mem, size % 97);
	check_channel_data(in);
	if (size >= STUN_HEADER)
		check_with_fingerprint(in, mem, sizeof(mem));
	return 0;
}
