#include "turnd/io/strangers.h"

int strangers_init(struct strangers *s, unsigned max)
{
	peer_counts_init(&s->addresses, STRANGERS_PER_ADDRESS);
	s->n = 0;
	s->max = max;
	return uv_mutex_init(&s->lock);
}

void strangers_close(struct strangers *s)
{
	peer_counts_close(&s->addresses);
	uv_mutex_destroy(&s->lock);
}

enum strangers_verdict strangers_enter(struct strangers *s, const struct ip_addr *ip)
{
	enum strangers_verdict v = STRANGER_REFUSED;

	uv_mutex_lock(&s->lock);
	if (peer_counts_add(&s->addresses, ip))
		v = ++s->n > s->max ? STRANGER_CROWD : STRANGER_WELCOME;
	uv_mutex_unlock(&s->lock);
	return v;
}

void strangers_leave(struct strangers *s, const struct ip_addr *ip)
{
	uv_mutex_lock(&s->lock);
	peer_counts_remove(&s->addresses, ip);
	s->n--;
	uv_mutex_unlock(&s->lock);
}
