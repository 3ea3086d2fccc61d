"""STUN and TURN messages from RFC 8489 and 8656, written independently of turnd's own codec. Standard library only."""
import base64
import hashlib
import hmac
import os
import socket
import struct
import time
import zlib

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
REQUEST, INDICATION, SUCCESS, ERROR = 0x000, 0x010, 0x100, 0x110
MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0001, 0x0006, 0x0008, 0x0009, 0x000A
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA_ATTR, REALM, NONCE = 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015
XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY, EVEN_PORT, REQUESTED_TRANSPORT = 0x0016, 0x0017, 0x0018, 0x0019
MESSAGE_INTEGRITY_SHA256, PASSWORD_ALGORITHM, USERHASH, PASSWORD_ALGORITHMS = 0x001C, 0x001D, 0x001E, 0x8002
DONT_FRAGMENT, XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, SOFTWARE, FINGERPRINT = 0x001A, 0x0020, 0x0022, 0x8022, 0x8028
UDP = struct.pack(">B3x", 17)


MD5, SHA256 = 1, 2      # password algorithms, RFC 8489 section 18.5


def rest_credential(secret, name="", ttl=3600, by=hashlib.sha1):
    user = f"{int(time.time()) + ttl}" + (f":{name}" if name else "")
    return user, base64.b64encode(hmac.new(secret.encode(), user.encode(), by).digest()).decode()


def long_term_key(user, realm, password, by=hashlib.md5):
    return by(f"{user}:{realm}:{password}".encode()).digest()


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def xor_address(ip, port, tid):
    mask = struct.pack(">I", COOKIE) + tid
    family, raw = (2, socket.inet_pton(socket.AF_INET6, ip)) if ":" in ip else (1, socket.inet_pton(socket.AF_INET, ip))
    return struct.pack(">BBH", 0, family, port ^ (COOKIE >> 16)) + bytes(a ^ b for a, b in zip(raw, mask))


def plain_address(value, tid):
    mask = struct.pack(">I", COOKIE) + tid
    raw = bytes(a ^ b for a, b in zip(value[4:], mask))
    family = socket.AF_INET6 if value[1] == 2 else socket.AF_INET
    return socket.inet_ntop(family, raw), struct.unpack(">H", value[2:4])[0] ^ (COOKIE >> 16)


def build(method, cls, attrs=(), tid=None, key=None, fingerprint=False, sha256=False):
    tid = tid or os.urandom(12)
    body = b"".join(attribute(k, v) for k, v in attrs)

    def head(extra):
        return struct.pack(">HHI", method | cls, len(body) + extra, COOKIE) + tid
    if key is not None and sha256:
        body += attribute(MESSAGE_INTEGRITY_SHA256, hmac.new(key, head(36) + body, hashlib.sha256).digest())
    elif key is not None:
        body += attribute(MESSAGE_INTEGRITY, hmac.new(key, head(24) + body, hashlib.sha1).digest())
    if fingerprint:
        body += attribute(FINGERPRINT, struct.pack(">I", zlib.crc32(head(8) + body) ^ 0x5354554E))
    return head(0) + body


class Message:
    def __init__(self, raw):
        kind, length, cookie = struct.unpack(">HHI", raw[:8])
        assert cookie == COOKIE and length == len(raw) - 20 and kind < 0x4000, raw
        self.raw, self.tid, self.cls, self.method = raw, raw[8:20], kind & 0x110, kind & ~0x110
        self.attrs = []
        at = 20
        while at < len(raw):
            k, n = struct.unpack(">HH", raw[at:at + 4])
            assert at + 4 + n <= len(raw), raw
            self.attrs.append((k, raw[at + 4:at + 4 + n], at))
            at += 4 + n + -n % 4

    def get(self, kind):
        return next((v for k, v, _ in self.attrs if k == kind), None)

    def address(self, kind):
        return plain_address(self.get(kind), self.tid)

    @property
    def code(self):
        v = self.get(ERROR_CODE)
        return v[2] * 100 + v[3] if v else None

    def signed_by(self, key):
        """By MESSAGE-INTEGRITY, or by MESSAGE-INTEGRITY-SHA256; never by both."""
        good = []
        for k, v, at in self.attrs:
            if k in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256):
                head = self.raw[:2] + struct.pack(">H", at + 4 + len(v) - 20) + self.raw[4:at]
                by = hashlib.sha1 if k == MESSAGE_INTEGRITY else hashlib.sha256
                good.append(hmac.compare_digest(v, hmac.new(key, head, by).digest()))
        return good == [True]


class TurnClient:
    """A UDP client with one long-term credential, as of RFC 5389."""

    def __init__(self, server, user=None, password=None, bind=None, timeout=5):
        self.server = server
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.settimeout(timeout)
        if bind:
            self.sock.bind(bind)
        self.user, self.password = user, password
        self.realm = self.nonce = self.key = None

    def send_raw(self, raw):
        self.sock.sendto(raw, self.server)

    def receive(self):
        """A Message, or (channel, payload)."""
        raw = self.sock.recv(65536)
        if 0x40 <= raw[0] <= 0x7F:
            channel, n = struct.unpack(">HH", raw[:4])
            return channel, raw[4:4 + n]
        return Message(raw)

    def exchange(self, raw):
        """Sends a request and waits for its answer; data on the way is dropped."""
        self.send_raw(raw)
        while True:
            m = self.receive()
            if isinstance(m, Message) and m.tid == raw[8:20] and m.cls in (SUCCESS, ERROR):
                return m

    def credentials(self):
        return [(USERNAME, self.user.encode()), (REALM, self.realm), (NONCE, self.nonce)]

    def request(self, method, attrs=(), tid=None):
        """An authenticated request; a first 401 and a 438 are followed."""
        if self.nonce is None:
            challenge = self.exchange(build(method, REQUEST, attrs))
            assert challenge.code == 401, challenge.code
            self._learn(challenge)
        for _ in range(2):
            answer = self.exchange(self.signed(method, attrs, tid))
            if answer.code != 438:
                return answer
            self._learn(answer)
        return answer

    def signed(self, method, attrs=(), tid=None):
        return build(method, REQUEST, [*attrs, *self.credentials()], tid, self.key)

    def _learn(self, challenge):
        self.realm, self.nonce = challenge.get(REALM), challenge.get(NONCE)
        self.key = long_term_key(self.user, self.realm.decode(), self.password)

    def allocate(self, attrs=()):
        return self.request(ALLOCATE, [(REQUESTED_TRANSPORT, UDP), *attrs])

    def refresh(self, lifetime):
        return self.request(REFRESH, [(LIFETIME, struct.pack(">I", lifetime))])

    def permit(self, *ips):
        tid = os.urandom(12)
        return self.request(CREATE_PERMISSION, [(XOR_PEER_ADDRESS, xor_address(ip, 0, tid)) for ip in ips], tid)

    def bind_channel(self, number, peer):
        tid = os.urandom(12)
        return self.request(CHANNEL_BIND, [(CHANNEL_NUMBER, struct.pack(">HH", number, 0)),
                                           (XOR_PEER_ADDRESS, xor_address(*peer, tid))], tid)

    def send_indication(self, peer, payload):
        tid = os.urandom(12)
        self.send_raw(build(SEND, INDICATION, [(XOR_PEER_ADDRESS, xor_address(*peer, tid)), (DATA_ATTR, payload)], tid))

    def send_channel(self, number, payload):
        self.send_raw(struct.pack(">HH", number, len(payload)) + payload)


class ModernClient(TurnClient):
    """As of RFC 8489: takes the first algorithm that is offered, signs with SHA-256, hides its name if asked to."""

    def _learn(self, challenge):
        super()._learn(challenge)
        nonce = self.nonce.decode()
        assert nonce.startswith("obMatJos2"), nonce
        bits = int.from_bytes(base64.b64decode(nonce[9:13]), "big")
        # RFC 8489 calls the leftmost of the 24 bits 0; its appendix and libjuice the rightmost.
        assert bool(bits & 1 << 23) == bool(bits & 1) and bool(bits & 1 << 22) == bool(bits & 2), hex(bits)
        self.anonymous = bool(bits & 2)
        self.offered = challenge.get(PASSWORD_ALGORITHMS)
        assert bits & 1 and self.offered, "password algorithms are announced"
        self.algorithm = struct.unpack(">H", self.offered[:2])[0]
        by = {MD5: hashlib.md5, SHA256: hashlib.sha256}[self.algorithm]
        self.key = long_term_key(self.user, self.realm.decode(), self.password, by)

    def credentials(self):
        name = (USERNAME, self.user.encode())
        if self.anonymous:
            name = (USERHASH, hashlib.sha256(f"{self.user}:{self.realm.decode()}".encode()).digest())
        return [name, (REALM, self.realm), (NONCE, self.nonce), (PASSWORD_ALGORITHMS, self.offered),
                (PASSWORD_ALGORITHM, struct.pack(">HH", self.algorithm, 0))]

    def signed(self, method, attrs=(), tid=None):
        return build(method, REQUEST, [*attrs, *self.credentials()], tid, self.key, sha256=True)


class StreamTurnClient(TurnClient):
    """The same over TCP, or over TLS with a context. sock is the connected socket."""

    def __init__(self, server, user=None, password=None, bind=None, timeout=5, tls=None, before=b""):
        """before: bytes that go ahead of everything (a PROXY header)."""
        self.server, self.user, self.password = server, user, password
        self.realm = self.nonce = self.key = None
        self.sock = socket.create_connection(server, timeout, bind)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if before:
            self.sock.sendall(before)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.rest = b""

    def send_raw(self, raw):
        self.sock.sendall(raw)

    def take(self, n):
        while len(self.rest) < n:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.rest += more
        out, self.rest = self.rest[:n], self.rest[n:]
        return out

    def receive(self):
        head = self.take(4)
        first, n = struct.unpack(">HH", head)
        if 0x4000 <= first <= 0x7FFF:
            return first, self.take(n + -n % 4)[:n]
        return Message(head + self.take(16 + n))

    def send_channel(self, number, payload):
        self.send_raw(struct.pack(">HH", number, len(payload)) + payload + b"\0" * (-len(payload) % 4))

    def closed(self):
        """Has the server closed? Waits for it as long as the time-out is; what it sent before is dropped."""
        try:
            while self.sock.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
