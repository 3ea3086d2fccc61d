/* stun_attr.h - attribute numbers, and the values of those whose form is not trivial. Pure.
 *
 * Every read checks the length that the RFC prescribes; false means malformed.
 */
#ifndef TURND_WIRE_STUN_ATTR_H
#define TURND_WIRE_STUN_ATTR_H

#include "common/base/endpoint.h"

enum stun_attr_type {		/* RFC 8489 section 18.3, RFC 8656 section 18, RFC 5780, RFC 8016 */
	ATTR_MAPPED_ADDRESS = 0x0001, ATTR_CHANGE_REQUEST = 0x0003, ATTR_USERNAME = 0x0006, ATTR_MESSAGE_INTEGRITY = 0x0008,
	ATTR_ERROR_CODE = 0x0009, ATTR_UNKNOWN_ATTRIBUTES = 0x000A, ATTR_CHANNEL_NUMBER = 0x000C,
	ATTR_LIFETIME = 0x000D, ATTR_BANDWIDTH = 0x0010, ATTR_XOR_PEER_ADDRESS = 0x0012, ATTR_DATA = 0x0013,
	ATTR_REALM = 0x0014, ATTR_NONCE = 0x0015, ATTR_XOR_RELAYED_ADDRESS = 0x0016,
	ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017, ATTR_EVEN_PORT = 0x0018, ATTR_REQUESTED_TRANSPORT = 0x0019,
	ATTR_DONT_FRAGMENT = 0x001A, ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001C, ATTR_PASSWORD_ALGORITHM = 0x001D,
	ATTR_USERHASH = 0x001E, ATTR_XOR_MAPPED_ADDRESS = 0x0020, ATTR_RESERVATION_TOKEN = 0x0022,
	ATTR_PRIORITY = 0x0024, ATTR_USE_CANDIDATE = 0x0025, ATTR_PADDING = 0x0026, ATTR_RESPONSE_PORT = 0x0027,
	ATTR_ADDITIONAL_ADDRESS_FAMILY = 0x8000, ATTR_ADDRESS_ERROR_CODE = 0x8001,
	ATTR_PASSWORD_ALGORITHMS = 0x8002, ATTR_ALTERNATE_DOMAIN = 0x8003, ATTR_ICMP = 0x8004, ATTR_SOFTWARE = 0x8022,
	ATTR_ALTERNATE_SERVER = 0x8023, ATTR_FINGERPRINT = 0x8028,
	ATTR_ICE_CONTROLLED = 0x8029, ATTR_ICE_CONTROLLING = 0x802A, ATTR_RESPONSE_ORIGIN = 0x802B,
	ATTR_OTHER_ADDRESS = 0x802C, ATTR_MOBILITY_TICKET = 0x8030,
	ATTR_ADDITIONAL_ADDRESS_FAMILY_COTURN = 0x8032	/* what coturn's clients before 4.8 send for 0x8000 */
};

enum { ATTR_FAMILY_IPV4 = 1, ATTR_FAMILY_IPV6 = 2 };

enum { XOR_ADDRESS_MAX = 20 };		/* bytes of a value with an IPv6 address */

/* Of an unknown one we must say so (420); all others may be passed over. */
static inline bool attr_must_be_understood(uint16_t type)
{
	return type < 0x8000;
}

/* XOR-MAPPED-, XOR-PEER- and XOR-RELAYED-ADDRESS (RFC 8489 section 14.2). tid: of the message. */
bool attr_read_xor_address(struct span value, const uint8_t *tid, struct endpoint *out);
size_t attr_write_xor_address(const struct endpoint *e, const uint8_t *tid, uint8_t out[XOR_ADDRESS_MAX]);

/* REQUESTED- and ADDITIONAL-ADDRESS-FAMILY: 4, 6, or 0 for a number we do not know. */
bool attr_read_family(struct span value, uint8_t *family);
uint8_t attr_family_number(uint8_t family);	/* of 4 or 6, as the wire has it */

bool attr_read_u32(struct span value, uint32_t *out);		/* LIFETIME */
bool attr_read_protocol(struct span value, uint8_t *out);	/* REQUESTED-TRANSPORT */
bool attr_read_channel(struct span value, uint16_t *out);	/* CHANNEL-NUMBER */
bool attr_read_error(struct span value, unsigned *code);	/* ERROR-CODE: 300 to 699 */

#endif
