"""Who races is ordered by the store: R60 to R64, B11. Many requests in flight on kept connections, against both stores."""
import json
import selectors
import threading

from apprtc import FakeSignal, Http, RoomServer
from story import tell

ROUNDS = 1000


def at_once(connections, requests):
    """Sends one request on each connection, all of them before the first answer is read; the answers in the same order."""
    for c, (target, body) in zip(connections, requests):
        c.send(f"POST {target} HTTP/1.1\r\nHost: {c.host}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    answers = [None] * len(requests)
    with selectors.DefaultSelector() as ready:
        for i, c in enumerate(connections[:len(requests)]):
            ready.register(c.sock, selectors.EVENT_READ, i)
        while None in answers:
            for key, _ in ready.select():
                answers[key.data] = connections[key.data].answer()
                ready.unregister(key.fileobj)
    assert all(a.status == 200 for a in answers), answers
    return answers


def servers(s, store, signal=None):
    """With Redis two roomd share the rooms, and the racers are spread over both."""
    if store == "memory":
        return [RoomServer(s, store=store, signal=signal)]
    url = s.redis().url
    return [RoomServer(s, store=url, signal=signal) for _ in range(2)]


def lanes(rooms, n):
    """n kept connections; roomd closes each after 1000 requests, so they are made anew for every few hundred rounds."""
    return [Http(rooms[i % len(rooms)].port) for i in range(n)]


def results(answers):
    return [json.loads(a.body) for a in answers]


def race_of_joins(s, store, n, rounds):
    rooms = servers(s, store)
    for first in range(0, rounds, 200):
        connections = lanes(rooms, n)
        for i in range(first, min(first + 200, rounds)):
            got = results(at_once(connections, [(f"/join/r{n}-{i}", "")] * n))
            inside = [g["params"] for g in got if g["result"] == "SUCCESS"]
            assert sorted(p["is_initiator"] for p in inside) == ["false", "true"], (i, got)
            assert [g["result"] for g in got].count("FULL") == n - 2, (i, got)
        for c in connections:
            c.close()


def two_joins_1000_times_in_memory(s):  # R60
    race_of_joins(s, "memory", 2, ROUNDS)


def two_joins_1000_times_in_redis(s):  # R60
    race_of_joins(s, "redis", 2, ROUNDS)


def six_joins_in_memory(s):  # R61
    race_of_joins(s, "memory", 6, 200)


def six_joins_in_redis(s):  # R61
    race_of_joins(s, "redis", 6, 200)


def join_against_leave(s, store):  # R62
    rooms = servers(s, store)
    connections = lanes(rooms, 2)
    for i in range(200):
        a = rooms[0].enter(f"r{i}")
        left, joined = at_once(connections, [(f"/leave/r{i}/{a['client_id']}", ""), (f"/join/r{i}", "")])
        assert left.body == b""
        b = json.loads(joined.body)["params"]
        assert rooms[0].message(f"r{i}", b["client_id"], "x") == "SUCCESS"       # b is alone: it is stored
        c = rooms[-1].enter(f"r{i}")
        assert (c["is_initiator"], c["messages"]) == ("false", ["x"]), (b, c)
    for c in connections:
        c.close()


def join_against_leave_in_memory(s):
    join_against_leave(s, "memory")


def join_against_leave_in_redis(s):
    join_against_leave(s, "redis")


def parallel_messages_and_leaves(s, store):  # R63 R64
    rooms = servers(s, store)
    connections = lanes(rooms, 8)
    for i in range(50):
        a = rooms[0].enter(f"r{i}")
        got = results(at_once(connections, [(f"/message/r{i}/{a['client_id']}", f"m{n}") for n in range(8)]))
        assert [g["result"] for g in got] == ["SUCCESS"] * 8
        b = rooms[-1].enter(f"r{i}")
        assert sorted(b["messages"]) == [f"m{n}" for n in range(8)], b["messages"]
        at_once(connections, [(f"/leave/r{i}/{p['client_id']}", "") for p in (a, b, a, b)])
        assert rooms[0].message(f"r{i}", a["client_id"], "x") == "UNKNOWN_ROOM"
    for c in connections:
        c.close()


def parallel_messages_and_leaves_in_memory(s):
    parallel_messages_and_leaves(s, "memory")


def parallel_messages_and_leaves_in_redis(s):
    parallel_messages_and_leaves(s, "redis")


def join_against_messages(s, store):  # B11
    """What A says while B joins is either in B's answer or forwarded, once, and in order."""
    signal = FakeSignal(s)
    rooms = servers(s, store, signal.port)
    for i in range(60):
        a = rooms[0].enter(f"r{i}")
        said = [f"m{n}" for n in range(12)]
        c = Http(rooms[0].port)

        def talk():
            for text in said:
                assert json.loads(c.request("POST", f"/message/r{i}/{a['client_id']}", text).body)["result"] == "SUCCESS"

        talker = threading.Thread(target=talk)
        talker.start()
        b = rooms[-1].enter(f"r{i}")
        talker.join()
        c.close()
        forwarded = [body.decode() for path, body in signal.taken if path == f"/r{i}/{a['client_id']}"]
        assert b["messages"] + forwarded == said, (i, b["messages"], forwarded)


def join_against_messages_in_memory(s):
    join_against_messages(s, "memory")


def join_against_messages_in_redis(s):
    join_against_messages(s, "redis")


tell(two_joins_1000_times_in_memory, two_joins_1000_times_in_redis, six_joins_in_memory, six_joins_in_redis,
     join_against_leave_in_memory, join_against_leave_in_redis,
     parallel_messages_and_leaves_in_memory, parallel_messages_and_leaves_in_redis,
     join_against_messages_in_memory, join_against_messages_in_redis)
