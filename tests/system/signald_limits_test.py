"""signald under strain and in operation: slow and dead clients, limits, room servers, drain, bad starts."""
import http.server as http_server
import json
import signal
import socket
import struct
import subprocess
import threading
import time

from story import *
from web import *


def serve(s, *args, **kw):
    s.port = free_port()
    s.signald = s.daemon("signald", "--listening-ip=127.0.0.1", f"--listening-port={s.port}", *args, **kw)
    return s.port


def joined(s, room, client):
    ws = WebSocket(s.port)
    ws.register(room, client)
    ws.flush()
    return ws


def closes(s, reason):
    return s.signald.metric('signald_closes_total{reason="%s"}' % reason)


def deaf(s, room, client):
    """A member that reads nothing, and whose kernel takes little for it."""
    ws = WebSocket.__new__(WebSocket)
    ws.sock = socket.socket()
    ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ws.sock.connect(("127.0.0.1", s.port))
    ws.sock.settimeout(30)
    ws.http = Http.__new__(Http)
    ws.http.sock, ws.http.left = ws.sock, b""
    ws.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert ws.http.answer().status == 101
    ws.register(room, client)
    ws.flush()
    return ws


def write_until_held(ws, text, most=200, patience=0.5 * SLOW):
    """Sends until signald reads no more of it; how many went."""
    ws.sock.settimeout(patience)
    for i in range(most):
        try:
            ws.send(text)
        except TimeoutError:
            return i
    raise AssertionError("signald reads on although the peer takes nothing")


def one_that_reads_nothing_delays_nobody_else(s):
    serve(s, "--stall-timeout=1h")                                                  # S80
    b = deaf(s, "slow", "b")
    a = joined(s, "slow", "a")
    write_until_held(a, "x" * 65536)
    c, d = joined(s, "other", "c"), joined(s, "other", "d")
    worst = 0
    for i in range(200):
        before = time.monotonic()
        c.send(str(i))
        assert d.hear()["msg"] == str(i)
        worst = max(worst, time.monotonic() - before)
    assert worst < 0.25 * SLOW, worst
    assert http(s.port, "GET", "/status").status == 200
    assert s.signald.metric("signald_pauses_total") >= 1
    assert closes(s, "slow") == 0
    assert b


def a_held_sender_goes_on_when_its_peer_reads_again(s):
    serve(s, "--stall-timeout=1h")
    b = deaf(s, "r", "b")
    a = joined(s, "r", "a")
    sent = write_until_held(a, "x" * 65536)
    for _ in range(sent):
        assert len(b.hear()["msg"]) == 65536
    wait_until(lambda: s.signald.metric("signald_pauses_total") >= 1, "a pause")
    # The frame that was cut off when the sender timed out is lost to this test; a fresh sender shows that b is well.
    assert http(s.port, "POST", "/r/a", "still here").status == 200


def one_that_takes_nothing_for_too_long_is_closed(s):
    serve(s, f"--stall-timeout={3 * SLOW}s", "--grace=60s")     # longer than it takes to be held
    b = deaf(s, "r", "b")
    a = joined(s, "r", "a")
    write_until_held(a, "x" * 65536)
    wait_until(lambda: closes(s, "slow") == 1, "closed as slow")
    assert s.signald.metric("signald_registered") == 1
    assert b


def one_with_too_much_unsent_is_closed_and_the_rest_waits(s):
    serve(s, "--stall-timeout=1h", "--grace=60s", "--close-timeout=200ms")
    b = deaf(s, "r", "b")
    joined(s, "r", "a")
    n = 0
    while closes(s, "slow") == 0:                                                   # POST is not held back
        assert http(s.port, "POST", "/r/a", f"{n:05}" + "x" * 65531).status == 200
        n += 1
        assert n < 100
    assert http(s.port, "POST", "/r/a", "the last").status == 200
    got = []
    try:
        while True:
            op, _, payload = b.read_frame()
            if op == TEXT:
                got.append(json.loads(payload)["msg"][:5])
    except (ConnectionError, OSError):
        pass
    b = WebSocket(s.port)
    b.register("r", "b")
    rest = [h["msg"] for h in b.flush()]
    assert rest[-1] == "the last" and rest[0][:5] == f"{n - 1:05}", (n, [r[:5] for r in rest])
    assert got == [f"{i:05}" for i in range(len(got))]


def one_that_answers_no_ping_is_dropped(s):
    serve(s, "--ping-interval=200ms", "--ping-misses=3", "--close-timeout=200ms")
    a = joined(s, "r", "a")
    b = joined(s, "r", "b")
    begin = time.monotonic()

    def keep_b():
        op, _, payload = b.read_frame()
        assert op == PING
        b.frame(payload, PONG)
        return closes(s, "silent") == 1
    wait_until(keep_b, "a is dropped")
    assert time.monotonic() - begin > 0.5
    assert a.hear_close() == 1008
    assert s.signald.metric("signald_registered") == 1


def one_that_never_registers_is_closed(s):
    serve(s, "--register-timeout=300ms", "--ping-interval=10s")
    a = joined(s, "r", "a")
    b = WebSocket(s.port)
    assert b.hear_close() == 1008
    assert closes(s, "unregistered") == 1
    assert a.flush() == []


def a_message_that_never_ends_is_given_up(s):
    serve(s, "--ping-interval=200ms", "--close-timeout=200ms")
    a = joined(s, "r", "a")
    a.frame('{"cmd":', fin=False)
    end = time.monotonic() + 20 * SLOW
    while True:
        assert time.monotonic() < end
        op, _, payload = a.read_frame()
        if op == CLOSE:
            break
        a.frame(payload, PONG)
    assert struct.unpack(">H", payload[:2])[0] == 1008
    assert closes(s, "fragments") == 1


def a_close_without_an_answer_ends_soon(s):
    serve(s, "--close-timeout=200ms")
    a = joined(s, "r", "a")
    http(s.port, "DELETE", "/r/a")
    assert a.hear_close() == 1000
    assert a.http.closed()


class RoomServer(http_server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.heard.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def room_server():
    server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), RoomServer)
    server.daemon_threads = True
    server.heard = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


def removals_are_told_to_every_room_server(s):
    one, url1 = room_server()
    two, url2 = room_server()
    serve(s, f"--room-server={url1}", f"--room-server={url2}", "--grace=300ms")
    joined(s, "r", "a")
    b = joined(s, "r", "b")
    http(s.port, "DELETE", "/r/a")
    wait_until(lambda: one.heard == two.heard == ["/bye/r/a"], "bye of a")
    b.close()
    wait_until(lambda: one.heard == two.heard == ["/bye/r/a", "/bye/r/b"], "bye of b")
    joined(s, "r", "c").close()
    c = joined(s, "r", "c")                                                         # back in time
    time.sleep(0.5)
    assert len(one.heard) == 2 and c.flush() == [], one.heard
    assert s.signald.metric('signald_bye_total{result="done"}') == 4


def a_dead_room_server_delays_nothing(s):
    hole = socket.create_server(("127.0.0.1", 0))                                   # accepts, and never says anything
    serve(s, f"--room-server=http://127.0.0.1:{hole.getsockname()[1]}", f"--room-server=http://127.0.0.1:{free_port()}")
    a, b = joined(s, "r", "a"), joined(s, "r", "b")
    worst = 0
    for i in range(100):
        begin = time.monotonic()
        assert http(s.port, "DELETE", f"/x{i}/x").status == 200
        http(s.port, "POST", f"/x{i}/x", "m")
        http(s.port, "DELETE", f"/x{i}/x")
        a.send("m")
        assert b.hear()["msg"] == "m"
        worst = max(worst, time.monotonic() - begin)
    assert worst < 0.5 * SLOW, worst
    wait_until(lambda: s.signald.metric('signald_bye_total{result="failed"}') >= 100, "failures counted", 15)
    assert s.signald.log().count("event=bye_failed") < 10


def sigterm_closes_all_with_1001_spread_over_time(s):
    serve(s, "--drain-spread=1s", "--drain-timeout=20s")
    clients = [joined(s, f"r{i}", "a") for i in range(20)]
    begin = time.monotonic()
    s.signald.signal(signal.SIGTERM)
    times = []
    for c in clients:
        assert c.hear_close() == 1001
        times.append(time.monotonic() - begin)
        c.frame(struct.pack(">H", 1001), CLOSE)
    assert s.signald.wait() == 0
    assert times[-1] > 0.5 and times[9] < times[-1], times
    assert time.monotonic() - begin < 10 * SLOW


def a_drain_has_a_hard_limit(s):
    serve(s, "--drain-spread=1h", "--drain-timeout=500ms")
    _first, a = joined(s, "r", "b"), joined(s, "r", "a")                            # the first is closed at once
    s.signald.signal(signal.SIGTERM)
    wait_until(lambda: b"draining" in http(s.signald.admin_port, "GET", "/readyz").body, "not ready any more")
    a.send("still served")
    a.flush()
    assert s.signald.wait() == 0
    assert a.hear_close() == 1001


def a_drained_member_keeps_its_seat(s):
    rooms, url = room_server()
    serve(s, f"--room-server={url}", "--grace=200ms", "--drain-spread=2s", "--close-timeout=100ms")
    clients = [joined(s, "r", "a"), joined(s, "r", "b"), joined(s, "r2", "c")]
    s.signald.signal(signal.SIGTERM)
    assert [c.hear_close() for c in clients] == [1001] * 3
    assert s.signald.wait() == 0
    assert rooms.heard == []                                                        # they come back elsewhere


def connections_are_limited(s):
    serve(s, "--max-connections=5")
    held = [joined(s, f"r{i}", "a") for i in range(5)]
    try:
        WebSocket(s.port)
    except OSError:
        pass
    else:
        raise AssertionError("a sixth connection")
    held.pop().close()
    wait_until(lambda: closes(s, "lost") == 1, "one is gone")
    joined(s, "again", "a")


def bad_starts_say_why(s):
    def start(*args):
        return subprocess.run([str(BUILD / "bin" / "signald"), "--admin-port=0", *args], capture_output=True, text=True, timeout=20)
    for args, words in [
        (["--listening-ip=here"], "'here' is not an IP address"),
        (["--listening-port=99999"], "listening-port"),
        (["--room-server=ftp://x"], "'ftp://x' is not http://host:port"),
        (["--public-url=http://x"], "'http://x' is not ws://host:port"),
        (["--redis=unix:///s"], "public-url: must be given with redis"),
        (["--redis=unix:///s", "--public-url=wss://h"], "internal-url: must be given with redis"),
        (["--internal-url=https://h"], "'https://h' is not http://host:port"),
        (["--redis=tcp://h", "--public-url=ws://h"], "redis: "),
        (["--zone=a/b"], "zone: 'a/b' is not a word"),
        (["--allowed-origin=https://calls.example/"], "not an origin as browsers send it"),
        (["--max-message=1m"], "twice max-message"),
        (["--unsent-hold=2m"], "unsent-hold"),
        (["--grace=never"], "grace"),
    ]:
        r = start("--check-config", *args)
        assert r.returncode != 0 and words in r.stderr, (args, r)
    assert start("--check-config", "--allowed-origin=https://calls.example", "--allowed-origin=none").returncode == 0
    taken = socket.create_server(("127.0.0.1", 0))
    r = start("--listening-ip=127.0.0.1", f"--listening-port={taken.getsockname()[1]}")
    assert r.returncode == 1 and "address already in use" in r.stderr and "Sanitizer" not in r.stderr, r


def the_admin_pages_tell_what_is_going_on(s):
    serve(s, "--public-url=wss://signal.example", "--public-url=ws://[::1]:8089")
    a, b = joined(s, "r", "a"), joined(s, "r", "b")
    a.send("x")
    assert b.hear()["msg"] == "x"
    status = json.loads(http(s.signald.admin_port, "GET", "/status").body)
    assert status["public_url"] == ["wss://signal.example", "ws://[::1]:8089"] and status["rooms"] == 1, status
    assert status["collider"]["openws"] == status["websockets"] == 2 and status["draining"] is False, status
    for row in ("signald_connections", "signald_registered"):
        assert s.signald.metric(row) == 2
    assert s.signald.metric("signald_registrations_total") == 2
    assert s.signald.metric('signald_messages_total{outcome="delivered"}') == 1
    a.frame("no json")
    a.hear_close()
    assert s.signald.metric('signald_errors_total{error="not_json"}') == 1
    assert closes(s, "error") == 1
    assert "clientid" not in s.signald.log() and "no json" not in s.signald.log()


def oversized_and_slow_http_is_refused(s):
    serve(s)
    h = Http(s.port)
    h.send(b"POST /r/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    answer = h.answer()
    assert answer.status == 413 and answer.headers["access-control-allow-origin"] == "*", answer
    assert http(s.port, "GET", "/" + "x" * 9000).status == 414
    assert http(s.port, "GET", "/status", headers=[("X", "y" * 17000)]).status == 431
    h = Http(s.port)
    h.send(b"POST /r/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert h.answer().status == 400


tell(one_that_reads_nothing_delays_nobody_else, a_held_sender_goes_on_when_its_peer_reads_again,
     one_that_takes_nothing_for_too_long_is_closed, one_with_too_much_unsent_is_closed_and_the_rest_waits,
     one_that_answers_no_ping_is_dropped, one_that_never_registers_is_closed, a_message_that_never_ends_is_given_up,
     a_close_without_an_answer_ends_soon, removals_are_told_to_every_room_server, a_dead_room_server_delays_nothing,
     sigterm_closes_all_with_1001_spread_over_time, a_drain_has_a_hard_limit, a_drained_member_keeps_its_seat, connections_are_limited, bad_starts_say_why,
     the_admin_pages_tell_what_is_going_on, oversized_and_slow_http_is_refused)
