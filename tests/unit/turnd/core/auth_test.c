#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/crypto/digest.h"
#include "tests/lib/world.h"
#include "turnd/core/nonce.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>

/* --- the table of turn-contract section 3, row by row ----------------------------------------------------------------- */

static void assert_challenged(const struct player *p, unsigned code)
{
	struct span value;
	assert_int_equal(p->code, code);
	assert_true(stun_find(&p->m, ATTR_REALM, &value) && span_eq_str(value, REALM));
	assert_true(stun_find(&p->m, ATTR_NONCE, &value) && value.len >= NONCE_BODY);
	assert_int_equal(p->m.integrity.len, 0);
}

static void without_integrity_there_is_a_challenge_and_nothing_else(void **state)	/* D-T2 */
{
	static const unsigned sizes[] = { [ALGORITHM_MD5] = 60, [ALGORITHM_SHA256] = 84, [ALGORITHMS_ALL] = 88 };
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	for (w->settings.algorithms = ALGORITHM_MD5; w->settings.algorithms <= ALGORITHMS_ALL; w->settings.algorithms++) {
		player_challenge(alice);
		assert_challenged(alice, 401);
		assert_int_equal(alice->answer_len, sizes[w->settings.algorithms] + 12);	/* the realm: 11 and padding */
		begin_allocate(alice);
		player_sign_with(alice, "alice", REALM, "AAAAAAAAAAAAAAAAAAAAAAAA", PASSWORD);
		player_send(alice);
		assert_challenged(alice, 438);
		assert_int_equal(alice->answer_len, sizes[w->settings.algorithms] + 12);
	}
}

static void a_sha256_integrity_alone_is_none_to_a_server_that_never_offered_it(void **state)
{
	static const uint8_t mac[32];
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.algorithms = ALGORITHM_MD5;
	stun_add(player_begin(alice, STUN_ALLOCATE, STUN_REQUEST), ATTR_MESSAGE_INTEGRITY_SHA256, span_of(mac, 32));
	player_send(alice);
	assert_challenged(alice, 401);
}

static unsigned signed_with(struct player *p, const char *user, const char *realm, const char *nonce, const char *password)
{
	begin_allocate(p);
	player_sign_with(p, user, realm, nonce, password);
	return player_send(p);
}

static void an_integrity_without_its_attributes_is_a_bad_request(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_challenge(alice);
	assert_int_equal(signed_with(alice, NULL, REALM, alice->nonce, PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", NULL, alice->nonce, PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", REALM, NULL, PASSWORD), 400);
	assert_int_equal(alice->m.integrity.len, 0);
}

static char *repeated(char *out, const char *what, unsigned n)
{
	out[0] = '\0';
	while (n-- > 0)
		strcat(out, what);
	return out;
}

static void attributes_longer_than_allowed_are_a_bad_request(void **state)
{
	struct player *alice = world_player(*state, "alice");
	char text[1024];
	player_challenge(alice);
	assert_int_equal(signed_with(alice, repeated(text, "u", 508), REALM, alice->nonce, PASSWORD), 401);
	assert_int_equal(signed_with(alice, repeated(text, "u", 509), REALM, alice->nonce, PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", repeated(text, "r", 127), alice->nonce, PASSWORD), 401);
	assert_int_equal(signed_with(alice, "alice", repeated(text, "r", 128), alice->nonce, PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", repeated(text, "\xc3\xa4", 127), alice->nonce, PASSWORD), 401);
	assert_int_equal(signed_with(alice, "alice", repeated(text, "\xc3\xa4", 128), alice->nonce, PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", REALM, repeated(text, "n", 127), PASSWORD), 438);
	assert_int_equal(signed_with(alice, "alice", REALM, repeated(text, "n", 128), PASSWORD), 400);
	assert_int_equal(signed_with(alice, "alice", repeated(text, "\xbf", 764), alice->nonce, PASSWORD), 400);
}

static void a_foreign_nonce_is_stale_before_anything_else_is_looked_at(void **state)
{
	struct player *alice = world_player(*state, "alice"), *bob = world_player(*state, "bob");
	player_challenge(bob);
	player_challenge(alice);
	signed_with(alice, "nobody", "elsewhere", bob->nonce, "wrong");
	assert_challenged(alice, 438);
	signed_with(alice, "alice", REALM, "AAAAAAAAAAAAAAAAAAAAAAAA", PASSWORD);
	assert_challenged(alice, 438);
}

static void another_realm_is_401_without_and_441_with_an_allocation(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_challenge(alice);
	signed_with(alice, "alice", "elsewhere", alice->nonce, PASSWORD);
	assert_challenged(alice, 401);
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(signed_with(alice, "alice", "elsewhere", alice->nonce, PASSWORD), 441);
}

static void password_algorithms_that_were_never_offered_are_a_bad_request(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.algorithms = ALGORITHM_MD5;
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_PASSWORD_ALGORITHM, 1u << 16);
	assert_int_equal(player_send_signed(alice), 400);
	begin_allocate(alice);
	stun_add_u32(&alice->b, ATTR_PASSWORD_ALGORITHMS, 1u << 16);
	assert_int_equal(player_send_signed(alice), 400);
}

static void unknown_user_expired_credential_and_wrong_password_look_the_same(void **state)
{
	struct player *alice = world_player(*state, "alice");
	size_t len;
	player_challenge(alice);
	len = alice->answer_len;
	signed_with(alice, "nobody", REALM, alice->nonce, PASSWORD);
	assert_challenged(alice, 401);
	assert_int_equal(alice->answer_len, len);
	signed_with(alice, "alice", REALM, alice->nonce, "wrong");
	assert_challenged(alice, 401);
	assert_int_equal(alice->answer_len, len);
	player_rest(alice, SECRET, "1800000000");		/* this very second */
	player_allocate(alice);
	assert_challenged(alice, 401);
	assert_int_equal(alice->answer_len, len);
}

static void every_failure_is_counted_under_its_reason(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	const count_t *c;
	player_challenge(alice);
	signed_with(alice, "nobody", REALM, alice->nonce, PASSWORD);
	signed_with(alice, "alice", REALM, alice->nonce, "wrong");
	player_rest(alice, SECRET, "1700000000");
	player_allocate(alice);
	c = world_counters(w)->auth_failures;
	assert_int_equal(count_read(&c[AUTH_NO_INTEGRITY]), 1);
	assert_int_equal(count_read(&c[AUTH_UNKNOWN_USER]), 1);
	assert_int_equal(count_read(&c[AUTH_BAD_INTEGRITY]), 1);
	assert_int_equal(count_read(&c[AUTH_EXPIRED]), 1);
}

static void a_nonce_goes_stale_and_a_fresh_one_comes_with_the_news(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	char old[128];
	assert_int_equal(player_allocate(alice), 0);
	snprintf(old, sizeof(old), "%s", alice->nonce);
	world_pass(w, SECONDS(599));
	assert_int_equal(player_refresh(alice, 600), 0);
	world_pass(w, SECONDS(1));
	player_refresh(alice, 600);
	assert_challenged(alice, 438);
	assert_string_not_equal(old, alice->nonce);
	assert_int_equal(player_refresh(alice, 600), 0);
}

static void a_wrong_password_is_401_even_with_a_stale_nonce(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	player_challenge(alice);
	world_pass(w, MINUTES(11));
	assert_int_equal(signed_with(alice, "alice", REALM, alice->nonce, "wrong"), 401);
}

static void a_nonce_survives_a_nat_that_changes_the_port(void **state)
{
	struct player *alice = world_player(*state, "alice");
	player_challenge(alice);
	alice->path.client.port++;
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(alice->answers, 2);
}

static void another_user_cannot_touch_an_allocation(void **state)			/* D-T7 */
{
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(player_allocate(alice), 0);
	snprintf(alice->user, sizeof(alice->user), "bob");
	assert_int_equal(player_refresh(alice, 0), 441);
	assert_int_equal(player_permit(alice, PEER), 441);
	assert_int_equal(player_allocate(alice), 441);
	snprintf(alice->password, sizeof(alice->password), "wrong");
	assert_int_equal(player_refresh(alice, 0), 401);
	assert_int_equal(turn_server_allocations(alice->w->server), 1);
}

static void answers_are_signed_with_the_key_of_the_request(void **state)
{
	struct player *alice = world_player(*state, "alice");
	uint8_t key[MD5_SIZE];
	assert_int_equal(digest_md5(span_str("alice:" REALM ":" PASSWORD), key), 0);
	player_allocate(alice);
	assert_true(stun_integrity_ok(&alice->m, span_of(key, sizeof(key))));
	player_permit(alice, "10.0.0.1:1");
	assert_int_equal(alice->code, 403);
	assert_true(stun_integrity_ok(&alice->m, span_of(key, sizeof(key))));
}

static void no_auth_needs_no_user_and_signs_nothing(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.no_auth = true;
	player_challenge(alice);
	assert_int_equal(alice->code, 0);
	assert_int_equal(alice->m.integrity.len, 0);
	player_begin(alice, STUN_CREATE_PERMISSION, STUN_REQUEST);
	add_peer(alice, PEER);
	assert_int_equal(player_send(alice), 0);
	assert_int_equal(player_refresh(alice, 0), 0);
}

/* --- TURN REST -------------------------------------------------------------------------------------------------------- */

static void all_three_forms_of_a_rest_name_are_taken(void **state)
{
	static const char *const names[] = { "1800000001", "1800000001:carol", "carol:1800000001" };
	for (unsigned i = 0; i < 3; i++) {
		struct player *carol = world_player(*state, "");
		player_rest(carol, SECRET, names[i]);
		assert_int_equal(player_allocate(carol), 0);
	}
}

static void a_name_without_an_expiry_is_no_credential(void **state)			/* D-T4 */
{
	static const char *const names[] = {
		"carol", "", ":", "carol:", "-1800000001", "+1800000001", " 1800000001", "1800000001x", "99999999999999999999",
		"1800000001 :carol"
	};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct player *carol = world_player(*state, "");
		player_rest(carol, SECRET, names[i]);
		assert_int_equal(player_allocate(carol), 401);
	}
}

static void another_separator_may_be_configured(void **state)
{
	struct world *w = *state;
	struct player *carol = world_player(w, ""), *dave = world_player(w, "");
	w->settings.rest_separator = '-';
	player_rest(carol, SECRET, "1800000001-carol");
	assert_int_equal(player_allocate(carol), 0);
	player_rest(dave, SECRET, "1800000001:dave");
	assert_int_equal(player_allocate(dave), 401);
}

static void each_of_eight_secrets_counts_and_no_ninth(void **state)
{
	const struct span secrets[] = {
		SPAN_LIT("s0"), SPAN_LIT("s1"), SPAN_LIT("s2"), SPAN_LIT("s3"), SPAN_LIT("s4"), SPAN_LIT("s5"), SPAN_LIT("s6"),
		SPAN_LIT("s7")
	};
	struct world *w = *state;
	w->settings.secrets = secrets;
	w->settings.n_secrets = 8;
	for (unsigned i = 0; i < 9; i++) {
		struct player *carol = world_player(w, "");
		char secret[3] = { 's', (char)('0' + i), '\0' };
		player_rest(carol, secret, "1800000001:carol");
		assert_int_equal(player_allocate(carol), i < 8 ? 0 : 401);
	}
}

static void static_users_and_secrets_stand_side_by_side(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *carol = world_player(w, "");
	player_rest(carol, SECRET, "1800000001:carol");
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(player_allocate(carol), 0);
	w->settings.n_secrets = 0;
	carol = world_player(w, "");
	player_rest(carol, SECRET, "1800000001:carol");
	assert_int_equal(player_allocate(carol), 401);
}

static void an_allocation_outlives_its_credential(void **state)
{
	struct world *w = *state;
	struct player *carol = world_player(w, "");
	player_rest(carol, SECRET, "1800000010:carol");
	assert_int_equal(player_allocate(carol), 0);
	world_pass(w, SECONDS(20));
	assert_int_equal(player_refresh(carol, 600), 0);
	assert_int_equal(carol->lifetime, 600);
	assert_int_equal(player_permit(carol, PEER), 0);
	assert_int_equal(player_bind(carol, 0x4000, PEER), 0);
	assert_int_equal(player_refresh(carol, 0), 0);
	assert_int_equal(player_allocate(carol), 401);
}

static void strict_expiry_ends_an_allocation_with_its_credential(void **state)		/* D-T5 */
{
	struct world *w = *state;
	struct player *carol = world_player(w, "");
	w->settings.strict_expiry = true;
	player_rest(carol, SECRET, "1800000700:carol");
	assert_int_equal(player_allocate(carol), 0);
	assert_int_equal(carol->lifetime, 600);
	world_pass(w, SECONDS(300));
	assert_int_equal(player_refresh(carol, 600), 0);
	assert_int_equal(carol->lifetime, 400);
	world_pass(w, SECONDS(399));
	assert_int_equal(turn_server_allocations(w->server), 1);
	player_refresh(carol, 600);
	assert_int_equal(carol->code, 438);
	assert_int_equal(player_refresh(carol, 600), 0);
	assert_int_equal(carol->lifetime, 1);
	world_pass(w, SECONDS(1));
	assert_int_equal(turn_server_allocations(w->server), 0);
	assert_int_equal(player_refresh(carol, 600), 401);
}

static void strict_expiry_refuses_what_a_living_allocation_asks_too_late(void **state)
{
	struct world *w = *state;
	struct player *carol = world_player(w, "");
	player_rest(carol, SECRET, "1800000010:carol");
	assert_int_equal(player_allocate(carol), 0);
	w->settings.strict_expiry = true;			/* switched on by a reload */
	assert_int_equal(player_permit(carol, PEER), 0);
	world_pass(w, SECONDS(10));
	assert_int_equal(player_permit(carol, PEER), 401);
}

static void a_removed_secret_leaves_living_allocations_alone(void **state)
{
	struct world *w = *state;
	struct player *carol = world_player(w, "");
	const struct span other = SPAN_INIT("south");
	player_rest(carol, SECRET, "1800009999:carol");
	assert_int_equal(player_allocate(carol), 0);
	w->settings.secrets = &other;
	assert_int_equal(player_refresh(carol, 600), 0);
	assert_int_equal(player_permit(carol, PEER), 0);
	assert_int_equal(player_refresh(carol, 0), 0);
	assert_int_equal(player_allocate(carol), 401);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(without_integrity_there_is_a_challenge_and_nothing_else),
		STORY(a_sha256_integrity_alone_is_none_to_a_server_that_never_offered_it),
		STORY(an_integrity_without_its_attributes_is_a_bad_request),
		STORY(attributes_longer_than_allowed_are_a_bad_request),
		STORY(a_foreign_nonce_is_stale_before_anything_else_is_looked_at),
		STORY(another_realm_is_401_without_and_441_with_an_allocation),
		STORY(password_algorithms_that_were_never_offered_are_a_bad_request),
		STORY(unknown_user_expired_credential_and_wrong_password_look_the_same),
		STORY(every_failure_is_counted_under_its_reason),
		STORY(a_nonce_goes_stale_and_a_fresh_one_comes_with_the_news),
		STORY(a_wrong_password_is_401_even_with_a_stale_nonce),
		STORY(a_nonce_survives_a_nat_that_changes_the_port),
		STORY(another_user_cannot_touch_an_allocation),
		STORY(answers_are_signed_with_the_key_of_the_request),
		STORY(no_auth_needs_no_user_and_signs_nothing),
		STORY(all_three_forms_of_a_rest_name_are_taken),
		STORY(a_name_without_an_expiry_is_no_credential),
		STORY(another_separator_may_be_configured),
		STORY(each_of_eight_secrets_counts_and_no_ninth),
		STORY(static_users_and_secrets_stand_side_by_side),
		STORY(an_allocation_outlives_its_credential),
		STORY(strict_expiry_ends_an_allocation_with_its_credential),
		STORY(strict_expiry_refuses_what_a_living_allocation_asks_too_late),
		STORY(a_removed_secret_leaves_living_allocations_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
