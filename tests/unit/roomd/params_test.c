/* The params object, parameter by parameter (apprtc-contract 2.3, 2.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <cjson/cJSON.h>

#include "roomd/params.h"
#include "tests/lib/failing_alloc.h"
#include "tests/unit/roomd/a_site.h"

static const char chrome[] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36";
static struct site_options options;
static struct site site;
static cJSON *params;		/* of the last made() */

static int start(void **state)
{
	int complaints = 0;

	(void)state;
	options = a_site_options();
	assert_true(site_init(&site, &options, a_complaint, &complaints));
	return 0;
}

static int end(void **state)
{
	(void)state;
	cJSON_Delete(params);
	params = NULL;
	site_close(&site);
	return 0;
}

static void made(const struct params_request *r)
{
	struct buf out;

	buf_init(&out, PARAMS_LIMIT);
	assert_true(params_write(&site, r, NULL, &out));
	cJSON_Delete(params);
	params = cJSON_Parse(buf_cstr(&out));
	if (params == NULL)
		fail_msg("not JSON: %s", buf_cstr(&out));
	buf_close(&out);
}

static void asked(const char *query)
{
	made(&(struct params_request){
		.query = span_str(query), .host = SPAN_LIT("localhost:8080"), .user_agent = SPAN_LIT("curl"),
		.room = SPAN_LIT("room-1"), .client = SPAN_LIT("12345678"), .initiator = true,
	});
}

static const char *text(const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(params, name);

	if (!cJSON_IsString(v))
		fail_msg("%s is not a string", name);
	return v->valuestring;
}

#define is(name, expected) assert_string_equal(text(name), (expected))

static size_t n_warnings(void)
{
	const cJSON *w = cJSON_GetObjectItemCaseSensitive(params, "warning_messages");

	assert_true(cJSON_IsArray(w));
	return (size_t)cJSON_GetArraySize(w);
}

static void a_join_has_every_member_with_its_type(void **state)	/* R06, R07, R08, R35, R47 */
{
	static const char *const strings[] = {
		"is_initiator", "client_id", "room_id", "room_link", "wss_url", "wss_post_url", "pc_config", "pc_constraints",
		"media_constraints", "offer_options", "is_loopback", "include_loopback_js", "ice_server_url",
		"ice_server_transports", "turn_url", "bypass_join_confirmation", "version_info",
	};

	(void)state;
	asked("");
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		text(strings[i]);
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(params, "messages")));
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(params, "error_messages")));
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(params, "warning_messages")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(params, "header_message")));
	assert_int_equal(cJSON_GetArraySize(params), sizeof(strings) / sizeof(strings[0]) + 4);
	is("is_initiator", "true");
	is("client_id", "12345678");
	is("room_id", "room-1");
	is("room_link", "http://localhost:8080/r/room-1");
	is("wss_url", "wss://signal.example.org/ws");
	is("wss_post_url", "https://signal.example.org");		/* R09: no trailing slash */
	is("pc_config", "{\"iceServers\":[],\"bundlePolicy\":\"max-bundle\",\"rtcpMuxPolicy\":\"require\"}");
	is("pc_constraints", "{\"optional\":[]}");
	is("media_constraints", "{\"audio\":true,\"video\":true}");
	is("offer_options", "{}");
	is("is_loopback", "false");
	is("include_loopback_js", "");
	is("ice_server_url", "http://localhost:8080/v1alpha/iceconfig?key=key%20one");
	is("ice_server_transports", "");
	is("turn_url", "http://localhost:8080/turn?username=12345678&key=key%20one");
	is("bypass_join_confirmation", "false");
	is("version_info", "null");
}

static void without_a_member_there_is_no_member_in_it(void **state)	/* R34 */
{
	static const char *const absent[] = { "room_id", "room_link", "client_id", "is_initiator", "messages", "room_full" };

	(void)state;
	made(&(struct params_request){ .host = SPAN_LIT("x") });
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_null(cJSON_GetObjectItem(params, absent[i]));
	assert_int_equal(strncmp(text("turn_url"), "https://rooms.example.org/turn?username=", 40), 0);
	assert_true(strlen(text("turn_url")) > 50);
}

static void the_page_is_told_whether_the_room_is_full(void **state)	/* R03 */
{
	(void)state;
	made(&(struct params_request){ .room = SPAN_LIT("r"), .page = true, .room_full = true });
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(params, "room_full")));
	is("room_id", "r");
}

static void messages_survive_whatever_is_in_them(void **state)	/* R13, R28, R30 */
{
	const struct span messages[] = {
		SPAN_LIT("{\"type\":\"offer\",\r\n\"sdp\":\"v=0\\r\\n\"}"), SPAN_LIT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80 \\ \" \x01"),
		SPAN_LIT("a\0b"),
	};
	struct buf out;

	(void)state;
	made(&(struct params_request){ .client = SPAN_LIT("c"), .messages = messages, .n_messages = 2 });
	for (int i = 0; i < 2; i++) {
		const cJSON *m = cJSON_GetArrayItem(cJSON_GetObjectItem(params, "messages"), i);
		assert_true(span_eq_str(messages[i], m->valuestring));
	}
	is("is_initiator", "false");
	buf_init(&out, PARAMS_LIMIT);	/* cJSON cannot read a NUL, but browsers can */
	assert_true(params_write(&site, &(struct params_request){ .client = SPAN_LIT("c"), .messages = messages + 2, .n_messages = 1 },
				 NULL, &out));
	assert_non_null(strstr(buf_cstr(&out), "\"messages\":[\"a\\u0000b\"]"));
	buf_close(&out);
}

static void each_parameter_has_its_effect(void **state)
{
	static const struct { const char *query, *member, *value; } rows[] = {
		/* audio, video: R36, R37 */
		{ "audio=true&video=false", "media_constraints", "{\"audio\":true,\"video\":false}" },
		{ "audio=FALSE&video=TRUE", "media_constraints", "{\"audio\":false,\"video\":true}" },
		{ "audio=&video=", "media_constraints", "{\"audio\":true,\"video\":true}" },
		{ "video=minWidth=1280,minHeight=720", "media_constraints",
		  "{\"audio\":true,\"video\":{\"mandatory\":{\"minWidth\":\"1280\",\"minHeight\":\"720\"},\"optional\":[]}}" },
		{ "video=mandatory%3AminWidth%3D640,optional%3AmaxWidth%3D1280", "media_constraints",
		  "{\"audio\":true,\"video\":{\"mandatory\":{\"minWidth\":\"640\"},\"optional\":[{\"maxWidth\":\"1280\"}]}}" },
		{ "audio=googEchoCancellation=false,echoCancellation=true", "media_constraints",
		  "{\"audio\":{\"mandatory\":{\"echoCancellation\":\"true\"},\"optional\":[{\"googEchoCancellation\":\"false\"}]},\"video\":true}" },
		{ "audio=mandatory:googX=1", "media_constraints",
		  "{\"audio\":{\"mandatory\":{\"googX\":\"1\"},\"optional\":[]},\"video\":true}" },
		{ "audio=wrong:k=v,none,a=b=c,k=", "media_constraints",
		  "{\"audio\":{\"mandatory\":{\"k\":\"\"},\"optional\":[{\"k\":\"v\"}]},\"video\":true}" },
		{ "audio=k=1,k=2", "media_constraints", "{\"audio\":{\"mandatory\":{\"k\":\"2\"},\"optional\":[]},\"video\":true}" },
		{ "audio=k=%22%3C%5C", "media_constraints",
		  "{\"audio\":{\"mandatory\":{\"k\":\"\\\"<\\\\\"},\"optional\":[]},\"video\":true}" },
		/* hd: R38 */
		{ "hd=true", "media_constraints",
		  "{\"audio\":true,\"video\":{\"mandatory\":{\"minWidth\":\"1280\",\"minHeight\":\"720\"},\"optional\":[]}}" },
		{ "hd=TRUE&video=false", "media_constraints",
		  "{\"audio\":true,\"video\":{\"mandatory\":{\"minWidth\":\"1280\",\"minHeight\":\"720\"},\"optional\":[]}}" },
		{ "hd=false&video=false", "media_constraints", "{\"audio\":true,\"video\":false}" },
		/* R43 */
		{ "firefox_fake_device=1", "media_constraints", "{\"audio\":true,\"video\":true,\"fake\":true}" },
		{ "firefox_fake_device=", "media_constraints", "{\"audio\":true,\"video\":true}" },
		/* R40: this order, booleans, other values ignored */
		{ "ipv6=false&dscp=true&dtls=true", "pc_constraints",
		  "{\"optional\":[{\"DtlsSrtpKeyAgreement\":true},{\"googDscp\":true},{\"googIPv6\":false}]}" },
		{ "dtls=yes&dscp=&ipv6=TRUE", "pc_constraints", "{\"optional\":[{\"googIPv6\":true}]}" },
		/* R41 */
		{ "it=relay", "pc_config",
		  "{\"iceServers\":[],\"bundlePolicy\":\"max-bundle\",\"rtcpMuxPolicy\":\"require\",\"iceTransports\":\"relay\"}" },
		{ "tt=udp", "ice_server_transports", "udp" },
		/* loopback: R31 */
		{ "debug=loopback", "is_loopback", "true" },
		{ "debug=loopback", "include_loopback_js", "<script src=\"/js/loopback.js\"></script>" },
		{ "debug=loopback&dtls=true", "pc_constraints", "{\"optional\":[{\"DtlsSrtpKeyAgreement\":false}]}" },
		{ "debug=other", "is_loopback", "false" },
		/* R45, B12, Q9: only configured hosts; wstls overrides the configured scheme */
		{ "wshpp=localhost:8089", "wss_url", "ws://localhost:8089/ws" },
		{ "wshpp=localhost:8089&wstls=true", "wss_post_url", "https://localhost:8089" },
		{ "wshpp=evil.example:80", "wss_url", "wss://signal.example.org/ws" },
		{ "wstls=false", "wss_url", "ws://signal.example.org:443/ws" },
		{ "wstls=other", "wss_url", "wss://signal.example.org/ws" },
		/* R42, D-H13 */
		{ "ts=", "ice_server_url", "" },
		{ "ts", "ice_server_url", "" },
		{ "ts=https://rooms.example.org/", "ice_server_url", "https://rooms.example.org/v1alpha/iceconfig?key=key%20one" },
		{ "ts=https://rooms.example.org:444", "ice_server_url", "http://localhost:8080/v1alpha/iceconfig?key=key%20one" },
		{ "ts=https://evil.example", "ice_server_url", "http://localhost:8080/v1alpha/iceconfig?key=key%20one" },
		{ "apikey=a%26b%22", "ice_server_url", "http://localhost:8080/v1alpha/iceconfig?key=a%26b%22" },
		{ "apikey=k", "turn_url", "http://localhost:8080/turn?username=12345678&key=k" },
		/* the link keeps the query, but not a member's secret: R10, Q10 */
		{ "asc=ISAC/16000&vrc=VP9&t=", "room_link", "http://localhost:8080/r/room-1?asc=ISAC/16000&vrc=VP9&t=" },
		{ "a=1&rejoin=4711&b=2", "room_link", "http://localhost:8080/r/room-1?a=1&b=2" },
		{ "%72ejoin=4711", "room_link", "http://localhost:8080/r/room-1" },
		{ "a=%22&&b=\"<\xc3\xa9>", "room_link", "http://localhost:8080/r/room-1?a=%22&b=%22%3C%C3%A9%3E" },
		/* the first one counts; broken ones count as absent */
		{ "tt=a&tt=b", "ice_server_transports", "a" },
		{ "tt=%zz", "ice_server_transports", "" },
		{ "tt=%ff%fe", "ice_server_transports", "" },
		{ "unknown=1&t=2&=&&&=x", "ice_server_transports", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		asked(rows[i].query);
		if (strcmp(text(rows[i].member), rows[i].value) != 0)
			fail_msg("%s: %s is %s, not %s", rows[i].query, rows[i].member, text(rows[i].member), rows[i].value);
	}
}

static void some_parameters_give_one_warning_each(void **state)	/* R38, R43 */
{
	static const struct { const char *query; size_t n; } rows[] = {
		{ "", 0 }, { "hd=true", 0 }, { "video=true", 0 }, { "hd=true&video=a=b", 1 }, { "hd=false&video=a=b", 1 },
		{ "minre=1", 1 }, { "maxre=1", 1 }, { "minre=1&maxre=2", 1 }, { "minre=&maxre=", 0 },
		{ "minre=1&hd=1&video=%3Cscript%3E", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		asked(rows[i].query);
		if (n_warnings() != rows[i].n)
			fail_msg("%s: %zu warnings", rows[i].query, n_warnings());
	}
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(params, "warning_messages"), 0)->valuestring,
			    "The \"hd\" parameter has overridden video=<script>");
}

static void chrome_on_a_desktop_is_asked_for_hd(void **state)	/* R39, R46 */
{
	static const char hd[] = "{\"audio\":true,\"video\":{\"mandatory\":{},\"optional\":[{\"minWidth\":\"1280\"},{\"minHeight\":\"720\"}]}}";
	static const struct { const char *agent, *query, *value; } rows[] = {
		{ chrome, "", hd },
		{ "Chrome Android", "", "{\"audio\":true,\"video\":true}" },
		{ "", "", "{\"audio\":true,\"video\":true}" },
		{ chrome, "video=true", "{\"audio\":true,\"video\":true}" },
		{ chrome, "hd=false", "{\"audio\":true,\"video\":true}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		made(&(struct params_request){ .query = span_str(rows[i].query), .user_agent = span_str(rows[i].agent) });
		is("media_constraints", rows[i].value);
	}
}

static void links_have_the_origin_that_was_asked_if_it_is_ours(void **state)	/* R10, D-H12 */
{
	(void)state;
	made(&(struct params_request){ .host = SPAN_LIT("evil.example"), .room = SPAN_LIT("r") });
	is("room_link", "https://rooms.example.org/r/r");
	made(&(struct params_request){ .host = SPAN_LIT("LOCALHOST:8080"), .room = SPAN_LIT("r") });
	is("room_link", "http://localhost:8080/r/r");
}

static void the_room_decides_about_its_signaling_server(void **state)
{
	(void)state;
	made(&(struct params_request){ .query = SPAN_LIT("wshpp=signal.example.org"), .signal = &site.signals[1] });
	is("wss_url", "ws://localhost:8089/ws");
	assert_ptr_equal(site_signal(&site, SPAN_LIT("ws://localhost:8089"), SPAN_LIT("room")), &site.signals[1]);
	assert_ptr_equal(site_signal(&site, SPAN_LIT("ws://gone"), SPAN_LIT("room")), &site.signals[0]);
	assert_ptr_equal(params_signal(&site, SPAN_LIT("wshpp=localhost:8089")), &site.signals[1]);
}

static void without_ice_servers_and_keys_their_urls_say_so(void **state)
{
	(void)state;
	options.turn_server.n = options.stun_server.n = options.api_key.n = 0;
	site.n_turn_uris = 0;
	asked("");
	is("ice_server_url", "");
	is("turn_url", "http://localhost:8080/turn?username=12345678&key=");
}

static void an_identifier_is_taken_only_if_it_is_legal(void **state)
{
	char id[ID_MAX];

	(void)state;
	assert_true(span_eq_str(params_id(SPAN_LIT("a=1&rejoin=4711"), "rejoin", id), "4711"));
	assert_int_equal(params_id(SPAN_LIT("a=1"), "rejoin", id).len, 0);
	assert_int_equal(params_id(SPAN_LIT("rejoin="), "rejoin", id).len, 0);
	assert_int_equal(params_id(SPAN_LIT("rejoin=a%20b"), "rejoin", id).len, 0);
	assert_int_equal(params_id(SPAN_LIT("rejoin=0123456789012345678901234567890123456789012345678901234567890123"), "rejoin", id).len, 64);
	assert_int_equal(params_id(SPAN_LIT("rejoin=01234567890123456789012345678901234567890123456789012345678901234"), "rejoin", id).len, 0);
}

static void without_memory_nothing_is_written_as_if_it_were_whole(void **state)
{
	struct buf out;
	bool good = false;
	unsigned n;

	(void)state;
	for (n = 0; !good; n++) {
		buf_init(&out, PARAMS_LIMIT);
		alloc_fail_at(n);
		good = params_write(&site, &(struct params_request){ .query = SPAN_LIT("hd=1&video=x=y"), .client = SPAN_LIT("c") },
				    NULL, &out);
		if (alloc_failed())
			good = good && out.p[out.len - 1] == '}' && !out.failed;
		alloc_fail_never();
		buf_close(&out);
	}
	assert_true(n > 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		T(a_join_has_every_member_with_its_type),
		T(without_a_member_there_is_no_member_in_it),
		T(the_page_is_told_whether_the_room_is_full),
		T(messages_survive_whatever_is_in_them),
		T(each_parameter_has_its_effect),
		T(some_parameters_give_one_warning_each),
		T(chrome_on_a_desktop_is_asked_for_hd),
		T(links_have_the_origin_that_was_asked_if_it_is_ours),
		T(the_room_decides_about_its_signaling_server),
		T(without_ice_servers_and_keys_their_urls_say_so),
		T(an_identifier_is_taken_only_if_it_is_legal),
		T(without_memory_nothing_is_written_as_if_it_were_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
