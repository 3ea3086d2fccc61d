#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/io/path_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct endpoint any4 = { { 4, { 0 } }, 0 }, any6 = { { 6, { 0 } }, 0 };
static const struct ip_addr home4 = { 4, { 127, 0, 0, 1 } }, home6 = { 6, { [15] = 1 } };

static int client_of(const struct endpoint *server)
{
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(server, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);	/* takes nothing from any other address */
	return fd;
}

static void assert_gets(int fd, const void *bytes, size_t n)
{
	static uint8_t got[65536];

	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), n);
	assert_memory_equal(got, bytes, n);
}

static void an_answer_leaves_from_the_address_that_was_asked(void **state)
{
	static const struct ip_addr asked[] = { { 4, { 127, 0, 0, 1 } }, { 4, { 127, 0, 0, 9 } }, { 6, { [15] = 1 } } };
	struct rx_batch *rx = rx_new();
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct client_path from[BATCH];
		struct flow_packet packets[BATCH];
		struct tx_counts counts = { 0 };
		struct endpoint server = { .ip = asked[i] };
		struct path_udp p;
		int client;
		assert_int_equal(path_udp_open(&p, 7, asked[i].family == 4 ? &any4 : &any6, 65536, &counts), 0);
		server.port = p.at.port;
		client = client_of(&server);
		assert_int_equal(send(client, "hello", 5, 0), 5);
		assert_int_equal(path_udp_receive(&p, rx, from, BATCH), 1);
		assert_int_equal(path_udp_packets(rx, from, packets), 1);
		assert_int_equal(path_udp_packets(rx, from, packets), 0);
		assert_true(span_eq_str(packets[0].data, "hello"));
		assert_ptr_equal(packets[0].path, &from[0]);
		assert_true(endpoint_equal(&from[0].server, &server));
		assert_int_equal(from[0].socket, 7);
		path_udp_send(&p, &from[0], SPAN_LIT("head,"), SPAN_LIT("payload"), 3);
		path_udp_send_copy(&p, &from[0], SPAN_LIT("answer"));
		path_udp_flush(&p);
		assert_gets(client, "head,payload\0\0\0", 15);
		assert_gets(client, "answer", 6);
		assert_int_equal(counts.sent, 2);
		rx_reset(rx);
		close(client);
		path_udp_close(&p);
	}
	rx_free(rx);
}

/* Both ways in one piece where the kernel can; nobody sees a difference where it cannot. */
static void a_burst_comes_and_goes_by_the_address_that_was_asked(void **state)
{
	static const struct ip_addr asked[] = { { 4, { 127, 0, 0, 9 } }, { 6, { [15] = 1 } } };
	struct rx_batch *rx = rx_new(), *heard = rx_new();
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct client_path from[BATCH];
		struct flow_packet packets[BATCH];
		struct tx_counts counts = { 0 }, client_counts = { 0 };
		struct endpoint server = { .ip = asked[i] };
		struct tx_batch *burst = tx_new(&client_counts);
		struct rx_datagram d;
		struct path_udp p;
		int client;
		assert_int_equal(path_udp_open(&p, 7, asked[i].family == 4 ? &any4 : &any6, 65536, &counts), 0);
		server.port = p.at.port;
		client = client_of(&server);
		rx_coalesce(client);
		for (unsigned k = 0; k < 5; k++)
			tx_add(burst, &(struct tx_datagram){ .to = &server, .payload = k < 4 ? SPAN_LIT("hello") : SPAN_LIT("end") });
		tx_flush(burst, client);
		assert_int_equal(path_udp_receive(&p, rx, from, BATCH), rx_can_coalesce() && tx_can_segment() ? 1 : 5);
		assert_int_equal(path_udp_packets(rx, from, packets), 5);
		for (unsigned k = 0; k < 5; k++) {
			assert_true(span_eq_str(packets[k].data, k < 4 ? "hello" : "end"));
			assert_true(endpoint_equal(&packets[k].path->server, &server));
			path_udp_send(&p, packets[k].path, SPAN_LIT("to "), packets[k].data, 0);
		}
		path_udp_flush(&p);
		assert_int_equal(counts.sent, 5);
		assert_int_equal(rx_receive(heard, client, BATCH), rx_can_coalesce() && tx_can_segment() ? 1 : 5);
		for (unsigned k = 0; k < 5; k++) {
			assert_true(rx_next(heard, &d));
			assert_true(span_eq_str(d.data, k < 4 ? "to hello" : "to end"));
		}
		rx_reset(rx);
		rx_reset(heard);
		tx_free(burst);
		close(client);
		path_udp_close(&p);
	}
	rx_free(rx);
	rx_free(heard);
}

static void one_burst_never_leaves_from_two_addresses(void **state)
{
	struct tx_counts counts = { 0 };
	struct endpoint at = { home4, 0 };
	struct client_path to = { .server.ip = home4 };
	struct path_udp p;
	struct sockaddr_storage sa;
	socklen_t len = endpoint_to_sockaddr(&at, &sa);
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)state;

	assert_int_equal(path_udp_open(&p, 0, &any4, 65536, &counts), 0);
	assert_int_equal(bind(client, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&sa, &len), 0);
	to.client = endpoint_from_sockaddr((struct sockaddr *)&sa);
	for (uint8_t i = 2; i <= 6; i++) {
		to.server.ip.b[3] = i / 2;
		path_udp_send_copy(&p, &to, span_of(&i, 1));
	}
	path_udp_flush(&p);
	for (uint8_t i = 2; i <= 6; i++) {
		uint8_t got;
		struct endpoint from;
		len = sizeof(sa);
		assert_int_equal(recvfrom(client, &got, 1, MSG_DONTWAIT, (struct sockaddr *)&sa, &len), 1);
		from = endpoint_from_sockaddr((struct sockaddr *)&sa);
		assert_int_equal(got, i);
		assert_int_equal(from.ip.b[3], i / 2);
	}
	close(client);
	path_udp_close(&p);
}

static void a_queue_that_is_full_is_sent_first(void **state)
{
	struct client_path to = { .socket = 0 };
	struct endpoint at = { home4, 0 };
	struct tx_counts counts = { 0 };
	struct path_udp p;
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	static uint8_t big[9000];
	int client;
	(void)state;

	assert_int_equal(path_udp_open(&p, 0, &at, 1 << 20, &counts), 0);
	client = client_of(&p.at);
	socket_set_buffers(client, 4 << 20);
	assert_int_equal(getsockname(client, (struct sockaddr *)&sa, &len), 0);
	to.client = endpoint_from_sockaddr((struct sockaddr *)&sa);
	for (uint8_t i = 0; i < BATCH + 5; i++)
		path_udp_send_copy(&p, &to, span_of(&i, 1));
	assert_int_equal(counts.sent, BATCH);
	for (uint8_t i = 0; i < 3; i++) {	/* more bytes than the queue copies */
		memset(big, i, sizeof(big));
		path_udp_send_copy(&p, &to, span_of(big, sizeof(big)));
	}
	path_udp_flush(&p);
	for (uint8_t i = 0; i < BATCH + 5; i++)
		assert_gets(client, &i, 1);
	for (uint8_t i = 0; i < 3; i++) {
		memset(big, i, sizeof(big));
		assert_gets(client, big, sizeof(big));
	}
	close(client);
	path_udp_close(&p);
}

static void a_taken_port_is_found_before_the_group_is_joined(void **state)
{
	struct endpoint at = { home6, 0 };
	struct tx_counts counts = { 0 };
	struct path_udp first, second;
	(void)state;

	assert_int_equal(path_udp_open(&first, 0, &at, 0, &counts), 0);
	assert_int_equal(path_udp_probe(&first.at), EADDRINUSE);
	assert_int_equal(path_udp_open(&second, 0, &first.at, 0, &counts), 0);	/* the other workers do join it */
	path_udp_close(&second);
	path_udp_close(&first);
	assert_int_equal(path_udp_probe(&first.at), 0);
	assert_int_equal(path_udp_probe(&(struct endpoint){ { 4, { 192, 0, 2, 1 } }, 0 }), EADDRNOTAVAIL);
}

static void a_datagram_of_any_size_is_received_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 1500, 65507 };
	static uint8_t bytes[65507];
	struct endpoint at = { home4, 0 };
	struct client_path from[BATCH];
	struct flow_packet packets[BATCH];
	struct tx_counts counts = { 0 };
	struct rx_batch *rx = rx_new();
	struct path_udp p;
	int client;
	(void)state;

	assert_int_equal(path_udp_open(&p, 0, &at, 1 << 20, &counts), 0);
	client = client_of(&p.at);
	memset(bytes, 0xA5, sizeof(bytes));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(send(client, bytes, sizes[i], 0), sizes[i]);
	assert_int_equal(path_udp_receive(&p, rx, from, 3), 3);
	assert_int_equal(path_udp_receive(&p, rx, from, BATCH), 1);
	assert_int_equal(rx_count(rx), 4);
	assert_int_equal(path_udp_packets(rx, from, packets), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(span_eq(packets[i].data, span_of(bytes, sizes[i])));
	close(client);
	path_udp_close(&p);
	rx_free(rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_leaves_from_the_address_that_was_asked),
		cmocka_unit_test(a_burst_comes_and_goes_by_the_address_that_was_asked),
		cmocka_unit_test(one_burst_never_leaves_from_two_addresses),
		cmocka_unit_test(a_queue_that_is_full_is_sent_first),
		cmocka_unit_test(a_taken_port_is_found_before_the_group_is_joined),
		cmocka_unit_test(a_datagram_of_any_size_is_received_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
