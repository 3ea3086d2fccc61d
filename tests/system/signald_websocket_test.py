"""signald's WebSocket: handshake, frames, messages (apprtc-contract 4.1 to 4.3). S-numbers are the contract's."""
import json
import os
import socket
import struct

from story import *
from web import *


def serve(s, *args):
    port = free_port()
    s.signald = s.daemon("signald", "--listening-ip=127.0.0.1", f"--listening-port={port}", *args)
    return port


def pair(port, room="room"):
    a, b = WebSocket(port), WebSocket(port)
    a.register(room, "a")
    a.flush()
    b.register(room, "b")
    b.flush()
    return a, b


def expect_error(ws, text, code=1000):
    assert ws.hear() == {"msg": "", "error": text}
    assert ws.hear_close() == code


def handshake(port, path="/ws", **headers):
    h = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
         "Sec-WebSocket-Version": "13"}
    h.update({k.replace("_", "-"): v for k, v in headers.items()})
    return http(port, "GET", path, headers=[(k, v) for k, v in h.items() if v is not None])


def the_handshake_is_that_of_rfc_6455(s):
    port = serve(s)
    a = handshake(port)
    assert a.status == 101 and a.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", a
    a = handshake(port, Sec_WebSocket_Version="8")                                # S07
    assert a.status == 426 and a.headers["sec-websocket-version"] == "13", a
    assert http(port, "GET", "/ws").status == 400                                 # S06
    assert handshake(port, Sec_WebSocket_Key="c2hvcnQ=").status == 400
    assert 400 <= handshake(port, path="/ws/").status < 600
    assert 400 <= handshake(port, path="/wsx").status < 600
    assert http(port, "POST", "/ws", "x").status == 405
    for a in (handshake(port, Origin="https://evil.example"), handshake(port, Origin="null"), handshake(port)):    # S05
        assert a.status == 101, a
    a = handshake(port, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits",
                  Sec_WebSocket_Protocol="chat, superchat")                       # S09
    assert a.status == 101 and "sec-websocket-extensions" not in a.headers and "sec-websocket-protocol" not in a.headers


def only_allowed_origins_where_some_are_set(s):
    port = serve(s, "--allowed-origin=https://calls.example", "--allowed-origin=https://other.example:8443")
    assert handshake(port, Origin="https://calls.example").status == 101
    assert handshake(port, Origin="https://other.example:8443").status == 101
    for origin in ("https://evil.example", "http://calls.example", None):
        assert handshake(port, Origin=origin).status == 403


def frames_right_behind_the_handshake_are_not_lost(s):
    port = serve(s)
    c = Http(port)
    frame = b'{"cmd":"send","msg":"x"}'
    c.send(b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
           + bytes([0x81, 0x80 | len(frame), 0, 0, 0, 0]) + frame)
    assert c.answer().status == 101
    first, length = c.take(2)
    assert first == 0x81 and json.loads(c.take(length)) == {"msg": "", "error": "Client not registered"}


def messages_pass_both_ways_unchanged(s):
    a, b = pair(serve(s))
    texts = ["v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n", '{"type": "bye"}', "<>&'\"\\/\u2028\u2029", "\0\x01\x1f\x7f",       # S36, S37
             "\U0001f600\uffff\u00e9", " ", "x" * 70000, "\U0001f600" * 16384]                                     # S38
    for text in texts:
        a.send(text)
        assert b.hear() == {"msg": text, "error": ""}                             # S12
        b.frame(json.dumps({"msg": text, "cmd": "send"}, ensure_ascii=False, indent=2))     # S35
        assert a.hear() == {"msg": text, "error": ""}


def many_messages_keep_their_order(s):
    a, b = pair(serve(s))
    for i in range(2000):
        a.send(str(i))
    assert [b.hear()["msg"] for _ in range(2000)] == [str(i) for i in range(2000)]
    assert s.signald.metric('signald_messages_total{outcome="delivered"}') == 2000


def signald_invents_no_frames(s):
    a = WebSocket(serve(s))                                                       # S12a
    a.register("room", "a")
    a.send("nobody is here")
    assert a.flush() == []


def errors_are_colliders(s):
    port = serve(s)

    def fresh(*frames, register=False):
        ws = WebSocket(port)
        if register:
            ws.register(os.urandom(4).hex(), "c")
        for f in frames:
            ws.frame(f)
        return ws

    expect_error(fresh('{"cmd":"send","msg":"x"}'), "Client not registered")                                          # S28
    for f in ('{"cmd":"register","roomid":"r"}', '{"cmd":"register","clientid":"c"}', '{"cmd":"register"}',
              '{"cmd":"register","roomid":"","clientid":"c"}', '{"cmd":"register","roomid":"r","clientid":""}'):     # S29, S30
        expect_error(fresh(f), "Invalid register request: missing 'clientid' or 'roomid'")
    again = '{"cmd":"register","roomid":"r","clientid":"c"}'
    expect_error(fresh(again, again), "Duplicated register request")                                                 # S27
    for f in ('{"cmd":"send"}', '{"cmd":"send","msg":""}'):                                                           # S31, S57
        expect_error(fresh(f, register=True), "Invalid send request: missing 'msg'")
    for f in ("", "hello", "[]", "null", "7", '{"cmd":', '{"cmd":5}', '{"cmd":"send","msg":{}}',                      # S33, S34
              '{"cmd":"send","msg":"\\ud800"}', '{"cmd":"send","cmd":"send","msg":"x"}', "[" * 5000):                 # S63
        ws = fresh(f)
        heard = ws.hear()
        assert heard["msg"] == "" and heard["error"].startswith("websocket.JSON.Receive error: "), heard
        assert ws.hear_close() == 1000
    for f in ('{"cmd":"register","roomid":"a/b","clientid":"c"}', json.dumps({"cmd": "register", "roomid": "r" * 65, "clientid": "c"})):
        ws = fresh(f)
        assert ws.hear()["error"].startswith("Invalid register request: ")
        assert ws.hear_close() == 1000
    ws = fresh('{"cmd":"hello"}', "{}")                                                                               # S32
    for _ in range(2):
        assert ws.hear() == {"msg": "", "error": "Invalid message: unexpected 'cmd'"}
    ws.register("free", "c")
    assert ws.flush() == []


def what_follows_an_error_has_no_effect(s):
    port = serve(s)
    a, b = pair(port)
    a.sock.setblocking(True)
    a.frame("no json")
    a.send("too late")
    expect = a.hear()
    assert expect["error"]
    assert a.hear_close() == 1000
    assert b.flush() == []


def fragments_and_control_frames_may_be_mixed(s):
    a, b = pair(serve(s))                                                          # S41, S44
    text = json.dumps({"cmd": "send", "msg": "one \u20ac two"}, ensure_ascii=False).encode()
    cut = text.index(b"\xe2") + 1                                                  # within the character
    a.frame(text[:cut], TEXT, fin=False)
    a.frame(b"p1", PING)
    a.frame(b"", CONTINUATION, fin=False)
    a.frame(b"", PONG)
    a.frame(text[cut:], CONTINUATION)
    assert a.read_frame() == (PONG, True, b"p1")
    assert b.hear()["msg"] == "one \u20ac two"


def a_frame_may_come_byte_by_byte(s):
    a, b = pair(serve(s))
    raw = []
    real, a.sock = a.sock, type("Tap", (), {"sendall": lambda _self, d: raw.append(d)})()
    a.send("slowly")
    a.sock = real
    a.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in raw[0]:
        a.sock.sendall(bytes([byte]))
    assert b.hear()["msg"] == "slowly"


def broken_frames_end_with_their_code(s):
    port = serve(s, "--max-message=256k")
    cases = [
        (lambda w: w.frame("x", mask=False), 1002),                                # S43
        (lambda w: w.frame("x", rsv=4), 1002),
        (lambda w: w.frame("x", opcode=3), 1002),
        (lambda w: w.frame("x", opcode=CONTINUATION), 1002),
        (lambda w: w.frame("x", opcode=PING, fin=False), 1002),
        (lambda w: w.frame("x" * 126, opcode=PING), 1002),
        (lambda w: w.frame(b"x", opcode=CLOSE), 1002),
        (lambda w: (w.frame("x", fin=False), w.frame("y")), 1002),
        (lambda w: w.frame("x", opcode=BINARY), 1003),
        (lambda w: w.frame(b"\xff"), 1007),                                        # S62
        (lambda w: w.frame(b'{"cmd":"send","msg":"\xed\xa0\x80"}'), 1007),
        (lambda w: w.sock.sendall(b"\x81\xff" + struct.pack(">Q", 2 ** 63 - 1)), 1009),     # S40: nothing of it is awaited
        (lambda w: w.sock.sendall(b"\x81\xff" + struct.pack(">Q", 2 ** 63)), 1002),
        (lambda w: w.frame(b"", length=256 * 1024 + 1), 1009),
        (lambda w: (w.frame("x" * 200000, fin=False), w.frame("x" * 200000, CONTINUATION)), 1009),
    ]
    for i, (act, code) in enumerate(cases):
        ws = WebSocket(port)
        ws.register("r", f"c{i}")
        ws.flush()
        try:
            act(ws)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert ws.hear_close() == code, (i, code)
        http(port, "DELETE", f"/r/c{i}")
    ws = WebSocket(port)
    ws.register("r", "fine")
    assert ws.flush() == []


def a_message_of_256_KiB_passes(s):
    a, b = pair(serve(s))                                                           # S38
    text = "x" * (256 * 1024 - len('{"cmd": "send", "msg": ""}'))
    a.send(text)
    assert b.hear()["msg"] == text


def a_close_is_answered(s):
    port = serve(s)
    for payload in (struct.pack(">H", 1000) + b"bye", struct.pack(">H", 1001), b""):     # S45
        ws = WebSocket(port)
        ws.frame(payload, CLOSE)
        assert ws.read_frame() == (CLOSE, True, payload)
        assert ws.http.closed()


def frames_before_a_close_still_count(s):
    a, b = pair(serve(s))
    a.send("bye")
    a.frame(struct.pack(">H", 1000), CLOSE)
    a.sock.close()
    assert b.hear()["msg"] == "bye"


def a_send_right_behind_a_register_counts(s):
    port = serve(s)
    b = WebSocket(port)
    b.register("r", "b")
    a = WebSocket(port)
    raw = []
    real, a.sock = a.sock, type("Tap", (), {"sendall": lambda _self, d: raw.append(d)})()
    a.register("r", "a")
    a.send("at once")
    a.sock = real
    a.sock.sendall(b"".join(raw))
    assert b.hear()["msg"] == "at once"


tell(the_handshake_is_that_of_rfc_6455, only_allowed_origins_where_some_are_set, frames_right_behind_the_handshake_are_not_lost,
     messages_pass_both_ways_unchanged, many_messages_keep_their_order, signald_invents_no_frames, errors_are_colliders,
     what_follows_an_error_has_no_effect, fragments_and_control_frames_may_be_mixed, a_frame_may_come_byte_by_byte,
     broken_frames_end_with_their_code, a_message_of_256_KiB_passes, a_close_is_answered, frames_before_a_close_still_count,
     a_send_right_behind_a_register_counts)
