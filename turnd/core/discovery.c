#include "turnd/core/discovery.h"

#include "common/base/reader.h"
#include "turnd/wire/stun_attr.h"

enum { CHANGE_PORT = 0x2, CHANGE_IP = 0x4 };

struct place {			/* which of the four sockets of a group */
	const struct discovery_group *group;
	unsigned ip, port;
};

static bool find_place(const struct request *r, struct place *out)
{
	const struct turn_settings *set = r->s->settings;

	if (r->path->transport != TRANSPORT_UDP)
		return false;
	for (size_t g = 0; g < set->n_discovery; g++) {
		for (unsigned i = 0; i < 4; i++) {
			*out = (struct place){ &set->discovery[g], i >> 1, i & 1 };
			if (endpoint_equal(&out->group->v[out->ip][out->port].at, &r->path->server))
				return true;
		}
	}
	return false;
}

bool discovery_serves(const struct request *r)
{
	struct place ignored;
	return r->method == METHOD_BINDING && find_place(r, &ignored);
}

unsigned discovery_understood(uint16_t *types, unsigned n)
{
	unsigned left = 0;

	for (unsigned i = 0; i < n; i++) {
		if (types[i] != ATTR_CHANGE_REQUEST && types[i] != ATTR_RESPONSE_PORT && types[i] != ATTR_PADDING)
			types[left++] = types[i];
	}
	return left;
}

/* RFC 5780 section 7.5: a port, and two bytes that may or may not count as the value. */
static bool read_response_port(struct span value, uint16_t *port)
{
	if (value.len != 2 && value.len != 4)
		return false;
	*port = load_u16(value.p);
	return *port != 0;
}

unsigned discovery_read(const struct request *r, struct discovery *out)
{
	struct place here;
	const struct discovery_socket *from;
	struct span value;
	uint32_t change = 0;

	*out = (struct discovery){ .reply = *r->path };
	if (!find_place(r, &here))
		return 400;
	if (stun_find(r->m, ATTR_CHANGE_REQUEST, &value) && !attr_read_u32(value, &change))
		return 400;
	out->padding = request_has(r, ATTR_PADDING);
	if (stun_find(r->m, ATTR_RESPONSE_PORT, &value) &&
	    (out->padding || !read_response_port(value, &out->reply.client.port)))
		return 400;
	from = &here.group->v[here.ip ^ ((change & CHANGE_IP) != 0)][here.port ^ ((change & CHANGE_PORT) != 0)];
	out->reply.server = from->at;
	out->reply.socket = from->socket;
	out->origin = &from->advertised;
	out->other = &here.group->v[!here.ip][!here.port].advertised;
	return 0;
}
