/* stun_build.h - one STUN message, put together in memory of the caller. Pure.
 *
 *	stun_begin(&b, mem, sizeof(mem), STUN_BINDING, STUN_SUCCESS, request.tid);
 *	stun_add_xor_address(&b, ATTR_XOR_MAPPED_ADDRESS, &client);
 *	message = stun_end(&b);
 *
 * What does not fit sets `failed` and changes nothing more: check stun_end() once. Integrity comes behind all other
 * attributes, the fingerprint last.
 */
#ifndef TURND_WIRE_STUN_BUILD_H
#define TURND_WIRE_STUN_BUILD_H

#include "common/base/endpoint.h"
#include "turnd/wire/stun.h"

struct stun_builder {
	uint8_t *p;
	size_t len, cap;
	bool failed;
};

void stun_begin(struct stun_builder *b, uint8_t *mem, size_t cap, uint16_t method, enum stun_class cls,
		const uint8_t tid[STUN_TID_SIZE]);

void stun_add(struct stun_builder *b, uint16_t type, struct span value);
void stun_add_u32(struct stun_builder *b, uint16_t type, uint32_t value);
void stun_add_xor_address(struct stun_builder *b, uint16_t type, const struct endpoint *e);
void stun_add_address(struct stun_builder *b, uint16_t type, const struct endpoint *e);	/* as MAPPED-ADDRESS */
void stun_add_error(struct stun_builder *b, unsigned code, struct span reason);
/* ADDRESS-ERROR-CODE (RFC 8656 section 18.13), without a reason. family: 4 or 6. */
void stun_add_address_error(struct stun_builder *b, uint8_t family, unsigned code);
void stun_add_integrity(struct stun_builder *b, struct span key);	/* fails too if the library has no memory */
void stun_add_integrity_sha256(struct stun_builder *b, struct span key);
void stun_add_fingerprint(struct stun_builder *b);

struct span stun_end(const struct stun_builder *b);	/* the message, inside mem; empty if it failed */

#endif
