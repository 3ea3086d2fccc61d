/* workers.h - all workers of the process and what they share: what main starts, drains, reloads and stops.
 *
 * Thread: main's.
 */
#ifndef TURND_IO_WORKERS_H
#define TURND_IO_WORKERS_H

#include "turnd/config.h"
#include "turnd/core/bandwidth.h"
#include "turnd/io/landing.h"
#include "turnd/io/worker.h"

struct workers {
	const struct turnd_config *config;	/* borrowed */
	struct worker **v;
	unsigned n;
	bool draining;
	struct relay_addresses addresses;
	struct strangers strangers;
	struct landing *landing;	/* NULL: no streams */
	struct quota *quota;
	struct capacity capacity;
	uint8_t nonce_key[32];
	struct turnd_settings *settings, *retired;	/* retired: perhaps still in use by a worker */
};

/* Binds everything, then starts the threads. NULL with a sentence in why[]. config outlives it. */
struct workers *workers_start(const struct turnd_config *config, char why[256]);

void workers_drain(struct workers *ws);
unsigned workers_allocations(const struct workers *ws);
/* Takes what can change while running from `config`, which is not kept: users, secrets, peers, limits, the form of answers.
 * False with a sentence in why[]: nothing changed. */
bool workers_reload(struct workers *ws, const struct turnd_config *config, char why[256]);
void workers_stop(struct workers *ws);		/* ends every allocation and thread, waits for them */
void workers_free(struct workers *ws);

#endif
