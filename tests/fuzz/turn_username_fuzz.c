/* covers: common/proto/turn_cred.c */
#include "common/proto/turn_cred.h"

#include "common/base/text.h"

#include <stdlib.h>

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* The first byte is the separator, the rest the user name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct turn_username u;
	struct turn_cred minted;
	struct span in;

	if (size == 0)
		return 0;
	in = span_of(data + 1, size - 1);
	if (turn_username_parse(in, (char)data[0], &u)) {
		require(u.expiry >= 0);
		require(u.name.len > 0 && u.name.p >= in.p && u.name.p + u.name.len <= in.p + in.len);
	}
	if (turn_cred_mint(&minted, SPAN_LIT("secret"), in, 1000, 24) == 0) {
		require(turn_username_parse(span_str(minted.username), ':', &u));
		require(u.expiry == 1024);
		require(in.len == 0 ? span_eq_str(u.name, "1024") : span_eq(u.name, in));
	} else {
		require(!turn_name_valid(in));
	}
	return 0;
}
