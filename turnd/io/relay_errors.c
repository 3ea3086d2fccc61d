#include "turnd/io/relay_errors.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <linux/errqueue.h>

int relay_errors_enable(int fd, uint8_t family)
{
	int on = 1;
	return family == 4 ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on))
			   : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

static bool is_error(const struct cmsghdr *c)
{
	return (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
	       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
}

/* One error; false: it was made up by this host. The message's name is whom the datagram was for. */
static bool read_error(struct msghdr *h, struct icmp_error *out)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		struct sock_extended_err e;
		if (!is_error(c) || c->cmsg_len < CMSG_LEN(sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		*out = (struct icmp_error){ .peer = endpoint_from_sockaddr(h->msg_name), .type = e.ee_type, .code = e.ee_code,
					    .mtu = e.ee_info };
		return (e.ee_origin == SO_EE_ORIGIN_ICMP && out->peer.ip.family == 4) ||
		       (e.ee_origin == SO_EE_ORIGIN_ICMP6 && out->peer.ip.family == 6);
	}
	return false;
}

unsigned relay_errors_read(int fd, struct icmp_error *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < max; i++) {
		struct sockaddr_storage to = { 0 };
		_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6))];
		struct msghdr h = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_control = control,
				    .msg_controllen = sizeof(control) };
		if (recvmsg(fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		if (read_error(&h, &out[n]))
			n++;
	}
	return n;
}
