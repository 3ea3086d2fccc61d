#include "turnd/core/auth.h"

#include "common/proto/turn_cred.h"
#include "turnd/core/nonce.h"
#include "turnd/wire/stun_attr.h"

#include <stdlib.h>

enum { USERNAME_MAX = 508, TEXT_MAX_BYTES = 763, TEXT_MAX_CHARS = 127 };	/* RFC 8489 sections 14.3, 14.9, 14.10 */
enum { CLOCK_SKEW = 300 };	/* seconds that who mints credentials may be ahead of us, D-T4 */

static int compare_names(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
	const struct turn_user *const *x = a, *const *y = b;
	return compare_names((*x)->name, (*y)->name);
}

static int by_hash(const void *a, const void *b)
{
	const struct turn_user *const *x = a, *const *y = b;
	return memcmp((*x)->hash, (*y)->hash, SHA256_SIZE);
}

bool auth_init(struct auth *a, const struct turn_settings *settings)
{
	*a = (struct auth){ .settings = settings };
	if (settings->n_users == 0)
		return true;
	a->users = calloc(2 * settings->n_users, sizeof(*a->users));
	if (a->users == NULL)
		return false;
	for (size_t i = 0; i < settings->n_users; i++)
		a->users[i] = a->users[settings->n_users + i] = &settings->users[i];
	qsort(a->users, settings->n_users, sizeof(*a->users), by_name);
	qsort(a->users + settings->n_users, settings->n_users, sizeof(*a->users), by_hash);
	return true;
}

void auth_close(struct auth *a)
{
	free(a->users);
	*a = (struct auth){ .settings = NULL };
}

static bool too_long(struct span text)
{
	size_t chars = 0;
	for (size_t i = 0; i < text.len && text.len <= TEXT_MAX_BYTES; i++)
		chars += (text.p[i] & 0xC0) != 0x80;
	return text.len > TEXT_MAX_BYTES || chars > TEXT_MAX_CHARS;
}

/* --- what a request says of itself ------------------------------------------------------------------------------- */

struct claim {
	struct span user;		/* of an unknown USERHASH: empty */
	const struct turn_user *known;	/* among the static users */
	struct span realm, nonce;
	enum password_algorithm algorithm;
};

static const struct turn_user *find(const struct auth *a, const struct turn_user *wanted, bool hash)
{
	size_t n = a->settings->n_users;
	const struct turn_user **found;

	if (n == 0)
		return NULL;
	found = bsearch(&wanted, hash ? a->users + n : a->users, n, sizeof(*found), hash ? by_hash : by_name);
	return found != NULL ? *found : NULL;
}

static bool read_user(const struct auth *a, const struct stun_msg *m, struct claim *c)
{
	struct turn_user wanted = { .name = { NULL, 0 } };
	struct span hash;

	if (stun_find(m, ATTR_USERNAME, &wanted.name)) {
		c->user = wanted.name;
		c->known = find(a, &wanted, false);
		return wanted.name.len <= USERNAME_MAX;
	}
	if (!stun_find(m, ATTR_USERHASH, &hash) || hash.len != sizeof(wanted.hash))
		return false;
	memcpy(wanted.hash, hash.p, sizeof(wanted.hash));
	c->known = find(a, &wanted, true);
	if (c->known != NULL)
		c->user = c->known->name;
	return true;
}

/* RFC 8489 section 9.2.4: neither attribute means MD5; else both, the list as it was offered and the choice out of it. */
static bool read_algorithm(const struct turn_settings *set, const struct stun_msg *m, struct claim *c)
{
	uint8_t offered[ALGORITHMS_VALUE];
	struct span list, choice;
	bool has_list = stun_find(m, ATTR_PASSWORD_ALGORITHMS, &list);
	bool has_choice = stun_find(m, ATTR_PASSWORD_ALGORITHM, &choice);
	uint32_t number;

	c->algorithm = ALGORITHM_MD5;
	if (!has_list && !has_choice)
		return (set->algorithms & ALGORITHM_MD5) != 0;
	if (!(set->algorithms & ALGORITHM_SHA256) ||
	    !span_eq(list, span_of(offered, password_algorithms_write(set->algorithms, offered))) ||
	    !attr_read_u32(choice, &number))
		return false;
	c->algorithm = number >> 16 == ALGORITHM_SHA256 ? ALGORITHM_SHA256 : ALGORITHM_MD5;
	return number == (uint32_t)c->algorithm << 16 && (set->algorithms & c->algorithm);
}

/* --- is it true? ------------------------------------------------------------------------------------------------- */

static bool key_fits(const struct auth *a, const struct stun_msg *m, const struct long_term_key *key)
{
	struct span k = long_term_key_span(key);

	if (k.len == 0)
		return false;
	return auth_by_sha256(a->settings, m) ? stun_integrity_sha256_ok(m, k) : stun_integrity_ok(m, k);
}

static bool rest_key(const struct auth *a, enum turn_hash hash, struct span secret, const struct claim *c,
		     struct long_term_key *key)
{
	char password[TURN_PASSWORD_SIZE];
	bool ok = turn_cred_password_by(hash, secret, c->user, password) == 0 &&
		  long_term_key_make(key, c->algorithm, c->user, a->settings->realm, span_str(password));

	secret_wipe(password, sizeof(password));
	return ok;
}

static bool rest_fits(const struct auth *a, const struct auth_query *q, const struct claim *c, struct long_term_key *key)
{
	const struct turn_settings *set = a->settings;

	for (size_t i = 0; i < set->n_secrets; i++) {
		for (unsigned hash = TURN_HASH_SHA1; hash <= TURN_HASH_SHA256; hash++) {
			if ((set->rest_hashes & 1u << hash) && rest_key(a, hash, set->secrets[i], c, key) &&
			    key_fits(a, q->m, key))
				return true;
		}
	}
	return false;
}

/* All secrets are tried whatever the name looks like: how long it takes must not tell what was wrong with it. */
static enum auth_failure check_rest(const struct auth *a, const struct auth_query *q, const struct claim *c,
				    struct identity *who)
{
	const struct turn_settings *set = a->settings;
	struct turn_username parts;
	bool good = rest_fits(a, q, c, &who->key);

	if (!turn_username_parse(c->user, set->rest_separator, &parts))
		return AUTH_UNKNOWN_USER;
	if (!good)
		return AUTH_BAD_INTEGRITY;
	if (q->unix_now >= parts.expiry)
		return AUTH_EXPIRED;
	if (set->credential_max != 0 && parts.expiry - q->unix_now > (int64_t)set->credential_max + CLOCK_SKEW)
		return AUTH_TOO_LONG;
	who->expiry = parts.expiry;
	who->name = parts.name;
	return AUTH_OK;
}

/* A static user's wrong password costs what an unknown name does. */
static enum auth_failure check_user(const struct auth *a, const struct auth_query *q, const struct claim *c,
				    struct identity *who)
{
	struct long_term_key nobody = { .len = long_term_key_size(c->algorithm) };
	enum auth_failure failure = AUTH_UNKNOWN_USER;

	if (c->known != NULL) {
		who->key = c->algorithm == ALGORITHM_SHA256 ? c->known->sha256 : c->known->md5;
		if (key_fits(a, q->m, &who->key))
			return AUTH_OK;
	}
	if (a->settings->n_secrets > 0)
		failure = check_rest(a, q, c, who);
	else
		(void)key_fits(a, q->m, &nobody);
	return c->known != NULL ? AUTH_BAD_INTEGRITY : failure;
}

static enum auth_failure check_owner(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	*who = *q->owner->who;
	if (!key_fits(a, q->m, &who->key))
		return AUTH_BAD_INTEGRITY;
	if (a->settings->strict_expiry && q->unix_now >= who->expiry)
		return AUTH_EXPIRED;
	return AUTH_OK;
}

static struct auth_result fail(enum auth_failure failure, unsigned code, bool nonce_ours)
{
	return (struct auth_result){ failure, code, nonce_ours };
}

static struct auth_result check_claim(const struct auth *a, const struct auth_query *q, const struct claim *c,
				      enum nonce_result fresh, struct identity *who)
{
	bool is_owner = q->owner != NULL && span_eq(c->user, q->owner->who->user);
	enum auth_failure failure;

	if (!is_owner && q->refuse)
		return fail(AUTH_BAD_INTEGRITY, 401, fresh == NONCE_OK);
	who->user = who->name = c->user;
	/* With another algorithm than before an owner is as good as new: only one key is kept. */
	if (is_owner && q->owner->who->key.len == long_term_key_size(c->algorithm))
		failure = check_owner(a, q, who);
	else
		failure = check_user(a, q, c, who);
	if (failure != AUTH_OK)
		return fail(failure, 401, fresh == NONCE_OK);
	if (fresh == NONCE_STALE)
		return fail(AUTH_STALE_NONCE, 438, false);
	if (q->owner != NULL && !is_owner)
		return fail(AUTH_OTHER_USER, 441, true);
	return fail(AUTH_OK, 0, true);
}

struct auth_result auth_check(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	const struct turn_settings *set = a->settings;
	struct claim c = { .user = SPAN_LIT("") };
	enum nonce_result fresh;

	*who = (struct identity){ .expiry = INT64_MAX };
	if (q->m->integrity.len == 0 && !auth_by_sha256(set, q->m))
		return fail(AUTH_NO_INTEGRITY, 401, false);
	if (!read_user(a, q->m, &c) || !stun_find(q->m, ATTR_REALM, &c.realm) || !stun_find(q->m, ATTR_NONCE, &c.nonce) ||
	    too_long(c.realm) || too_long(c.nonce))
		return fail(AUTH_INCOMPLETE, 400, false);
	fresh = nonce_check(set, q->client, c.nonce, q->owner ? q->owner->nonce : (struct span){ NULL, 0 }, q->unix_now);
	if (fresh == NONCE_FOREIGN)
		return fail(AUTH_FOREIGN_NONCE, 438, false);
	if (!span_eq(c.realm, set->realm))
		return fail(AUTH_REALM, q->owner ? 441 : 401, fresh == NONCE_OK);
	if (!read_algorithm(set, q->m, &c))
		return fail(AUTH_ALGORITHM, 400, fresh == NONCE_OK);
	return check_claim(a, q, &c, fresh, who);
}
