#include "turnd/io/relay_ports.h"

#include "common/base/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { NOBODY = 0xFFFF, NO_PORT = 0, PAIR_TRIES = 32 };

struct port {
	msec_t due;		/* resting: free again at this time */
	uint16_t next;		/* resting: the port behind this one in its queue, or NO_PORT */
	uint16_t at;		/* free: its place in the free list of its chunk's holder */
};

struct chunk {
	uint16_t first, n;	/* its ports; the chunks at both ends of the range may be short */
	uint16_t n_free;	/* leased: how many of them are in the holder's free lists */
	uint16_t holder;	/* worker, or NOBODY */
};

struct free_list {
	uint16_t *v;		/* ports, in no order */
	unsigned n;
};

struct queue {			/* of resting ports; all rest equally long, so the first is due first */
	uint16_t first, last;
};

struct port_pool {
	pthread_mutex_t lock;
	uint16_t min, max;
	unsigned n_workers, n_chunks;
	struct chunk *chunks;		/* by port / PORT_CHUNK - min / PORT_CHUNK */
	uint16_t *open;			/* numbers of the chunks that nobody holds */
	unsigned n_open, open_ports[2];	/* ports in them: even, odd */
	struct port *ports;		/* by port - min */
	struct queue resting, foreign;
	struct free_list (*free)[2];	/* by worker, by parity */
	_Atomic uint16_t *user;		/* by port - min: worker + 1, or 0 */
	atomic_uint used;
};

static struct port *port_of(const struct port_pool *p, uint16_t port)
{
	return &p->ports[port - p->min];
}

static struct chunk *chunk_of(const struct port_pool *p, uint16_t port)
{
	return &p->chunks[port / PORT_CHUNK - p->min / PORT_CHUNK];
}

/* How many ports of this parity (0: even) lie in first .. first + n - 1. */
static unsigned count_parity(unsigned first, unsigned n, unsigned parity)
{
	return first % 2 == parity ? (n + 1) / 2 : n / 2;
}

static void open_chunk(struct port_pool *p, struct chunk *c)
{
	c->holder = NOBODY;
	p->open[p->n_open++] = (uint16_t)(c - p->chunks);
	for (unsigned odd = 0; odd < 2; odd++)
		p->open_ports[odd] += count_parity(c->first, c->n, odd);
}

struct port_pool *port_pool_new(uint16_t min, uint16_t max, unsigned workers)
{
	struct port_pool *p = calloc(1, sizeof(*p));
	size_t n = (size_t)max - min + 1;

	if (p == NULL)
		return NULL;
	p->min = min;
	p->max = max;
	p->n_workers = workers;
	p->n_chunks = max / PORT_CHUNK - min / PORT_CHUNK + 1U;
	pthread_mutex_init(&p->lock, NULL);
	/* calloc of this size is fresh pages of the kernel: untouched ports cost nothing. */
	p->chunks = calloc(p->n_chunks, sizeof(*p->chunks));
	p->open = calloc(p->n_chunks, sizeof(*p->open));
	p->ports = calloc(n, sizeof(*p->ports));
	p->user = calloc(n, sizeof(*p->user));
	p->free = calloc(workers, sizeof(*p->free));
	if (p->chunks == NULL || p->open == NULL || p->ports == NULL || p->user == NULL || p->free == NULL)
		goto no_memory;
	for (unsigned w = 0; w < workers; w++)
		for (unsigned odd = 0; odd < 2; odd++)
			if ((p->free[w][odd].v = calloc((n + 1) / 2, sizeof(uint16_t))) == NULL)
				goto no_memory;
	for (unsigned i = 0; i < p->n_chunks; i++) {
		unsigned first = (min / PORT_CHUNK + i) * PORT_CHUNK, last = first + PORT_CHUNK - 1;
		first = first < min ? min : first;
		last = last > max ? max : last;
		p->chunks[i].first = (uint16_t)first;
		p->chunks[i].n = (uint16_t)(last - first + 1);
		open_chunk(p, &p->chunks[i]);
	}
	return p;

no_memory:
	port_pool_free(p);
	return NULL;
}

void port_pool_free(struct port_pool *p)
{
	if (p == NULL)
		return;
	for (unsigned w = 0; p->free != NULL && w < p->n_workers; w++) {
		free(p->free[w][0].v);
		free(p->free[w][1].v);
	}
	free(p->free);
	free(p->user);
	free(p->ports);
	free(p->open);
	free(p->chunks);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void free_list_add(struct port_pool *p, struct chunk *c, uint16_t port)
{
	struct free_list *l = &p->free[c->holder][port % 2];
	port_of(p, port)->at = (uint16_t)l->n;
	l->v[l->n++] = port;
	c->n_free++;
}

static void free_list_remove(struct port_pool *p, struct chunk *c, uint16_t port)
{
	struct free_list *l = &p->free[c->holder][port % 2];
	uint16_t at = port_of(p, port)->at, last = l->v[--l->n];
	l->v[at] = last;
	port_of(p, last)->at = at;
	c->n_free--;
}

/* Leases the chunk that holds the nth of the open ports (of the even ones only, if `even`), and names that port. */
static uint16_t lease(struct port_pool *p, unsigned worker, unsigned nth, bool even)
{
	for (unsigned i = 0; i < p->n_open; i++) {
		struct chunk *c = &p->chunks[p->open[i]];
		unsigned n = even ? count_parity(c->first, c->n, 0) : c->n;
		if (nth >= n) {
			nth -= n;
			continue;
		}
		p->open[i] = p->open[--p->n_open];
		for (unsigned odd = 0; odd < 2; odd++)
			p->open_ports[odd] -= count_parity(c->first, c->n, odd);
		c->holder = (uint16_t)worker;
		for (unsigned k = 0; k < c->n; k++)
			free_list_add(p, c, (uint16_t)(c->first + k));
		return (uint16_t)(c->first + (even ? c->first % 2 + 2 * nth : nth));
	}
	return NO_PORT;
}

/* A chunk of which nothing is in use or resting goes back to where every worker can have it. */
static void return_if_idle(struct port_pool *p, struct chunk *c)
{
	if (c->n_free < c->n)
		return;
	for (unsigned k = 0; k < c->n; k++)
		free_list_remove(p, c, (uint16_t)(c->first + k));
	open_chunk(p, c);
}

static void queue_add(struct port_pool *p, struct queue *q, uint16_t port, msec_t due)
{
	*port_of(p, port) = (struct port){ .due = due, .next = NO_PORT };
	if (q->first == NO_PORT)
		q->first = port;
	else
		port_of(p, q->last)->next = port;
	q->last = port;
}

static void queue_release(struct port_pool *p, struct queue *q, msec_t now)
{
	uint16_t port;
	while ((port = q->first) != NO_PORT && port_of(p, port)->due <= now) {
		q->first = port_of(p, port)->next;
		free_list_add(p, chunk_of(p, port), port);
		return_if_idle(p, chunk_of(p, port));
	}
}

static unsigned free_ports(const struct port_pool *p, unsigned worker, bool even)
{
	return p->free[worker][0].n + (even ? 0 : p->free[worker][1].n);
}

static unsigned richest(const struct port_pool *p, bool even)
{
	unsigned best = 0;
	for (unsigned w = 1; w < p->n_workers; w++)
		if (free_ports(p, w, even) > free_ports(p, best, even))
			best = w;
	return best;
}

static uint16_t choose(struct port_pool *p, unsigned worker, bool even)
{
	unsigned own = free_ports(p, worker, even), open = p->open_ports[0] + (even ? 0 : p->open_ports[1]);
	unsigned from = worker, nth;

	if (own + open == 0) {
		from = richest(p, even);
		own = free_ports(p, from, even);
	}
	if (own + open == 0)
		return NO_PORT;
	nth = random_below(own + open);
	if (nth >= own)
		return lease(p, worker, nth - own, even);
	if (nth < p->free[from][0].n)
		return p->free[from][0].v[nth];
	return p->free[from][1].v[nth - p->free[from][0].n];
}

static bool is_free(const struct port_pool *p, uint16_t port)
{
	unsigned holder = chunk_of(p, port)->holder, at = port_of(p, port)->at;
	const struct free_list *l;

	if (holder == NOBODY)
		return true;
	l = &p->free[holder][port % 2];
	return at < l->n && l->v[at] == port;
}

/* Both ports of a pair lie in one chunk, for chunks begin with an even port. */
static bool has_free_neighbour(const struct port_pool *p, uint16_t port)
{
	return port < p->max && is_free(p, (uint16_t)(port + 1));
}

static uint16_t choose_pair(struct port_pool *p, unsigned worker)
{
	uint16_t port;

	for (unsigned i = 0; i < PAIR_TRIES; i++) {
		port = choose(p, worker, true);
		if (port == NO_PORT || has_free_neighbour(p, port))
			return port;
	}
	if (p->open_ports[0] > 0 && has_free_neighbour(p, port = lease(p, worker, random_below(p->open_ports[0]), true)))
		return port;
	/* Pairs are rare: in the worst case there is none, which only a look at every even port can tell. */
	for (unsigned w = 0; w < p->n_workers; w++)
		for (unsigned i = 0; i < p->free[w][0].n; i++)
			if (has_free_neighbour(p, p->free[w][0].v[i]))
				return p->free[w][0].v[i];
	return NO_PORT;
}

static void use(struct port_pool *p, uint16_t port, unsigned worker)
{
	free_list_remove(p, chunk_of(p, port), port);
	atomic_store_explicit(&p->user[port - p->min], (uint16_t)(worker + 1), memory_order_release);
	atomic_fetch_add_explicit(&p->used, 1, memory_order_relaxed);
}

uint16_t port_pool_take(struct port_pool *p, unsigned worker, enum relay_parity parity, msec_t now)
{
	bool pair = parity == RELAY_EVEN_PORT_RESERVE;
	uint16_t port;

	pthread_mutex_lock(&p->lock);
	queue_release(p, &p->resting, now);
	queue_release(p, &p->foreign, now);
	port = pair ? choose_pair(p, worker) : choose(p, worker, parity == RELAY_EVEN_PORT);
	if (port != NO_PORT)
		use(p, port, worker);
	if (port != NO_PORT && pair)
		use(p, (uint16_t)(port + 1), worker);
	pthread_mutex_unlock(&p->lock);
	return port;
}

void port_pool_move(struct port_pool *p, uint16_t port, unsigned worker)
{
	atomic_store_explicit(&p->user[port - p->min], (uint16_t)(worker + 1), memory_order_release);
}

void port_pool_give(struct port_pool *p, uint16_t port, enum port_verdict v, msec_t now)
{
	pthread_mutex_lock(&p->lock);
	atomic_store_explicit(&p->user[port - p->min], 0, memory_order_release);
	atomic_fetch_sub_explicit(&p->used, 1, memory_order_relaxed);
	if (v == PORT_FOREIGN)
		queue_add(p, &p->foreign, port, now + PORT_FOREIGN_REST_MS);
	else
		queue_add(p, &p->resting, port, now + PORT_REST_MS);
	pthread_mutex_unlock(&p->lock);
}

int port_pool_user(const struct port_pool *p, uint16_t port)
{
	if (port < p->min || port > p->max)
		return -1;
	return (int)atomic_load_explicit(&p->user[port - p->min], memory_order_acquire) - 1;
}

unsigned port_pool_used(const struct port_pool *p)
{
	return atomic_load_explicit(&p->used, memory_order_relaxed);
}

unsigned port_pool_size(const struct port_pool *p)
{
	return (unsigned)p->max - p->min + 1;
}

unsigned port_pool_leased(struct port_pool *p, unsigned worker)
{
	unsigned n = 0;
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < p->n_chunks; i++)
		n += p->chunks[i].holder == worker;
	pthread_mutex_unlock(&p->lock);
	return n;
}
