#include "turnd/core/auth.h"

#include "common/proto/turn_cred.h"
#include "turnd/core/nonce.h"
#include "turnd/wire/stun_attr.h"

#include <stdlib.h>

enum { USERNAME_MAX = 508, TEXT_MAX_BYTES = 763, TEXT_MAX_CHARS = 127 };	/* RFC 8489 sections 14.3, 14.9, 14.10 */

static int compare_names(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare_users(const void *a, const void *b)
{
	const struct turn_user *const *x = a, *const *y = b;
	return compare_names((*x)->name, (*y)->name);
}

static int compare_to_user(const void *name, const void *user)
{
	const struct turn_user *const *u = user;
	return compare_names(*(const struct span *)name, (*u)->name);
}

bool auth_init(struct auth *a, const struct turn_settings *settings)
{
	*a = (struct auth){ .settings = settings };
	if (settings->n_users == 0)
		return true;
	a->users = calloc(settings->n_users, sizeof(*a->users));
	if (a->users == NULL)
		return false;
	for (size_t i = 0; i < settings->n_users; i++)
		a->users[i] = &settings->users[i];
	qsort(a->users, settings->n_users, sizeof(*a->users), compare_users);
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

static bool rest_key(const struct auth *a, struct span secret, struct span user, uint8_t key[MD5_SIZE])
{
	char password[TURN_PASSWORD_SIZE];
	uint8_t text[USERNAME_MAX + 1 + TEXT_MAX_BYTES + 1 + TURN_PASSWORD_SIZE];
	struct span realm = a->settings->realm;
	size_t n = 0;
	bool ok;

	if (turn_cred_password(secret, user, password) < 0)
		return false;
	memcpy(text, user.p, user.len);
	n += user.len;
	text[n++] = ':';
	memcpy(text + n, realm.p, realm.len);
	n += realm.len;
	text[n++] = ':';
	memcpy(text + n, password, strlen(password));
	n += strlen(password);
	ok = digest_md5(span_of(text, n), key) == 0;
	secret_wipe(password, sizeof(password));
	secret_wipe(text, sizeof(text));
	return ok;
}

static bool key_fits(const struct stun_msg *m, const uint8_t key[MD5_SIZE])
{
	return stun_integrity_ok(m, span_of(key, MD5_SIZE));
}

/* All secrets are tried whatever the name looks like: how long it takes must not tell what was wrong with it. */
static enum auth_failure check_rest(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	const struct turn_settings *set = a->settings;
	struct turn_username parts;
	bool known = turn_username_parse(who->user, set->rest_separator, &parts);
	bool good = false;

	for (size_t i = 0; i < set->n_secrets && !good; i++)
		good = rest_key(a, set->secrets[i], who->user, who->key) && key_fits(q->m, who->key);
	if (!known)
		return AUTH_UNKNOWN_USER;
	if (!good)
		return AUTH_BAD_INTEGRITY;
	if (q->unix_now >= parts.expiry)
		return AUTH_EXPIRED;
	who->expiry = parts.expiry;
	who->name = parts.name;
	return AUTH_OK;
}

static enum auth_failure check_user(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	const struct turn_user **found = NULL;

	if (a->settings->n_users > 0)
		found = bsearch(&who->user, a->users, a->settings->n_users, sizeof(*a->users), compare_to_user);
	if (found == NULL && a->settings->n_secrets > 0)
		return check_rest(a, q, who);
	if (found != NULL)
		memcpy(who->key, (*found)->key, MD5_SIZE);
	if (!key_fits(q->m, who->key))
		return found == NULL ? AUTH_UNKNOWN_USER : AUTH_BAD_INTEGRITY;
	return found == NULL ? AUTH_UNKNOWN_USER : AUTH_OK;
}

static enum auth_failure check_owner(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	*who = *q->owner->who;
	if (!key_fits(q->m, who->key))
		return AUTH_BAD_INTEGRITY;
	if (a->settings->strict_expiry && q->unix_now >= who->expiry)
		return AUTH_EXPIRED;
	return AUTH_OK;
}

static struct auth_result fail(enum auth_failure failure, unsigned code, bool nonce_ours)
{
	return (struct auth_result){ failure, code, nonce_ours };
}

struct auth_result auth_check(const struct auth *a, const struct auth_query *q, struct identity *who)
{
	const struct turn_settings *set = a->settings;
	struct span user, realm, nonce, ignored;
	enum nonce_result fresh;
	enum auth_failure failure;
	bool is_owner;

	*who = (struct identity){ .expiry = INT64_MAX };
	if (q->m->integrity.len == 0)
		return fail(AUTH_NO_INTEGRITY, 401, false);
	if (!stun_find(q->m, ATTR_USERNAME, &user) || !stun_find(q->m, ATTR_REALM, &realm) ||
	    !stun_find(q->m, ATTR_NONCE, &nonce) || user.len > USERNAME_MAX || too_long(realm) || too_long(nonce))
		return fail(AUTH_INCOMPLETE, 400, false);
	fresh = nonce_check(set->nonce_key, q->client, nonce, q->owner ? q->owner->nonce : NULL,
			    set->nonce_lifetime, q->unix_now);
	if (fresh == NONCE_FOREIGN)
		return fail(AUTH_FOREIGN_NONCE, 438, false);
	if (!span_eq(realm, set->realm))
		return fail(AUTH_REALM, q->owner ? 441 : 401, fresh == NONCE_OK);
	/* We never offered any: a list that differs from ours, or one without the other. */
	if (stun_find(q->m, ATTR_PASSWORD_ALGORITHM, &ignored) || stun_find(q->m, ATTR_PASSWORD_ALGORITHMS, &ignored))
		return fail(AUTH_ALGORITHM, 400, fresh == NONCE_OK);

	is_owner = q->owner != NULL && span_eq(user, q->owner->who->user);
	if (!is_owner && q->refuse)
		return fail(AUTH_BAD_INTEGRITY, 401, fresh == NONCE_OK);
	who->user = who->name = user;
	failure = is_owner ? check_owner(a, q, who) : check_user(a, q, who);
	if (failure != AUTH_OK)
		return fail(failure, 401, fresh == NONCE_OK);
	if (fresh == NONCE_STALE)
		return fail(AUTH_STALE_NONCE, 438, false);
	if (q->owner != NULL && !is_owner)
		return fail(AUTH_OTHER_USER, 441, true);
	return fail(AUTH_OK, 0, true);
}
