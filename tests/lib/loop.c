#include "tests/lib/loop.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <cmocka.h>

enum { TICK_MS = 20, PATIENCE_MS = 10000 };	/* no turn blocks for longer than a tick */

static void on_guard(uv_timer_t *t)
{
	struct test_loop *l = t->data;

	l->late = uv_now(t->loop) - l->start >= PATIENCE_MS;
}

void test_loop_open(struct test_loop *l)
{
	*l = (struct test_loop){ 0 };
	(void)signal(SIGPIPE, SIG_IGN);		/* as common/daemon does */
	assert_int_equal(uv_loop_init(&l->uv), 0);
	assert_int_equal(uv_timer_init(&l->uv, &l->guard), 0);
	l->guard.data = l;
	assert_int_equal(uv_timer_start(&l->guard, on_guard, TICK_MS, TICK_MS), 0);
	l->start = uv_now(&l->uv);
}

bool test_loop_turn(struct test_loop *l)
{
	(void)uv_run(&l->uv, UV_RUN_ONCE);
	return !l->late;
}

void test_loop_close(struct test_loop *l)
{
	uv_close((uv_handle_t *)&l->guard, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&l->uv), 0);
}

/* --- a party ----------------------------------------------------------------------------------------------- */

static void on_connected(void *owner)
{
	struct party *p = owner;

	p->connected++;
	if (p->on_connected != NULL)
		p->on_connected(p);
}

static void on_data(void *owner, struct span in)
{
	struct party *p = owner;

	p->pieces++;
	assert_int_equal(p->closed, 0);
	assert_true(buf_add_span(&p->in, in));
	if (p->on_data != NULL)
		p->on_data(p);
}

static void on_drained(void *owner)
{
	struct party *p = owner;

	p->drained++;
}

static void on_closed(void *owner, enum stream_end why)
{
	struct party *p = owner;

	p->closed++;
	p->why = why;
	p->error = stream_error(p->stream);
	p->stream = NULL;
}

const struct stream_handler party_handler = {
	.connected = on_connected,
	.data = on_data,
	.drained = on_drained,
	.closed = on_closed
};

void party_init(struct party *p)
{
	*p = (struct party){ 0 };
	buf_init(&p->in, (size_t)64 << 20);
}

void party_forget(struct party *p)
{
	buf_close(&p->in);
}

void party_dial(struct party *p, struct test_loop *l, struct endpoint to)
{
	char ip[IP_TEXT];

	party_init(p);
	p->stream = stream_connect_host(&l->uv, ip_format(&to.ip, ip), to.port, &party_handler, p);
	assert_non_null(p->stream);
}

void party_say(struct party *p, const char *text)
{
	struct span s = span_str(text);

	assert_true(stream_write(p->stream, &s, 1));
}

bool party_heard(const struct party *p, const char *text)
{
	return p->in.len > 0 && memmem(p->in.p, p->in.len, text, strlen(text)) != NULL;
}

const char *party_text(struct party *p)
{
	return buf_cstr(&p->in);
}

struct endpoint loopback(uint16_t port)
{
	return (struct endpoint){ .ip = { .family = 4, .b = { 127, 0, 0, 1 } }, .port = port };
}
