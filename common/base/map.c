#include "common/base/map.h"

#include "common/base/random.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>

enum { FIRST_BUCKETS = 16 };

/* --- SipHash-1-3 (Aumasson, Bernstein) ------------------------------------------------------------------ */

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t sip_key[2];
static pthread_once_t sip_key_once = PTHREAD_ONCE_INIT;

static void sip_key_make(void)
{
	random_bytes(sip_key, sizeof(sip_key));
	sip_key[0] = le64toh(sip_key[0]);
	sip_key[1] = le64toh(sip_key[1]);
}

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

uint64_t map_hash(struct span key)
{
	struct sip s;
	uint64_t last = (uint64_t)key.len << 56;
	struct span left = key;

	pthread_once(&sip_key_once, sip_key_make);
	s = (struct sip){
		sip_key[0] ^ 0x736f6d6570736575, sip_key[1] ^ 0x646f72616e646f6d,
		sip_key[0] ^ 0x6c7967656e657261, sip_key[1] ^ 0x7465646279746573,
	};
	for (; left.len >= 8; left = span_skip(left, 8))
		sip_word(&s, load_le64(left.p));
	for (size_t i = 0; i < left.len; i++)
		last |= (uint64_t)left.p[i] << 8 * i;
	sip_word(&s, last);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* --- the table ------------------------------------------------------------------------------------------ */

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_close(struct map *m)
{
	free(m->buckets);
	map_init(m);
}

static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	return &m->buckets[hash & (m->n_buckets - 1)];
}

static struct map_node *same_hash(struct map_node *n, uint64_t hash)
{
	while (n != NULL && n->hash != hash)
		n = n->next;
	return n;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	return m->n == 0 ? NULL : same_hash(*bucket_of(m, hash), hash);
}

struct map_node *map_next(const struct map_node *n)
{
	return same_hash(n->next, n->hash);
}

static bool grow(struct map *m)
{
	struct map old = *m;
	size_t n_buckets = old.n_buckets == 0 ? FIRST_BUCKETS : old.n_buckets * 2;
	struct map_node **buckets = calloc(n_buckets, sizeof(struct map_node *));

	if (buckets == NULL)
		return old.n_buckets > 0;
	m->buckets = buckets;
	m->n_buckets = n_buckets;
	for (size_t i = 0; i < old.n_buckets; i++) {
		for (struct map_node *n = old.buckets[i], *next; n != NULL; n = next) {
			struct map_node **b = bucket_of(m, n->hash);
			next = n->next;
			n->next = *b;
			*b = n;
		}
	}
	free(old.buckets);
	return true;
}

bool map_add(struct map *m, struct map_node *n, uint64_t hash)
{
	struct map_node **b;

	if (m->n >= m->n_buckets && !grow(m))
		return false;
	b = bucket_of(m, hash);
	n->hash = hash;
	n->next = *b;
	*b = n;
	m->n++;
	return true;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at = bucket_of(m, n->hash);

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = NULL;
	m->n--;
}

void map_each(struct map *m, void (*fn)(struct map_node *n, void *ctx), void *ctx)
{
	for (size_t i = 0; i < m->n_buckets; i++) {
		for (struct map_node *n = m->buckets[i], *next; n != NULL; n = next) {
			next = n->next;
			fn(n, ctx);
		}
	}
}
