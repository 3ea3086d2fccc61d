#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signald/message.h"

/* A copy of exactly that many bytes, so that a sanitizer sees a read beyond them. */
static const char *parse_exact(struct message *m, struct span in, uint8_t **copy)
{
	*copy = malloc(in.len ? in.len : 1);
	if (in.len > 0)
		memcpy(*copy, in.p, in.len);
	return message_parse(m, span_of(*copy, in.len));
}

static void a_register_is_understood(void **state)
{
	static const char *const texts[] = {
		"{\"cmd\":\"register\",\"roomid\":\"r1\",\"clientid\":\"c-2_\"}",
		"{\"clientid\":\"c-2_\",\"cmd\":\"register\",\"roomid\":\"r1\"}",
		" \r\n\t{ \"cmd\" : \"register\" , \"roomid\"\n:\n\"r1\" , \"clientid\" : \"c-2_\" } \n",	/* S35 */
		"{\"x\":[1,{\"cmd\":\"no\"},-0.5e+3,true,null,\"\\\"}\"],\"cmd\":\"register\",\"roomid\":\"r1\",\"clientid\":\"c-2_\"}",
		"{\"cmd\":\"register\",\"roomid\":\"r1\",\"clientid\":\"c-2_\",\"msg\":\"\",\"\":{},\"a\":[],\"b\":[[{}]]}",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct message m;
		assert_null(message_parse(&m, span_str(texts[i])));
		assert_int_equal(m.kind, MESSAGE_REGISTER);
		assert_true(span_eq_str(m.room, "r1"));
		assert_true(span_eq_str(m.client, "c-2_"));
	}
}

/* S36, S37 */
static void the_text_of_a_send_stays_as_it_was_escaped(void **state)
{
	static const char *const texts[] = {
		"v=0\\r\\no=- 1", "\\u0000", "\xf0\x9f\x98\x80\\ud83d\\ude00", "\\\"}", "\\\\", "<>&\xe2\x80\xa8", "a", "\\\\\\\"",
		"{\\\"type\\\":\\\"bye\\\"}", "\\/\\b\\f\\n\\t",
	};
	static const char *const forms[] = {
		"{\"cmd\":\"send\",\"msg\":\"%s\"}", "{\"msg\":\"%s\",\"cmd\":\"send\"}", "{\n  \"cmd\" : \"send\",\n  \"msg\" : \"%s\"\n}\n",
		"{\"cmd\":\"send\",\"msg\":\"%s\",\"more\":1}",
	};
	(void)state;

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			struct message m;
			char in[256];
			char *at = strstr(forms[f], "%s") - forms[f] + in;

			memcpy(in, forms[f], (size_t)(at - in));
			strcpy(at, texts[i]);
			strcat(at, strstr(forms[f], "%s") + 2);
			assert_null(message_parse(&m, span_str(in)));
			assert_int_equal(m.kind, MESSAGE_SEND);
			assert_true(span_eq_str(m.text, texts[i]));
		}
	}
}

static void what_is_missing_is_empty(void **state)
{
	struct message m;
	(void)state;

	assert_null(message_parse(&m, SPAN_LIT("{\"cmd\":\"send\"}")));
	assert_int_equal(m.kind, MESSAGE_SEND);
	assert_int_equal(m.text.len, 0);
	assert_null(message_parse(&m, SPAN_LIT("{\"cmd\":\"send\",\"msg\":\"\"}")));
	assert_int_equal(m.kind, MESSAGE_SEND);
	assert_int_equal(m.text.len, 0);
	assert_null(message_parse(&m, SPAN_LIT("{\"cmd\":\"register\",\"roomid\":\"\"}")));
	assert_int_equal(m.kind, MESSAGE_REGISTER);
	assert_int_equal(m.room.len, 0);
	assert_int_equal(m.client.len, 0);
}

/* S32, S57: nothing of an earlier message is kept */
static void another_or_no_command_is_told_apart(void **state)
{
	static const char *const texts[] = { "{}", "{ }", "{\"cmd\":\"\"}", "{\"cmd\":\"Send\",\"msg\":\"x\"}", "{\"msg\":\"x\"}",
		"{\"cmd\":\"sendx\",\"msg\":\"x\"}" };
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct message m;
		assert_null(message_parse(&m, span_str(texts[i])));
		assert_int_equal(m.kind, MESSAGE_OTHER);
	}
}

/* S33, S34, S62, S63 */
static void what_is_not_the_json_we_want_is_refused(void **state)
{
	static const char *const texts[] = {
		"", " ", "{", "}", "[]", "null", "1", "\"cmd\"", "{]", "{\"cmd\"}", "{\"cmd\":}", "{\"cmd\":\"send\"", "{\"cmd\":\"send\"},",
		"{\"cmd\":\"send\"}{}", "{cmd:\"send\"}", "{'cmd':'send'}", "{\"cmd\":\"send\",}", "{,}", "{\"a\":1 \"b\":2}",
		"{\"cmd\":1}", "{\"cmd\":null}", "{\"cmd\":\"send\",\"msg\":{}}", "{\"cmd\":\"register\",\"roomid\":5,\"clientid\":\"c\"}",
		"{\"cmd\":\"send\",\"cmd\":\"send\"}", "{\"cmd\":\"send\",\"msg\":\"a\",\"msg\":\"b\"}",
		"{\"cmd\":\"send\",\"msg\":\"a\nb\"}", "{\"cmd\":\"send\",\"msg\":\"\\x\"}", "{\"cmd\":\"send\",\"msg\":\"\\u12\"}",
		"{\"cmd\":\"send\",\"msg\":\"\\ud800\"}", "{\"cmd\":\"send\",\"msg\":\"\\udc00\\ud800\"}",
		"{\"cmd\":\"send\",\"msg\":\"\xff\"}", "{\"cmd\":\"send\",\"msg\":\"\xed\xa0\x80\"}", "{\"cmd\":\"send\",\"msg\":\"a\\\"}",
		"{\"cmd\":\"send\",\"msg\":\"a\"b\"}",
		"{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":-}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":tru}", "{\"a\":nul}",
		"{\"a\":[1,]}", "{\"a\":[,1]}", "{\"a\":[1 2]}", "{\"a\":{\"b\"}}", "{\"a\":{\"b\":1,}}", "{\"a\":{1:2}}", "{\"a\":[1}}",
		"{\"a\":{\"b\":1]}", "{\"a\":[}", "{\"a\":x}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":[\"\xff\"]}", "{\"\xff\":1}",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct message m;
		uint8_t *copy;
		if (parse_exact(&m, span_str(texts[i]), &copy) == NULL)
			fail_msg("taken: %s", texts[i]);
		free(copy);
	}
}

static void every_beginning_of_a_message_is_refused(void **state)
{
	static const char *const texts[] = {
		"{\"cmd\":\"send\",\"msg\":\"v=0\\r\\n\\ud83d\\ude00\"}",
		"{\"x\":[1,{\"y\":-0.5e+3},true,null],\"cmd\":\"register\",\"roomid\":\"r\",\"clientid\":\"c\"}",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t n = 0; n < strlen(texts[i]); n++) {
			struct message m;
			uint8_t *copy;
			assert_non_null(parse_exact(&m, span_first(span_str(texts[i]), n), &copy));
			free(copy);
		}
	}
}

static void nesting_ends_at_32(void **state)
{
	(void)state;

	for (unsigned object = 0; object < 2; object++) {
		for (unsigned depth = 1; depth <= 40; depth++) {	/* with the outermost object */
			struct message m;
			char in[512] = "{\"a\":";
			for (unsigned i = 1; i < depth; i++)
				strcat(in, object ? "{\"a\":" : "[");
			strcat(in, "1");
			for (unsigned i = 1; i < depth; i++)
				strcat(in, object ? "}" : "]");
			strcat(in, "}");
			assert_int_equal(message_parse(&m, span_str(in)) == NULL, depth <= MESSAGE_DEPTH_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_register_is_understood),
		cmocka_unit_test(the_text_of_a_send_stays_as_it_was_escaped),
		cmocka_unit_test(what_is_missing_is_empty),
		cmocka_unit_test(another_or_no_command_is_told_apart),
		cmocka_unit_test(what_is_not_the_json_we_want_is_refused),
		cmocka_unit_test(every_beginning_of_a_message_is_refused),
		cmocka_unit_test(nesting_ends_at_32),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
