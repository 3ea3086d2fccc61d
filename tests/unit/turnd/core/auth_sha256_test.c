#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/reader.h"
#include "common/proto/turn_cred.h"
#include "tests/lib/world.h"
#include "turnd/core/auth.h"
#include "turnd/core/nonce.h"
#include "turnd/wire/stun_attr.h"

#include <stdio.h>
#include <time.h>

/* RFC 8489 on top of what auth_test.c tells: SHA-256, the choice of algorithms, USERHASH. */

static const uint8_t both[] = { 0, 2, 0, 0, 0, 1, 0, 0 }, sha256[] = { 0, 2, 0, 0 }, md5[] = { 0, 1, 0, 0 };

static struct player *modern(struct world *w, const char *user)
{
	struct player *p = world_player(w, user);
	p->sha256 = true;
	return p;
}

static void the_challenge_offers_both_algorithms_the_stronger_first(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	struct span value;
	player_challenge(alice);
	assert_true(stun_find(&alice->m, ATTR_PASSWORD_ALGORITHMS, &value) && span_eq(value, span_of(both, 8)));
	w->settings.algorithms = ALGORITHM_SHA256;
	player_challenge(alice);
	assert_true(stun_find(&alice->m, ATTR_PASSWORD_ALGORITHMS, &value) && span_eq(value, span_of(sha256, 4)));
	w->settings.algorithms = ALGORITHM_MD5;
	player_challenge(alice);
	assert_false(answer_has(alice, ATTR_PASSWORD_ALGORITHMS));
}

static void assert_signed_by_sha256(const struct player *p)
{
	struct long_term_key key = player_key(p);
	assert_int_equal(p->m.integrity.len, 0);
	assert_int_equal(p->m.integrity_sha256.len, SHA256_SIZE);
	assert_true(stun_integrity_sha256_ok(&p->m, long_term_key_span(&key)));
}

static void a_static_user_signs_with_sha256_and_is_answered_with_it(void **state)
{
	struct player *alice = modern(*state, "alice");
	assert_int_equal(player_allocate(alice), 0);
	assert_signed_by_sha256(alice);
	assert_int_equal(player_permit(alice, "10.0.0.1:1"), 403);
	assert_signed_by_sha256(alice);
	assert_int_equal(player_refresh(alice, 0), 0);
	assert_signed_by_sha256(alice);
	assert_int_equal(player_again(alice), 0);			/* the tombstone too */
	assert_signed_by_sha256(alice);
}

static void a_rest_credential_signs_with_sha256(void **state)
{
	struct player *carol = modern(*state, "");
	player_rest(carol, SECRET, "1800000060:carol");
	assert_int_equal(player_allocate(carol), 0);
	assert_signed_by_sha256(carol);
	world_pass(carol->w, SECONDS(120));
	assert_int_equal(player_refresh(carol, 600), 0);		/* its key outlives the credential */
}

static void wrong_passwords_and_unknown_users_are_401_with_sha256_too(void **state)
{
	struct player *alice = modern(*state, "alice"), *nobody = modern(*state, "nobody"), *carol = modern(*state, "");
	snprintf(alice->password, sizeof(alice->password), "wrong");
	assert_int_equal(player_allocate(alice), 401);
	assert_int_equal(player_allocate(nobody), 401);
	player_rest(carol, SECRET, "1800000000:carol");
	assert_int_equal(player_allocate(carol), 401);
	assert_int_equal(carol->answer_len, alice->answer_len);
	assert_int_equal(nobody->answer_len, alice->answer_len);
	assert_memory_equal(alice->answer + 24, nobody->answer + 24, 30);	/* error, realm, the nonce's cookie */
}

/* --- PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS ------------------------------------------------------------------- */

static unsigned allocate_with(struct player *p, struct span list, struct span choice, enum password_algorithm key_by, bool by_sha256)
{
	struct long_term_key key;
	begin_allocate(p);
	stun_add(&p->b, ATTR_USERNAME, span_str(p->user));
	stun_add(&p->b, ATTR_REALM, span_str(p->realm));
	stun_add(&p->b, ATTR_NONCE, span_str(p->nonce));
	if (list.p != NULL)
		stun_add(&p->b, ATTR_PASSWORD_ALGORITHMS, list);
	if (choice.p != NULL)
		stun_add(&p->b, ATTR_PASSWORD_ALGORITHM, choice);
	p->sha256 = key_by == ALGORITHM_SHA256;
	key = player_key(p);
	(by_sha256 ? stun_add_integrity_sha256 : stun_add_integrity)(&p->b, long_term_key_span(&key));
	return player_send(p);
}

static void key_and_integrity_are_chosen_apart(void **state)
{
	const struct span none = { NULL, 0 }, list = { both, 8 };
	for (unsigned by_sha256 = 0; by_sha256 < 2; by_sha256++) {
		struct player *a = world_player(*state, "alice"), *b = world_player(*state, "alice"), *c = world_player(*state, "alice");
		assert_int_equal(allocate_with(a, none, none, ALGORITHM_MD5, by_sha256), 0);
		assert_int_equal(allocate_with(b, list, span_of(md5, 4), ALGORITHM_MD5, by_sha256), 0);
		assert_int_equal(allocate_with(c, list, span_of(sha256, 4), ALGORITHM_SHA256, by_sha256), 0);
		assert_int_equal(c->m.integrity_sha256.len > 0, by_sha256);
		assert_int_equal(c->m.integrity.len > 0, !by_sha256);
		assert_int_equal(player_refresh(c, 0) == 0, true);
	}
}

static void the_key_must_be_of_the_algorithm_that_was_said(void **state)
{
	const struct span none = { NULL, 0 }, list = { both, 8 };
	struct player *alice = world_player(*state, "alice");
	assert_int_equal(allocate_with(alice, none, none, ALGORITHM_SHA256, true), 401);
	assert_int_equal(allocate_with(alice, list, span_of(md5, 4), ALGORITHM_SHA256, true), 401);
	assert_int_equal(allocate_with(alice, list, span_of(sha256, 4), ALGORITHM_MD5, true), 401);
}

static void a_choice_that_was_not_offered_like_that_is_a_bad_request(void **state)	/* RFC 8489 section 9.2.4 */
{
	static const uint8_t turned[] = { 0, 1, 0, 0, 0, 2, 0, 0 }, three[] = { 0, 3, 0, 0 }, with_parameters[] = { 0, 2, 0, 4, 0, 0, 0, 0 },
		lying[] = { 0, 2, 0, 4 }, longer[] = { 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0 };
	const struct span none = { NULL, 0 }, list = { both, 8 }, choice = { sha256, 4 };
	const struct { struct span list, choice; } bad[] = {
		{ list, none }, { none, choice },					/* one without the other */
		{ { sha256, 4 }, choice }, { { md5, 4 }, { md5, 4 } },			/* a bid down, the way it is stripped */
		{ { turned, 8 }, choice }, { { longer, 12 }, choice }, { { both, 0 }, choice },
		{ list, { three, 4 } }, { list, { with_parameters, 8 } }, { list, { lying, 4 } }, { list, { both, 8 } }, { list, { both, 0 } }
	};
	struct player *alice = world_player(*state, "alice");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(allocate_with(alice, bad[i].list, bad[i].choice, ALGORITHM_SHA256, true), 400);
	assert_int_equal(count_read(&world_counters(*state)->auth_failures[AUTH_ALGORITHM]), sizeof(bad) / sizeof(bad[0]));
	assert_int_equal(allocate_with(alice, list, choice, ALGORITHM_SHA256, true), 0);
}

static void even_the_right_choice_is_a_bad_request_where_none_is_offered(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.algorithms = ALGORITHM_MD5;
	assert_int_equal(allocate_with(alice, span_of(md5, 4), span_of(md5, 4), ALGORITHM_MD5, false), 400);
}

static void md5_may_be_switched_off(void **state)
{
	const struct span none = { NULL, 0 }, list = { sha256, 4 };
	struct world *w = *state;
	struct player *alice = world_player(w, "alice");
	w->settings.algorithms = ALGORITHM_SHA256;
	assert_int_equal(allocate_with(alice, none, none, ALGORITHM_MD5, false), 400);
	assert_int_equal(allocate_with(alice, list, span_of(md5, 4), ALGORITHM_MD5, true), 400);
	assert_int_equal(allocate_with(alice, list, list, ALGORITHM_SHA256, true), 0);
}

static void a_change_of_what_is_offered_costs_one_round_and_no_call(void **state)
{
	struct world *w = *state;
	struct player *alice = modern(w, "alice"), *bob = world_player(w, "bob");
	assert_int_equal(player_allocate(alice), 0);
	assert_int_equal(player_allocate(bob), 0);
	w->settings.algorithms = ALGORITHM_MD5;
	assert_int_equal(player_refresh(alice, 600), 401);		/* its integrity is none any more: a challenge */
	assert_int_equal(player_refresh(bob, 600), 438);
	alice->sha256 = false;
	assert_int_equal(player_refresh(alice, 600), 0);		/* with the other key than it has allocated with */
	assert_int_equal(player_refresh(bob, 600), 0);
	w->settings.algorithms = ALGORITHMS_ALL;
	alice->sha256 = true;
	assert_int_equal(player_refresh(alice, 600), 438);
	assert_int_equal(player_refresh(alice, 600), 0);
	assert_signed_by_sha256(alice);
}

static void a_nonce_that_was_good_stays_good_when_its_key_goes(void **state)
{
	struct world *w = *state;
	struct player *alice = modern(w, "alice"), *bob = modern(w, "bob");
	assert_int_equal(player_allocate(alice), 0);
	player_challenge(bob);
	w->settings.nonce_keys[0][0]++;
	assert_int_equal(player_refresh(alice, 600), 0);
	assert_int_equal(player_allocate(bob), 438);
}

static void guessing_is_limited_for_sha256_too(void **state)
{
	struct world *w = *state;
	struct player *alice = modern(w, "alice");
	w->settings.rates[RATE_BAD_INTEGRITY] = (struct rate){ 1, 3 };
	snprintf(alice->password, sizeof(alice->password), "wrong");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(player_allocate(alice), 401);
	snprintf(alice->password, sizeof(alice->password), "%s", PASSWORD);
	assert_int_equal(player_allocate(alice), 401);			/* not even looked at */
	world_pass(w, SECONDS(2));
	assert_int_equal(player_allocate(alice), 0);
}

/* --- two integrities, short ones ---------------------------------------------------------------------------------- */

static unsigned allocate_twice_signed(struct player *p, const char *for_sha1, const char *for_sha256)
{
	struct long_term_key key;
	begin_allocate(p);
	stun_add(&p->b, ATTR_USERNAME, span_str(p->user));
	stun_add(&p->b, ATTR_REALM, span_str(p->realm));
	stun_add(&p->b, ATTR_NONCE, span_str(p->nonce));
	snprintf(p->password, sizeof(p->password), "%s", for_sha1);
	key = player_key(p);
	stun_add_integrity(&p->b, long_term_key_span(&key));
	snprintf(p->password, sizeof(p->password), "%s", for_sha256);
	key = player_key(p);
	stun_add_integrity_sha256(&p->b, long_term_key_span(&key));
	return player_send(p);
}

static void of_two_integrities_only_the_stronger_counts(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *again = world_player(w, "alice");
	assert_int_equal(allocate_twice_signed(alice, PASSWORD, "wrong"), 401);
	assert_int_equal(allocate_twice_signed(alice, "wrong", PASSWORD), 0);
	assert_int_equal(alice->m.integrity.len, 0);
	assert_int_equal(alice->m.integrity_sha256.len, SHA256_SIZE);
	w->settings.algorithms = ALGORITHM_MD5;				/* where SHA-256 is off it is the other one */
	assert_int_equal(allocate_twice_signed(again, "wrong", PASSWORD), 401);
	assert_int_equal(allocate_twice_signed(again, PASSWORD, "wrong"), 0);
	assert_int_equal(again->m.integrity.len, SHA1_SIZE);
}

static void a_shortened_integrity_is_wrong(void **state)		/* RFC 8489 section 14.6: TURN allows none */
{
	struct player *alice = world_player(*state, "alice");
	for (size_t len = 16; len < SHA256_SIZE; len += 4) {
		struct long_term_key key;
		uint8_t header[STUN_HEADER], mac[SHA256_SIZE];
		begin_allocate(alice);
		stun_add(&alice->b, ATTR_USERNAME, SPAN_LIT("alice"));
		stun_add(&alice->b, ATTR_REALM, span_str(alice->realm));
		stun_add(&alice->b, ATTR_NONCE, span_str(alice->nonce));
		key = player_key(alice);
		memcpy(header, alice->out, sizeof(header));
		store_u16(header + 2, (uint16_t)(alice->b.len + 4 + len - STUN_HEADER));
		const struct span parts[] = { span_of(header, STUN_HEADER), span_of(alice->out + STUN_HEADER, alice->b.len - STUN_HEADER) };
		assert_int_equal(hmac_sha256(long_term_key_span(&key), parts, 2, mac), 0);
		stun_add(&alice->b, ATTR_MESSAGE_INTEGRITY_SHA256, span_of(mac, len));
		assert_int_equal(player_send(alice), 401);
	}
}

/* --- USERHASH ------------------------------------------------------------------------------------------------------ */

static unsigned send_by_hash(struct player *p, uint16_t method, const char *name, size_t len)
{
	uint8_t hash[SHA256_SIZE + 4] = { 0 };
	struct long_term_key key;
	char text[128];
	snprintf(text, sizeof(text), "%s:%s", name, REALM);
	assert_int_equal(digest_sha256(span_str(text), hash), 0);
	if (p->nonce[0] == '\0')
		player_challenge(p);
	stun_add_u32(player_begin(p, method, STUN_REQUEST), ATTR_REQUESTED_TRANSPORT, 17u << 24);
	stun_add(&p->b, ATTR_USERHASH, span_of(hash, len));
	stun_add(&p->b, ATTR_REALM, span_str(p->realm));
	stun_add(&p->b, ATTR_NONCE, span_str(p->nonce));
	key = player_key(p);
	stun_add_integrity_sha256(&p->b, long_term_key_span(&key));
	return player_send(p);
}

static void a_static_user_may_give_a_hash_instead_of_the_name(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *bob = world_player(w, "bob");
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "alice", 32), 0);
	assert_int_equal(send_by_hash(bob, STUN_ALLOCATE, "bob", 32), 0);
	assert_int_equal(send_by_hash(alice, STUN_REFRESH, "alice", 32), 0);
	assert_int_equal(player_refresh(alice, 0), 0);			/* the name is the same user */
	assert_string_equal(w->record_user, "alice");
	snprintf(alice->nonce, sizeof(alice->nonce), "%s", bob->nonce);
	alice->path = bob->path;					/* another's allocation */
	assert_int_equal(send_by_hash(alice, STUN_REFRESH, "alice", 32), 441);
}

static void an_unknown_hash_is_401_and_a_broken_one_400(void **state)
{
	struct world *w = *state;
	struct player *alice = world_player(w, "alice"), *carol = world_player(w, "");
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "nobody", 32), 401);
	player_rest(carol, SECRET, "1800000060:carol");
	assert_int_equal(send_by_hash(carol, STUN_ALLOCATE, "1800000060:carol", 32), 401);	/* REST names are in no list */
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "alice", 31), 400);
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "alice", 33), 400);
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "alice", 0), 400);
	snprintf(alice->password, sizeof(alice->password), "wrong");
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "alice", 32), 401);
	w->settings.n_secrets = 0;
	player_challenge(alice);
	assert_int_equal(send_by_hash(alice, STUN_ALLOCATE, "nobody", 32), 401);
}

/* --- keys and hashes ------------------------------------------------------------------------------------------------ */

static void a_user_without_a_key_of_that_kind_is_refused(void **state)
{
	struct world *w = *state;
	struct turn_user old = w->settings.users[0];
	struct player *alice = modern(w, "alice");
	const struct span nothing = { NULL, 0 };
	old.sha256.len = 0;
	w->settings.users = &old;
	w->settings.n_users = 1;
	assert_int_equal(player_allocate(alice), 401);
	begin_allocate(alice);						/* signed with a key of no bytes */
	stun_add(&alice->b, ATTR_USERNAME, SPAN_LIT("alice"));
	stun_add(&alice->b, ATTR_REALM, span_str(alice->realm));
	stun_add(&alice->b, ATTR_NONCE, span_str(alice->nonce));
	stun_add(&alice->b, ATTR_PASSWORD_ALGORITHMS, span_of(both, 8));
	stun_add(&alice->b, ATTR_PASSWORD_ALGORITHM, span_of(sha256, 4));
	stun_add_integrity_sha256(&alice->b, nothing);
	assert_int_equal(player_send(alice), 401);
	alice->sha256 = false;
	assert_int_equal(player_allocate(alice), 0);
	turn_server_free(w->server);					/* whose settings are on this stack */
	w->server = NULL;
}

static void a_rest_password_is_made_with_the_hash_that_was_agreed_on(void **state)
{
	struct world *w = *state;
	for (unsigned hashes = 1; hashes <= 3; hashes++) {
		w->settings.rest_hashes = hashes;
		for (unsigned hash = TURN_HASH_SHA1; hash <= TURN_HASH_SHA256; hash++) {
			for (unsigned new_key = 0; new_key < 2; new_key++) {
				struct player *carol = world_player(w, "1800000060:carol");
				carol->sha256 = new_key;
				assert_int_equal(turn_cred_password_by(hash, SPAN_LIT(SECRET), span_str(carol->user), carol->password), 0);
				assert_int_equal(player_allocate(carol), hashes & 1u << hash ? 0 : 401);
			}
		}
	}
}

static void a_credential_may_be_refused_for_a_life_too_long(void **state)		/* D-T4 */
{
	struct world *w = *state;
	struct player *a = world_player(w, ""), *b = world_player(w, ""), *c = world_player(w, "");
	player_rest(a, SECRET, "1800086701:carol");
	assert_int_equal(player_allocate(a), 0);
	w->settings.credential_max = 86400;
	player_rest(b, SECRET, "1800086701:carol");
	assert_int_equal(player_allocate(b), 401);
	assert_int_equal(count_read(&world_counters(w)->auth_failures[AUTH_TOO_LONG]), 1);
	player_rest(c, SECRET, "1800086700:carol");
	assert_int_equal(player_allocate(c), 0);
	player_rest(b, SECRET, "9223372036854775807:carol");
	assert_int_equal(player_allocate(b), 401);
}

static uint64_t refusal_time(struct player *p)
{
	uint64_t best = UINT64_MAX;

	begin_allocate(p);
	player_sign(p);
	assert_int_equal(player_send(p), 401);
	for (unsigned i = 0; i < 40; i++) {
		struct timespec before, after;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
		assert_int_equal(player_again(p), 401);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
		uint64_t took = (uint64_t)(after.tv_sec - before.tv_sec) * 1000000000 + (uint64_t)(after.tv_nsec - before.tv_nsec);
		best = took < best ? took : best;
	}
	return best;
}

/* With eight secrets a shorter way would be shorter by far. */
static void a_refusal_takes_about_the_same_time_for_everybody(void **state)
{
	static const struct span secrets[] = {
		SPAN_INIT("1"), SPAN_INIT("2"), SPAN_INIT("3"), SPAN_INIT("4"), SPAN_INIT("5"), SPAN_INIT("6"), SPAN_INIT("7"), SPAN_INIT(SECRET)
	};
	static const char *const users[] = { "alice", "nobody", "1800000060:carol", "1700000000:carol" };
	struct world *w = *state;
	uint64_t shortest = UINT64_MAX, longest = 0;
	w->settings.secrets = secrets;
	w->settings.n_secrets = 8;
	w->settings.rates[RATE_BAD_INTEGRITY] = w->settings.rates[RATE_REFUSAL] = (struct rate){ 0, 0 };
	for (unsigned i = 0; i < 5; i++) {
		struct player *p = modern(w, users[i % 4]);
		snprintf(p->password, sizeof(p->password), "wrong");
		if (i == 4)
			player_rest(p, SECRET, "1700000000:carol");	/* right, but expired */
		uint64_t took = refusal_time(p);
		shortest = took < shortest ? took : shortest;
		longest = took > longest ? took : longest;
	}
	assert_true(longest < 2 * shortest);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STORY(the_challenge_offers_both_algorithms_the_stronger_first),
		STORY(a_static_user_signs_with_sha256_and_is_answered_with_it),
		STORY(a_rest_credential_signs_with_sha256),
		STORY(wrong_passwords_and_unknown_users_are_401_with_sha256_too),
		STORY(key_and_integrity_are_chosen_apart),
		STORY(the_key_must_be_of_the_algorithm_that_was_said),
		STORY(a_choice_that_was_not_offered_like_that_is_a_bad_request),
		STORY(even_the_right_choice_is_a_bad_request_where_none_is_offered),
		STORY(md5_may_be_switched_off),
		STORY(a_change_of_what_is_offered_costs_one_round_and_no_call),
		STORY(a_nonce_that_was_good_stays_good_when_its_key_goes),
		STORY(guessing_is_limited_for_sha256_too),
		STORY(of_two_integrities_only_the_stronger_counts),
		STORY(a_shortened_integrity_is_wrong),
		STORY(a_static_user_may_give_a_hash_instead_of_the_name),
		STORY(an_unknown_hash_is_401_and_a_broken_one_400),
		STORY(a_user_without_a_key_of_that_kind_is_refused),
		STORY(a_rest_password_is_made_with_the_hash_that_was_agreed_on),
		STORY(a_credential_may_be_refused_for_a_life_too_long),
		STORY(a_refusal_takes_about_the_same_time_for_everybody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
