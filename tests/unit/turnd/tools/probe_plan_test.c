/* The probe against the real core, in a made-up network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/world.h"
#include "turnd/core/quota.h"
#include "turnd/tools/probe_plan.h"
#include "turnd/wire/stun_attr.h"

#define OUR_PEER "7.7.7.1:9000"		/* the socket that knows nothing of TURN, as the network shows it */

struct net {
	struct world *w;
	struct player *at[2];		/* where the probe's connections end */
	struct probe_options o;
	struct probe p;
	int64_t unix_here;		/* our clock */
	/* what is broken */
	bool deaf[PROBE_STEPS];		/* nothing of this step is carried */
	bool forbidden[PROBE_STEPS];	/* its requests are answered 403 */
	bool no_hairpin, noise, no_peer_in, no_peer_out, forged, peer_refused, stale;
	unsigned sent[PROBE_STEPS];	/* packets */
	struct endpoint permitted[2];	/* whom each asked to let in */
};

static int setup(void **state)
{
	struct net *n = world_memory(sizeof(*n));

	n->w = world_new();
	n->at[0] = world_player(n->w, "a");
	n->at[1] = world_player(n->w, "b");
	player_from(n->at[1], "7.7.7.1:6001", "9.9.9.9:3478");
	n->o = (struct probe_options){ .family = 4, .user = SPAN_LIT("alice"), .password = SPAN_LIT(PASSWORD), .patience = 5000, .ttl = 3600 };
	n->unix_here = WORLD_UNIX;
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct net *n = *state;

	probe_close(&n->p);
	world_free(n->w);
	free(n);
	return 0;
}

/* --- the network ------------------------------------------------------------------------------------------------ */

/* Data that reached a client goes to the probe as the indication that it was. */
static void hear_data(struct net *n, unsigned link)
{
	uint8_t mem[2048], tid[STUN_TID_SIZE] = { 1 };
	struct stun_builder b;
	struct heard *h;

	while ((h = player_hears(n->at[link])) != NULL) {
		stun_begin(&b, mem, sizeof(mem), STUN_DATA, STUN_INDICATION, tid);
		stun_add_xor_address(&b, ATTR_XOR_PEER_ADDRESS, &h->from);
		stun_add(&b, ATTR_DATA, span_of(h->bytes, h->len));
		probe_input(&n->p, (enum probe_link)link, stun_end(&b), n->w->now);
	}
}

static struct allocation *owner_of(struct net *n, const struct endpoint *relayed)
{
	for (unsigned i = 0; i < n->w->n_relays; i++)
		if (endpoint_equal(&n->w->relays[i].relay->advertised, relayed))
			return n->w->relays[i].owner;
	return NULL;
}

static void into_relay(struct net *n, const struct endpoint *relayed, struct endpoint from, struct span bytes)
{
	struct allocation *owner = owner_of(n, relayed);

	if (owner == NULL)
		return;
	world_packet(n->w, &(struct flow_packet){ .data = bytes, .allocation = owner, .peer = from });
	hear_data(n, PROBE_A);
	hear_data(n, PROBE_B);
}

static void carry_to_peers(struct net *n)
{
	struct endpoint ours = ep(OUR_PEER);
	struct heard *h;

	while ((h = peer_hears(n->w)) != NULL) {
		struct heard copy = *h;
		if (endpoint_equal(&copy.to, &ours) && !n->no_peer_out)
			probe_input(&n->p, PROBE_PEER, span_of(copy.bytes, copy.len), n->w->now);
		else if (!n->no_hairpin)
			into_relay(n, &copy.to, copy.from, span_of(copy.bytes, copy.len));
		else if (n->noise)
			into_relay(n, &copy.to, copy.from, SPAN_LIT("something else"));
	}
}

static void to_server(struct net *n, unsigned link, struct span bytes)
{
	struct player *at = n->at[link];
	unsigned before = at->answers;

	player_send_bytes(at, bytes);
	if (n->forged && at->m.integrity.len > 0)
		at->answer[at->answer_len - 1] ^= 1;
	if (at->answers > before)
		probe_input(&n->p, (enum probe_link)link, span_of(at->answer, at->answer_len), n->w->now);
	carry_to_peers(n);
}

static void forbid(struct net *n, unsigned link, struct span request)
{
	uint8_t mem[256];
	struct stun_builder b;
	struct stun_msg m;

	assert_int_equal(stun_parse(&m, request), STUN_OK);
	stun_begin(&b, mem, sizeof(mem), m.method, STUN_ERROR, m.tid);
	stun_add_error(&b, 403, SPAN_LIT(""));
	probe_input(&n->p, (enum probe_link)link, stun_end(&b), n->w->now);
}

static void note_permitted(struct net *n, const struct probe_packet *out)
{
	struct span value;
	struct stun_msg m;

	assert_int_equal(stun_parse(&m, out->bytes), STUN_OK);
	assert_true(stun_find(&m, ATTR_XOR_PEER_ADDRESS, &value));
	assert_true(attr_read_xor_address(value, m.tid, &n->permitted[out->link]));
}

static void carry(struct net *n, const struct probe_packet *out)
{
	enum probe_step step = probe_current(&n->p);

	n->sent[step]++;
	if (step == PROBE_PERMISSION)
		note_permitted(n, out);
	if (n->deaf[step])
		return;
	if (n->forbidden[step])
		forbid(n, out->link, out->bytes);
	else if (out->link != PROBE_PEER)
		to_server(n, out->link, out->bytes);
	else if (n->peer_refused)
		probe_lost(&n->p, PROBE_PEER, true, n->w->now);
	else if (!n->no_peer_in)
		into_relay(n, &out->to, ep(OUR_PEER), out->bytes);
}

static void run(struct net *n)
{
	uint8_t copy[TURN_CLIENT_MESSAGE];
	struct probe_packet out;

	world_start(n->w);
	assert_true(probe_start(&n->p, &n->o, n->w->now, n->unix_here));
	while (!n->p.over) {
		if (probe_output(&n->p, &out, n->w->now)) {
			memcpy(copy, out.bytes.p, out.bytes.len);
			out.bytes.p = copy;
			carry(n, &out);
			if (n->stale && n->p.steps[PROBE_ALLOCATE].result == PROBE_OK) {
				n->stale = false;
				world_pass(n->w, 5000);
			}
			continue;
		}
		assert_true(probe_due(&n->p) > n->w->now && probe_due(&n->p) <= n->w->now + n->o.patience);
		world_pass(n->w, probe_due(&n->p) - n->w->now);
		probe_timeout(&n->p, n->w->now);
	}
	assert_int_equal(probe_due(&n->p), NEVER);
}

static void assert_says(const struct net *n, enum probe_step step, enum probe_result result, const char *words)
{
	if (n->p.steps[step].result != result || strstr(n->p.steps[step].sentence, words) == NULL)
		fail_msg("%s: result %d, '%s' instead of %d, '%s'", probe_step_names[step], (int)n->p.steps[step].result,
			 n->p.steps[step].sentence, (int)result, words);
}

static void assert_not_run(const struct net *n, enum probe_step step)
{
	assert_int_equal(n->p.steps[step].result, PROBE_NOT_RUN);
}

/* --- what works --------------------------------------------------------------------------------------------------- */

static void every_step_passes_against_a_server_that_works(void **state)
{
	struct net *n = *state;

	run(n);
	assert_says(n, PROBE_BINDING, PROBE_OK, "sees us as 7.7.7.1:6000");
	assert_says(n, PROBE_ALLOCATE, PROBE_OK, "relays at 9.9.9.9:50001 and 9.9.9.9:50002 for 600 s, realm 'example.org'");
	assert_says(n, PROBE_PERMISSION, PROBE_OK, "may talk");
	assert_says(n, PROBE_RELAY, PROBE_OK, "from 9.9.9.9:50001 to 9.9.9.9:50002 and back");
	assert_says(n, PROBE_DIRECT, PROBE_OK, OUR_PEER " reaches the relayed address 9.9.9.9:50001");
	assert_says(n, PROBE_RELEASE, PROBE_OK, "");
	assert_true(probe_works(&n->p));
	assert_int_equal(n->w->n_relays, 0);		/* nothing is left behind */
	assert_true(endpoint_equal(&n->permitted[PROBE_A], &n->at[PROBE_B]->relayed));
	assert_true(endpoint_equal(&n->permitted[PROBE_B], &n->at[PROBE_A]->relayed));
	assert_int_equal(n->sent[PROBE_RELAY], 2);	/* and nothing was sent twice */
}

static void a_credential_is_made_of_the_secret(void **state)
{
	struct net *n = *state;

	n->o.user = n->o.password = (struct span){ NULL, 0 };
	n->o.secret = SPAN_LIT(SECRET);
	n->o.name = SPAN_LIT("prober");
	run(n);
	assert_true(probe_works(&n->p));
	assert_string_equal(n->w->record_user, "1800003600:prober");
}

static void lost_packets_are_sent_again(void **state)
{
	struct net *n = *state;
	struct probe_packet out;

	world_start(n->w);
	assert_true(probe_start(&n->p, &n->o, n->w->now, n->unix_here));
	while (!n->p.over) {		/* every other packet is lost */
		if (probe_output(&n->p, &out, n->w->now)) {
			if (n->sent[probe_current(&n->p)]++ % 2 == 1)
				carry(n, &out);
			continue;
		}
		world_pass(n->w, probe_due(&n->p) - n->w->now);
		probe_timeout(&n->p, n->w->now);
	}
	assert_true(probe_works(&n->p));
}

static void only_binding_is_asked_where_that_is_wanted(void **state)
{
	struct net *n = *state;

	n->o.binding_only = true;
	run(n);
	assert_true(probe_works(&n->p));
	assert_int_equal(n->sent[PROBE_BINDING], 1);
	assert_int_equal(n->w->relays_opened, 0);
}

static void relayed_addresses_of_another_family_are_not_tried_from_here(void **state)
{
	struct net *n = *state;

	n->o.family = 6;
	run(n);
	assert_says(n, PROBE_RELAY, PROBE_OK, "from [2a00:1450::1]:50001 to [2a00:1450::1]:50002");
	assert_says(n, PROBE_DIRECT, PROBE_SKIPPED, "family");
	assert_true(probe_works(&n->p));
}

static void without_a_socket_for_it_the_direct_way_is_not_tried(void **state)
{
	struct net *n = *state;

	n->o.no_peer = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_SKIPPED, "no UDP socket");
	assert_true(probe_works(&n->p));
}

static void an_open_relay_is_named(void **state)
{
	struct net *n = *state;

	n->w->settings.no_auth = true;
	run(n);
	assert_says(n, PROBE_ALLOCATE, PROBE_OK, "open relay");
}

static void a_nonce_that_grows_stale_is_renewed(void **state)
{
	struct net *n = *state;

	n->w->settings.nonce_lifetime = 3;
	n->stale = true;
	run(n);
	assert_true(probe_works(&n->p));
	assert_false(n->stale);
}

/* --- credentials --------------------------------------------------------------------------------------------------- */

static void assert_allocate_fails(struct net *n, const char *words)
{
	run(n);
	assert_says(n, PROBE_ALLOCATE, PROBE_FAILED, words);
	assert_not_run(n, PROBE_RELAY);
	assert_false(probe_works(&n->p));
	assert_int_equal(n->w->n_relays, 0);
}

static void a_wrong_password_is_told_with_the_realm(void **state)
{
	struct net *n = *state;

	n->o.password = SPAN_LIT("wrong");
	assert_allocate_fails(n, "does not know user 'alice' with this password in realm 'example.org' (401)");
	assert_int_equal(n->p.steps[PROBE_ALLOCATE].code, 401);
}

static void a_wrong_secret_is_told_from_a_clock(void **state)
{
	struct net *n = *state;

	n->o.secret = SPAN_LIT("south");
	assert_allocate_fails(n, "the secret is not one that the server has for realm 'example.org' (401)");
}

static void a_server_whose_clock_is_ahead_is_told_from_a_wrong_secret(void **state)
{
	struct net *n = *state;

	n->o.secret = SPAN_LIT(SECRET);
	n->unix_here = WORLD_UNIX - 7200;
	assert_allocate_fails(n, "the clocks differ: a credential good for 3600 s is refused");
	assert_says(n, PROBE_RELEASE, PROBE_OK, "");
}

static void a_clock_that_is_ahead_by_less_than_the_credential_lasts_does_not_matter(void **state)
{
	struct net *n = *state;

	n->o.secret = SPAN_LIT(SECRET);
	n->unix_here = WORLD_UNIX - 3000;
	run(n);
	assert_true(probe_works(&n->p));
}

static void an_expired_credential_is_told_by_our_clock(void **state)
{
	struct net *n = *state;

	n->o.user = SPAN_LIT("1799999900:bob");
	assert_allocate_fails(n, "the credential '1799999900:bob' expired 100 s ago (401)");
}

static void without_a_credential_one_is_asked_for(void **state)
{
	struct net *n = *state;

	n->o.user = (struct span){ NULL, 0 };
	assert_allocate_fails(n, "a credential is needed (401, realm 'example.org')");
}

static void another_realm_than_the_expected_is_told(void **state)
{
	struct net *n = *state;

	n->o.realm = "example.net";
	assert_allocate_fails(n, "the server's realm is 'example.org', not 'example.net'");
}

static void a_name_that_could_forge_an_expiry_is_not_minted(void **state)
{
	struct net *n = *state;

	n->o.secret = SPAN_LIT(SECRET);
	n->o.name = SPAN_LIT("a:b");
	assert_false(probe_start(&n->p, &n->o, n->w->now, n->unix_here));
}

static void an_answer_that_was_changed_on_the_way_is_told(void **state)
{
	struct net *n = *state;

	n->forged = true;
	run(n);
	assert_says(n, PROBE_ALLOCATE, PROBE_FAILED, "not signed with our password");
}

/* --- refusals ------------------------------------------------------------------------------------------------------ */

static void a_quota_of_one_leaves_the_direct_way(void **state)
{
	struct net *n = *state;
	struct quota *quota = quota_new(1, 0);

	n->w->settings.quota = quota;
	run(n);
	assert_says(n, PROBE_ALLOCATE, PROBE_OK, "beyond the user's quota (486)");
	assert_not_run(n, PROBE_PERMISSION);
	assert_not_run(n, PROBE_RELAY);
	assert_says(n, PROBE_DIRECT, PROBE_OK, "");
	assert_true(probe_works(&n->p));
	quota_free(quota);
	n->w->settings.quota = NULL;
}

static void a_server_without_capacity_says_so(void **state)
{
	struct net *n = *state;

	n->w->relay_limit = 1;
	assert_allocate_fails(n, "allocate is refused with 508: no capacity");
	assert_says(n, PROBE_RELEASE, PROBE_OK, "");
}

static void a_family_that_the_server_does_not_have_is_told(void **state)
{
	struct net *n = *state;

	n->o.family = 6;
	n->w->no_ipv6 = true;
	assert_allocate_fails(n, "440: no relay address of this family");
}

static void where_we_are_may_be_no_peer(void **state)
{
	static const struct ip_range here = { { 4, { 7, 7, 7, 0 } }, { 4, { 7, 7, 7, 255 } } };
	struct net *n = *state;

	n->w->settings.policy.denied = &here;
	n->w->settings.policy.n_denied = 1;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_SKIPPED, "does not relay to where we are, 7.7.7.1:6000 (403)");
	assert_true(probe_works(&n->p));
}

/* turnd always relays to its own relayed addresses; others do not. */
static void its_own_relayed_addresses_may_be_no_peers(void **state)
{
	struct net *n = *state;

	n->forbidden[PROBE_PERMISSION] = true;
	run(n);
	assert_says(n, PROBE_PERMISSION, PROBE_FAILED, "its own relayed addresses 9.9.9.9:50001 and 9.9.9.9:50002 (403)");
	assert_not_run(n, PROBE_RELAY);
	assert_says(n, PROBE_DIRECT, PROBE_OK, "");	/* what still makes sense is tried */
	assert_int_equal(n->w->n_relays, 0);
}

/* --- silence ------------------------------------------------------------------------------------------------------- */

static void a_server_that_is_not_there_is_told_after_our_patience(void **state)
{
	struct net *n = *state;
	msec_t began = n->w->now;

	n->deaf[PROBE_BINDING] = true;
	run(n);
	assert_says(n, PROBE_BINDING, PROBE_FAILED, "no answer within 5 s: wrong address or port, a firewall that drops UDP");
	assert_not_run(n, PROBE_ALLOCATE);
	assert_int_equal(n->w->now - began, 5000);
	assert_int_equal(n->sent[PROBE_BINDING], 4);
}

static void on_a_stream_silence_means_something_else(void **state)
{
	struct net *n = *state;

	n->o.reliable = true;
	n->deaf[PROBE_BINDING] = true;
	run(n);
	assert_says(n, PROBE_BINDING, PROBE_FAILED, "it does not speak STUN");
	assert_int_equal(n->sent[PROBE_BINDING], 1);
}

static void silence_after_binding_leads_out(void **state)
{
	struct net *n = *state;

	n->deaf[PROBE_ALLOCATE] = true;
	assert_allocate_fails(n, "Binding was answered, but this was not");
	assert_not_run(n, PROBE_RELEASE);
}

static void relayed_addresses_that_do_not_reach_each_other_are_told(void **state)
{
	struct net *n = *state;

	n->no_hairpin = true;
	run(n);
	assert_says(n, PROBE_RELAY, PROBE_FAILED, "nothing came through from 9.9.9.9:50001 to 9.9.9.9:50002");
	assert_int_equal(n->sent[PROBE_RELAY], 4);	/* at once, after 0.5, 1.5 and 3.5 s */
	assert_says(n, PROBE_DIRECT, PROBE_OK, "");
	assert_int_equal(n->w->n_relays, 0);
}

static void data_that_is_not_ours_proves_nothing(void **state)
{
	struct net *n = *state;

	n->no_hairpin = n->noise = true;
	run(n);
	assert_says(n, PROBE_RELAY, PROBE_FAILED, "nothing came through");
}

static void a_wrong_external_address_is_told(void **state)
{
	struct net *n = *state;

	n->no_peer_in = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_FAILED, "9.9.9.9:50001 cannot be reached from 7.7.7.1:6000 within 5 s: wrong external-ip");
	assert_false(probe_works(&n->p));
	assert_int_equal(n->w->n_relays, 0);
}

static void where_tcp_is_used_udp_may_be_blocked(void **state)
{
	struct net *n = *state;

	n->o.reliable = true;
	n->no_peer_in = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_WARNED, "UDP is blocked here, which TURN over TCP is for");
	assert_true(probe_works(&n->p));
}

static void a_way_in_but_not_out_is_told(void **state)
{
	struct net *n = *state;

	n->no_peer_out = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_FAILED, OUR_PEER " reached the relayed address 9.9.9.9:50001, but the answer did not come back");
}

static void a_relayed_address_of_another_host_is_told(void **state)
{
	struct net *n = *state;

	n->peer_refused = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_FAILED, "the host at the relayed address 9.9.9.9:50001 says that the port is closed");
	assert_says(n, PROBE_RELEASE, PROBE_OK, "");
	assert_false(probe_works(&n->p));
	n->o.reliable = true;
	run(n);
	assert_says(n, PROBE_DIRECT, PROBE_WARNED, "the port is closed");
	assert_true(probe_works(&n->p));
}

static void allocations_that_cannot_be_given_back_are_told(void **state)
{
	struct net *n = *state;

	n->deaf[PROBE_RELEASE] = true;
	run(n);
	assert_says(n, PROBE_RELEASE, PROBE_FAILED, "was not, within 5 s");
}

static void a_connection_that_is_gone_ends_it(void **state)
{
	struct net *n = *state;

	for (unsigned refused = 0; refused < 2; refused++) {
		assert_true(probe_start(&n->p, &n->o, n->w->now, n->unix_here));
		probe_lost(&n->p, PROBE_PEER, true, n->w->now);		/* not its turn: nothing happens */
		assert_false(n->p.over);
		assert_false(probe_works(&n->p));
		probe_lost(&n->p, PROBE_A, refused == 1, n->w->now);
		assert_true(n->p.over);
		assert_says(n, PROBE_BINDING, PROBE_FAILED, refused == 1 ? "the port is closed" : "closed the connection");
		probe_lost(&n->p, PROBE_A, true, n->w->now);
		probe_input(&n->p, PROBE_A, SPAN_LIT("late"), n->w->now);
		probe_timeout(&n->p, NEVER);
		assert_int_equal(probe_current(&n->p), PROBE_STEPS);
		assert_false(probe_works(&n->p));
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_step_passes_against_a_server_that_works),
		T(a_credential_is_made_of_the_secret),
		T(lost_packets_are_sent_again),
		T(only_binding_is_asked_where_that_is_wanted),
		T(relayed_addresses_of_another_family_are_not_tried_from_here),
		T(without_a_socket_for_it_the_direct_way_is_not_tried),
		T(an_open_relay_is_named),
		T(a_nonce_that_grows_stale_is_renewed),
		T(a_wrong_password_is_told_with_the_realm),
		T(a_wrong_secret_is_told_from_a_clock),
		T(a_server_whose_clock_is_ahead_is_told_from_a_wrong_secret),
		T(a_clock_that_is_ahead_by_less_than_the_credential_lasts_does_not_matter),
		T(an_expired_credential_is_told_by_our_clock),
		T(without_a_credential_one_is_asked_for),
		T(another_realm_than_the_expected_is_told),
		T(a_name_that_could_forge_an_expiry_is_not_minted),
		T(an_answer_that_was_changed_on_the_way_is_told),
		T(a_quota_of_one_leaves_the_direct_way),
		T(a_server_without_capacity_says_so),
		T(a_family_that_the_server_does_not_have_is_told),
		T(where_we_are_may_be_no_peer),
		T(its_own_relayed_addresses_may_be_no_peers),
		T(a_server_that_is_not_there_is_told_after_our_patience),
		T(on_a_stream_silence_means_something_else),
		T(silence_after_binding_leads_out),
		T(relayed_addresses_that_do_not_reach_each_other_are_told),
		T(data_that_is_not_ours_proves_nothing),
		T(a_wrong_external_address_is_told),
		T(where_tcp_is_used_udp_may_be_blocked),
		T(a_way_in_but_not_out_is_told),
		T(a_relayed_address_of_another_host_is_told),
		T(allocations_that_cannot_be_given_back_are_told),
		T(a_connection_that_is_gone_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
