#include "common/crypto/dtls_door.h"
#include "common/crypto/tls_server_internal.h"

#include <stdlib.h>

struct dtls_door {
	struct tls_server *server;
	struct tls_engine *waiting;		/* NULL: to be made with the next hello */
	struct tls_generation *generation;	/* of waiting */
	struct dtls_door_counts counts;
};

/* RFC 6347 sections 4.1 and 4.2.2. Epoch 0: nobody unknown has keys. */
enum { CONTENT_HANDSHAKE = 22, CLIENT_HELLO = 1, RECORD_HEADER = 13, HANDSHAKE_HEADER = 12 };

static bool looks_like_hello(struct span d)
{
	return d.len > RECORD_HEADER + HANDSHAKE_HEADER && d.p[0] == CONTENT_HANDSHAKE && d.p[1] == 0xfe && d.p[3] == 0 &&
		d.p[4] == 0 && d.p[RECORD_HEADER] == CLIENT_HELLO;
}

struct dtls_door *dtls_door_new(struct tls_server *s)
{
	struct dtls_door *d = calloc(1, sizeof *d);

	if (d != NULL)
		d->server = s;
	return d;
}

static void give_up_waiting(struct dtls_door *d)
{
	tls_engine_free(d->waiting);
	d->waiting = NULL;
	if (d->generation != NULL)
		tls_shared_unref(&d->generation->shared);
	d->generation = NULL;
}

void dtls_door_free(struct dtls_door *d)
{
	if (d == NULL)
		return;
	give_up_waiting(d);
	free(d);
}

/* The waiting engine is of the newest generation, and new. */
static bool prepare(struct dtls_door *d)
{
	struct tls_generation *newest = tls_server_generation(d->server);

	if (d->generation != newest)
		give_up_waiting(d);
	if (d->waiting == NULL) {
		d->waiting = tls_engine_new(&newest->datagram, true, &newest->shared, NULL);
		d->generation = d->waiting != NULL ? newest : NULL;
		if (d->waiting != NULL)
			return true;
	}
	tls_shared_unref(&newest->shared);
	return d->waiting != NULL;
}

static struct tls_engine *take_waiting(struct dtls_door *d)
{
	struct tls_engine *e = d->waiting;

	tls_engine_count_by(e, &d->generation->core->counters);
	d->waiting = NULL;
	give_up_waiting(d);
	d->counts.opened++;
	return e;
}

struct tls_engine *dtls_door_hello(struct dtls_door *d, struct span client, struct span datagram, msec_t now,
				   tls_output_fn *output, void *ctx)
{
	uint8_t nothing[1];
	enum tls_event event;
	size_t n;

	if (!looks_like_hello(datagram) || !prepare(d) ||
	    mbedtls_ssl_set_client_transport_id(tls_engine_ssl(d->waiting), client.p, client.len) != 0) {
		d->counts.dropped++;
		return NULL;
	}
	tls_engine_set_output(d->waiting, output, ctx);
	event = tls_engine_read(d->waiting, now, &datagram, nothing, sizeof nothing, &n);
	if (event == TLS_MORE && mbed_past_hello(tls_engine_ssl(d->waiting)))
		return take_waiting(d);
	if (event == TLS_MORE && tls_engine_spoken(d->waiting))
		d->counts.challenged++;
	else
		d->counts.dropped++;
	if (!tls_engine_reset(d->waiting))
		give_up_waiting(d);
	return NULL;
}

struct dtls_door_counts dtls_door_counts(const struct dtls_door *d)
{
	return d->counts;
}
