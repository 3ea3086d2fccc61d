/* probe_wire.h - one connection of the probe to the server: UDP, TCP, TLS or DTLS. Blocks only in wire_open().
 *
 * Owner: whoever embeds it.
 */
#ifndef TURND_TOOLS_PROBE_WIRE_H
#define TURND_TOOLS_PROBE_WIRE_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/crypto/tls_client.h"
#include "turnd/tools/turn_uri.h"

struct wire {
	int fd;				/* -1: none */
	bool stream;
	struct tls_engine *tls;		/* NULL: plain */
	struct buf in;			/* a stream's bytes that are no whole message yet */
};

void wire_init(struct wire *w);		/* of nothing */

/* Connects; with TCP waits for the connection. False: why[] says it. */
bool wire_connect(struct wire *w, const struct turn_uri *uri, const struct endpoint *server, msec_t patience, char why[256]);
/* The handshake of a uri with TLS or DTLS. */
bool wire_handshake(struct wire *w, const struct turn_uri *uri, struct tls_client *client, msec_t patience, char why[256]);
void wire_close(struct wire *w);	/* any number of times */

bool wire_send(struct wire *w, struct span message);	/* false: wire_receive() will say why, or it is full */

typedef void wire_message_fn(void *ctx, struct span message);
enum wire_state { WIRE_OPEN, WIRE_REFUSED, WIRE_CLOSED };

/* Takes all that has come; each whole message goes to `message`. */
enum wire_state wire_receive(struct wire *w, msec_t now, wire_message_fn *message, void *ctx);
msec_t wire_due(const struct wire *w);	/* call wire_receive() then at the latest, or NEVER */

#endif
