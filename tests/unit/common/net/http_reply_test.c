#include "common/net/http_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/failing_alloc.h"

static void assert_head(const struct http_reply *r, const struct http_reply_frame *f, const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_true(http_reply_head(r, f, &out));
	assert_string_equal(buf_cstr(&out), expected);
	buf_close(&out);
}

static void a_reply_has_date_type_and_length(void **state)
{
	(void)state;
	assert_head(&(struct http_reply){ .status = 200, .content_type = "text/html", .body = SPAN_LIT("hello") },
		    &(struct http_reply_frame){ .now = 784111777 },
		    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html\r\n"
		    "Content-Length: 5\r\n\r\n");
}

static void headers_of_server_and_reply_come_in_order(void **state)
{
	const struct http_header all = { SPAN_LIT("X-All"), SPAN_LIT("a") }, own = { SPAN_LIT("Allow"), SPAN_LIT("GET") };

	(void)state;
	assert_head(&(struct http_reply){ .status = 405, .headers = &own, .n_headers = 1 },
		    &(struct http_reply_frame){ .headers = &all, .n_headers = 1, .close = true, .keep_alive = true },
		    "HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n"
		    "Connection: close\r\nX-All: a\r\nAllow: GET\r\n\r\n");
}

static void no_content_has_no_length(void **state)
{
	(void)state;
	assert_head(&(struct http_reply){ .status = 204 }, &(struct http_reply_frame){ .keep_alive = true },
		    "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: keep-alive\r\n\r\n");
}

static void no_value_can_end_its_line(void **state)
{
	const struct http_header h = { SPAN_LIT("Location"), SPAN_LIT("/a\r\nSet-Cookie: b\n\x7f") };

	(void)state;
	assert_head(&(struct http_reply){ .status = 302, .headers = &h, .n_headers = 1 }, &(struct http_reply_frame){ 0 },
		    "HTTP/1.1 302 Found\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n"
		    "Location: /a  Set-Cookie: b  \r\n\r\n");
}

static void every_status_that_we_send_has_its_reason(void **state)
{
	static const int sent[] = { 200, 204, 302, 400, 403, 404, 405, 408, 413, 414, 417, 426, 429, 431, 500, 501, 503, 505 };

	(void)state;
	for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++)
		assert_string_not_equal(http_reason(sent[i]), "Unknown");
	assert_string_equal(http_reason(299), "Unknown");
}

static void an_upgrade_names_its_protocol(void **state)
{
	const struct http_header h = { SPAN_LIT("Sec-WebSocket-Accept"), SPAN_LIT("x") };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_true(http_upgrade_head("websocket", &h, 1, &out));
	assert_string_equal(buf_cstr(&out), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
	buf_close(&out);
}

static void without_memory_there_is_no_reply(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	alloc_fail_at(0);
	assert_false(http_reply_head(&(struct http_reply){ .status = 200 }, &(struct http_reply_frame){ 0 }, &out));
	alloc_fail_never();
	buf_close(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_has_date_type_and_length),
		cmocka_unit_test(headers_of_server_and_reply_come_in_order),
		cmocka_unit_test(no_content_has_no_length),
		cmocka_unit_test(no_value_can_end_its_line),
		cmocka_unit_test(every_status_that_we_send_has_its_reason),
		cmocka_unit_test(an_upgrade_names_its_protocol),
		cmocka_unit_test(without_memory_there_is_no_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
