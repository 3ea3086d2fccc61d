/* loop.h - a uv loop for a test, turned until what is waited for has come: no sleeps. */
#ifndef TESTS_LIB_LOOP_H
#define TESTS_LIB_LOOP_H

#include <uv.h>

#include "common/base/buf.h"
#include "common/net/stream.h"

struct test_loop {
	uv_loop_t uv;
	uv_timer_t guard;
	uint64_t start;
	bool late;
};

void test_loop_open(struct test_loop *l);
void test_loop_close(struct test_loop *l);	/* fails the test if a handle is left */
bool test_loop_turn(struct test_loop *l);	/* false: ten seconds have passed since it was opened */

#define RUN_UNTIL(l, condition) \
	do { \
		while (!(condition)) \
			if (!test_loop_turn(l)) \
				fail_msg("waited in vain for: %s", #condition); \
	} while (0)

/* One end of a stream, that remembers what happened to it. */
struct party {
	struct stream *stream;		/* NULL once closed */
	struct buf in;
	unsigned connected, drained, closed, pieces;
	enum stream_end why;
	int error;
	void (*on_connected)(struct party *p);	/* may be NULL, as the others */
	void (*on_data)(struct party *p);
};

extern const struct stream_handler party_handler;	/* the owner is a struct party */

void party_init(struct party *p);
void party_forget(struct party *p);		/* frees what it heard */
void party_dial(struct party *p, struct test_loop *l, struct endpoint to);
void party_say(struct party *p, const char *text);
bool party_heard(const struct party *p, const char *text);	/* anywhere in what came */
const char *party_text(struct party *p);

struct endpoint loopback(uint16_t port);	/* 127.0.0.1 */

#endif
