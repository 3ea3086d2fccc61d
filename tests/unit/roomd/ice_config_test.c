/* What clients are told about ICE servers (apprtc-contract 2.7, 2.8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <cjson/cJSON.h>

#include "common/proto/turn_cred.h"
#include "roomd/ice_config.h"
#include "tests/lib/failing_alloc.h"
#include "tests/unit/roomd/a_site.h"

enum { NOW = 1700000000 };

static struct site_options options;
static struct site site;
static cJSON *answer;

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
	cJSON_Delete(answer);
	answer = NULL;
	site_close(&site);
	return 0;
}

static void parse(bool made, struct buf *out)
{
	assert_true(made);
	cJSON_Delete(answer);
	answer = cJSON_Parse(buf_cstr(out));
	assert_non_null(answer);
	buf_close(out);
}

static void ask_config(void)
{
	struct buf out;

	buf_init(&out, ICE_ANSWER_LIMIT);
	parse(ice_write_config(&site, NOW, &out), &out);
}

static void ask_turn(const char *name)
{
	struct buf out;

	buf_init(&out, ICE_ANSWER_LIMIT);
	parse(ice_write_turn(&site, span_str(name), NOW, &out), &out);
}

static const char *text(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

	assert_true(cJSON_IsString(v));
	return v->valuestring;
}

static void assert_fits(const char *username, const char *password)
{
	char expected[TURN_PASSWORD_SIZE];

	assert_int_equal(turn_cred_password(SPAN_LIT("north"), span_str(username), expected), 0);
	assert_string_equal(password, expected);
	assert_int_equal(strlen(password), 28);
}

static void iceconfig_has_arrays_of_urls_and_a_credential_that_fits(void **state)	/* R50, R51 */
{
	const cJSON *servers, *turn, *stun;

	(void)state;
	ask_config();
	assert_string_equal(text(answer, "lifetimeDuration"), "86400s");
	servers = cJSON_GetObjectItem(answer, "iceServers");
	assert_int_equal(cJSON_GetArraySize(servers), 2);
	turn = cJSON_GetArrayItem(servers, 0);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(turn, "urls")), 3);
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(turn, "urls"), 0)->valuestring,
			    "turn:t.example.org:3478?transport=udp");
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(turn, "urls"), 2)->valuestring,
			    "turns:t.example.org:5349?transport=tcp");
	assert_fits(text(turn, "username"), text(turn, "credential"));
	assert_int_equal(strncmp(text(turn, "username"), "1700086400:", 11), 0);
	stun = cJSON_GetArrayItem(servers, 1);
	assert_int_equal(cJSON_GetArraySize(stun), 1);
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(stun, "urls"), 0)->valuestring, "stun:t.example.org:3478");
}

static void each_asker_has_a_user_name_of_its_own(void **state)
{
	char first[TURN_USERNAME_SIZE];

	(void)state;
	ask_config();
	strcpy(first, text(cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "iceServers"), 0), "username"));
	ask_config();
	assert_string_not_equal(first, text(cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "iceServers"), 0), "username"));
}

static void without_servers_iceconfig_is_empty_and_turn_is_whole(void **state)	/* R47 */
{
	(void)state;
	options.stun_server.n = 0;
	site.n_turn_uris = 0;
	ask_config();
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer, "iceServers")), 0);
	ask_turn("x");
	assert_string_equal(text(answer, "username"), "");
	assert_string_equal(text(answer, "password"), "");
	assert_true(cJSON_IsArray(cJSON_GetObjectItem(answer, "uris")));
}

static void turn_rest_has_its_four_members_udp_first(void **state)	/* R53, R54, R55 */
{
	(void)state;
	options.credential_lifetime = HOURS(1);
	ask_turn("4711");
	assert_int_equal(cJSON_GetArraySize(answer), 4);
	assert_string_equal(text(answer, "username"), "1700003600:4711");
	assert_fits(text(answer, "username"), text(answer, "password"));
	assert_int_equal(cJSON_GetObjectItem(answer, "ttl")->valueint, 3600);
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "uris"), 0)->valuestring,
			    "turn:t.example.org:3478?transport=udp");
	ask_turn("");
	assert_string_equal(text(answer, "username"), "1700003600");
}

static void a_name_with_structure_is_not_minted(void **state)	/* R57 */
{
	struct buf out;

	(void)state;
	buf_init(&out, ICE_ANSWER_LIMIT);
	assert_false(ice_write_turn(&site, SPAN_LIT("9999999999:x"), NOW, &out));
	buf_close(&out);
}

static void any_configured_key_opens_and_no_other(void **state)
{
	(void)state;
	assert_true(ice_key_valid(&site, SPAN_LIT("key one")));
	assert_true(ice_key_valid(&site, SPAN_LIT("two")));
	assert_false(ice_key_valid(&site, SPAN_LIT("")));
	assert_false(ice_key_valid(&site, SPAN_LIT("tw")));
	assert_false(ice_key_valid(&site, SPAN_LIT("twx")));
	options.api_key.n = 0;
	assert_true(ice_key_valid(&site, SPAN_LIT("")));
	assert_true(ice_key_valid(&site, SPAN_LIT("anything")));
}

static void an_ice_uri_is_one_of_rfc_7064_or_7065(void **state)
{
	static const struct { const char *uri; bool turn, stun; int rank; } rows[] = {
		{ "turn:h", true, false, 0 }, { "turn:h:3478", true, false, 0 }, { "turn:h?transport=udp", true, false, 0 },
		{ "turn:h:1?transport=tcp", true, false, 1 }, { "turns:h", true, false, 2 },
		{ "turns:h:5349?transport=tcp", true, false, 2 }, { "turn:[2001:db8::1]:3478?transport=udp", true, false, 0 },
		{ "stun:h:3478", false, true, 0 }, { "stun:192.0.2.1", false, true, 0 },
		{ "turn://h", false, false, 0 }, { "turn:", false, false, 0 }, { "turn", false, false, 0 },
		{ "turn:h?transport=sctp", false, false, 0 }, { "turn:h?x", false, false, 0 }, { "turn:h?", false, false, 0 },
		{ "stun:h?transport=udp", false, false, 0 }, { "turn:h:0", false, false, 0 }, { "turn:u@h", false, false, 0 },
		{ "turn:h/", false, false, 0 }, { "turn:h\"", false, false, 0 }, { "http://h", false, false, 0 },
		{ "stuns:h", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ice_uri_valid(span_str(rows[i].uri), true) != rows[i].turn ||
		    ice_uri_valid(span_str(rows[i].uri), false) != rows[i].stun)
			fail_msg("%s is judged wrongly", rows[i].uri);
		if (rows[i].turn)
			assert_int_equal(ice_uri_rank(span_str(rows[i].uri)), rows[i].rank);
	}
}

static void without_memory_there_is_no_answer(void **state)
{
	bool made = false;
	unsigned n;

	(void)state;
	for (n = 0; !made; n++) {
		struct buf out;
		buf_init(&out, ICE_ANSWER_LIMIT);
		alloc_fail_at(n);
		made = ice_write_config(&site, NOW, &out);
		alloc_fail_never();
		buf_close(&out);
	}
	assert_true(n > 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
	const struct CMUnitTest tests[] = {
		T(iceconfig_has_arrays_of_urls_and_a_credential_that_fits),
		T(each_asker_has_a_user_name_of_its_own),
		T(without_servers_iceconfig_is_empty_and_turn_is_whole),
		T(turn_rest_has_its_four_members_udp_first),
		T(a_name_with_structure_is_not_minted),
		T(any_configured_key_opens_and_no_other),
		T(an_ice_uri_is_one_of_rfc_7064_or_7065),
		T(without_memory_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
