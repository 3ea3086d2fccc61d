/* doors.h - all the ways into a server as one: listeners on its loop, and landers that hand it what is behind TLS.
 *
 * Owner: embedded in the server, which must live until `closed`.   Thread: the loop's.
 */
#ifndef COMMON_NET_DOORS_H
#define COMMON_NET_DOORS_H

#include "common/net/lander.h"
#include "common/net/listener.h"

enum { DOORS_LISTENERS_MAX = 16 };

struct arrival {		/* somebody has come; valid for the call */
	struct listener *listener;	/* either */
	struct landing *landing;
};

struct doors {
	uv_loop_t *loop;
	struct listener *listeners[DOORS_LISTENERS_MAX];
	struct endpoint at[DOORS_LISTENERS_MAX];
	unsigned n_listeners;
	struct lander *lander;		/* NULL: nobody comes by TLS */
	struct lander_counts counts;	/* of one that is no more */
	struct landing_place place;
	bool place_open, closing;
	void (*arrived)(void *owner, struct arrival *a);
	void *owner;
	void (*closed)(struct doors *d);
};

/* arrived: call arrival_accept() inside to own the connection, or do nothing and it is closed. */
void doors_init(struct doors *d, uv_loop_t *loop, void (*arrived)(void *owner, struct arrival *a), void *owner);
int doors_listen(struct doors *d, const struct listener_options *o, char why[128]);	/* -1: why[] says it */
/* Once; the places of o's lander are this one. -1: why[] says it; then only doors_close() is right. */
int doors_listen_tls(struct doors *d, const struct endpoint *at, size_t n, const struct lander_options *o, char why[128]);
struct endpoint doors_at(const struct doors *d, unsigned i);		/* real address of the i-th listener */
struct endpoint doors_tls_at(const struct doors *d, unsigned i);	/* of the i-th with TLS */
struct lander_counts doors_lander_counts(const struct doors *d);	/* zeros if there never was one */
/* Nobody comes any more; living connections go on. closed may come from inside. Once. */
void doors_close(struct doors *d, void (*closed)(struct doors *d));

/* The stream is open; its first bytes are arrival_unread(), which the caller feeds itself. NULL: no memory. */
struct stream *arrival_accept(struct arrival *a, uv_loop_t *loop, const struct stream_handler *h, void *owner);
struct span arrival_unread(const struct arrival *a);

#endif
