/* peer_policy.h - which peer addresses may ever be reached (turn-contract section 6, threat model D-T8 to D-T12).
 *
 * An address is first reduced to what the kernel or a translator on the way would reach: an IPv4 address embedded in an
 * IPv6 one is judged too, and either verdict denies. Ranges are compared as whole numbers. Pure.
 */
#ifndef TURND_CORE_PEER_POLICY_H
#define TURND_CORE_PEER_POLICY_H

#include "turnd/core/counters.h"
#include "turnd/core/settings.h"

enum policy_use {
	POLICY_FOR_PERMISSION,		/* ports do not count: port 0 is fine, a single service's port is not asked for */
	POLICY_FOR_DATA			/* ChannelBind, Send: this very port */
};

/* own_relay: the peer is a relayed address of ours that is in use now. Returns POLICY_ALLOW, or the rule that denies. */
enum policy_rule peer_policy_judge(const struct policy_settings *p, const struct endpoint *peer, enum policy_use use,
				   bool own_relay);

/* The IPv4 addresses that an IPv6 one may stand for: at most IP_EMBEDDED_MAX; returns how many. */
enum { IP_EMBEDDED_MAX = 4 };
unsigned ip_embedded(const struct ip_addr *ip, struct ip_addr out[IP_EMBEDDED_MAX]);

#endif
