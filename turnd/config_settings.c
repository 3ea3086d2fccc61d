#include "turnd/config.h"

#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "turnd/core/client_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SERVICES_MAX = 9 * ADDRESSES_MAX, SECRETS_MAX = TURN_SECRETS_MAX, SECRET_FILE_MAX = 65536, REALM_MAX = 127, USERNAME_MAX = 508 };

static bool set_realm(struct turnd_settings *s, const struct turnd_config *c, const struct complaints *say)
{
	const char *realm = c->realm;

	if (realm == NULL) {
		if (gethostname(s->realm, sizeof(s->realm) - 1) < 0)
			strcpy(s->realm, "turnd");
		realm = s->realm;
	} else if (strlen(realm) > REALM_MAX || *realm == '\0') {
		config_complain(say, "realm", 0, "must have 1 to %d bytes", REALM_MAX);
		return false;
	} else {
		strcpy(s->realm, realm);
	}
	s->turn.realm = span_str(s->realm);
	return true;
}

/* Room for every name and secret, so that views of them never move. */
static bool reserve_text(struct turnd_settings *s, const struct turnd_config *c)
{
	size_t n = 1;

	for (size_t i = 0; i < c->users.n; i++)
		n += strlen(c->users.v[i]);
	for (size_t i = 0; i < c->secrets.n; i++)
		n += strlen(c->secrets.v[i]);
	for (size_t i = 0; c->learnt != NULL && i < c->learnt->n; i++)
		n += strlen(c->learnt->v[i].text);
	for (size_t i = 0; i < c->tls_alternates.n; i++)
		n += strlen(c->tls_alternates.v[i]);
	n += c->secret_file != NULL ? 2 * SECRET_FILE_MAX : 0;		/* the file as it is, and the secrets in it */
	buf_init(&s->text, n);
	return buf_reserve(&s->text, n) != NULL;
}

static struct span keep(struct turnd_settings *s, struct span text)
{
	struct span kept = { s->text.p + s->text.len, text.len };
	buf_add_span(&s->text, text);
	return kept;
}

/* --- users --- */

/* coturn's form of a key instead of a password: 0x and 32 hexadecimal digits, or 64 for SHA-256. */
static bool parse_key(struct span text, struct turn_user *u)
{
	struct long_term_key key = { .len = text.len == 2 + 2 * MD5_SIZE ? MD5_SIZE : SHA256_SIZE };

	if (text.len != 2u + 2u * key.len || !text_has_prefix(text, "0x"))
		return false;
	for (size_t i = 0; i < key.len; i++) {
		int high = hex_value(text.p[2 + 2 * i]), low = hex_value(text.p[3 + 2 * i]);
		if (high < 0 || low < 0)
			return false;
		key.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*(key.len == MD5_SIZE ? &u->md5 : &u->sha256) = key;
	return true;
}

static bool make_keys(struct span name, struct span realm, struct span password, struct turn_user *u)
{
	return long_term_userhash(name, realm, u->hash) &&
	       (parse_key(password, u) || (long_term_key_make(&u->md5, ALGORITHM_MD5, name, realm, password) &&
					   long_term_key_make(&u->sha256, ALGORITHM_SHA256, name, realm, password)));
}

static bool set_users(struct turnd_settings *s, const struct turnd_config *c, const struct complaints *say)
{
	bool ok = true;

	s->users = calloc(c->users.n + 1, sizeof(*s->users));
	if (s->users == NULL) {
		config_complain(say, "user", 0, "no memory");
		return false;
	}
	for (size_t i = 0; i < c->users.n; i++) {
		struct span password = span_str(c->users.v[i]), name = text_cut(&password, ':');
		struct turn_user *u = &s->users[i];
		bool whole = strchr(c->users.v[i], ':') != NULL && name.len > 0 && password.len > 0;

		if (!whole || name.len > USERNAME_MAX) {
			config_complain(say, "user", i, "is not name:password or name:0xKEY");
			ok = false;
			continue;
		}
		if (!make_keys(name, s->turn.realm, password, u)) {
			config_complain(say, "user", i, "no key could be made: no memory, or a password that is too long");
			ok = false;
		}
		u->name = keep(s, name);
		for (size_t k = 0; k < i; k++)
			if (span_eq(s->users[k].name, name)) {
				config_complain(say, "user", i, "'%.*s' is given twice", SPAN_ARG(name));
				ok = false;
			}
	}
	s->turn.users = s->users;
	s->turn.n_users = c->users.n;
	return ok;
}

/* --- secrets --- */

static bool add_secret(struct turnd_settings *s, const char *option, size_t i, struct span secret, const struct complaints *say)
{
	if (secret.len == 0) {
		config_complain(say, option, i, "an empty secret");
		return false;
	}
	if (s->turn.n_secrets == SECRETS_MAX) {
		config_complain(say, option, i, "more than %d secrets at a time", SECRETS_MAX);
		return false;
	}
	s->secrets[s->turn.n_secrets++] = keep(s, secret);
	return true;
}

static bool read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t end = out->len + SECRET_FILE_MAX;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && out->len < end) {
		n = read(fd, out->p + out->len, end - out->len);
		out->len += n > 0 ? (size_t)n : 0;
	}
	if (n > 0)
		errno = EFBIG;
	if (fd >= 0)
		close(fd);
	return n == 0;
}

static bool set_secrets(struct turnd_settings *s, const struct turnd_config *c, const struct complaints *say)
{
	struct span rest;
	size_t file_at;
	bool ok = true;

	s->turn.secrets = s->secrets;
	for (size_t i = 0; i < c->secrets.n; i++)
		ok = add_secret(s, "static-auth-secret", i, span_str(c->secrets.v[i]), say) && ok;
	if (c->secret_file == NULL)
		return ok;
	file_at = s->text.len;
	if (!read_file(c->secret_file, &s->text)) {
		config_complain(say, "secret-file", 0, "cannot read %s: %s", c->secret_file, strerror(errno));
		return false;
	}
	for (rest = span_skip(buf_span(&s->text), file_at); rest.len > 0;) {
		struct span line = text_trim(text_cut(&rest, '\n'));
		if (line.len > 0 && line.p[line.len - 1] == '\r')
			line.len--;
		if (line.len > 0 && line.p[0] != '#')
			ok = add_secret(s, "secret-file", 0, line, say) && ok;
	}
	if (s->turn.n_secrets == 0) {
		config_complain(say, "secret-file", 0, "%s holds no secret", c->secret_file);
		ok = false;
	}
	return ok;
}

/* The newest are the fleet's: the configuration's own have the places that are left. */
static void put_learnt_first(struct turnd_settings *s, const struct turn_secrets *learnt)
{
	struct span own[SECRETS_MAX];
	size_t n = s->turn.n_secrets;

	memcpy(own, s->secrets, sizeof(own));
	s->turn.n_secrets = 0;
	for (size_t i = 0; i < learnt->n; i++)
		s->secrets[s->turn.n_secrets++] = keep(s, span_str(learnt->v[i].text));
	for (size_t i = 0; i < n && s->turn.n_secrets < SECRETS_MAX; i++)
		if (turn_secrets_find(learnt, own[i]) == NULL)
			s->secrets[s->turn.n_secrets++] = own[i];
}

static bool set_nonce_keys(struct turnd_settings *s, const struct turnd_config *c, const uint8_t nonce_key[32],
			  const struct complaints *say)
{
	const struct string_list *own = &c->nonce_secrets;

	s->turn.n_nonce_keys = own->n > 0 ? (unsigned)own->n : 1;
	if (own->n == 0)
		memcpy(s->turn.nonce_keys[0], nonce_key, NONCE_KEY_SIZE);
	if (own->n > NONCE_KEYS) {
		config_complain(say, "stateless-nonce-secret", NONCE_KEYS, "more than %d secrets at a time", NONCE_KEYS);
		return false;
	}
	for (size_t i = 0; i < own->n; i++)
		if (*own->v[i] == '\0' || digest_sha256(span_str(own->v[i]), s->turn.nonce_keys[i]) < 0) {
			config_complain(say, "stateless-nonce-secret", i, "an empty secret");
			return false;
		}
	return true;
}

/* --- other servers --- */

enum { PORT_PLAIN = 3478, PORT_TLS = 5349, DOMAIN_MAX = 255 };
enum { PLAIN = 1 << TRANSPORT_UDP | 1 << TRANSPORT_TCP, SECURE = 1 << TRANSPORT_TLS | 1 << TRANSPORT_DTLS };

/* "address" or "address:port", and for TLS "/name" behind it. */
static bool parse_alternate(struct span text, unsigned transports, struct alternate *out)
{
	struct span at = text_cut(&text, '/');

	*out = (struct alternate){ .transports = transports, .domain = text };
	if (text.len > 0 && (!(transports & SECURE) || text.len > DOMAIN_MAX || !text_is_word(text, ".-")))
		return false;
	if (ip_parse(&out->at.ip, at))
		out->at.port = transports & SECURE ? PORT_TLS : PORT_PLAIN;
	else if (!endpoint_parse(&out->at, at))
		return false;
	return out->at.port != 0;
}

static bool set_alternates(struct turnd_settings *s, const struct turnd_config *c, const struct complaints *say)
{
	const struct { const char *option; const struct string_list *list; unsigned transports; } lists[] = {
		{ "alternate-server", &c->alternates, PLAIN }, { "udp-alternate-server", &c->udp_alternates, 1 << TRANSPORT_UDP },
		{ "tcp-alternate-server", &c->tcp_alternates, 1 << TRANSPORT_TCP },
		{ "tls-alternate-server", &c->tls_alternates, SECURE },
	};
	bool ok = true;

	s->alternates = calloc(c->alternates.n + c->udp_alternates.n + c->tcp_alternates.n + c->tls_alternates.n + 1,
			       sizeof(*s->alternates));
	if (s->alternates == NULL) {
		config_complain(say, "alternate-server", 0, "no memory");
		return false;
	}
	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (size_t i = 0; i < lists[k].list->n; i++) {
			struct alternate *a = &s->alternates[s->turn.n_alternates++];
			if (!parse_alternate(span_str(lists[k].list->v[i]), lists[k].transports, a)) {
				config_complain(say, lists[k].option, i, "'%s' is not %s", lists[k].list->v[i],
						lists[k].transports & SECURE ? "address[:port][/name]" : "address[:port]");
				ok = false;
			}
			a->domain = keep(s, a->domain);
		}
	s->turn.alternates = s->alternates;
	s->turn.redirect = c->redirect == 0;
	return ok;
}

/* --- peers --- */

static struct ip_range prefix_range(const struct ip_addr *net, uint64_t bits)
{
	struct ip_range out = { *net, *net };

	for (uint64_t i = bits; i < (net->family == 4 ? 32 : 128); i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);
		out.low.b[i / 8] &= (uint8_t)~bit;
		out.high.b[i / 8] |= bit;
	}
	return out;
}

/* "a", "a-b" or "a/n". */
static bool parse_range(const char *text, struct ip_range *out)
{
	const char *separator = strpbrk(text, "/-");
	struct span rest = span_str(text), first = text_trim(text_cut(&rest, separator != NULL ? *separator : '-'));
	struct ip_addr ip;
	uint64_t bits;

	if (!ip_parse(&ip, first))
		return false;
	*out = (struct ip_range){ ip, ip };
	if (separator == NULL)
		return true;
	if (*separator == '/') {
		if (!parse_u64(text_trim(rest), &bits) || bits > (ip.family == 4 ? 32 : 128))
			return false;
		*out = prefix_range(&ip, bits);
		return true;
	}
	return ip_parse(&out->high, text_trim(rest)) && out->high.family == out->low.family &&
	       ip_compare(&out->low, &out->high) <= 0;
}

struct ip_range *config_ranges(const struct string_list *list, const char *option, const struct complaints *say)
{
	struct ip_range *v = calloc(list->n + 1, sizeof(*v));
	bool ok = v != NULL;

	if (v == NULL)
		config_complain(say, option, 0, "no memory");
	for (size_t i = 0; v != NULL && i < list->n; i++)
		if (!parse_range(list->v[i], &v[i])) {
			config_complain(say, option, i, "'%s' is not an address, a range a-b or a prefix a/n", list->v[i]);
			ok = false;
		}
	if (!ok) {
		free(v);
		return NULL;
	}
	return v;
}

static bool set_discovery(struct turnd_settings *s, const struct turnd_config *c, const struct complaints *say)
{
	s->turn.discovery = s->discovery;
	s->turn.n_discovery = config_discovery(c, s->discovery, say);
	return s->turn.n_discovery > 0 || !c->rfc5780;
}

static bool set_policy(struct turnd_settings *s, const struct turnd_config *c, const struct interfaces *host,
		       const struct complaints *say)
{
	struct policy_settings *p = &s->turn.policy;

	s->allowed = config_ranges(&c->allowed_peer_ip, "allowed-peer-ip", say);
	s->denied = config_ranges(&c->denied_peer_ip, "denied-peer-ip", say);
	s->services = calloc(SERVICES_MAX, sizeof(*s->services));
	if (s->allowed == NULL || s->denied == NULL || s->services == NULL)
		return false;
	memcpy(s->broadcasts, host->broadcast, sizeof(s->broadcasts));
	*p = (struct policy_settings){
		.allow_loopback = c->allow_loopback_peers, .allow_private = c->allow_private_peers,
		.allow_multicast = c->allow_multicast_peers, .allowed = s->allowed, .n_allowed = c->allowed_peer_ip.n,
		.denied = s->denied, .n_denied = c->denied_peer_ip.n, .own_services = s->services,
		.n_own_services = config_services(c, host, s->services, SERVICES_MAX),
		.directed_broadcasts = s->broadcasts, .n_directed_broadcasts = host->n_broadcast,
	};
	return true;
}

struct turnd_settings *turnd_settings_new(const struct turnd_config *c, const struct interfaces *host,
					  const uint8_t nonce_key[32], struct quota *quota, const struct complaints *say)
{
	struct turnd_settings *s = calloc(1, sizeof(*s));
	bool ok;

	if (s == NULL || !reserve_text(s, c)) {
		config_complain(say, "realm", 0, "no memory");
		free(s);
		return NULL;
	}
	s->turn = (struct turn_settings){
		.fingerprint = c->fingerprint, .software_attribute = c->software_attribute, .secure_stun = c->secure_stun,
		.include_reason_string = c->include_reason_string, .rfc5766_channel_numbers = c->rfc5766_channel_numbers,
		.no_auth = c->no_auth, .mobility = c->mobility, .rest_separator = c->rest_separator[0], .strict_expiry = c->strict_expiry,
		.rest_hashes = 1u + (unsigned)c->rest_hash,
		.algorithms = 1u + (unsigned)c->password_algorithms, .credential_max = (uint32_t)(c->credential_max_lifetime / 1000),
		.nonce_lifetime = (uint32_t)(c->stale_nonce / 1000), .lifetime_default = 600,
		.lifetime_max = (uint32_t)(c->max_allocate_lifetime / 1000),
		.max_permissions = c->max_permissions, .max_channels = c->max_channels, .max_bps = c->max_bps, .quota = quota, .rates = RATES_DEFAULT,
	};
	s->turn.rates[RATE_REFUSAL] = (struct rate){ c->refusal_limit ? c->refusal_rate : 0, 5 * c->refusal_rate };
	ok = set_realm(s, c, say);
	ok = set_users(s, c, say) && ok;
	ok = set_secrets(s, c, say) && ok;
	if (c->learnt != NULL)
		put_learnt_first(s, c->learnt);
	ok = set_nonce_keys(s, c, nonce_key, say) && ok;
	ok = set_alternates(s, c, say) && ok;
	ok = set_policy(s, c, host, say) && ok;
	ok = set_discovery(s, c, say) && ok;
	if (strlen(c->rest_separator) != 1) {
		config_complain(say, "rest-api-separator", 0, "'%s' is not one character", c->rest_separator);
		ok = false;
	}
	if (ok)
		return s;
	turnd_settings_free(s);
	return NULL;
}

void turnd_settings_free(struct turnd_settings *s)
{
	if (s == NULL)
		return;
	secret_wipe(s->text.p, s->text.cap);
	buf_close(&s->text);
	if (s->users != NULL)
		secret_wipe(s->users, s->turn.n_users * sizeof(*s->users));
	free(s->users);
	free(s->allowed);
	free(s->denied);
	free(s->services);
	free(s->alternates);
	secret_wipe(s, sizeof(*s));
	free(s);
}
