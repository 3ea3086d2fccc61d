#include "common/net/admission.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/net/peer_counts.h"

struct admission {
	pthread_mutex_t lock;
	struct peer_counts peers;
	unsigned n, max;
	unsigned refs;
};

struct admission *admission_new(unsigned max, unsigned max_per_address)
{
	struct admission *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	peer_counts_init(&a->peers, max_per_address);
	a->max = max;
	a->refs = 1;
	return a;
}

static void unlock_and_unref(struct admission *a)
{
	bool last = --a->refs == 0;

	pthread_mutex_unlock(&a->lock);
	if (!last)
		return;
	peer_counts_close(&a->peers);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void admission_unref(struct admission *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	unlock_and_unref(a);
}

enum admission_verdict admission_enter(struct admission *a, const struct ip_addr *peer)
{
	enum admission_verdict v = ADMITTED;

	pthread_mutex_lock(&a->lock);
	if (a->max > 0 && a->n >= a->max)
		v = ADMISSION_FULL;
	else if (!peer_counts_add(&a->peers, peer))
		v = ADMISSION_ADDRESS;
	if (v == ADMITTED) {
		a->n++;
		a->refs++;
	}
	pthread_mutex_unlock(&a->lock);
	return v;
}

void admission_leave(void *admission, const struct ip_addr *peer)
{
	struct admission *a = admission;

	pthread_mutex_lock(&a->lock);
	a->n--;
	peer_counts_remove(&a->peers, peer);
	unlock_and_unref(a);
}
