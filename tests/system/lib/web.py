"""HTTP and WebSocket as a client sees them, byte by byte where a test wants to misbehave. Standard library only."""
import base64
import json
import os
import socket
import struct
from collections import namedtuple

Answer = namedtuple("Answer", "status headers body")    # headers: dict, names in lower case (last one counts)


class Http:
    """One connection; several requests may follow each other. tls: an ssl.SSLContext, for https."""

    def __init__(self, port, host="127.0.0.1", timeout=10, tls=None):
        self.sock = socket.create_connection((host, port), timeout)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.host = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.left = b""

    def send(self, raw):
        self.sock.sendall(raw)

    def request(self, method, target, body=b"", headers=()):
        body = body.encode() if isinstance(body, str) else body
        lines = [f"{method} {target} HTTP/1.1"]
        if "host" not in {n.lower() for n, _ in headers}:
            lines.append(f"Host: {self.host}")
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{n}: {v}" for n, v in headers]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.answer(method != "HEAD")

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise ConnectionError(f"closed after {self.left!r}")
        self.left += got

    def take(self, n):
        while len(self.left) < n:
            self.more()
        out, self.left = self.left[:n], self.left[n:]
        return out

    def answer(self, want_body=True):
        while b"\r\n\r\n" not in self.left:
            self.more()
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        headers = {}
        for line in rest:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if status == 100:
            return self.answer(want_body)
        empty = not want_body or status in (101, 204, 304)
        return Answer(status, headers, b"" if empty else self.take(int(headers.get("content-length", "0"))))

    def closed(self):
        """True once the server has closed and nothing more came."""
        try:
            return self.left == b"" and self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


def http(port, method, target, body=b"", headers=(), host="127.0.0.1", timeout=10):
    """One request on a connection of its own."""
    c = Http(port, host, timeout)
    try:
        return c.request(method, target, body, headers)
    finally:
        c.close()


CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class WebSocket:
    """RFC 6455 from the client's side. frame() sends anything, legal or not."""

    def __init__(self, port, path="/ws", headers=(), host="127.0.0.1", timeout=10, tls=None):
        self.http = Http(port, host, timeout, tls)
        self.sock = self.http.sock
        key = base64.b64encode(os.urandom(16)).decode()
        self.answer = self.http.request("GET", path, headers=[
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"), *headers])
        if self.answer.status != 101:
            raise ConnectionError(f"no upgrade: {self.answer}")

    def frame(self, payload, opcode=TEXT, fin=True, mask=True, rsv=0, length=None):
        payload = payload.encode() if isinstance(payload, str) else payload
        n = len(payload) if length is None else length
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        m = 0x80 if mask else 0
        head += (bytes([m | n]) if n < 126 else bytes([m | 126]) + struct.pack(">H", n) if n < 65536
                 else bytes([m | 127]) + struct.pack(">Q", n))
        if mask:
            key = os.urandom(4)
            pad = (key * (len(payload) // 4 + 1))[:len(payload)]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")
            head += key
        self.sock.sendall(head + payload)

    def say(self, message):
        """A JSON object as one text frame."""
        self.frame(json.dumps(message))

    def register(self, room, client):
        self.say({"cmd": "register", "roomid": room, "clientid": client})

    def send(self, text):
        self.say({"cmd": "send", "msg": text})

    def read_frame(self):
        """(opcode, fin, payload)"""
        a, b = self.http.take(2)
        assert not b & 0x80, "a server frame is masked"
        n = b & 0x7F
        if n == 126:
            n = struct.unpack(">H", self.http.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.http.take(8))[0]
        return a & 0x0F, bool(a & 0x80), self.http.take(n)

    def hear(self):
        """The next text frame, as JSON; pings on the way are answered."""
        while True:
            op, _, payload = self.read_frame()
            if op == PING:
                self.frame(payload, PONG)
            elif op == TEXT:
                return json.loads(payload)
            elif op == CLOSE:
                raise ConnectionError(f"closed: {payload!r}")

    def hear_close(self):
        """Reads on until the close frame: its code, or None for an empty one or a bare end of the connection."""
        try:
            while True:
                op, _, payload = self.read_frame()
                if op == CLOSE:
                    return struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
        except ConnectionError:
            return None

    def flush(self):
        """Returns once everything sent before has taken effect: ping, then its pong. Text in between is returned."""
        token = os.urandom(8)
        self.frame(token, PING)
        heard = []
        while True:
            op, _, payload = self.read_frame()
            if op == PONG and payload == token:
                return heard
            if op == TEXT:
                heard.append(json.loads(payload))
            elif op == CLOSE:
                raise ConnectionError(f"closed: {payload!r}")

    def close(self):
        self.sock.close()
