/* ice_config.h - the two answers about ICE servers: iceconfig and TURN REST (apprtc-contract 2.7, 2.8). Pure.
 *
 * Both carry a credential that turnd checks (common/proto/turn_cred). A UDP server always stands first: the oldest
 * clients read only one.
 */
#ifndef ROOMD_ICE_CONFIG_H
#define ROOMD_ICE_CONFIG_H

#include "common/proto/ice_uri.h"
#include "roomd/site.h"

enum { ICE_ANSWER_LIMIT = 64 * 1024 };

/* Does this key open iceconfig and /turn? Yes if none is configured. Compared in constant time. */
bool ice_key_valid(const struct site *site, struct span key);

/* Appends the answer: two live TURN servers, else the configured ones, UDP first, then TCP, then TLS; STUN servers as
 * configured, else those two. Without a secret there is no TURN server. now: Unix seconds. name: of the user,
 * turn_name_valid(), for iceconfig a random one is made. False: no memory. */
bool ice_write_config(struct site *site, int64_t now, struct buf *out);
bool ice_write_turn(struct site *site, struct span name, int64_t now, struct buf *out);

#endif
