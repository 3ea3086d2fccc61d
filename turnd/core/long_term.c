#include "turnd/core/long_term.h"

#include "common/base/reader.h"

enum { TEXT_MAX = 4096 };

/* Joins with colons; 0 if there is no room. */
static size_t join(const struct span *parts, size_t n, uint8_t out[TEXT_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (parts[i].len + 1 > TEXT_MAX - len)
			return 0;
		if (i > 0)
			out[len++] = ':';
		if (parts[i].len > 0)
			memcpy(out + len, parts[i].p, parts[i].len);
		len += parts[i].len;
	}
	return len;
}

bool long_term_key_make(struct long_term_key *out, enum password_algorithm by, struct span user, struct span realm,
			struct span password)
{
	const struct span parts[] = { user, realm, password };
	uint8_t text[TEXT_MAX];
	size_t n = join(parts, 3, text);
	struct span all = span_of(text, n);
	bool ok = n > 0 && (by == ALGORITHM_SHA256 ? digest_sha256(all, out->bytes) : digest_md5(all, out->bytes)) == 0;

	secret_wipe(text, n);
	out->len = ok ? long_term_key_size(by) : 0;
	return ok;
}

bool long_term_userhash(struct span user, struct span realm, uint8_t out[SHA256_SIZE])
{
	const struct span parts[] = { user, realm };
	uint8_t text[TEXT_MAX];
	size_t n = join(parts, 2, text);

	return n > 0 && digest_sha256(span_of(text, n), out) == 0;
}

size_t password_algorithms_write(unsigned set, uint8_t out[ALGORITHMS_VALUE])
{
	size_t n = 0;

	for (unsigned one = ALGORITHM_SHA256; one >= ALGORITHM_MD5; one--) {
		if (set & one) {
			store_u32(out + n, one << 16);		/* without parameters */
			n += 4;
		}
	}
	return n;
}
