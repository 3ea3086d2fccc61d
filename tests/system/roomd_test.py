"""roomd's API as apprtc-contract states it; R- and B-numbers are the contract's. Each test with rooms in memory and in Redis."""
import base64
import hashlib
import hmac
import json
import threading
import time

from apprtc import FakeSignal, Http, RoomServer
from story import tell, wait_until

TURN = ["--turn-server=turn:h:3478?transport=tcp", "--turn-server=turn:h:3478?transport=udp", "--stun-server=stun:h:3478",
        "--static-auth-secret=north"]


def in_both_stores(test):
    def in_memory(s):
        test(s, "memory")

    def in_redis(s):
        test(s, s.redis().url)

    in_memory.__name__ = f"{test.__name__}_in_memory"
    in_redis.__name__ = f"{test.__name__}_in_redis"
    return in_memory, in_redis


# --- rooms -------------------------------------------------------------------------------------------------------

def the_first_is_initiator_the_second_gets_what_it_stored_the_third_finds_it_full(s, store):  # R06 R07 R12 R13 R14
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    assert (a["is_initiator"], a["messages"], a["room_id"]) == ("true", [], "room")
    assert a["room_link"] == f"http://127.0.0.1:{r.port}/r/room"
    texts = ['{"type":"offer","sdp":"v=0\\r\\n"}', "grüß 😀 <&> \u2028 \\ \"", '{\r\n  "type" : "candidate"\n}']
    for t in texts:
        assert r.message("room", a["client_id"], t.encode()) == "SUCCESS"
    b = r.enter("room")
    assert (b["is_initiator"], b["messages"]) == ("false", texts)
    assert b["client_id"] != a["client_id"] and len(a["client_id"]) >= 16
    assert r.join("room") == {"result": "FULL", "params": {"messages": []}}
    r.leave("room", b["client_id"])
    assert r.enter("room")["messages"] == []


def strangers_are_told_so_with_200(s, store):  # R15 R16
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    assert r.message("none", "1", "x") == "UNKNOWN_ROOM"
    r.enter("room")
    assert r.message("room", "1", "x") == "UNKNOWN_CLIENT"


def leaving_always_answers_200_and_the_one_who_stays_leads(s, store):  # R17 R18 R19 R20 R21
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    r.leave("none", "1")
    a, b = r.enter("room"), r.enter("room")
    r.leave("room", "stranger")
    r.leave("room", a["client_id"])
    r.leave("room", a["client_id"])
    assert r.message("room", b["client_id"], "offer2") == "SUCCESS"
    c = r.enter("room")
    assert (c["is_initiator"], c["messages"]) == ("false", ["offer2"])
    r.leave("room", b["client_id"])
    r.leave("room", c["client_id"])
    assert r.message("room", c["client_id"], "x") == "UNKNOWN_ROOM"
    assert r.enter("room")["is_initiator"] == "true"


def a_loopback_room_is_full_and_forwards(s, store):  # R31 R32 R33 B07
    signal = FakeSignal(s)
    r = RoomServer(s, store=store, signal=signal.port)
    a = r.enter("room", "?debug=loopback")
    assert (a["is_initiator"], a["is_loopback"]) == ("true", "true")
    assert r.join("room")["result"] == "FULL"
    assert r.message("room", a["client_id"], "offer") == "SUCCESS"
    assert signal.taken == [(f"/room/{a['client_id']}", b"offer")]
    r.leave("room", a["client_id"])
    one = r.enter("room")
    assert r.enter("room", "?debug=loopback")["is_initiator"] == "false"
    r.leave("room", one["client_id"])


def a_seat_can_be_taken_back_by_its_id(s, store):
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    r.message("room", a["client_id"], "offer")
    b = r.enter("room")
    for _ in range(2):
        again = r.enter("room", f"?rejoin={b['client_id']}&vsc=VP9")
        assert (again["client_id"], again["is_initiator"], again["messages"]) == (b["client_id"], "false", ["offer"])
        assert again["room_link"].endswith("/r/room?vsc=VP9"), again["room_link"]
    assert r.enter("room", f"?rejoin={a['client_id']}")["is_initiator"] == "true"
    assert r.join("room", "?rejoin=somebody")["result"] == "FULL"


def messages_of_any_size_up_to_the_limit_are_kept(s, store):  # R29 R30 B09
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    assert r.message("room", a["client_id"], "x" * 65536) == "SUCCESS"
    assert r.message("room", a["client_id"], "y" * 262144) == "SUCCESS"
    assert r.message("room", a["client_id"], b"") == "ERROR"
    assert r.message("room", a["client_id"], b"a\xff\xfe") == "ERROR"
    assert r.message("room", a["client_id"], b"\xed\xa0\x80") == "ERROR"
    assert r.post(f"/message/room/{a['client_id']}", b"z" * 262145).status == 413
    assert r.message("room", a["client_id"], b"nul \x00 byte") == "SUCCESS"
    c = Http(r.port)
    c.send(f"POST /message/room/{a['client_id']} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nab\n\r\n2\r\ncd\r\n0\r\n\r\n".encode())
    assert json.loads(c.answer().body) == {"result": "SUCCESS"}
    c.close()
    assert r.enter("room")["messages"] == ["x" * 65536, "y" * 262144, "nul \x00 byte", "ab\ncd"]


def many_messages_can_wait(s, store):
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    c = Http(r.port)
    for i in range(256):
        assert json.loads(c.request("POST", f"/message/room/{a['client_id']}", str(i)).body)["result"] == "SUCCESS"
    c.close()
    assert r.enter("room")["messages"] == [str(i) for i in range(256)]


def the_content_type_of_a_message_does_not_matter(s, store):  # R27
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    for kind in ("application/x-www-form-urlencoded", "text/plain; charset=utf-8", "application/json"):
        answer = r.post(f"/message/room/{a['client_id']}", '{"a=b":"%41&+"}', [("Content-Type", kind)])
        assert json.loads(answer.body)["result"] == "SUCCESS"
    assert r.enter("room")["messages"] == ['{"a=b":"%41&+"}'] * 3


# --- forwards ----------------------------------------------------------------------------------------------------

def forwards_of_one_client_keep_their_order(s, store):  # B02 B03 B04 B10
    signal = FakeSignal(s)
    r = RoomServer(s, store=store, signal=signal.port)
    a, b = r.enter("room"), r.enter("room")
    signal.hold.clear()
    done = []

    def say(text):
        done.append(r.message("room", a["client_id"], text))

    posts = []
    for i in range(10):     # each is with roomd before the next is sent
        posts.append(threading.Thread(target=say, args=(f"m{i}",)))
        posts[-1].start()
        time.sleep(0.03)
    signal.hold.set()
    for p in posts:
        p.join()
    assert done == ["SUCCESS"] * 10
    assert signal.taken == [(f"/room/{a['client_id']}", f"m{i}".encode()) for i in range(10)], signal.taken
    assert signal.most_busy == 1
    assert r.message("room", b["client_id"], "from b") == "SUCCESS"


def a_forward_that_failed_is_a_500(s, store):
    signal = FakeSignal(s)
    r = RoomServer(s, store=store, signal=signal.port)
    a, _ = r.enter("room"), r.enter("room")
    signal.status = 503
    assert r.post(f"/message/room/{a['client_id']}", "x").status == 500
    signal.status = 200
    assert r.message("room", a["client_id"], "y") == "SUCCESS"
    signal.status = None
    assert r.post(f"/message/room/{a['client_id']}", "z").status == 500
    assert [body for _, body in signal.taken] == [b"x", b"y", b"z"]     # never twice


def a_room_keeps_its_signaling_server_and_no_message_goes_to_another_host(s, store):  # R45 B12
    one, two, evil = FakeSignal(s), FakeSignal(s), FakeSignal(s)
    r = RoomServer(s, f"--signal-server=ws://127.0.0.1:{one.port}", f"--signal-server=ws://localhost:{two.port}", store=store)
    a = r.enter("first")
    assert a["wss_url"] == f"ws://127.0.0.1:{one.port}/ws"
    a = r.enter("second", f"?wshpp=localhost:{two.port}")
    b = r.enter("second")
    assert a["wss_url"] == b["wss_url"] == f"ws://localhost:{two.port}/ws"
    assert b["wss_post_url"] == f"http://localhost:{two.port}"
    assert r.message("second", a["client_id"], "x") == "SUCCESS"
    assert (len(one.taken), len(two.taken)) == (0, 1)
    c = r.enter("third", f"?wshpp=127.0.0.1:{evil.port}")
    assert c["wss_url"] == f"ws://127.0.0.1:{one.port}/ws"
    r.enter("third")
    target = f"/message/third/{c['client_id']}?wshpp=127.0.0.1:{evil.port}"
    assert json.loads(r.post(target, "x").body)["result"] == "SUCCESS"
    assert len(evil.taken) == 0 and len(one.taken) == 1


def a_server_that_is_away_is_replaced_once(s, store):
    away, there = FakeSignal(s), FakeSignal(s)
    away.stop()
    s.others.remove(away.stop)
    r = RoomServer(s, f"--signal-server=ws://127.0.0.1:{away.port}", f"--signal-server=ws://127.0.0.1:{there.port}", store=store)
    a, _ = r.enter("room"), r.enter("room")
    assert r.message("room", a["client_id"], "x") == "SUCCESS"
    assert there.taken == [(f"/room/{a['client_id']}", b"x")]


# --- bye ---------------------------------------------------------------------------------------------------------

def bye_from_a_trusted_address_removes_the_member(s, store):  # B20
    r = RoomServer(s, store=store, signal=FakeSignal(s).port)
    a, b = r.enter("room"), r.enter("room")
    assert r.post(f"/bye/room/{a['client_id']}").status == 200
    assert r.post(f"/bye/room/{a['client_id']}").status == 200
    assert r.message("room", b["client_id"], "x") == "SUCCESS"
    assert r.enter("room")["messages"] == ["x"]


def bye_from_elsewhere_is_refused(s, store):
    r = RoomServer(s, "--trusted-signal=192.0.2.1", store=store, signal=FakeSignal(s).port)
    a = r.enter("room")
    assert r.post(f"/bye/room/{a['client_id']}").status == 403
    assert r.message("room", a["client_id"], "x") == "SUCCESS"


# --- pages and parameters ----------------------------------------------------------------------------------------

def the_pages_carry_their_parameters_and_protect_themselves(s):  # R01 R02 R03 R48
    r = RoomServer(s, signal=FakeSignal(s).port)
    _, params = r.page("/")
    assert "room_id" not in params and params["room_full"] is False
    a, params = r.page("/r/room?tt=%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert params["room_id"] == "room" and params["ice_server_transports"] == "</script><script>alert(1)</script>"
    assert b"alert(1)</script>" not in a.body
    assert "unsafe" not in a.headers["content-security-policy"]
    assert a.headers["x-content-type-options"] == "nosniff" and a.headers["referrer-policy"] == "no-referrer"
    assert "server" not in a.headers
    assert r.enter("room")["is_initiator"] == "true"        # looking did not join
    assert r.page("/r/room")[1]["room_full"] is False
    r.enter("room")
    assert r.page("/r/room")[1]["room_full"] is True
    assert r.join("room")["result"] == "FULL"


def params_are_those_of_a_join_without_the_member(s):  # R34
    r = RoomServer(s, *TURN, signal=FakeSignal(s).port)
    a = r.get("/params")
    assert a.status == 200 and a.headers["content-type"] == "application/json"
    joined, seen = r.enter("room"), json.loads(a.body)
    assert set(joined) - set(seen) == {"room_id", "room_link", "client_id", "is_initiator", "messages"}
    assert set(seen) <= set(joined)
    for name in set(seen) - {"turn_url"}:
        assert seen[name] == joined[name], name


def wrong_paths_and_methods_are_told_apart(s):  # R22 R23 R24
    r = RoomServer(s)
    for path in ("/nothing", "/join", "/join/", "/join/a/", "/join/a%20b", "/join/" + "x" * 65, "/message/a", "/message/a/b/c",
                 "/r/", "/r/a/", "/params/", "/js/../main.c", "/js/", "/index.html", "//", "/compute/x"):
        for method in ("GET", "POST"):
            a = r.post(path) if method == "POST" else r.get(path)
            assert a.status == 404, (method, path, a)
    for path, allow in (("/", "GET, HEAD"), ("/r/a", "GET, HEAD"), ("/params", "GET, HEAD"), ("/robots.txt", "GET, HEAD")):
        a = r.post(path)
        assert (a.status, a.headers["allow"]) == (405, allow), (path, a)
    for path in ("/join/a", "/message/a/b", "/leave/a/b", "/bye/a/b", "/a/"):
        a = r.get(path)
        assert (a.status, a.headers["allow"]) == (405, "POST"), (path, a)
    c = Http(r.port)
    assert c.request("DELETE", "/turn").headers["allow"] == "GET, HEAD, POST"
    c.close()
    assert r.join("%72oom")["params"]["room_id"] == "room"
    assert r.join("x" * 64)["result"] == "SUCCESS"


def static_files_come_with_an_etag(s):  # R05
    r = RoomServer(s)
    a = r.get("/js/main.js")
    assert a.status == 200 and a.headers["content-type"].startswith("text/javascript") and a.body
    assert r.get("/js/main.js", [("If-None-Match", a.headers["etag"])]).status == 304
    assert r.get("/robots.txt").headers["content-type"].startswith("text/plain")
    c = Http(r.port)
    head = c.request("HEAD", "/js/main.js")
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(a.body)), b"")
    c.close()


def a_web_root_replaces_the_built_in_pages_and_is_read_again_on_sighup(s):
    root = s.dir / "web"
    (root / "js").mkdir(parents=True)
    (root / "index.html").write_text("<html><!-- PARAMS --></html>")
    (root / "js" / "one.js").write_text("1")
    r = RoomServer(s, f"--web-root={root}")
    assert r.get("/js/one.js").body == b"1" and r.get("/js/main.js").status == 404
    assert r.page("/")[0].body.startswith(b"<html><script type=")
    (root / "js" / "two.js").write_text("2")
    assert r.get("/js/two.js").status == 404
    r.daemon.signal(1)
    wait_until(lambda: r.get("/js/two.js").status == 200, "the new file")
    (root / "index.html").unlink()
    r.daemon.signal(1)
    wait_until(lambda: "web_root_kept" in r.daemon.log(), "the complaint")
    assert r.page("/")[0].status == 200


# --- ICE servers -------------------------------------------------------------------------------------------------

def credential_fits(username, password):
    return password == base64.b64encode(hmac.new(b"north", username.encode(), hashlib.sha1).digest()).decode()


def iceconfig_gives_servers_with_a_credential(s):  # R50 R51 R52
    r = RoomServer(s, *TURN)
    p = r.enter("room")
    target = p["ice_server_url"].split(str(r.port), 1)[1]
    for answer in (r.post(target, headers=[("Origin", "https://appr.tc"), ("Referer", "https://appr.tc/x")]), r.get(target)):
        assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "no-store"
        body = json.loads(answer.body)
        assert body["lifetimeDuration"] == "86400s"
        turn, stun = body["iceServers"]
        assert turn["urls"] == ["turn:h:3478?transport=udp", "turn:h:3478?transport=tcp"]
        assert credential_fits(turn["username"], turn["credential"])
        assert abs(int(turn["username"].split(":")[0]) - time.time() - 86400) < 60
        assert stun == {"urls": ["stun:h:3478"]}
    assert "access-control-allow-origin" not in r.post("/join/x").headers


def turn_rest_gives_four_members(s):  # R53 R54 R55 R56 R57
    r = RoomServer(s, *TURN)
    p = r.enter("room")
    answer = r.get(p["turn_url"].split(str(r.port), 1)[1])
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "*"
    body = json.loads(answer.body)
    assert set(body) == {"username", "password", "ttl", "uris"}
    assert body["username"].endswith(":" + p["client_id"]) and body["ttl"] == 86400
    assert body["uris"][0] == "turn:h:3478?transport=udp"
    assert credential_fits(body["username"], body["password"])
    assert json.loads(r.post("/turn?key=").body)["username"].isdigit()
    for bad in ("9999999999:x", "a%20b", "x" * 65, "%00"):
        assert r.get(f"/turn?username={bad}").status == 400, bad


def a_configured_key_is_wanted(s):
    r = RoomServer(s, *TURN, "--api-key=k&1", "--api-key=old")
    p = r.enter("room")
    assert p["ice_server_url"].endswith("?key=k%261")
    assert r.post(p["ice_server_url"].split(str(r.port), 1)[1]).status == 200
    assert r.get("/turn?username=x&key=old").status == 200
    for path in ("/v1alpha/iceconfig", "/v1alpha/iceconfig?key=wrong", "/turn?username=x&key="):
        a = r.post(path)
        assert a.status == 403 and "error" in json.loads(a.body) and a.headers["access-control-allow-origin"] == "*"


def without_ice_servers_the_url_is_empty(s):  # R35 R47
    r = RoomServer(s)
    p = r.enter("room")
    assert p["ice_server_url"] == "" and "/turn?username=" in p["turn_url"]
    assert json.loads(r.post("/v1alpha/iceconfig").body)["iceServers"] == []
    assert set(json.loads(r.get("/turn?username=x").body)) == {"username", "password", "ttl", "uris"}


def analytics_are_looked_at_and_dropped(s):  # R58 R59
    r = RoomServer(s)
    good = {"type": "event", "request_time_ms": 1, "event": {"event_type": 3, "event_time_ms": 2}}
    for body, result in ((good, "SUCCESS"), ([], "INVALID_REQUEST"), ({}, "INVALID_REQUEST")):
        a = r.post("/a/", json.dumps(body))
        assert (a.status, json.loads(a.body)) == (200, {"result": result})
    assert json.loads(r.post("/a/", "not json").body) == {"result": "INVALID_REQUEST"}


def a_room_may_hold_more_if_it_is_configured_so(s, store):
    r = RoomServer(s, "--room-capacity=3", store=store, signal=FakeSignal(s).port)
    seats = [r.enter("room") for _ in range(3)]
    assert [p["is_initiator"] for p in seats] == ["true", "false", "false"]
    assert r.join("room")["result"] == "FULL"
    r.leave("room", seats[0]["client_id"])
    assert r.enter("room", f"?rejoin={seats[1]['client_id']}")["is_initiator"] == "true"


BOTH = [the_first_is_initiator_the_second_gets_what_it_stored_the_third_finds_it_full, strangers_are_told_so_with_200,
        leaving_always_answers_200_and_the_one_who_stays_leads, a_loopback_room_is_full_and_forwards,
        a_seat_can_be_taken_back_by_its_id, messages_of_any_size_up_to_the_limit_are_kept, many_messages_can_wait,
        the_content_type_of_a_message_does_not_matter, forwards_of_one_client_keep_their_order, a_forward_that_failed_is_a_500,
        a_room_keeps_its_signaling_server_and_no_message_goes_to_another_host, a_server_that_is_away_is_replaced_once,
        bye_from_a_trusted_address_removes_the_member, bye_from_elsewhere_is_refused,
        a_room_may_hold_more_if_it_is_configured_so]

tell(*(test for both in BOTH for test in in_both_stores(both)),
     the_pages_carry_their_parameters_and_protect_themselves, params_are_those_of_a_join_without_the_member,
     wrong_paths_and_methods_are_told_apart, static_files_come_with_an_etag,
     a_web_root_replaces_the_built_in_pages_and_is_read_again_on_sighup,
     iceconfig_gives_servers_with_a_credential, turn_rest_gives_four_members, a_configured_key_is_wanted,
     without_ice_servers_the_url_is_empty, analytics_are_looked_at_and_dropped)
