/* long_term.h - what a long-term credential is made into (RFC 8489 sections 9.2.2, 14.4, 14.11). Pure. */
#ifndef TURND_CORE_LONG_TERM_H
#define TURND_CORE_LONG_TERM_H

#include "common/crypto/digest.h"

/* Numbers of RFC 8489 section 18.5, which happen to be bits too: a set of them is their sum. */
enum password_algorithm { ALGORITHM_MD5 = 1, ALGORITHM_SHA256 = 2, ALGORITHMS_ALL = 3 };

struct long_term_key {
	uint8_t bytes[SHA256_SIZE];
	uint8_t len;			/* MD5_SIZE, SHA256_SIZE, or 0: there is none */
};

/* Of user:realm:password, which has 4 kB at most. False: too long, or no memory. */
bool long_term_key_make(struct long_term_key *out, enum password_algorithm by, struct span user, struct span realm,
			struct span password);

/* USERHASH. False: too long, or no memory. */
bool long_term_userhash(struct span user, struct span realm, uint8_t out[SHA256_SIZE]);

static inline struct span long_term_key_span(const struct long_term_key *key)
{
	return span_of(key->bytes, key->len);
}

static inline uint8_t long_term_key_size(enum password_algorithm by)
{
	return by == ALGORITHM_SHA256 ? SHA256_SIZE : MD5_SIZE;
}

/* The value of PASSWORD-ALGORITHMS for a set, the stronger one first. Returns its length. */
enum { ALGORITHMS_VALUE = 8 };
size_t password_algorithms_write(unsigned set, uint8_t out[ALGORITHMS_VALUE]);

#endif
