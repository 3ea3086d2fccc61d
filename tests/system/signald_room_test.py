"""signald's rooms and Collider's HTTP (apprtc-contract 4.4 to 4.6). S-numbers are the contract's. Times are a tenth of the
defaults: grace 1 s, probe 0.3 s."""
import json
import signal
import time

from story import *
from web import *

GRACE = 1.0


def serve(s, *args):
    s.port = free_port()
    s.signald = s.daemon("signald", "--listening-ip=127.0.0.1", f"--listening-port={s.port}", "--grace=1s",
                         "--probe-timeout=300ms", *args)
    return s.port


def joined(s, room, client):
    ws = WebSocket(s.port)
    ws.register(room, client)
    heard = ws.flush()
    return ws, [h["msg"] for h in heard]


def post(s, path, text, headers=()):
    return http(s.port, "POST", path, text, headers)


def delete(s, path):
    return http(s.port, "DELETE", path)


def ok(answer):
    assert answer.status == 200 and answer.body == b"OK\n", answer
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, DELETE"


def refused(s, room, client, text):
    ws = WebSocket(s.port)
    ws.register(room, client)
    assert ws.hear() == {"msg": "", "error": text}
    assert ws.hear_close() == 1000


def what_was_said_alone_waits_in_order(s):
    serve(s)                                                                        # S14..S19, S66
    ok(post(s, "/r/a", "1"))
    a, heard = joined(s, "r", "a")
    assert heard == []
    a.send("2")
    a.flush()
    ok(post(s, "/r/a", "3"))
    b, heard = joined(s, "r", "b")
    assert heard == ["1", "2", "3"]
    ok(post(s, "/r/b", "to a"))
    assert a.hear()["msg"] == "to a"


def a_post_reaches_one_who_was_never_there(s):
    serve(s)                                                                        # S52b: POST to an absent peer, then register
    ok(post(s, "/r/a", "offer"))
    ok(post(s, "/r/a", "candidate"))
    _, heard = joined(s, "r", "b")
    assert heard == ["offer", "candidate"]


def a_room_has_two_places(s):
    serve(s)
    a, _ = joined(s, "r", "a")
    ok(post(s, "/r/b", "x"))
    refused(s, "r", "c", "Max room capacity reached")                               # S24
    answer = post(s, "/r/c", "x")                                                   # S25
    assert answer.status == 500 and answer.body == b"Failed to send the message: Max room capacity reached\n", answer
    assert a.hear()["msg"] == "x"


def a_duplicate_is_refused_while_the_first_answers(s):
    serve(s)                                                                        # S26, S65
    a, _ = joined(s, "r", "a")
    b = WebSocket(s.port)
    b.register("r", "a")
    assert a.read_frame()[0] == PING
    a.frame(b"", PONG)
    assert b.hear() == {"msg": "", "error": "Duplicated registration"}
    assert b.hear_close() == 1000
    c, _ = joined(s, "r", "c")
    c.send("still you")
    assert a.hear()["msg"] == "still you"


def a_silent_first_gives_way_to_the_second(s):
    serve(s)
    a, _ = joined(s, "r", "a")
    c, _ = joined(s, "r", "c")
    b = WebSocket(s.port)
    b.register("r", "a")
    b.send("I am back")                                                             # in order, though the register waits
    assert c.hear()["msg"] == "I am back"
    assert a.read_frame()[0] == PING
    assert a.hear_close() == 1008
    c.send("welcome")
    assert b.hear()["msg"] == "welcome"


def a_lost_member_keeps_its_place_for_the_grace(s):
    serve(s)                                                                        # S52, S55, S72, S73
    a, _ = joined(s, "r", "a")
    b, _ = joined(s, "r", "b")
    a.close()
    wait_until(lambda: s.signald.metric("signald_registered") == 1, "the loss of a is noticed")
    b.send("for a")
    b.flush()
    refused(s, "r", "c", "Max room capacity reached")
    a, heard = joined(s, "r", "a")
    assert heard == ["for a"]
    time.sleep(GRACE * 1.5)                                                         # the old loss must not hurt
    a.send("here")
    assert b.hear()["msg"] == "here"


def a_lost_member_goes_after_the_grace(s):
    serve(s)                                                                        # S54, S70
    a, _ = joined(s, "r", "a")
    b, _ = joined(s, "r", "b")
    a.send("last")
    a.close()
    assert b.hear()["msg"] == "last"
    wait_until(lambda: s.signald.metric('signald_removals_total{reason="grace"}') == 1, "removal")
    c, _ = joined(s, "r", "c")
    assert b.flush() == []
    c.send("new")
    assert b.hear()["msg"] == "new"


def a_place_taken_by_post_goes_after_the_grace(s):
    serve(s)                                                                        # S71
    ok(post(s, "/r/a", "x"))
    assert s.signald.metric("signald_rooms") == 1
    wait_until(lambda: s.signald.metric("signald_rooms") == 0, "the room is gone")
    assert joined(s, "r", "b")[1] == []


def delete_closes_and_frees_at_once(s):
    serve(s)                                                                        # S46..S50, S53
    a, _ = joined(s, "r", "a")
    a.send("dropped with a")
    b_first, _ = joined(s, "r2", "b")
    ok(delete(s, "/r/a"))
    assert a.hear_close() == 1000
    b, heard = joined(s, "r", "b")
    c, _ = joined(s, "r", "c")
    assert heard == []
    ok(delete(s, "/r/b"))
    b2, _ = joined(s, "r", "b")                                                     # at once, by the same client
    b.close()
    time.sleep(GRACE * 1.5)
    c.send("to the new one")
    assert b2.hear()["msg"] == "to the new one"
    ok(delete(s, "/r/nobody"))
    ok(delete(s, "/nowhere/nobody"))


def what_the_peer_queued_outlives_a_delete(s):
    serve(s)                                                                        # S49
    a, _ = joined(s, "r", "a")
    b, _ = joined(s, "r", "b")
    ok(delete(s, "/r/b"))
    a.send("for whoever comes")
    a.flush()
    assert joined(s, "r", "c")[1] == ["for whoever comes"]


def bye_is_heard_though_delete_is_faster(s):
    serve(s)                                                                        # section 6.4
    for i in range(10):
        a, _ = joined(s, f"r{i}", "a")
        b, _ = joined(s, f"r{i}", "b")
        h = Http(s.port)
        s.signald.signal(signal.SIGSTOP)                                            # both are there when it looks again
        h.send(f"DELETE /r{i}/a HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        a.send('{"type":"bye"}')
        s.signald.signal(signal.SIGCONT)
        assert b.hear()["msg"] == '{"type":"bye"}'
        assert h.answer().status == 200
        for c in (a, b, h):
            c.close()


def a_queue_ends_at_1024_messages(s):
    serve(s, "--grace=60s")                                                         # S56
    h = Http(s.port)
    for i in range(1024):
        if i % 512 == 0:
            h = Http(s.port)
        assert h.request("POST", "/r/a", str(i)).status == 200
    answer = post(s, "/r/a", "one too many")
    assert answer.status == 500, answer
    assert answer.body == b"Failed to send the message: Too many messages queued for the client\n", answer
    a, _ = joined(s, "r", "a")
    a.send("dropped silently")
    assert a.flush() == []
    _, heard = joined(s, "r", "b")
    assert heard == [str(i) for i in range(1024)]


def bodies_are_opaque(s):
    serve(s)
    a, _ = joined(s, "r", "a")
    for text in ('{"type":"offer","sdp":"v=0\\r\\n"}', "a=b&c=%41", "\0\x01\u20ac\U0001f600\"\\", " ", "x" * 262144):     # S60
        ok(post(s, "/r/b", text, [("Content-Type", "application/x-www-form-urlencoded")]))
        assert a.hear() == {"msg": text, "error": ""}
    h = Http(s.port)
    h.send(b"POST /r/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")       # S61
    ok(h.answer())
    assert a.hear()["msg"] == "abcde"
    answer = post(s, "/r/b", b"\xff")
    assert answer.status == 400 and answer.headers["access-control-allow-origin"] == "*", answer
    assert post(s, "/r/b", "x" * 262145).status == 413
    assert post(s, "/r/b", "\x01" * 262144).status == 413                           # six times as long in JSON
    assert a.flush() == []


def http_answers_are_colliders(s):
    serve(s)
    answer = post(s, "/r/a", "")                                                    # S20
    assert (answer.status, answer.body) == (500, b"Empty request body\n"), answer
    for path in ("/", "/r", "/r/a/b", "/r/", "//a", "/r/a?b/c", "/r/%00", "/r/a%2Fb", "/r/" + "x" * 65, "/r%20/a"):      # S21
        answer = post(s, path, "x")
        if path == "/r/a?b/c":
            ok(answer)
            continue
        assert answer.status >= 400 and answer.headers["access-control-allow-origin"] == "*", (path, answer)
        assert answer.body.startswith(b"Invalid path: ") or answer.status == 400, (path, answer)
    answer = http(s.port, "OPTIONS", "/r/a", headers=[("Origin", "https://x"), ("Access-Control-Request-Method", "DELETE")])
    assert 200 <= answer.status < 300 and answer.headers["access-control-allow-methods"] == "POST, DELETE"               # S23
    for method in ("GET", "HEAD", "PUT", "PATCH"):                                  # S51
        assert http(s.port, method, "/r/z").status in (200, 405, 501)
    ok(post(s, "/r%31/%63lient", "x"))                                              # S59
    assert joined(s, "r1", "b")[1] == ["x"]
    assert joined(s, "R1", "b")[1] == []


def status_has_colliders_five_fields(s):
    serve(s)                                                                        # S01, S03, S10, S11
    def status():
        answer = http(s.port, "GET", "/status")
        assert answer.headers["access-control-allow-origin"] == "*" and answer.headers["access-control-allow-methods"] == "GET"
        return json.loads(answer.body)
    first = status()
    assert isinstance(first["upsec"], (int, float))
    assert {k: first[k] for k in ("openws", "totalws", "wserrors", "httperrors")} == dict(
        openws=0, totalws=0, wserrors=0, httperrors=0)
    a, _ = joined(s, "r", "a")
    b, _ = joined(s, "r", "b")
    WebSocket(s.port)
    a.frame("no json")
    a.hear()
    post(s, "/r/a", "")
    wait_until(lambda: status()["openws"] == 1, "one registered")
    last = status()
    assert (last["totalws"], last["wserrors"], last["httperrors"]) == (2, 1, 1), last
    assert last["upsec"] >= first["upsec"]


def rooms_do_not_hear_each_other(s):
    serve(s)
    pairs = [(joined(s, f"r{i}", "a")[0], joined(s, f"r{i}", "b")[0]) for i in range(20)]
    for i, (a, _) in enumerate(pairs):
        a.send(f"in {i}")
    for i, (a, b) in enumerate(pairs):
        assert [h["msg"] for h in b.flush()] == [f"in {i}"]
        assert a.flush() == []


tell(what_was_said_alone_waits_in_order, a_post_reaches_one_who_was_never_there, a_room_has_two_places,
     a_duplicate_is_refused_while_the_first_answers, a_silent_first_gives_way_to_the_second,
     a_lost_member_keeps_its_place_for_the_grace, a_lost_member_goes_after_the_grace, a_place_taken_by_post_goes_after_the_grace,
     delete_closes_and_frees_at_once, what_the_peer_queued_outlives_a_delete, bye_is_heard_though_delete_is_faster,
     a_queue_ends_at_1024_messages, bodies_are_opaque, http_answers_are_colliders, status_has_colliders_five_fields,
     rooms_do_not_hear_each_other)
