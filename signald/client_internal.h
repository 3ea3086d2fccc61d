/* client_internal.h - what the three files of a client share: client.c its life, client_in.c what it says, client_out.c
 * what is said to it.
 */
#ifndef SIGNALD_CLIENT_INTERNAL_H
#define SIGNALD_CLIENT_INTERNAL_H

#include "signald/client.h"
#include "signald/ws_codec.h"

enum { CORK_SIZE = 65536 };

enum client_state { CLIENT_NEW, CLIENT_MEMBER, CLIENT_CLOSING, CLIENT_ENDED };	/* only ever forward */

struct client {
	struct hub_conn conn;
	struct hub_op op;		/* register or send; one at a time */
	struct clients *all;
	struct stream *stream;
	struct list link;
	struct wheel_timer timer;
	msec_t due;			/* of the state's deadline */
	struct ws_codec codec;
	struct buf input;		/* the beginning of a frame; more only while paused */
	uint8_t state, missed, unfinished;
	bool heard;			/* a frame since the last ping */
	bool probed;			/* the hub wants to know when something is heard */
	bool waiting;			/* op is open */
	bool pumping;			/* client_pump() is at work, and will go on by itself */
	bool paused;			/* the stream is not read */
	bool choking;			/* has more unsent than it takes: the others are not read */
};

static inline msec_t client_now(const struct client *c) { return uv_now(c->all->loop); }
static inline void client_count(struct client *c, size_t id) { metric_add(c->all->metrics, id, 1); }

/* --- client.c ------------------------------------------------------------------------------------------------ */
void client_schedule(struct client *c);		/* arms the timer for what is due first */
/* Each is fine in any state, and takes the client out of its room first. */
void client_close(struct client *c, enum close_reason why, enum ws_close_code code, const char *text);
void client_close_frame(struct client *c, enum close_reason why, struct span frame);	/* the same; frame: a Close frame */
void client_leave(struct client *c, enum close_reason why);	/* leaves the socket for more to be said */
void client_retire(struct client *c);		/* nothing more will be said; what is unsent still goes out */
void client_end(struct client *c, enum close_reason why);	/* drops what is unsent, too */

/* --- client_in.c --------------------------------------------------------------------------------------------- */
void client_data(void *owner, struct span in);			/* stream_handler.data */
void client_pump(struct client *c, struct span fresh);		/* works through its input as far as may be now */
void client_go_on(struct client *c);				/* what held its input may be over, or have begun */
void client_set_choking(struct client *c, bool choking);

/* --- client_out.c -------------------------------------------------------------------------------------------- */
bool client_deliver(struct hub_conn *conn, struct span text);	/* hub_conn_ops.deliver */
void client_drained(void *owner);				/* stream_handler.drained */
bool client_put(struct client *c, const struct span *parts, size_t n);
void client_put_control(struct client *c, struct span frame);	/* ends the client if that fails, as below */
void client_put_error(struct client *c, enum client_error e, const char *detail);	/* detail: behind its text; "" for none */
void client_ping(struct client *c);
void client_uncork(struct clients *all);			/* writes what is corked, whoever it is for */

#endif
