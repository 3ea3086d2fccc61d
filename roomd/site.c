#include "roomd/site.h"

#include <stdlib.h>

#include "common/base/text.h"
#include "roomd/ice_config.h"

/* "ws[s]://public" or "ws[s]://public http://inner". */
static const char *signal_parse(struct signal_server *s, struct span text)
{
	struct span rest = text, public = text_cut(&rest, ' ');

	if (!origin_parse(&s->public_at, public, true))
		return "must be ws://host[:port] or wss://host[:port], as clients reach it";
	origin_format(&s->public_at, true, s->public_at.tls, s->name);
	rest = text_trim(rest);
	if (rest.len == 0) {
		if (s->public_at.tls)
			return "is reached by TLS, so say behind a blank where roomd reaches it in plain: "
			       "wss://host http://inner-host:8089";
		s->inner = s->public_at;
		return NULL;
	}
	if (!origin_parse(&s->inner, rest, false) || s->inner.tls)
		return "must have an http://host[:port] behind the blank, where roomd reaches it";
	return NULL;
}

static void sort_turn_uris(struct site *s)
{
	for (int rank = 0; rank <= 2; rank++)
		for (size_t i = 0; i < s->options->turn_server.n; i++)
			if (ice_uri_rank(span_str(s->options->turn_server.v[i])) == rank)
				s->turn_uris[s->n_turn_uris++] = s->options->turn_server.v[i];
}

static bool check_uris(const struct string_list *l, bool turn, const char *option, site_complaint bad, void *ctx)
{
	bool good = true;

	for (size_t i = 0; i < l->n; i++)
		if (!ice_uri_valid(span_str(l->v[i]), turn)) {
			bad(ctx, option, i, l->v[i], turn ? "must be turn:host[:port][?transport=udp|tcp] or turns:..."
						 : "must be stun:host[:port]");
			good = false;
		}
	return good;
}

bool site_init(struct site *s, const struct site_options *options, site_complaint bad, void *ctx)
{
	const char *why;
	bool good;

	*s = (struct site){ .options = options };
	s->bases = calloc(options->public_url.n + 1, sizeof(*s->bases));
	s->signals = calloc(options->signal_server.n + 1, sizeof(*s->signals));
	s->turn_uris = calloc(options->turn_server.n + 1, sizeof(*s->turn_uris));
	if (s->bases == NULL || s->signals == NULL || s->turn_uris == NULL)
		goto close;
	good = check_uris(&options->turn_server, true, "turn-server", bad, ctx);
	if (!check_uris(&options->stun_server, false, "stun-server", bad, ctx))
		good = false;
	if (options->public_url.n == 0 || options->signal_server.n == 0) {
		bad(ctx, options->public_url.n == 0 ? "public-url" : "signal-server", 0, NULL, "must be given at least once");
		good = false;
	}
	for (size_t i = 0; i < options->public_url.n; i++)
		if (!origin_parse(&s->bases[s->n_bases++], span_str(options->public_url.v[i]), false)) {
			bad(ctx, "public-url", i, options->public_url.v[i], "must be http://host[:port] or https://host[:port], without a path");
			good = false;
		}
	for (size_t i = 0; i < options->signal_server.n; i++)
		if ((why = signal_parse(&s->signals[s->n_signals++], span_str(options->signal_server.v[i]))) != NULL) {
			bad(ctx, "signal-server", i, options->signal_server.v[i], why);
			good = false;
		}
	if (!good)
		goto close;
	sort_turn_uris(s);
	return true;

close:
	site_close(s);
	return false;
}

void site_close(struct site *s)
{
	free(s->bases);
	free(s->signals);
	free(s->turn_uris);
	servers_close(&s->servers);
	*s = (struct site){ 0 };
}

const struct origin *site_base(const struct site *s, struct span host)
{
	for (size_t i = 0; i < s->n_bases; i++)
		if (origin_is(&s->bases[i], host))
			return &s->bases[i];
	return &s->bases[0];
}

const struct signal_server *site_signal(const struct site *s, struct span name, struct span room)
{
	const struct signal_server *found = servers_signal(&s->servers, name);

	for (size_t i = 0; i < s->n_signals && found == NULL; i++)
		if (span_eq_str(name, s->signals[i].name))
			found = &s->signals[i];
	if (found == NULL)
		found = servers_signal_instead(&s->servers, room);
	return found != NULL ? found : &s->signals[0];
}

const struct signal_server *site_best_signal(const struct site *s)
{
	const struct signal_server *best = servers_best_signal(&s->servers);

	return best != NULL ? best : &s->signals[0];
}

const struct signal_server *site_signal_at(const struct site *s, struct span authority)
{
	for (size_t i = 0; i < s->servers.n_signal; i++)
		if (origin_is(&s->servers.signal[i].server.public_at, authority))
			return &s->servers.signal[i].server;
	for (size_t i = 0; i < s->n_signals; i++)
		if (origin_is(&s->signals[i].public_at, authority))
			return &s->signals[i];
	return NULL;
}

static bool same_place(const struct origin *a, const struct origin *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* All of them in one row; without live ones, the configured. */
static const struct signal_server *nth_signal(const struct site *s, size_t i)
{
	return s->servers.n_signal > 0 ? &s->servers.signal[i].server : &s->signals[i];
}

const struct signal_server *site_signal_besides(const struct site *s, const struct origin *inner)
{
	size_t n = s->servers.n_signal > 0 ? s->servers.n_signal : s->n_signals, at = n - 1;

	for (size_t i = 0; i < n; i++)
		if (same_place(&nth_signal(s, i)->inner, inner))
			at = i;
	for (size_t i = 1; i <= n; i++)
		if (!same_place(&nth_signal(s, (at + i) % n)->inner, inner))
			return nth_signal(s, (at + i) % n);
	return NULL;
}

bool site_has_inner(const struct site *s, const struct origin *inner)
{
	for (size_t i = 0; i < s->servers.n_signal; i++)
		if (same_place(&s->servers.signal[i].server.inner, inner))
			return true;
	for (size_t i = 0; i < s->n_signals; i++)
		if (same_place(&s->signals[i].inner, inner))
			return true;
	return false;
}

const char *site_secret(const struct site *s, bool live, int64_t now)
{
	const struct turn_secret *fleet = s->secrets != NULL ? turn_secrets_minting(s->secrets, now) : NULL;
	const char *own = s->options->static_auth_secret;

	if (fleet == NULL || (!live && own != NULL))
		return own;
	return fleet->text;
}

bool site_gives_ice(const struct site *s)
{
	return s->servers.n_turn > 0 || s->n_turn_uris > 0 || s->options->stun_server.n > 0;
}
