#include "turnd/io/reservations.h"

#include "common/base/random.h"
#include "common/crypto/digest.h"
#include "turnd/io/relay_addresses.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct reservation {
	msec_t due;
	struct reserved what;
	uint8_t token[RELAY_TOKEN];
	uint8_t user[SHA256_SIZE];	/* a digest: names are long */
};

struct reservations {
	pthread_mutex_t lock;
	struct relay_addresses *addresses;
	atomic_uint n;
	struct reservation v[RESERVATIONS_MAX];	/* n of them, the oldest first: all live equally long */
};

struct reservations *reservations_new(struct relay_addresses *addresses)
{
	struct reservations *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->addresses = addresses;
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void remove_at(struct reservations *t, unsigned i)
{
	unsigned n = atomic_load_explicit(&t->n, memory_order_relaxed) - 1;

	memmove(t->v + i, t->v + i + 1, (n - i) * sizeof(*t->v));
	atomic_store_explicit(&t->n, n, memory_order_relaxed);
}

static void expire(struct reservations *t, msec_t now)
{
	while (atomic_load_explicit(&t->n, memory_order_relaxed) > 0 && t->v[0].due <= now) {
		const struct reserved *r = &t->v[0].what;
		close(r->fd);
		port_pool_give(t->addresses->v[r->address].ports, r->port, PORT_USED, now);
		relay_addresses_release(t->addresses);
		remove_at(t, 0);
	}
}

void reservations_free(struct reservations *t)
{
	if (t == NULL)
		return;
	expire(t, NEVER);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool reservations_add(struct reservations *t, struct reserved what, struct span user, msec_t now, uint8_t token[RELAY_TOKEN])
{
	struct reservation fresh = { .due = now + RESERVATION_LIFETIME, .what = what };
	bool ok = digest_sha256(user, fresh.user) == 0;
	unsigned n;

	random_bytes(fresh.token, sizeof(fresh.token));
	memcpy(token, fresh.token, sizeof(fresh.token));
	pthread_mutex_lock(&t->lock);
	expire(t, now);
	n = atomic_load_explicit(&t->n, memory_order_relaxed);
	ok = ok && n < RESERVATIONS_MAX;
	if (ok) {
		t->v[n] = fresh;
		atomic_store_explicit(&t->n, n + 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&t->lock);
	return ok;
}

/* Its place, or -1. */
static int find(struct reservations *t, const uint8_t token[RELAY_TOKEN], struct span user, msec_t now)
{
	uint8_t digest[SHA256_SIZE];

	expire(t, now);
	for (unsigned i = 0; i < atomic_load_explicit(&t->n, memory_order_relaxed); i++) {
		if (!digest_equal(t->v[i].token, token, RELAY_TOKEN))
			continue;
		return digest_sha256(user, digest) == 0 && digest_equal(digest, t->v[i].user, sizeof(digest)) ? (int)i : -1;
	}
	return -1;
}

bool reservations_take(struct reservations *t, const uint8_t token[RELAY_TOKEN], struct span user, msec_t now,
		       struct reserved *out)
{
	int i;

	pthread_mutex_lock(&t->lock);
	i = find(t, token, user, now);
	if (i >= 0) {
		*out = t->v[i].what;
		remove_at(t, (unsigned)i);
	}
	pthread_mutex_unlock(&t->lock);
	return i >= 0;
}

uint8_t reservations_family(struct reservations *t, const uint8_t token[RELAY_TOKEN], struct span user, msec_t now)
{
	uint8_t family = 0;
	int i;

	pthread_mutex_lock(&t->lock);
	i = find(t, token, user, now);
	if (i >= 0)
		family = t->addresses->v[t->v[i].what.address].ip.family;
	pthread_mutex_unlock(&t->lock);
	return family;
}

void reservations_expire(struct reservations *t, msec_t now)
{
	if (atomic_load_explicit(&t->n, memory_order_relaxed) == 0)
		return;
	pthread_mutex_lock(&t->lock);
	expire(t, now);
	pthread_mutex_unlock(&t->lock);
}
