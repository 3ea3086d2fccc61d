/* workers.h - all workers of the process and what they share: what main starts, drains, reloads and stops.
 *
 * Thread: main's.
 */
#ifndef TURND_IO_WORKERS_H
#define TURND_IO_WORKERS_H

#include "turnd/config.h"
#include "turnd/core/bandwidth.h"
#include "turnd/io/landers.h"
#include "turnd/io/worker.h"

struct workers {
	const struct turnd_config *config;	/* borrowed */
	struct worker **v;
	unsigned n;
	bool draining;
	struct relay_addresses addresses;
	struct strangers strangers;
	struct landers landers;
	struct tls_server *tls;		/* NULL: no TLS */
	struct ip_range *proxies;	/* owned: trusted-proxy */
	uv_timer_t certificates;	/* looks whether their files have changed; runs if there is tls */
	unsigned closing;		/* parts that workers_stop() waits for */
	bool abandoned;			/* the start failed: freed once it has stopped */
	struct quota *quota;
	struct capacity capacity;
	uint8_t nonce_key[32];
	struct turnd_settings *settings, *retired;	/* retired: perhaps still in use by a worker */
};

/* Binds everything, then starts the threads. NULL with a sentence in why[]; it then closes as the loop turns. config and
 * the loop, which is main's, outlive it. */
struct workers *workers_start(uv_loop_t *loop, const struct turnd_config *config, char why[256]);

void workers_drain(struct workers *ws);
unsigned workers_allocations(const struct workers *ws);
/* Takes what can change while running from `config`, which is not kept: users, secrets, peers, limits, the form of answers.
 * False with a sentence in why[]: nothing changed. */
bool workers_reload(struct workers *ws, const struct turnd_config *config, char why[256]);
/* The same for certificates and keys, if there were any at the start. */
bool workers_reload_certificates(struct workers *ws, const struct turnd_config *config, char why[256]);
void workers_stop(struct workers *ws);		/* as the loop turns: nobody lands any more, then every allocation and thread ends */
void workers_free(struct workers *ws);		/* it has stopped: the loop is empty */

#endif
