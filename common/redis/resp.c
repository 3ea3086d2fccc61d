#include "common/redis/resp.h"

#include <stdalign.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

enum { CHUNK = 8 * 1024 - 64 };

static const char too_large[] = "a reply of more than 16 MiB";

struct resp_memory {	/* a chunk; values never move, so a full one gets a successor in front */
	struct resp_memory *next;
	size_t used, size;
	alignas(max_align_t) uint8_t bytes[];
};

bool resp_array(struct buf *out, size_t n)
{
	return buf_addf(out, "*%zu\r\n", n);
}

bool resp_bulks(struct buf *out, const struct span *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "$%zu\r\n", v[i].len);
		buf_add_span(out, v[i]);
		buf_add(out, "\r\n", 2);
	}
	return !out->failed;
}

void resp_memory_free(struct resp_memory *m)
{
	while (m != NULL) {
		struct resp_memory *next = m->next;
		free(m);
		m = next;
	}
}

static void *memory_get(struct resp_reader *r, size_t n)
{
	struct resp_memory *m = r->memory;
	void *p;

	if (n > RESP_REPLY_MAX - r->used) {
		r->why = too_large;
		return NULL;
	}
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (m == NULL || n > m->size - m->used) {
		size_t size = n > CHUNK ? n : CHUNK;
		m = malloc(sizeof(*m) + size);
		if (m == NULL) {
			r->why = "no memory for a reply";
			return NULL;
		}
		m->next = r->memory;
		m->used = 0;
		m->size = size;
		r->memory = m;
	}
	p = m->bytes + m->used;
	m->used += n;
	r->used += n;
	return p;
}

/* Keeps one small chunk: a steady flow of small replies allocates nothing. */
static void memory_reset(struct resp_reader *r)
{
	if (r->memory != NULL && (r->memory->next != NULL || r->memory->size > CHUNK)) {
		resp_memory_free(r->memory);
		r->memory = NULL;
	}
	if (r->memory != NULL)
		r->memory->used = 0;
	r->used = 0;
	r->root = NULL;
}

/* --- hiredis' object functions ----------------------------------------------------------------------------- */

/* Where the value of this task belongs: in its array, or at the root. */
static struct redis_value *make(const redisReadTask *task, enum redis_kind kind)
{
	struct resp_reader *r = task->privdata;
	struct redis_value *v;

	if (task->parent != NULL) {
		const struct redis_value *array = task->parent->obj;
		/* The items are const for readers only; it was we who made them. */
		v = (struct redis_value *)(uintptr_t)&array->item[task->idx];
	} else {
		v = r->root = memory_get(r, sizeof(*v));
		if (v == NULL)
			return NULL;
	}
	*v = (struct redis_value){ .kind = kind };
	return v;
}

static void *make_string(const redisReadTask *task, char *s, size_t len)
{
	struct redis_value *v = make(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR :
				     task->type == REDIS_REPLY_STATUS ? REDIS_STATUS : REDIS_STRING);
	uint8_t *copy = v != NULL ? memory_get(task->privdata, len) : NULL;

	if (copy == NULL)
		return NULL;
	memcpy(copy, s, len);
	v->str = span_of(copy, len);
	return v;
}

#if HIREDIS_MAJOR >= 1
typedef size_t item_count;
#else
typedef int item_count;
#endif

static void *make_array(const redisReadTask *task, item_count n)
{
	struct redis_value *v = make(task, REDIS_ARRAY), *item;
	size_t size;

	if (v == NULL)
		return NULL;
	if (__builtin_mul_overflow((size_t)n, sizeof(*item), &size))
		size = SIZE_MAX;
	item = memory_get(task->privdata, size);
	if (item == NULL)
		return NULL;
	memset(item, 0, size);
	v->item = item;
	v->n = (size_t)n;
	return v;
}

static void *make_integer(const redisReadTask *task, long long n)
{
	struct redis_value *v = make(task, REDIS_INTEGER);

	if (v != NULL)
		v->integer = n;
	return v;
}

static void *make_nil(const redisReadTask *task)
{
	return make(task, REDIS_NIL);
}

static void free_nothing(void *obj)
{
	(void)obj;	/* the memory is the reader's */
}

static redisReplyObjectFunctions makers = {
	.createString = make_string, .createArray = make_array, .createInteger = make_integer,
	.createNil = make_nil, .freeObject = free_nothing,
};

/* --- the reader -------------------------------------------------------------------------------------------- */

int resp_reader_init(struct resp_reader *r)
{
	*r = (struct resp_reader){ .parser = redisReaderCreateWithFunctions(&makers) };
	if (r->parser == NULL)
		return -1;
	r->parser->privdata = r;
	return 0;
}

void resp_reader_close(struct resp_reader *r)
{
	if (r->parser != NULL)
		redisReaderFree(r->parser);
	resp_memory_free(r->memory);
	*r = (struct resp_reader){ .parser = NULL };
}

bool resp_reader_feed(struct resp_reader *r, struct span in)
{
	if (r->parser->len - r->parser->pos > RESP_REPLY_MAX) {
		r->why = too_large;
		return false;
	}
	return redisReaderFeed(r->parser, (const char *)in.p, in.len) == REDIS_OK;
}

enum resp_result resp_reader_next(struct resp_reader *r, const struct redis_value **v)
{
	void *reply = NULL;

	if (r->complete)
		memory_reset(r);
	r->complete = false;
	if (redisReaderGetReply(r->parser, &reply) != REDIS_OK)
		return RESP_BROKEN;
	if (reply == NULL)
		return RESP_MORE;
	if (reply != r->root) {	/* RESP3's types, which we never ask for, have no maker */
		r->why = "a reply that is not RESP2";
		return RESP_BROKEN;
	}
	r->complete = true;
	*v = r->root;
	return RESP_REPLY;
}

const char *resp_reader_why(const struct resp_reader *r)
{
	return r->why != NULL ? r->why : r->parser->errstr;
}

struct resp_memory *resp_reader_take(struct resp_reader *r, size_t *bytes)
{
	struct resp_memory *m = r->memory;

	*bytes = r->used;
	r->memory = NULL;
	memory_reset(r);
	r->complete = false;
	return m;
}
