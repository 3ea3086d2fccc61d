/* stun.h - one STUN message, taken apart (RFC 8489 section 5, 6.3, 14.5 to 14.7).
 *
 * Views into the caller's bytes: nothing is copied or allocated, and any number of attributes is fine. Pure.
 */
#ifndef TURND_WIRE_STUN_H
#define TURND_WIRE_STUN_H

#include "common/base/span.h"

#define STUN_COOKIE 0x2112A442u
enum { STUN_HEADER = 20, STUN_TID_SIZE = 12, STUN_ATTR_HEADER = 4 };	/* bytes */

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };

enum stun_method {
	STUN_BINDING = 0x001, STUN_ALLOCATE = 0x003, STUN_REFRESH = 0x004, STUN_SEND = 0x006, STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008, STUN_CHANNEL_BIND = 0x009
};

enum stun_result {
	STUN_OK,
	STUN_NOT_STUN,		/* another protocol: top bits, magic cookie or length say so */
	STUN_TRUNCATED,		/* a datagram: drop; a stream: wait for more */
	STUN_MALFORMED		/* broken, or more bytes than the message has: drop */
};

struct stun_msg {
	struct span whole;
	const uint8_t *tid;		/* STUN_TID_SIZE bytes */
	uint16_t method;		/* enum stun_method, or any other 12-bit number */
	uint8_t cls;			/* enum stun_class */
	bool fingerprint;		/* there was one, and it was right */
	struct span attrs;		/* those to obey: what the integrity covers, else all but FINGERPRINT */
	struct span integrity;		/* MESSAGE-INTEGRITY: its 20 bytes inside whole, or empty */
	struct span integrity_sha256;	/* MESSAGE-INTEGRITY-SHA256, 16 to 32 bytes, or empty */
};

struct stun_attr {
	uint16_t type;
	struct span value;		/* without padding */
};

/* `in` is one datagram, or one message cut from a stream. After STUN_OK every attribute lies inside the message,
 * and a FINGERPRINT, if any, was the last one and right. Integrity is not checked here. */
enum stun_result stun_parse(struct stun_msg *m, struct span in);

/* Takes the next attribute off *rest (start with m->attrs); false at the end. */
bool stun_next(struct span *rest, struct stun_attr *a);

/* The first attribute of this type; false, and an empty value, if there is none. */
bool stun_find(const struct stun_msg *m, uint16_t type, struct span *value);

/* Is MESSAGE-INTEGRITY there, and made with this key? Constant-time comparison. */
bool stun_integrity_ok(const struct stun_msg *m, struct span key);

/* MESSAGE-INTEGRITY-SHA256 likewise; a shortened one never is: TURN defines no truncation (RFC 8489 section 14.6). */
bool stun_integrity_sha256_ok(const struct stun_msg *m, struct span key);

/* The 14-bit message type. */
uint16_t stun_type(uint16_t method, enum stun_class cls);

uint32_t stun_fingerprint(struct span before);	/* FINGERPRINT's value for the bytes before the attribute */

#endif
