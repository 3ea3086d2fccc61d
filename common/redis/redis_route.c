#include "common/redis/redis_route.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/crypto/digest.h"
#include "common/crypto/tls_client.h"
#include "common/redis/redis_link.h"

/* A fixed route: one node, whatever the partition. Sentinel and Cluster will choose the link here. */
struct redis_route {
	uv_loop_t *loop;
	struct redis_link *link;
	struct tls_client *trust;	/* NULL: plain */
	void (*done)(void *ctx);
	void *done_ctx;
};

static bool load_trust(struct redis_route *r, struct redis_node *node, char why[160])
{
	const struct tls_client_options o = { .ca_file = node->ca[0] != 0 ? node->ca : NULL };
	char text[TLS_FILE_WHY];

	if (!node->tls)
		return true;
	node->trust = r->trust = tls_client_new(&o, text);
	if (r->trust == NULL)
		snprintf(why, 160, "%.159s", text);
	return r->trust != NULL;
}

struct redis_route *redis_route_new(uv_loop_t *loop, const char *url, const struct redis_timing *timing,
				    void (*state)(void *owner, bool up), void *owner, char why[160])
{
	struct redis_node node;
	struct redis_route *r;

	if (!redis_url_parse(span_str(url), &node, why))
		return NULL;
	snprintf(why, 160, "no memory");
	r = calloc(1, sizeof(*r));
	if (r != NULL && load_trust(r, &node, why)) {
		r->loop = loop;
		r->link = redis_link_new(loop, &node, timing, state, owner);
	}
	secret_wipe(&node, sizeof(node));
	if (r != NULL && r->link != NULL)
		return r;
	if (r != NULL)
		tls_client_free(r->trust);
	free(r);
	return NULL;
}

void redis_command(struct redis_route *r, unsigned partition, const struct span *argv, size_t argc,
		   redis_reply_cb cb, void *ctx)
{
	(void)partition;
	redis_link_command(r->link, argv, argc, cb, ctx);
}

void redis_eval(struct redis_route *r, unsigned partition, struct redis_script *script,
		const struct span *keys, size_t n_keys, const struct span *args, size_t n_args,
		redis_reply_cb cb, void *ctx)
{
	(void)partition;
	redis_link_eval(r->link, script, keys, n_keys, args, n_args, cb, ctx);
}

int redis_subscribe(struct redis_route *r, unsigned partition, struct span channel, redis_message_cb cb,
		    void (*resubscribed)(void *ctx), void *ctx)
{
	(void)partition;
	return redis_link_subscribe(r->link, channel, cb, resubscribed, ctx);
}

uv_loop_t *redis_route_loop(const struct redis_route *r)
{
	return r->loop;
}

bool redis_route_up(const struct redis_route *r)
{
	return redis_link_up(r->link);
}

struct redis_counts redis_route_counts(const struct redis_route *r)
{
	return redis_link_counts(r->link);
}

static void on_stopped(void *ctx)
{
	struct redis_route *r = ctx;
	void (*done)(void *) = r->done;
	void *done_ctx = r->done_ctx;

	tls_client_free(r->trust);
	free(r);
	done(done_ctx);
}

void redis_route_stop(struct redis_route *r, void (*done)(void *ctx), void *ctx)
{
	r->done = done;
	r->done_ctx = ctx;
	redis_link_stop(r->link, on_stopped, r);
}
