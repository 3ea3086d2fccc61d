#include "roomd/room_scripts.h"

#include <stdlib.h>

#define LOOPBACK_SEAT "'s:" LOOPBACK_CLIENT_ID "'"

/* h: the room's hash; n: its members. What was given and is forgotten stays for a minute, unseen: a message whose
 * answer was lost is recognised there when it is repeated. */
#define ROOM \
	"local room, waiting, given, life = KEYS[1], KEYS[2], KEYS[3], ARGV[1]\n" \
	"local h, n = {}, 0\n" \
	"local fields = redis.call('HGETALL', room)\n" \
	"for i = 1, #fields, 2 do\n" \
	"  h[fields[i]] = fields[i + 1]\n" \
	"  if string.sub(fields[i], 1, 2) == 's:' then n = n + 1 end\n" \
	"end\n" \
	"local function seat(client)\n" \
	"  local s = h['s:' .. client]\n" \
	"  if s then return string.match(s, '^(%a+) (%d+) (%d+) (%x+)$') end\n" \
	"end\n" \
	"local function keep()\n" \
	"  redis.call('PEXPIRE', room, life)\n" \
	"  redis.call('PEXPIRE', waiting, life)\n" \
	"  if h.to then redis.call('PEXPIRE', given, life) end\n" \
	"end\n"
#define FORGET \
	"local function forget()\n" \
	"  redis.call('HDEL', room, 'to', 'gb')\n" \
	"  redis.call('PEXPIRE', given, 60000)\n" \
	"  h.to, h.gb = nil, nil\n" \
	"end\n"

const char room_script_join[] = ROOM
	"local client, rejoin, request, signal, capacity, loopback = unpack(ARGV, 2)\n"
	"local clock = redis.call('TIME')\n"
	"local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))\n"
	"local function sit(who, role, number)\n"
	"  h['s:' .. who] = role .. ' ' .. number .. ' ' .. now .. ' ' .. request\n"
	"  redis.call('HSET', room, 's:' .. who, h['s:' .. who])\n"
	"end\n"
	"local function inside(who)\n"
	"  local messages = h.to == who and redis.call('LRANGE', given, 0, -1) or {}\n"
	"  return { 'SUCCESS', seat(who) == 'initiator' and 1 or 0, n, who, h.sig or '', messages }\n"
	"end\n"
	"if rejoin ~= '' and rejoin ~= '" LOOPBACK_CLIENT_ID "' and h['s:' .. rejoin] then\n"
	"  local role, number, _, before = seat(rejoin)\n"
	"  if before ~= request then\n"
	"    redis.call('DEL', waiting)\n"
	"    redis.call('HDEL', room, 'wb')\n"
	"    sit(rejoin, role, number)\n"
	"  end\n"
	"  keep()\n"
	"  return inside(rejoin)\n"
	"end\n"
	"if h['s:' .. client] then\n"
	"  local _, _, _, before = seat(client)\n"
	"  if before == request then return inside(client) end\n"
	"  return { 'DUPLICATE_CLIENT', 0, n }\n"
	"end\n"
	"if h[" LOOPBACK_SEAT "] or n >= tonumber(capacity) then return { 'FULL', 0, n } end\n"
	"if n == 0 then\n"
	"  redis.call('HSET', room, 'epoch', request, 'sig', signal)\n"	/* first: a full Redis refuses here, or not at all */
	"  redis.call('DEL', waiting, given)\n"
	"  redis.call('HDEL', room, 'next', 'wb', 'to', 'gb')\n"
	"  h.sig, h.to = signal, nil\n"
	"end\n"
	"n = n + 1\n"
	"sit(client, n == 1 and 'initiator' or 'member', redis.call('HINCRBY', room, 'next', 1))\n"
	"if n == 1 and loopback == '1' then\n"
	"  n = 2\n"
	"  sit('" LOOPBACK_CLIENT_ID "', 'member', redis.call('HINCRBY', room, 'next', 1))\n"
	"end\n"
	"if redis.call('EXISTS', waiting) == 1 then\n"
	"  redis.call('RENAME', waiting, given)\n"
	"  redis.call('HSET', room, 'to', client, 'gb', h.wb)\n"
	"  redis.call('HDEL', room, 'wb')\n"
	"  h.to = client\n"
	"end\n"
	"keep()\n"
	"return inside(client)\n";

const char room_script_message[] = ROOM FORGET
	"local client, request, body, repeated, most, most_sender, most_room = unpack(ARGV, 2)\n"
	"if n == 0 then return { 'UNKNOWN_ROOM', 0, 0 } end\n"
	"if not h['s:' .. client] then return { 'UNKNOWN_CLIENT', 0, n } end\n"
	"if repeated == '1' then\n"
	"  for _, list in ipairs({ waiting, given }) do\n"
	"    for _, entry in ipairs(redis.call('LRANGE', list, 0, -1)) do\n"
	"      if string.sub(entry, 1, #request) == request then return { 'SUCCESS', 0, n } end\n"
	"    end\n"
	"  end\n"
	"end\n"
	"if h.to == client then forget() end\n"
	"if n > 1 then\n"
	"  keep()\n"
	"  return { 'FORWARD', 0, n, '', h.sig or '' }\n"
	"end\n"
	"local stored, bytes = tonumber(h.wb or 0), #body\n"
	"if redis.call('LLEN', waiting) >= tonumber(most) or stored + bytes > tonumber(most_sender) or\n"
	"    stored + bytes + tonumber(h.gb or 0) > tonumber(most_room) then return { 'ERROR' } end\n"
	"redis.call('RPUSH', waiting, request .. body)\n"
	"redis.call('HSET', room, 'wb', stored + bytes)\n"
	"keep()\n"
	"return { 'SUCCESS', 0, n }\n";

const char room_script_leave[] = ROOM FORGET
	"local client = ARGV[2]\n"
	"local role = seat(client)\n"
	"if not role then return { 'SUCCESS', 0, n } end\n"
	"local all = h[" LOOPBACK_SEAT "]\n"
	"for field in pairs(h) do\n"
	"  if field == 's:' .. client or all and string.sub(field, 1, 2) == 's:' then\n"
	"    n = n - redis.call('HDEL', room, field)\n"
	"    h[field] = nil\n"
	"  end\n"
	"end\n"
	"if n == 0 then\n"
	"  redis.call('DEL', waiting, given)\n"
	"  redis.call('HDEL', room, 'epoch', 'sig', 'next', 'wb', 'to', 'gb')\n"
	"  return { 'SUCCESS', 0, 0 }\n"
	"end\n"
	"redis.call('DEL', waiting)\n"
	"redis.call('HDEL', room, 'wb')\n"
	"if h.to then forget() end\n"
	"if role == 'initiator' or n == 1 then\n"
	"  local first, eldest\n"
	"  for field in pairs(h) do\n"
	"    if string.sub(field, 1, 2) == 's:' then\n"
	"      local _, number = seat(string.sub(field, 3))\n"
	"      if not first or tonumber(number) < first then first, eldest = tonumber(number), field end\n"
	"    end\n"
	"  end\n"
	"  redis.call('HSET', room, eldest, (string.gsub(h[eldest], '^%a+', 'initiator')))\n"
	"end\n"
	"keep()\n"
	"return { 'SUCCESS', 0, n }\n";

const char room_script_schema[] =
	"redis.call('HSETNX', KEYS[1], 'schema', ARGV[2])\n"
	"redis.call('HSETNX', KEYS[1], 'partitions', ARGV[3])\n"
	"return redis.call('HMGET', KEYS[1], 'schema', 'partitions')\n";

static bool read_result(struct span text, enum room_result *out)
{
	static const struct { const char *text; enum room_result result; } t[] = {
		{ "SUCCESS", ROOM_SUCCESS }, { "FORWARD", ROOM_FORWARD }, { "FULL", ROOM_FULL },
		{ "DUPLICATE_CLIENT", ROOM_DUPLICATE_CLIENT }, { "UNKNOWN_ROOM", ROOM_UNKNOWN_ROOM },
		{ "UNKNOWN_CLIENT", ROOM_UNKNOWN_CLIENT }, { "ERROR", ROOM_ERROR },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (span_eq_str(text, t[i].text)) {
			*out = t[i].result;
			return true;
		}
	return false;
}

static bool read_messages(const struct redis_value *list, struct room_answer *a, struct span **messages)
{
	struct span *v = malloc(list->n * sizeof(*v));

	if (v == NULL)
		return false;
	for (size_t i = 0; i < list->n; i++)
		v[i] = span_skip(list->item[i].str, ROOM_REQUEST_TEXT);
	a->messages = *messages = v;
	a->n_messages = list->n;
	return true;
}

bool room_script_answer(const struct redis_value *v, struct room_answer *a, struct span **messages)
{
	*a = (struct room_answer){ .members = 0 };
	*messages = NULL;
	if (v->kind != REDIS_ARRAY || v->n == 0 || !read_result(v->item[0].str, &a->result))
		return false;
	if (v->n > 2) {
		a->initiator = v->item[1].integer == 1;
		a->members = (unsigned)v->item[2].integer;
	}
	if (v->n > 4) {
		a->client = v->item[3].str;
		a->signal = v->item[4].str;
	}
	if (v->n > 5 && v->item[5].n > 0 && !read_messages(&v->item[5], a, messages)) {
		*a = (struct room_answer){ .members = 0 };
		return false;
	}
	return true;
}
