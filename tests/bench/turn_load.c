/* turn_load.c - relays packets through a TURN server as fast as it can take them, and says what one costs it.
 *
 *	turn_load SERVER:PORT USER PASSWORD PID [allocations=1000] [payload=172] [seconds=6] [window=256] [burst=1]
 *
 * Every allocation has a client port of its own and a channel to one peer port of ours. Packets go both ways in a closed
 * loop: at most `window` in each direction are on their way, so that the server always has work and its buffers never
 * overflow; only what arrives is counted. A burst of more than one goes out in one call with UDP_SEGMENT, and so reaches the
 * server as a network card with receive offload would hand over a key frame: all packets of one allocation, one behind the other. CPU time is that of all threads of PID, in nanoseconds, from schedstat.
 *
 * Prints: delivered packets, packets a second, share of one processor that the server used, lost packets, and the server's CPU
 * microseconds for each delivered packet.
 */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "turnd/wire/channel_data.h"
#include "turnd/wire/stun_attr.h"
#include "turnd/wire/stun_build.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, DATAGRAM = 1600, BURST_MAX = 40, TRIES = 20, CHANNEL = 0x4000 };

struct client {
	int fd;				/* connected to the server */
	struct sockaddr_storage relay;
	socklen_t relay_len;
};

struct load {
	struct endpoint server, peer_at;
	struct span user, password;
	struct span realm, nonce;
	uint8_t realm_text[128], nonce_text[128];
	uint8_t key[MD5_SIZE];
	unsigned n, window, burst;
	size_t payload;
	struct client *clients;
	int peer, epoll;
	uint8_t frames[BURST_MAX * DATAGRAM];	/* ChannelData as clients send it, `burst` times */
	uint8_t payloads[BURST_MAX * DATAGRAM];	/* as the peer sends */
	/* the loop */
	unsigned next_client, next_relay, from_clients, from_peer;	/* on their way */
	uint64_t delivered, lost, strange;
	msec_t heard;
};

static void die(const char *what, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *what, ...)
{
	va_list args;

	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static int udp_socket(const struct endpoint *bind_to, const struct endpoint *connect_to)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(bind_to != NULL ? bind_to : connect_to, &sa);
	int buffer = 4 << 20, fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if ((bind_to != NULL ? bind(fd, (struct sockaddr *)&sa, len) : connect(fd, (struct sockaddr *)&sa, len)) < 0)
		die("bind or connect: %s", strerror(errno));
	return fd;
}

/* --- one request and its answer ---------------------------------------------------------------------------------- */

static struct stun_msg exchange(int fd, struct span request, uint8_t answer[DATAGRAM])
{
	struct stun_msg m;

	for (unsigned i = 0; i < TRIES; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;
		if (send(fd, request.p, request.len, 0) < 0)
			die("send: %s", strerror(errno));
		while (poll(&p, 1, 500) == 1 && (n = recv(fd, answer, DATAGRAM, 0)) >= 0)
			if (stun_parse(&m, span_of(answer, (size_t)n)) == STUN_OK && memcmp(m.tid, request.p + 8, STUN_TID_SIZE) == 0)
				return m;
	}
	die("the server does not answer");
}

static void keep(struct span *kept, uint8_t memory[128], struct span value)
{
	if (value.len > 128)
		die("realm or nonce longer than 128 bytes");
	memcpy(memory, value.p, value.len);
	*kept = span_of(memory, value.len);
}

static void learn_challenge(struct load *l, const struct stun_msg *m)
{
	struct span value;
	char text[512];
	int n;

	if (!stun_find(m, ATTR_NONCE, &value))
		die("no NONCE");
	keep(&l->nonce, l->nonce_text, value);
	if (!stun_find(m, ATTR_REALM, &value))
		die("no REALM");
	keep(&l->realm, l->realm_text, value);
	n = snprintf(text, sizeof(text), "%.*s:%.*s:%.*s", SPAN_ARG(l->user), SPAN_ARG(l->realm), SPAN_ARG(l->password));
	if (n < 0 || n >= (int)sizeof(text) || digest_md5(span_of(text, (size_t)n), l->key) < 0)
		die("no key");
}

/* Allocate or ChannelBind, with a new challenge if the server wants one. */
static struct stun_msg request(struct load *l, struct client *c, uint16_t method, uint8_t answer[DATAGRAM])
{
	for (unsigned i = 0; i < 3; i++) {
		uint8_t memory[DATAGRAM], tid[STUN_TID_SIZE];
		struct stun_builder b;
		struct stun_msg m;
		struct span error;
		unsigned code = 0;

		random_bytes(tid, sizeof(tid));
		stun_begin(&b, memory, sizeof(memory), method, STUN_REQUEST, tid);
		if (method == STUN_ALLOCATE) {
			stun_add_u32(&b, ATTR_REQUESTED_TRANSPORT, 17u << 24);
		} else {
			stun_add_u32(&b, ATTR_CHANNEL_NUMBER, (uint32_t)CHANNEL << 16);
			stun_add_xor_address(&b, ATTR_XOR_PEER_ADDRESS, &l->peer_at);
		}
		if (l->nonce.len > 0) {
			stun_add(&b, ATTR_USERNAME, l->user);
			stun_add(&b, ATTR_REALM, l->realm);
			stun_add(&b, ATTR_NONCE, l->nonce);
			stun_add_integrity(&b, span_of(l->key, sizeof(l->key)));
		}
		m = exchange(c->fd, stun_end(&b), answer);
		if (m.cls == STUN_SUCCESS)
			return m;
		if (stun_find(&m, ATTR_ERROR_CODE, &error))
			attr_read_error(error, &code);
		if (code != 401 && code != 438)
			die("the server answers %u", code);
		learn_challenge(l, &m);
	}
	die("the server does not take the credential");
}

static void open_client(struct load *l, struct client *c)
{
	uint8_t answer[DATAGRAM];
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	struct endpoint relay;
	struct stun_msg m;
	struct span value;

	c->fd = udp_socket(NULL, &l->server);
	l->nonce.len = 0;		/* coturn's nonces belong to one client port */
	m = request(l, c, STUN_ALLOCATE, answer);
	if (!stun_find(&m, ATTR_XOR_RELAYED_ADDRESS, &value) || !attr_read_xor_address(value, m.tid, &relay))
		die("no XOR-RELAYED-ADDRESS");
	c->relay_len = endpoint_to_sockaddr(&relay, &c->relay);
	request(l, c, STUN_CHANNEL_BIND, answer);
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

struct segmentation {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Where there is more than one packet, the kernel shall cut them. */
static void segment(const struct load *l, struct msghdr *m, struct segmentation *memory, size_t size)
{
	uint16_t value = (uint16_t)size;
	struct cmsghdr *c;

	if (l->burst == 1)
		return;
	m->msg_control = memory->bytes;
	m->msg_controllen = sizeof(memory->bytes);
	c = CMSG_FIRSTHDR(m);
	*c = (struct cmsghdr){ .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof(value)) };
	memcpy(CMSG_DATA(c), &value, sizeof(value));
}

static void clients_send(struct load *l)
{
	const size_t size = CHANNEL_DATA_HEADER + l->payload;
	struct iovec data = { l->frames, l->burst * size };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	struct segmentation memory;

	segment(l, &m, &memory, size);
	for (unsigned i = 0; i < BATCH && l->from_clients + l->burst <= l->window; i++) {
		if (sendmsg(l->clients[l->next_client++ % l->n].fd, &m, 0) < 0)
			return;
		l->from_clients += l->burst;
	}
}

static void peer_sends(struct load *l)
{
	struct iovec data = { l->payloads, l->burst * l->payload };
	struct segmentation memory[BATCH];
	struct mmsghdr m[BATCH];
	unsigned n = 0;
	int sent;

	for (; n < BATCH && l->from_peer + (n + 1) * l->burst <= l->window; n++) {
		struct client *c = &l->clients[(l->next_relay + n) % l->n];
		m[n] = (struct mmsghdr){ .msg_hdr = { .msg_name = &c->relay, .msg_namelen = c->relay_len, .msg_iov = &data,
						      .msg_iovlen = 1 } };
		segment(l, &m[n].msg_hdr, &memory[n], l->payload);
	}
	if (n > 0 && (sent = sendmmsg(l->peer, m, n, 0)) > 0) {
		l->next_relay += (unsigned)sent;
		l->from_peer += (unsigned)sent * l->burst;
	}
}

static void take(struct load *l, unsigned *on_their_way, size_t got, size_t expected)
{
	if (got != expected) {
		l->strange++;
		return;
	}
	l->delivered++;
	if (*on_their_way > 0)
		--*on_their_way;
}

static unsigned receive_all(struct load *l, int fd, unsigned *on_their_way, size_t expected)
{
	static uint8_t memory[BATCH][DATAGRAM];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ memory[i], DATAGRAM };
		m[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
	n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take(l, on_their_way, m[i].msg_len, expected);
	return n > 0 ? (unsigned)n : 0;
}

static unsigned receive_one(struct load *l, int fd, unsigned *on_their_way, size_t expected)
{
	uint8_t memory[DATAGRAM];
	ssize_t n = recv(fd, memory, sizeof(memory), MSG_DONTWAIT);

	if (n >= 0)
		take(l, on_their_way, (size_t)n, expected);
	return n >= 0;
}

static void turn(struct load *l)
{
	struct epoll_event ev[256];
	unsigned heard = 0;
	int n;

	clients_send(l);
	heard += receive_all(l, l->peer, &l->from_clients, l->payload);
	peer_sends(l);
	n = epoll_wait(l->epoll, ev, 256, 0);
	for (int i = 0; i < n; i++)
		heard += receive_one(l, ((struct client *)ev[i].data.ptr)->fd, &l->from_peer, CHANNEL_DATA_HEADER + l->payload);
	if (heard > 0) {
		l->heard = clock_now();
	} else if (clock_now() - l->heard > 100) {	/* what did not come by now is lost */
		l->lost += l->from_clients + l->from_peer;
		l->from_clients = l->from_peer = 0;
		l->heard = clock_now();
	}
}

static void run(struct load *l, msec_t until)
{
	while (clock_now() < until)
		turn(l);
}

/* --- the measurement --------------------------------------------------------------------------------------------- */

static uint64_t cpu_time(const char *pid)	/* ns, all threads */
{
	char path[512];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	if ((d = opendir(path)) == NULL)
		die("%s: %s", path, strerror(errno));
	while ((e = readdir(d)) != NULL) {
		unsigned long long ns;
		FILE *f;
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid, e->d_name);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		if (fscanf(f, "%llu", &ns) == 1)
			sum += ns;
		fclose(f);
	}
	closedir(d);
	return sum;
}

static unsigned number(int argc, char **argv, int i, unsigned otherwise)
{
	uint64_t n;

	if (i >= argc)
		return otherwise;
	if (!parse_u64(span_str(argv[i]), &n) || n == 0 || n > 1000000)
		die("'%s' is not a number", argv[i]);
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	struct load l = { .n = number(argc, argv, 5, 1000), .payload = number(argc, argv, 6, 172), .window = number(argc, argv, 8, 256),
			  .burst = number(argc, argv, 9, 1) };
	unsigned seconds = number(argc, argv, 7, 6);
	struct rlimit files = { 0 };
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	uint64_t cpu, delivered;
	msec_t began, took;

	if (argc < 5 || !endpoint_parse(&l.server, span_str(argv[1])) || l.payload > DATAGRAM - CHANNEL_DATA_HEADER ||
	    l.burst > BURST_MAX || l.burst > l.window)
		die("usage: turn_load SERVER:PORT USER PASSWORD PID [allocations] [payload] [seconds] [window] [burst]");
	l.user = span_str(argv[2]);
	l.password = span_str(argv[3]);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	l.peer = udp_socket(&(struct endpoint){ .ip = l.server.ip }, NULL);
	if (getsockname(l.peer, (struct sockaddr *)&sa, &len) < 0 || (l.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    (l.clients = calloc(l.n, sizeof(*l.clients))) == NULL)
		die("no memory");
	l.peer_at = endpoint_from_sockaddr((struct sockaddr *)&sa);
	for (unsigned i = 0; i < l.burst; i++)
		channel_data_header(l.frames + i * (CHANNEL_DATA_HEADER + l.payload), CHANNEL, (uint16_t)l.payload);
	for (unsigned i = 0; i < l.n; i++)
		open_client(&l, &l.clients[i]);

	l.heard = clock_now();
	run(&l, clock_now() + 1000);		/* warm */
	l.lost = 0;
	cpu = cpu_time(argv[4]);
	delivered = l.delivered;
	began = clock_now();
	run(&l, began + SECONDS(seconds));
	took = clock_now() - began;
	cpu = cpu_time(argv[4]) - cpu;
	delivered = l.delivered - delivered;
	if (delivered == 0)
		die("nothing was delivered");
	printf("delivered=%llu pps=%llu busy=%.0f%% lost=%llu strange=%llu us_per_packet=%.3f\n", (unsigned long long)delivered,
	       (unsigned long long)(delivered * 1000 / took), (double)cpu / (double)took / 1e4, (unsigned long long)l.lost,
	       (unsigned long long)l.strange, (double)cpu / 1000.0 / (double)delivered);
	return 0;
}
