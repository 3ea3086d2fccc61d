#include "roomd/fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/proto/redis_schema.h"
#include "roomd/json_write.h"

struct fleet {
	const struct roomd_config *config;
	struct site *site;
	void (*changed)(void *owner);
	void *owner;
	char realm[REDIS_REALM_MAX + 1];
	struct node_feed *nodes;
	struct secret_feed *secrets;
	struct secret_keeper keeper;
};

struct span fleet_realm(const struct roomd_config *c, char host[REDIS_REALM_MAX + 1])
{
	if (c->realm != NULL)
		return span_str(c->realm);
	if (gethostname(host, REDIS_REALM_MAX) < 0)
		strcpy(host, "turnd");
	host[REDIS_REALM_MAX] = '\0';
	return span_str(host);
}

static void on_nodes(void *owner)
{
	struct fleet *f = owner;
	const struct node_set nodes = node_feed_nodes(f->nodes);
	struct servers fresh;

	if (!servers_init(&fresh, &nodes, span_str(f->config->zone != NULL ? f->config->zone : "")))
		return;		/* the old ones serve on */
	servers_close(&f->site->servers);
	f->site->servers = fresh;
	f->changed(f->owner);
}

static void on_secrets(void *owner, const struct secret_look *l)
{
	struct fleet *f = owner;

	secret_keeper_looked(&f->keeper, l, secret_feed_get(f->secrets));
}

struct fleet *fleet_new(struct redis_route *route, const struct roomd_config *c, struct site *site,
			void (*changed)(void *owner), void *owner)
{
	static const struct secret_feed_handler handler = { .looked = on_secrets };
	struct fleet *f = calloc(1, sizeof(*f));
	struct span realm;

	if (f == NULL)
		return NULL;
	f->config = c;
	f->site = site;
	f->changed = changed;
	f->owner = owner;
	realm = fleet_realm(c, f->realm);
	secret_keeper_init(&f->keeper, route, realm, c->site.credential_lifetime, c->secret_rotation);
	f->secrets = secret_feed_new(route, realm, 0, &handler, f);
	f->nodes = f->secrets != NULL ? node_feed_new(route, NULL, on_nodes, f) : NULL;
	if (f->nodes != NULL)
		site->secrets = secret_feed_get(f->secrets);
	return f;
}

bool fleet_complete(const struct fleet *f)
{
	return f->nodes != NULL;
}

bool fleet_loaded(const struct fleet *f)
{
	return node_feed_loaded(f->nodes);
}

void fleet_stop(struct fleet *f)
{
	f->site->secrets = NULL;
	if (f->secrets != NULL)
		secret_feed_stop(f->secrets);
	if (f->nodes != NULL)
		node_feed_stop(f->nodes);
}

void fleet_free(struct fleet *f)
{
	if (f == NULL)
		return;
	node_feed_free(f->nodes);
	secret_feed_free(f->secrets);
	free(f);
}

/* --- who lives ----------------------------------------------------------------------------------------------- */

static void put_number(struct buf *out, const char *key, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	json_raw(out, key, text);
}

static int64_t age(const struct node *n, int64_t now_ms)
{
	return now_ms > n->r.started ? (now_ms - n->r.started) / 1000 : 0;
}

static void put_node(struct buf *out, const struct node *n, int64_t now_ms)
{
	json_open(out, NULL, '{');
	json_string(out, "kind", span_str(node_kind_name(n->r.kind)));
	json_string(out, "node", span_str(n->id));
	json_string(out, "zone", n->r.zone);
	put_number(out, "load", n->r.load);
	json_raw(out, "draining", n->r.draining ? "true" : "false");
	put_number(out, "age", age(n, now_ms));
	json_open(out, "urls", '[');
	for (size_t i = 0; i < n->r.n_urls; i++)
		json_string(out, NULL, n->r.url[i]);
	json_close(out, ']');
	json_close(out, '}');
}

static void put_secret(struct buf *out, const struct turn_secret *s)
{
	json_open(out, NULL, '{');
	json_string(out, "id", span_str(s->id));
	put_number(out, "created", s->created);
	put_number(out, "activate_at", s->activate_at);
	put_number(out, "retire_at", s->retire_at);
	json_close(out, '}');
}

void fleet_print(const struct fleet *f, int64_t now_ms, struct buf *out)
{
	const struct node_set nodes = f != NULL ? node_feed_nodes(f->nodes) : (struct node_set){ .n = 0 };
	const struct turn_secrets *secrets = f != NULL ? secret_feed_get(f->secrets) : NULL;

	json_open(out, NULL, '{');
	json_open(out, "nodes", '[');
	for (size_t i = 0; i < nodes.n; i++)
		put_node(out, nodes.v[i], now_ms);
	json_close(out, ']');
	json_open(out, "secrets", '[');
	for (size_t i = 0; secrets != NULL && i < secrets->n; i++)
		put_secret(out, &secrets->v[i]);
	json_close(out, ']');
	json_close(out, '}');
}

void fleet_print_table(const struct node_set *nodes, int64_t now_ms, struct buf *out)
{
	buf_addf(out, "%-7s %-24s %-12s %8s %10s  %-8s %s\n", "KIND", "NODE", "ZONE", "LOAD", "AGE", "STATE", "URL");
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node *n = nodes->v[i];
		buf_addf(out, "%-7s %-24s %-12.*s %8" PRIu32 " %9" PRId64 "s  %-8s %.*s\n", node_kind_name(n->r.kind), n->id,
			 SPAN_ARG(n->r.zone), n->r.load, age(n, now_ms), n->r.draining ? "draining" : "live", SPAN_ARG(n->r.url[0]));
		for (size_t k = 1; k < n->r.n_urls; k++)
			buf_addf(out, "%76s%.*s\n", "", SPAN_ARG(n->r.url[k]));
	}
}
