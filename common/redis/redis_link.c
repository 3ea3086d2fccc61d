#include "common/redis/redis_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/list.h"
#include "common/crypto/digest.h"
#include "common/redis/redis_conn.h"
#include "common/redis/redis_sub.h"

enum {
	OUTSTANDING_MAX = 65536,		/* commands */
	OUTSTANDING_BYTES = 16 * 1024 * 1024,	/* of them; and of answers that wait for an earlier one */
	BLOCK = 64,				/* commands that are allocated together, */
	BLOCKS_MAX = 2 * OUTSTANDING_MAX / BLOCK,	/* refused ones too */
	RESERVE = 16,				/* of them kept back, so that "no memory" can be told later */
	KNOWN_SCRIPTS = 16
};

/* A command lives from being given to its callback. Two queues order it: `order`, as given and as answered to the caller;
 * `wire`, as sent and as Redis answers. They differ only when a script had to be sent again after NOSCRIPT: later
 * answers then wait in `held` until the repeated one has its own. */
struct command {
	struct list order, wire;
	redis_reply_cb cb;
	void *ctx;
	msec_t due;
	size_t bytes;			/* on the wire */
	uint64_t sent;			/* number of this sending */
	struct redis_script *script;	/* NULL: no script */
	bool whole;			/* sent by its text, not by its hash */
	struct buf tail;		/* its keys and arguments, encoded, */
	size_t n_tail;			/* and how many they are */
	enum redis_kind fate;		/* what to say if no answer comes */
	const struct redis_value *held;
	struct resp_memory *memory;	/* of held */
	size_t held_bytes;
};

struct block {
	struct block *next;
	struct command v[BLOCK];
};

/* A script is sent whole once on every connection: so after a restart of Redis nothing has to be sent again, and
 * commands take effect in the order in which they were given. */
struct known {
	const struct redis_script *script;
	uint64_t sent;			/* the sending that carried its text; 0: none yet */
};

struct redis_link {
	uv_loop_t *loop;
	struct redis_conn *conn;
	struct redis_sub *sub;		/* made by the first subscription */
	struct redis_node node;
	struct redis_timing timing;
	void (*state)(void *owner, bool up);
	void *owner;
	void (*done)(void *ctx);
	void *done_ctx;
	unsigned stopping;		/* connections that have not ended yet */
	bool stopped;			/* redis_link_stop() was called */

	struct list order, wire, refused, spare;	/* of struct command */
	struct block *blocks;
	size_t n_blocks, n_spare, n_outstanding, bytes, held_bytes;
	uint64_t sendings;
	bool overdue;			/* seen by the last tick */
	bool was_up;

	struct known known[KNOWN_SCRIPTS];

	struct redis_counts counts;
};

static struct command *of_order(struct list *l) { return container_of(l, struct command, order); }
static struct command *of_wire(struct list *l) { return container_of(l, struct command, wire); }

/* --- commands ---------------------------------------------------------------------------------------------- */

static bool grow(struct redis_link *l)
{
	struct block *b = l->n_blocks < BLOCKS_MAX ? calloc(1, sizeof(*b)) : NULL;

	if (b == NULL)
		return false;
	b->next = l->blocks;
	l->blocks = b;
	l->n_blocks++;
	for (size_t i = 0; i < BLOCK; i++)
		list_add_tail(&l->spare, &b->v[i].order);
	l->n_spare += BLOCK;
	return true;
}

static struct command *take(struct redis_link *l, redis_reply_cb cb, void *ctx, bool *reserve)
{
	struct command *c;

	*reserve = l->n_spare <= RESERVE && !grow(l);
	if (l->n_spare == 0)
		return NULL;
	c = of_order(l->spare.next);
	list_del(&c->order);
	l->n_spare--;
	*c = (struct command){ .cb = cb, .ctx = ctx, .fate = REDIS_LOST };
	buf_init(&c->tail, OUTSTANDING_BYTES);
	return c;
}

static void say(struct redis_link *l, enum redis_kind kind, redis_reply_cb cb, void *ctx)
{
	static const char *const words[] = {
		[REDIS_DOWN] = "Redis cannot be reached, or too much waits for it already",
		[REDIS_TIMEOUT] = "Redis did not answer in time",
		[REDIS_LOST] = "the connection to Redis was lost", [REDIS_NOMEM] = "no memory",
		[REDIS_STOPPED] = "stopping",
	};
	struct redis_value v = { .kind = kind, .str = span_str(words[kind]) };

	l->counts.errors++;
	l->counts.timeouts += kind == REDIS_TIMEOUT;
	if (cb != NULL)
		cb(ctx, &v);
}

/* c ends here: v, or if that is NULL its fate, goes to the caller, who may do anything but free l. */
static void settle(struct redis_link *l, struct command *c, const struct redis_value *v)
{
	struct command old = *c;

	l->n_outstanding -= c->bytes > 0;
	l->bytes -= c->bytes;
	l->held_bytes -= c->held_bytes;
	list_del(&c->order);
	list_del(&c->wire);
	list_add_tail(&l->spare, &c->order);
	l->n_spare++;
	if (v == NULL) {
		say(l, old.fate, old.cb, old.ctx);
	} else {
		l->counts.errors += v->kind == REDIS_ERROR;
		if (v->kind != REDIS_ERROR)
			l->counts.last_success = uv_now(l->loop);
		if (old.cb != NULL)
			old.cb(old.ctx, v);
	}
	buf_close(&old.tail);
	resp_memory_free(old.memory);
}

static void refuse(struct redis_link *l, struct command *c, enum redis_kind why)
{
	c->fate = why;
	list_add_tail(&l->refused, &c->order);
	if (!l->stopped)
		redis_conn_wake(l->conn);
}

static void settle_refused(struct redis_link *l)
{
	struct list *last = l->refused.prev;	/* what callbacks add waits for the next turn */

	while (!list_empty(&l->refused)) {
		struct list *first = l->refused.next;
		settle(l, of_order(first), NULL);
		if (first == last)
			break;
	}
}

/* --- sending ----------------------------------------------------------------------------------------------- */

static size_t weight(const struct span *v, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i].len;
	return sum;
}

/* A command that may be sent; NULL if it was refused. */
static struct command *admit(struct redis_link *l, size_t bytes, redis_reply_cb cb, void *ctx)
{
	bool reserve;
	struct command *c = take(l, cb, ctx, &reserve);

	if (c == NULL)
		say(l, REDIS_NOMEM, cb, ctx);
	else if (reserve)
		refuse(l, c, REDIS_NOMEM);
	else if (l->stopped)
		refuse(l, c, REDIS_STOPPED);
	else if (!redis_conn_up(l->conn) || l->n_outstanding >= OUTSTANDING_MAX || l->bytes + bytes > OUTSTANDING_BYTES)
		refuse(l, c, REDIS_DOWN);
	else
		return c;
	return NULL;
}

static bool put_on_wire(struct redis_link *l, struct command *c, const struct span *argv, size_t argc)
{
	size_t bytes = redis_conn_send(l->conn, argv, argc, buf_span(&c->tail), c->n_tail);

	if (bytes == 0)
		return false;
	l->bytes += bytes - c->bytes;
	c->bytes = bytes;
	c->sent = ++l->sendings;
	c->due = uv_now(l->loop) + l->timing.command;
	if (list_empty(&l->wire))
		redis_conn_tick_at(l->conn, c->due);
	list_add_tail(&l->wire, &c->wire);
	return true;
}

static void send_first(struct redis_link *l, struct command *c, const struct span *argv, size_t argc)
{
	if (!put_on_wire(l, c, argv, argc)) {
		refuse(l, c, REDIS_NOMEM);
		return;
	}
	l->n_outstanding++;
	l->counts.commands++;
	list_add_tail(&l->order, &c->order);
}

void redis_link_command(struct redis_link *l, const struct span *argv, size_t argc, redis_reply_cb cb, void *ctx)
{
	struct command *c = admit(l, weight(argv, argc), cb, ctx);

	if (c != NULL)
		send_first(l, c, argv, argc);
}

/* --- scripts ----------------------------------------------------------------------------------------------- */

static struct known *known_script(struct redis_link *l, const struct redis_script *script)
{
	for (size_t i = 0; i < KNOWN_SCRIPTS; i++) {
		struct known *k = &l->known[i];
		if (k->script == NULL)
			k->script = script;
		if (k->script == script)
			return k;
	}
	return NULL;	/* always by hash first, then */
}

static bool encode_tail(struct command *c, const struct span *keys, size_t n_keys, const struct span *args, size_t n_args)
{
	char text[24];
	struct span number = span_of(text, (size_t)snprintf(text, sizeof(text), "%zu", n_keys));

	c->n_tail = 1 + n_keys + n_args;
	return resp_bulks(&c->tail, &number, 1) && resp_bulks(&c->tail, keys, n_keys) && resp_bulks(&c->tail, args, n_args);
}

static void script_argv(const struct command *c, struct span argv[2])
{
	argv[0] = c->whole ? SPAN_LIT("EVAL") : SPAN_LIT("EVALSHA");
	argv[1] = span_str(c->whole ? c->script->lua : c->script->sha);
}

void redis_link_eval(struct redis_link *l, struct redis_script *script, const struct span *keys, size_t n_keys,
		     const struct span *args, size_t n_args, redis_reply_cb cb, void *ctx)
{
	struct command *c = admit(l, weight(keys, n_keys) + weight(args, n_args), cb, ctx);
	struct known *k;
	struct span argv[2];

	if (c == NULL)
		return;
	if (!redis_script_sha(script) || !encode_tail(c, keys, n_keys, args, n_args)) {
		refuse(l, c, REDIS_NOMEM);
		return;
	}
	k = known_script(l, script);
	c->script = script;
	c->whole = k != NULL && k->sent == 0;
	script_argv(c, argv);
	send_first(l, c, argv, 2);
	if (c->whole && c->bytes > 0)
		k->sent = c->sent;
}

/* Redis forgot the script (SCRIPT FLUSH, eviction). Whole only if nobody has sent it so since: what is outstanding
 * may be thousands of the same. */
static void send_again(struct redis_link *l, struct command *c)
{
	struct known *k = known_script(l, c->script);
	struct span argv[2];

	c->whole = k == NULL || c->sent > k->sent;
	script_argv(c, argv);
	if (!put_on_wire(l, c, argv, 2))
		redis_conn_lose(l->conn, "no memory to send a script again");
	else if (c->whole && k != NULL)
		k->sent = c->sent;
}

/* --- the connection's calls -------------------------------------------------------------------------------- */

static void hold(struct redis_link *l, struct command *c, const struct redis_value *v)
{
	c->held = v;
	c->memory = resp_reader_take(redis_conn_reader(l->conn), &c->held_bytes);
	l->held_bytes += c->held_bytes;
	if (l->held_bytes > OUTSTANDING_BYTES)
		redis_conn_lose(l->conn, "too many answers wait for a script that was sent again");
}

static void on_reply(void *owner, const struct redis_value *v)
{
	struct redis_link *l = owner;
	struct command *c;

	if (list_empty(&l->wire)) {
		redis_conn_lose(l->conn, "an answer that nobody asked for");
		return;
	}
	c = of_wire(l->wire.next);
	list_del(&c->wire);
	l->overdue = false;
	if (c->script != NULL && !c->whole && redis_error_is(v, "NOSCRIPT")) {
		send_again(l, c);
		return;
	}
	if (redis_unserved(v))
		redis_conn_refuse(l->conn, v->str);
	if (l->order.next != &c->order) {
		hold(l, c, v);
		return;
	}
	settle(l, c, v);
	while (!list_empty(&l->order) && of_order(l->order.next)->held != NULL)
		settle(l, of_order(l->order.next), of_order(l->order.next)->held);
}

static void on_up(void *owner)
{
	struct redis_link *l = owner;

	l->counts.reconnects += l->was_up;
	l->was_up = true;
	l->overdue = false;
	if (l->state != NULL)
		l->state(l->owner, true);
}

static void settle_outstanding(struct redis_link *l)
{
	while (!list_empty(&l->order)) {
		struct command *c = of_order(l->order.next);
		settle(l, c, c->held);
	}
}

static void on_lost(void *owner)
{
	struct redis_link *l = owner;

	memset(l->known, 0, sizeof(l->known));
	if (l->state != NULL)
		l->state(l->owner, false);
	settle_outstanding(l);
	settle_refused(l);
}

static void on_turn(void *owner)
{
	struct redis_link *l = owner;

	if (!redis_conn_losing(l->conn))	/* else on_lost() does it, after what is outstanding */
		settle_refused(l);
}

static msec_t on_tick(void *owner, msec_t now)
{
	struct redis_link *l = owner;

	if (list_empty(&l->wire))
		return NEVER;
	if (now < of_wire(l->wire.next)->due)
		return of_wire(l->wire.next)->due;
	if (!l->overdue) {	/* if it was our loop that stood still, the answer is waiting to be read */
		l->overdue = true;
		return now + 1;
	}
	list_each(it, &l->wire)
		if (of_wire(it)->due <= now)
			of_wire(it)->fate = REDIS_TIMEOUT;
	redis_conn_lose(l->conn, "an answer did not come in time");
	return NEVER;
}

static const struct redis_conn_handler handler = {
	.use = "commands", .up = on_up, .reply = on_reply, .lost = on_lost, .turn = on_turn, .tick = on_tick,
};

/* --- life -------------------------------------------------------------------------------------------------- */

struct redis_link *redis_link_new(uv_loop_t *loop, const struct redis_node *node, const struct redis_timing *timing,
				  void (*state)(void *owner, bool up), void *owner)
{
	static const struct redis_timing usual = { .command = SECONDS(2), .backoff_min = 50, .backoff_max = SECONDS(2) };
	struct redis_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->loop = loop;
	l->node = *node;
	l->timing = timing != NULL ? *timing : usual;
	l->timing.command = l->timing.command != 0 ? l->timing.command : usual.command;
	l->timing.backoff_min = l->timing.backoff_min != 0 ? l->timing.backoff_min : usual.backoff_min;
	l->timing.backoff_max = l->timing.backoff_max != 0 ? l->timing.backoff_max : usual.backoff_max;
	l->state = state;
	l->owner = owner;
	list_init(&l->order);
	list_init(&l->wire);
	list_init(&l->refused);
	list_init(&l->spare);
	if (!grow(l))
		goto free_link;
	l->conn = redis_conn_new(loop, node, &l->timing, &handler, l);
	if (l->conn == NULL)
		goto free_block;
	return l;

free_block:
	free(l->blocks);
free_link:
	free(l);
	return NULL;
}

int redis_link_subscribe(struct redis_link *l, struct span channel, redis_message_cb cb,
			 void (*resubscribed)(void *ctx), void *ctx)
{
	if (l->stopped)
		return 0;	/* as one that never hears anything */
	if (l->sub == NULL)
		l->sub = redis_sub_new(l->loop, &l->node, &l->timing, l);
	return l->sub != NULL ? redis_sub_add(l->sub, channel, cb, resubscribed, ctx) : -1;
}

bool redis_link_up(const struct redis_link *l)
{
	return !l->stopped && redis_conn_up(l->conn);
}

struct redis_counts redis_link_counts(const struct redis_link *l)
{
	return l->counts;
}

static void on_part_stopped(void *owner)
{
	struct redis_link *l = owner;
	void (*done)(void *) = l->done;
	void *ctx = l->done_ctx;

	if (--l->stopping > 0)
		return;
	list_each(it, &l->order)
		of_order(it)->fate = REDIS_STOPPED;
	settle_outstanding(l);
	while (!list_empty(&l->refused))
		settle_refused(l);
	while (l->blocks != NULL) {
		struct block *next = l->blocks->next;
		free(l->blocks);
		l->blocks = next;
	}
	secret_wipe(&l->node, sizeof(l->node));
	free(l);
	done(ctx);
}

void redis_link_stop(struct redis_link *l, void (*done)(void *ctx), void *ctx)
{
	l->stopped = true;
	l->done = done;
	l->done_ctx = ctx;
	l->stopping = 1 + (l->sub != NULL);
	redis_conn_stop(l->conn, on_part_stopped);
	if (l->sub != NULL)
		redis_sub_stop(l->sub, on_part_stopped);
}
