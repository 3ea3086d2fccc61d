"""NAT behaviour discovery (RFC 5780): turnd on two addresses, each with two ports."""
import socket
import struct
import subprocess

from story import *
from stun import *

CHANGE_REQUEST, PADDING, RESPONSE_PORT, RESPONSE_ORIGIN, OTHER_ADDRESS = 0x0003, 0x0026, 0x0027, 0x802B, 0x802C
A, B = "127.0.0.1", "127.0.0.2"


def turnd(s, *args, **kw):
    return s.daemon("turnd", f"--listening-ip={A}", f"--listening-ip={B}", "--threads=2", "--realm=example.org", *args,
                    env={"TURND_USER": "alice:open sesame"}, **kw)


def plain(message, kind):
    value = message.get(kind)
    return socket.inet_ntop(socket.AF_INET if value[1] == 1 else socket.AF_INET6, value[4:]), struct.unpack(">H", value[2:4])[0]


def ask(sock, server, attrs=(), hear=None):
    """A Binding; the answer and where it came from."""
    raw = build(BINDING, REQUEST, attrs)
    sock.sendto(raw, server)
    answer, source = (hear or sock).recvfrom(4096)
    m = Message(answer)
    assert m.tid == raw[8:20]
    return m, source[:2]


def client(ip=A, port=0):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((ip, port))
    sock.settimeout(5)
    return sock


def change(bits):
    return [(CHANGE_REQUEST, struct.pack(">I", bits))]


def the_answer_comes_from_the_socket_that_was_wished_for(s):
    turnd(s, "--rfc5780")
    ports = (3478, 3479)
    for sock in (client() for _ in range(6)):       # whichever worker they meet
        for ip, other_ip in ((A, B), (B, A)):
            for port, other_port in (ports, ports[::-1]):
                for bits, origin in ((0, (ip, port)), (2, (ip, other_port)), (4, (other_ip, port)), (6, (other_ip, other_port))):
                    m, source = ask(sock, (ip, port), change(bits))
                    assert m.cls == SUCCESS and source == origin == plain(m, RESPONSE_ORIGIN)
                    assert plain(m, OTHER_ADDRESS) == (other_ip, other_port)
                    assert m.address(XOR_MAPPED_ADDRESS) == sock.getsockname()


def response_port_and_padding(s):
    turnd(s, "--rfc5780", "--alt-listening-port=4000")
    sock, second = client(), client()
    port = (RESPONSE_PORT, struct.pack(">HH", second.getsockname()[1], 0))
    m, source = ask(sock, (A, 3478), [port], hear=second)
    assert m.cls == SUCCESS and source == (A, 3478) and m.address(XOR_MAPPED_ADDRESS) == sock.getsockname()
    m, _ = ask(sock, (A, 4000), [(PADDING, bytes(1500))])
    assert m.cls == SUCCESS and len(m.get(PADDING)) == 1500 and plain(m, OTHER_ADDRESS) == (B, 3478)
    m, _ = ask(sock, (A, 3478), [port, (PADDING, bytes(4))])
    assert m.code == 400


def without_rfc5780_change_request_is_unknown(s):
    turnd(s, "--alt-listening-port=4000")
    for port in (3478, 4000):
        m, source = ask(client(), (A, port), change(4))
        assert m.code == 420 and m.get(UNKNOWN_ATTRIBUTES) == b"\0\3" and source == (A, port)
        m, _ = ask(client(), (A, port))
        assert len(m.raw) == 32


def one_address_is_not_enough(s):
    d = s.daemon("turnd", f"--listening-ip={A}", "--rfc5780", env={"TURND_USER": "alice:open sesame"}, ready=False)
    d.expected = 1
    assert d.wait() == 1 and "rfc5780: needs two listening-ip of one family, and two ports" in d.log(), d.log()


def coturns_tool_finds_no_nat(s):
    """turnutils_natdiscovery with and without padding, over IPv4 and IPv6."""
    tool = need("turnutils_natdiscovery")
    six = ("fd00:5780::1", "fd00:5780::2")
    for ip in six:
        if subprocess.run([need("ip"), "-6", "addr", "add", f"{ip}/128", "dev", "lo", "nodad"], stderr=subprocess.DEVNULL).returncode:
            raise Skip("no IPv6 addresses can be added here")
    turnd(s, "--rfc5780", *(f"--listening-ip={ip}" for ip in six))
    for server in (A, six[0]):
        for args in (["-m"], ["-f"], ["-m", "-P"], ["-f", "-P"]):
            out = subprocess.run([tool, *args, "-L", server, server], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60).stdout
            want = "No NAT! (Endpoint Independent Mapping)" if "-m" in args else "Endpoint Independent Filtering"
            assert want in out, out
    out = subprocess.run([tool, "-c", "-L", "127.0.0.3", "-A", "127.0.0.4", "-l", "6000", A], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=60).stdout
    assert "UDP reflexive addr: 127.0.0.3:6000" in out and "UDP reflexive addr: 127.0.0.4:6000" in out, out


tell(the_answer_comes_from_the_socket_that_was_wished_for, response_port_and_padding,
     without_rfc5780_change_request_is_unknown, one_address_is_not_enough, coturns_tool_finds_no_nat)
