#include "turnd/io/relay_addresses.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int relay_addresses_add(struct relay_addresses *a, const struct ip_addr *ip, const struct ip_addr *advertised,
			uint16_t min_port, uint16_t max_port, unsigned workers)
{
	struct relay_address *r = &a->v[a->n];

	if (a->n == RELAY_ADDRESSES_MAX || (a->reserved == NULL && (a->reserved = reservations_new(a)) == NULL))
		return -1;
	*r = (struct relay_address){ *ip, *advertised, port_pool_new(min_port, max_port, workers) };
	if (r->ports == NULL)
		return -1;
	a->n++;
	a->translated = a->translated || !ip_equal(ip, advertised);
	return 0;
}

void relay_addresses_close(struct relay_addresses *a)
{
	reservations_free(a->reserved);
	a->reserved = NULL;
	while (a->n > 0)
		port_pool_free(a->v[--a->n].ports);
}

int relay_address_probe(const struct ip_addr *ip)
{
	struct endpoint at = { .ip = *ip };
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&at, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return errno;
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		rc = errno;
	close(fd);
	return rc;
}

struct relay_address *relay_addresses_choose(struct relay_addresses *a, uint8_t family, const struct ip_addr *server,
					     unsigned *round)
{
	unsigned of_family = 0, nth;

	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].ip.family != family)
			continue;
		if (ip_equal(&a->v[i].ip, server))
			return &a->v[i];
		of_family++;
	}
	if (of_family == 0)
		return NULL;
	nth = (*round)++ % of_family;
	for (size_t i = 0;; i++)
		if (a->v[i].ip.family == family && nth-- == 0)
			return &a->v[i];
}

static bool is_used(const struct relay_address *r, uint16_t port)
{
	return port_pool_user(r->ports, port) >= 0;
}

bool relay_addresses_in_use(const struct relay_addresses *a, const struct endpoint *peer)
{
	for (size_t i = 0; i < a->n; i++)
		if ((ip_equal(&a->v[i].ip, &peer->ip) || ip_equal(&a->v[i].advertised, &peer->ip)) && is_used(&a->v[i], peer->port))
			return true;
	return false;
}

void relay_addresses_inward(const struct relay_addresses *a, struct endpoint *peer)
{
	for (size_t i = 0; a->translated && i < a->n; i++)
		if (ip_equal(&a->v[i].advertised, &peer->ip) && is_used(&a->v[i], peer->port)) {
			peer->ip = a->v[i].ip;
			return;
		}
}

void relay_addresses_outward(const struct relay_addresses *a, struct endpoint *peer)
{
	for (size_t i = 0; a->translated && i < a->n; i++)
		if (ip_equal(&a->v[i].ip, &peer->ip) && is_used(&a->v[i], peer->port)) {
			peer->ip = a->v[i].advertised;
			return;
		}
}

bool relay_addresses_reserve(struct relay_addresses *a)
{
	if (atomic_fetch_add_explicit(&a->sockets, 1, memory_order_relaxed) < a->max_sockets)
		return true;
	relay_addresses_release(a);
	return false;
}

void relay_addresses_release(struct relay_addresses *a)
{
	atomic_fetch_sub_explicit(&a->sockets, 1, memory_order_relaxed);
}
