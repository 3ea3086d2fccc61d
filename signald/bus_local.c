#include "signald/bus_local.h"

#include "signald/hub.h"

static void locate(struct bus *b, struct hub_room *r)
{
	(void)b;
	hub_placed(r, BUS_HERE);
}

static void allow(struct bus *b, struct hub_op *op)
{
	(void)b;
	hub_answer(op, HUB_OK);
}

static void release(struct bus *b, struct hub_room *r)
{
	(void)b, (void)r;
}

/* Never called: nothing is ordered elsewhere, and no question stays open. */
static void refuse(struct bus *b, struct hub_op *op)
{
	(void)b;
	hub_answer(op, HUB_UNAVAILABLE);
}

static void cancel(struct bus *b, struct hub_op *op)
{
	(void)b, (void)op;
}

static void note(struct bus *b, const struct hub_room *r, struct span client, enum bus_note what)
{
	(void)b, (void)r, (void)client, (void)what;
}

void bus_local_init(struct bus *b)
{
	static const struct bus_ops ops = {
		.locate = locate, .release = release, .attach = allow, .keep = allow, .forward = refuse,
		.cancel = cancel, .note = note,
	};
	b->ops = &ops;
}
