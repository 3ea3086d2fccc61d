#include "common/proto/redis_schema.h"

#include "common/proto/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_partition_is_redis_crc16_modulo_64(void **state)
{
	static const struct {
		const char *room;
		unsigned partition;
	} table[] = {
		{ "123456789", 0x31c3 % 64 },	/* the check value of the Redis Cluster specification */
		{ "room1", 39 }, { "a", 7 }, { "", 0 }, { "my-room_42", 48 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(redis_partition(span_str(table[i].room)), table[i].partition);
}

static void keys_of_a_room_share_one_tag(void **state)
{
	char key[REDIS_KEY_SIZE];

	(void)state;
	assert_int_equal(redis_key_room(key, span_str("room1")), strlen("rtc:{p39}:room:room1"));
	assert_string_equal(key, "rtc:{p39}:room:room1");
	assert_int_equal(redis_key_messages(key, span_str("room1")), strlen("rtc:{p39}:msg:room1"));
	assert_string_equal(key, "rtc:{p39}:msg:room1");
	assert_int_equal(redis_key_given(key, span_str("room1")), strlen("rtc:{p39}:given:room1"));
	assert_string_equal(key, "rtc:{p39}:given:room1");
	redis_key_room(key, span_str("a"));
	assert_string_equal(key, "rtc:{p07}:room:a");
}

static void the_longest_room_fits(void **state)
{
	char key[REDIS_KEY_SIZE], room[ID_MAX];

	(void)state;
	memset(room, 'r', sizeof(room));
	assert_int_equal(redis_key_room(key, span_of(room, sizeof(room))), strlen("rtc:{p00}:room:") + ID_MAX);
	assert_int_equal(strlen(key), strlen("rtc:{p00}:room:") + ID_MAX);
}

static void the_fleets_keys_are_as_the_table_says(void **state)
{
	char key[REDIS_KEY_SIZE], coturn[REDIS_COTURN_KEY_SIZE], realm[REDIS_REALM_MAX], node[ID_MAX];

	(void)state;
	redis_key_node(key, span_str("turn-1"));
	assert_string_equal(key, "rtc:node:turn-1");
	redis_key_drain(key, span_str("turn-1"));
	assert_string_equal(key, "rtc:drain:turn-1");
	redis_key_nodes(key, 7);
	assert_string_equal(key, "rtc:{p07}:nodes");
	redis_key_coturn(coturn, span_str("example.org"));
	assert_string_equal(coturn, "turn/realm/example.org/secret");
	memset(realm, 'r', sizeof(realm));
	memset(node, 'n', sizeof(node));
	assert_true(redis_key_coturn(coturn, span_of(realm, sizeof(realm))) < sizeof(coturn));
	assert_true(redis_key_drain(key, span_of(node, sizeof(node))) < sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_partition_is_redis_crc16_modulo_64),
		cmocka_unit_test(keys_of_a_room_share_one_tag),
		cmocka_unit_test(the_longest_room_fits),
		cmocka_unit_test(the_fleets_keys_are_as_the_table_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
