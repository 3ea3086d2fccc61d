/* resp.h - RESP2, Redis' protocol: commands to bytes, bytes to struct redis_value.
 *
 * Replies are read by hiredis' redisReader, whose objects are made here, straight into the tree that callers see: no
 * second copy, one memory per reply. Limits: 16 MiB a reply, in bytes and in memory; nesting as hiredis has it (7 in 0.14).
 * The only includer of hiredis.   Pure but for malloc.
 */
#ifndef COMMON_REDIS_RESP_H
#define COMMON_REDIS_RESP_H

#include "common/base/buf.h"
#include "common/redis/redis_value.h"

enum { RESP_REPLY_MAX = 16 * 1024 * 1024 };

bool resp_array(struct buf *out, size_t n);		/* the head of a command of n arguments */
bool resp_bulks(struct buf *out, const struct span *v, size_t n);	/* its arguments, or some of them */

struct redisReader;
struct resp_memory;	/* what one reply lives in */

struct resp_reader {	/* embedded; only resp.c looks inside */
	struct redisReader *parser;
	struct resp_memory *memory;
	struct redis_value *root;	/* of the reply in work */
	size_t used;			/* bytes of memory in that reply */
	bool complete;			/* the last reply was handed out: its memory may be used again */
	const char *why;
};

enum resp_result { RESP_MORE, RESP_REPLY, RESP_BROKEN };

int resp_reader_init(struct resp_reader *r);	/* -1: no memory */
void resp_reader_close(struct resp_reader *r);	/* fine on a zeroed one */
bool resp_reader_feed(struct resp_reader *r, struct span in);	/* false: broken, as below */

/* RESP_REPLY: *v is valid until the next call. RESP_BROKEN: these bytes are no RESP2, too much, or memory ran out;
 * resp_reader_why() says it and the reader is of no more use. */
enum resp_result resp_reader_next(struct resp_reader *r, const struct redis_value **v);
const char *resp_reader_why(const struct resp_reader *r);

/* Takes the memory of the reply that was just handed out, so that it stays valid until resp_memory_free(). Cannot fail. */
struct resp_memory *resp_reader_take(struct resp_reader *r, size_t *bytes);
void resp_memory_free(struct resp_memory *m);	/* fine on NULL */

#endif
