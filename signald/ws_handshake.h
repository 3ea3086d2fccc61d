/* ws_handshake.h - may this request become a WebSocket? RFC 6455 section 4.2, apprtc-contract 4.1. Pure.
 *
 * Any Origin, or none, is fine unless origins are configured. No subprotocol and no extension is ever agreed to.
 */
#ifndef SIGNALD_WS_HANDSHAKE_H
#define SIGNALD_WS_HANDSHAKE_H

#include "common/base/base64.h"
#include "common/crypto/digest.h"
#include "common/daemon/options.h"
#include "common/net/http_server.h"

#define WS_PATH "/ws"
#define WS_VERSION "13"
#define WS_ORIGIN_NONE "none"	/* in the list of allowed ones: clients that send no Origin (native ones) */

enum { WS_ACCEPT_SIZE = BASE64_SIZE(SHA1_SIZE) };	/* with the NUL */

enum ws_handshake_result {
	WS_HANDSHAKE_OK,
	WS_HANDSHAKE_METHOD,	/* 405: not a GET */
	WS_HANDSHAKE_NONE,	/* 400: asks for no upgrade to WebSocket */
	WS_HANDSHAKE_VERSION,	/* 426, with Sec-WebSocket-Version: 13 */
	WS_HANDSHAKE_KEY,	/* 400: the key is not 16 bytes in base64 */
	WS_HANDSHAKE_ORIGIN,	/* 403 */
	WS_HANDSHAKE_NOMEM	/* 500 */
};

/* r: a request for WS_PATH. accept: the value of Sec-WebSocket-Accept. */
enum ws_handshake_result ws_handshake_check(const struct http_request *r, const struct string_list *allowed_origins,
					    char accept[WS_ACCEPT_SIZE]);

#endif
