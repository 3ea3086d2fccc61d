/* node_record.h - what a turnd or signald says of itself in rtc:node:<node>: its lease. Pure.
 *
 *	turn 1				kind and version of this form
 *	started 1764000000000		Unix ms
 *	zone eu-west			may be empty
 *	load 12				allocations, or connected clients
 *	draining 0			1: nobody new may be sent there
 *	url turn:192.0.2.1:3478?transport=udp
 *	url ...				1 to 16; each line ends in a newline
 *
 * turn: RFC 7065 URIs. signal: ws:// or wss:// as clients reach it, the first one is its name; one http:// may say where
 * roomd reaches it, if that is another place. Exactly so, or it is no record: Redis is written by others too.
 */
#ifndef COMMON_PROTO_NODE_RECORD_H
#define COMMON_PROTO_NODE_RECORD_H

#include "common/base/buf.h"

enum node_kind { NODE_TURN, NODE_SIGNAL, NODE_KINDS };
enum { NODE_URLS_MAX = 16, NODE_ZONE_MAX = 32, NODE_RECORD_MAX = 8192 };	/* urls, bytes, bytes */

struct node_record {
	enum node_kind kind;
	int64_t started;
	uint32_t load;
	bool draining;
	struct span zone;
	struct span url[NODE_URLS_MAX];
	size_t n_urls;
};

const char *node_kind_name(enum node_kind kind);	/* "turn", "signal" */
bool node_zone_valid(struct span zone);			/* [A-Za-z0-9._-]{0,32} */
bool node_url_valid(enum node_kind kind, struct span url);

bool node_record_write(const struct node_record *r, struct buf *out);	/* appends; false: no memory, over out's limit */
bool node_record_parse(struct span text, struct node_record *out);	/* *out views text; false: no such record */

#endif
