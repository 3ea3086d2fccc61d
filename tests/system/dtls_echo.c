/* dtls_echo - a DTLS server over one UDP socket, for `openssl s_client -dtls1_2`: sends back what it is told.
 *
 * usage: dtls_echo PORT CERT KEY     on 127.0.0.1; ends when standard input does
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/crypto/dtls_door.h"

enum { CLIENTS_MAX = 16 };

static int fd;
static struct client {
	struct sockaddr_in address;
	struct tls_engine *tls;
} clients[CLIENTS_MAX];

static bool send_to(void *ctx, struct span datagram)
{
	const struct sockaddr_in *to = ctx;

	return sendto(fd, datagram.p, datagram.len, 0, (const struct sockaddr *)to, sizeof *to) >= 0;
}

static struct client *find(const struct sockaddr_in *address)
{
	for (struct client *c = clients; c < clients + CLIENTS_MAX; c++)
		if (c->tls != NULL && c->address.sin_port == address->sin_port)
			return c;
	return NULL;
}

static void serve(struct client *c, struct span in)
{
	uint8_t out[TLS_RECORD_MAX];
	enum tls_event event;
	size_t n;

	do {
		event = tls_engine_read(c->tls, clock_now(), &in, out, sizeof out, &n);
		if (event == TLS_READY)
			printf("ready alpn=%s\n", tls_engine_alpn(c->tls));
		if (event == TLS_DATA)
			(void)tls_engine_write(c->tls, &(struct span){ out, n }, 1);
	} while (event == TLS_READY || event == TLS_DATA);
	if (event == TLS_MORE)
		return;
	printf("%s %s\n", event == TLS_CLOSED ? "closed" : "failed", tls_engine_why(c->tls));
	tls_engine_free(c->tls);
	c->tls = NULL;
}

static void greet(struct dtls_door *door, const struct sockaddr_in *from, struct span datagram)
{
	struct client *c = clients;

	while (c < clients + CLIENTS_MAX && c->tls != NULL)
		c++;
	if (c == clients + CLIENTS_MAX)
		return;
	c->address = *from;
	c->tls = dtls_door_hello(door, span_of(from, sizeof *from), datagram, clock_now(), send_to, &c->address);
	printf(c->tls != NULL ? "cookie accepted\n" : "challenged or dropped\n");
}

static void receive(struct dtls_door *door)
{
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	uint8_t in[65536];
	ssize_t n = recvfrom(fd, in, sizeof in, 0, (struct sockaddr *)&from, &len);
	struct client *c = n >= 0 ? find(&from) : NULL;

	if (c != NULL)
		serve(c, span_of(in, (size_t)n));
	else if (n >= 0)
		greet(door, &from, span_of(in, (size_t)n));
}

static void serve_until_told(struct dtls_door *door)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	while (p[1].revents == 0) {
		if (poll(p, 2, 100) < 0)
			return;
		if (p[0].revents != 0)
			receive(door);
		for (struct client *c = clients; c < clients + CLIENTS_MAX; c++)
			if (c->tls != NULL && tls_engine_due(c->tls) <= clock_now())
				serve(c, span_of(NULL, 0));
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct tls_server_options o = { .n_pairs = 1, .alpn = { "stun.turn", "stun.nat-discovery" } };
	struct tls_server *server;
	struct dtls_door *door;
	char why[TLS_FILE_WHY];

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	o.pairs[0] = (struct tls_pair_files){ argv[2], argv[3] };
	server = tls_server_new(&o, why);
	door = server != NULL ? dtls_door_new(server) : NULL;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (door == NULL || fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0)
		return 1;
	printf("listening\n");
	serve_until_told(door);
	for (struct client *c = clients; c < clients + CLIENTS_MAX; c++)
		tls_engine_free(c->tls);
	dtls_door_free(door);
	tls_server_free(server);
	return 0;
}
