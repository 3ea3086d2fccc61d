/* relay.h - a relayed transport address: what the core asks of the shell, and holds for an allocation. */
#ifndef TURND_CORE_RELAY_H
#define TURND_CORE_RELAY_H

#include "common/base/endpoint.h"

struct relay {			/* embedded in its allocation; filled by relay_open */
	struct endpoint bound;		/* the socket's address */
	struct endpoint advertised;	/* XOR-RELAYED-ADDRESS: bound, or its external-ip */
	uint32_t socket;		/* the shell's handle; meaningless to the core */
	bool open;
};

enum relay_parity {
	RELAY_ANY_PORT,
	RELAY_EVEN_PORT,		/* EVEN-PORT with R=0 */
	RELAY_EVEN_PORT_RESERVE		/* with R=1: the port behind it is held too, until it is reserved or the relay closed */
};

enum { RELAY_TOKEN = 8 };		/* bytes of a RESERVATION-TOKEN */

enum relay_result {
	RELAY_OK,
	RELAY_NO_FAMILY,		/* 440: no relay address of that family is configured */
	RELAY_NO_CAPACITY		/* 508: no port, no descriptor, no memory */
};

#endif
