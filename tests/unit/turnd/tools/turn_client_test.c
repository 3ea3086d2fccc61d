#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turnd/tools/turn_client.h"

#include "turnd/wire/stun_attr.h"

/* A client, and a server that answers what the test wants. */
struct talk {
	struct turn_client c;
	struct long_term_key key;
	uint8_t answer[1024];
	struct stun_builder b;
};

static const struct endpoint address = { { 4, { 192, 0, 2, 7 } }, 4000 };

static int setup(void **state)
{
	static struct talk t;

	t = (struct talk){ .answer = { 0 } };
	turn_client_init(&t.c, SPAN_LIT("alice"), SPAN_LIT("pw"), false, 5000);
	assert_true(long_term_key_make(&t.key, ALGORITHM_MD5, SPAN_LIT("alice"), SPAN_LIT("realm"), SPAN_LIT("pw")));
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	turn_client_close(&((struct talk *)*state)->c);
	return 0;
}

static void ask(struct talk *t, uint16_t method)
{
	turn_client_request(&t->c, &(struct turn_request){ .method = method, .family = 4, .peer = address, .lifetime = 60 }, 1000);
	assert_true(turn_client_output(&t->c, 1000).len > 0);
}

static struct stun_msg asked(struct talk *t)
{
	struct stun_msg m;

	assert_int_equal(stun_parse(&m, span_of(t->c.out, t->c.out_len)), STUN_OK);
	return m;
}

static struct stun_builder *begin_answer(struct talk *t, enum stun_class cls)
{
	struct stun_msg m = asked(t);

	stun_begin(&t->b, t->answer, sizeof(t->answer), m.method, cls, m.tid);
	return &t->b;
}

static enum turn_event hear(struct talk *t)
{
	return turn_client_input(&t->c, stun_end(&t->b), 1000);
}

static enum turn_event refuse(struct talk *t, unsigned code, const char *nonce)
{
	begin_answer(t, STUN_ERROR);
	stun_add_error(&t->b, code, SPAN_LIT(""));
	if (nonce != NULL) {
		stun_add(&t->b, ATTR_REALM, SPAN_LIT("realm"));
		stun_add(&t->b, ATTR_NONCE, span_str(nonce));
	}
	return hear(t);
}

static bool is_signed(struct talk *t, const char *nonce)
{
	struct stun_msg m = asked(t);
	struct span value;

	return stun_find(&m, ATTR_NONCE, &value) && span_eq_str(value, nonce) && stun_integrity_ok(&m, long_term_key_span(&t->key));
}

static void log_in(struct talk *t)
{
	ask(t, STUN_REFRESH);
	assert_int_equal(refuse(t, 401, "n1"), TURN_NOTHING);
	assert_true(is_signed(t, "n1"));
	assert_true(turn_client_output(&t->c, 1000).len > 0);
}

static void a_challenge_is_answered_with_the_key_of_realm_and_password(void **state)
{
	struct talk *t = *state;

	log_in(t);
	stun_add_u32(begin_answer(t, STUN_SUCCESS), ATTR_LIFETIME, 60);
	stun_add_integrity(&t->b, long_term_key_span(&t->key));
	assert_int_equal(hear(t), TURN_SUCCESS);
	assert_int_equal(t->c.lifetime, 60);
	assert_string_equal(t->c.realm, "realm");
	assert_int_equal(turn_client_due(&t->c), NEVER);
}

static void a_stale_nonce_is_renewed_a_few_times_but_not_for_ever(void **state)
{
	struct talk *t = *state;

	log_in(t);
	assert_int_equal(refuse(t, 438, "n2"), TURN_NOTHING);
	assert_true(is_signed(t, "n2"));
	assert_int_equal(refuse(t, 438, "n3"), TURN_NOTHING);
	assert_int_equal(refuse(t, 438, "n4"), TURN_REFUSED);
	assert_int_equal(t->c.code, 438);
}

static void a_second_401_is_an_answer(void **state)
{
	struct talk *t = *state;

	log_in(t);
	assert_int_equal(refuse(t, 401, "n2"), TURN_REFUSED);
	assert_int_equal(t->c.code, 401);
	ask(t, STUN_REFRESH);			/* signed at once, with the nonce that was learned */
	assert_true(is_signed(t, "n2"));
	assert_int_equal(refuse(t, 401, "n3"), TURN_REFUSED);
	turn_client_credential(&t->c, SPAN_LIT("bob"), SPAN_LIT("pw"));
	assert_true(long_term_key_make(&t->key, ALGORITHM_MD5, SPAN_LIT("bob"), SPAN_LIT("realm"), SPAN_LIT("pw")));
	ask(t, STUN_REFRESH);
	assert_true(is_signed(t, "n3"));
}

static void without_a_credential_or_a_nonce_a_challenge_is_the_answer(void **state)
{
	struct talk *t = *state;

	ask(t, STUN_ALLOCATE);
	assert_int_equal(refuse(t, 401, NULL), TURN_REFUSED);
	assert_false(t->c.challenged);
	turn_client_init(&t->c, SPAN_LIT(""), SPAN_LIT(""), false, 5000);
	ask(t, STUN_ALLOCATE);
	assert_int_equal(refuse(t, 401, "n1"), TURN_REFUSED);
	assert_true(t->c.challenged);
}

static void binding_is_signed_only_where_the_server_wants_it(void **state)
{
	struct talk *t = *state;
	struct stun_msg m;

	log_in(t);
	ask(t, STUN_BINDING);
	m = asked(t);
	assert_int_equal(m.integrity.len, 0);
	assert_int_equal(refuse(t, 401, "n2"), TURN_NOTHING);
	assert_true(is_signed(t, "n2"));
	stun_add_xor_address(begin_answer(t, STUN_SUCCESS), ATTR_XOR_MAPPED_ADDRESS, &address);
	stun_add(&t->b, ATTR_SOFTWARE, SPAN_LIT("a \x1b[31mserver"));
	assert_int_equal(hear(t), TURN_SUCCESS);
	assert_true(endpoint_equal(&t->c.mapped, &address));
	assert_string_equal(t->c.software, "a ?[31mserver");
}

static void a_success_that_is_not_signed_by_us_both_is_forged(void **state)
{
	struct talk *t = *state;

	log_in(t);
	stun_add_u32(begin_answer(t, STUN_SUCCESS), ATTR_LIFETIME, 60);
	assert_int_equal(hear(t), TURN_FORGED);
	ask(t, STUN_REFRESH);
	t->key.bytes[0] ^= 1;
	stun_add_u32(begin_answer(t, STUN_SUCCESS), ATTR_LIFETIME, 60);
	stun_add_integrity(&t->b, long_term_key_span(&t->key));
	assert_int_equal(hear(t), TURN_FORGED);
}

static void an_answer_without_what_must_be_in_it_is_broken(void **state)
{
	static const struct { uint16_t method; uint16_t has[2]; } v[] = {
		{ STUN_BINDING, { 0 } },
		{ STUN_ALLOCATE, { ATTR_XOR_MAPPED_ADDRESS, ATTR_XOR_RELAYED_ADDRESS } },
		{ STUN_ALLOCATE, { ATTR_XOR_MAPPED_ADDRESS, ATTR_LIFETIME } },
		{ STUN_ALLOCATE, { ATTR_XOR_RELAYED_ADDRESS, ATTR_LIFETIME } },
		{ STUN_REFRESH, { 0 } },
	};
	struct talk *t = *state;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		turn_client_init(&t->c, SPAN_LIT("alice"), SPAN_LIT("pw"), false, 5000);
		ask(t, v[i].method);
		begin_answer(t, STUN_SUCCESS);
		for (unsigned k = 0; k < 2; k++)
			if (v[i].has[k] == ATTR_LIFETIME)
				stun_add_u32(&t->b, ATTR_LIFETIME, 600);
			else if (v[i].has[k] != 0)
				stun_add_xor_address(&t->b, v[i].has[k], &address);
		assert_int_equal(hear(t), TURN_BROKEN);
	}
	ask(t, STUN_BINDING);
	begin_answer(t, STUN_ERROR);
	assert_int_equal(hear(t), TURN_BROKEN);
}

static void what_answers_nothing_we_asked_is_passed_over(void **state)
{
	struct talk *t = *state;
	uint8_t tid[STUN_TID_SIZE] = { 9 };
	struct span whole;

	ask(t, STUN_BINDING);
	assert_int_equal(turn_client_input(&t->c, SPAN_LIT("hello"), 1000), TURN_NOTHING);
	assert_int_equal(turn_client_input(&t->c, span_of(t->c.out, t->c.out_len), 1000), TURN_NOTHING);
	stun_begin(&t->b, t->answer, sizeof(t->answer), STUN_BINDING, STUN_SUCCESS, tid);
	stun_add_xor_address(&t->b, ATTR_XOR_MAPPED_ADDRESS, &address);
	assert_int_equal(hear(t), TURN_NOTHING);
	stun_add_xor_address(begin_answer(t, STUN_SUCCESS), ATTR_XOR_MAPPED_ADDRESS, &address);
	whole = stun_end(&t->b);
	for (size_t n = 0; n < whole.len; n++)
		assert_int_equal(turn_client_input(&t->c, span_first(whole, n), 1000), TURN_NOTHING);
	assert_int_equal(hear(t), TURN_SUCCESS);
	assert_int_equal(hear(t), TURN_NOTHING);	/* it was answered */
}

static void a_datagram_is_repeated_with_growing_pauses_until_patience_ends(void **state)
{
	static const msec_t sent[] = { 500, 1500, 3500 };
	struct talk *t = *state;

	ask(t, STUN_BINDING);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(turn_client_due(&t->c), 1000 + sent[i]);
		assert_int_equal(turn_client_output(&t->c, 1000 + sent[i] - 1).len, 0);
		assert_true(turn_client_output(&t->c, 1000 + sent[i]).len > 0);
		assert_int_equal(turn_client_timeout(&t->c, 1000 + sent[i]), TURN_NOTHING);
	}
	assert_int_equal(turn_client_due(&t->c), 6000);
	assert_int_equal(turn_client_timeout(&t->c, 5999), TURN_NOTHING);
	assert_int_equal(turn_client_timeout(&t->c, 6000), TURN_SILENCE);
	assert_int_equal(turn_client_timeout(&t->c, 6000), TURN_NOTHING);
}

static void on_a_stream_nothing_is_repeated(void **state)
{
	struct talk *t = *state;

	turn_client_init(&t->c, SPAN_LIT("alice"), SPAN_LIT("pw"), true, 5000);
	ask(t, STUN_BINDING);
	assert_int_equal(turn_client_due(&t->c), 6000);
	assert_int_equal(turn_client_output(&t->c, 5999).len, 0);
	assert_int_equal(turn_client_timeout(&t->c, 6000), TURN_SILENCE);
}

static void a_request_that_does_not_fit_is_said_to_be_broken(void **state)
{
	static uint8_t name[2100];
	struct talk *t = *state;

	turn_client_init(&t->c, span_of(name, sizeof(name)), SPAN_LIT("pw"), false, 5000);
	ask(t, STUN_REFRESH);
	assert_int_equal(refuse(t, 401, "n1"), TURN_NOTHING);
	assert_int_equal(turn_client_output(&t->c, 1000).len, 0);
	assert_int_equal(turn_client_timeout(&t->c, 1000), TURN_BROKEN);
}

static void a_challenge_that_is_too_long_is_not_followed(void **state)
{
	static char nonce[TURN_CLIENT_TEXT + 2];
	struct talk *t = *state;

	memset(nonce, 'n', sizeof(nonce) - 1);
	ask(t, STUN_REFRESH);
	assert_int_equal(refuse(t, 401, nonce), TURN_REFUSED);
	nonce[TURN_CLIENT_TEXT] = '\0';
	for (size_t n = TURN_CLIENT_TEXT; n >= TURN_CLIENT_TEXT - 1; n--) {
		ask(t, STUN_REFRESH);
		stun_add_error(begin_answer(t, STUN_ERROR), 401, SPAN_LIT(""));
		stun_add(&t->b, ATTR_REALM, span_of(nonce, n));
		stun_add(&t->b, ATTR_NONCE, SPAN_LIT("n1"));
		assert_int_equal(hear(t), n == TURN_CLIENT_TEXT ? TURN_REFUSED : TURN_NOTHING);
	}
	turn_client_init(&t->c, SPAN_LIT("alice"), SPAN_LIT("pw"), false, 5000);
	ask(t, STUN_REFRESH);
	assert_int_equal(refuse(t, 401, nonce), TURN_NOTHING);
}

static void the_address_of_another_server_is_read(void **state)
{
	static const uint8_t v4[] = { 0, 1, 0x0d, 0x96, 192, 0, 2, 9 }, cut[] = { 0, 2, 0x0d, 0x96, 192, 0, 2, 9 };
	struct talk *t = *state;
	char text[ENDPOINT_TEXT];

	ask(t, STUN_ALLOCATE);
	stun_add_error(begin_answer(t, STUN_ERROR), 300, SPAN_LIT(""));
	stun_add(&t->b, 0x8023, span_of(v4, sizeof(v4)));
	assert_int_equal(hear(t), TURN_REFUSED);
	assert_int_equal(t->c.code, 300);
	assert_string_equal(endpoint_format(&t->c.alternate, text), "192.0.2.9:3478");
	ask(t, STUN_ALLOCATE);
	stun_add_error(begin_answer(t, STUN_ERROR), 300, SPAN_LIT(""));
	stun_add(&t->b, 0x8023, span_of(cut, sizeof(cut)));
	assert_int_equal(hear(t), TURN_REFUSED);
	assert_int_equal(t->c.alternate.port, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_challenge_is_answered_with_the_key_of_realm_and_password),
		T(a_stale_nonce_is_renewed_a_few_times_but_not_for_ever),
		T(a_second_401_is_an_answer),
		T(without_a_credential_or_a_nonce_a_challenge_is_the_answer),
		T(binding_is_signed_only_where_the_server_wants_it),
		T(a_success_that_is_not_signed_by_us_both_is_forged),
		T(an_answer_without_what_must_be_in_it_is_broken),
		T(what_answers_nothing_we_asked_is_passed_over),
		T(a_datagram_is_repeated_with_growing_pauses_until_patience_ends),
		T(on_a_stream_nothing_is_repeated),
		T(a_request_that_does_not_fit_is_said_to_be_broken),
		T(a_challenge_that_is_too_long_is_not_followed),
		T(the_address_of_another_server_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
