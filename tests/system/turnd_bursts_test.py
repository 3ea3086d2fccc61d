"""Datagrams that come in one piece (UDP_GRO) and leave so (UDP_SEGMENT): nobody may see a difference."""
import signal
import socket
import struct
import subprocess

from story import *
from stun import *

SOL_UDP, UDP_SEGMENT = 17, 103
CHANNEL = 0x4001


def turnd(s, *args):
    return s.daemon("turnd", "--listening-ip=127.0.0.1", "--realm=example.org", "--allow-loopback-peers", "--threads=1", *args,
                    env={"TURND_USER": "alice:open sesame"})


def client():
    c = TurnClient(("127.0.0.1", 3478), "alice", "open sesame")
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return c


def peer(ip="127.0.0.1"):
    p = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    p.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    p.bind((ip, 0))
    p.settimeout(5)
    return p


def burst(sock, to, datagrams):
    """All in one piece, as a network card hands them over: of one size, but for a shorter last."""
    size = len(datagrams[0])
    assert all(len(d) == size for d in datagrams[:-1]) and 0 < len(datagrams[-1]) <= size
    try:
        sock.sendmsg([b"".join(datagrams)], [(SOL_UDP, UDP_SEGMENT, struct.pack("H", size))], 0, to)
    except OSError as e:
        raise Skip(f"this kernel sends no segments: {e}") from None


def frame(channel, payload):
    return struct.pack(">HH", channel, len(payload)) + payload


def numbered(n, size, first=0):
    return [struct.pack(">I", first + i).ljust(size, b".") for i in range(n)]


def the_path_in_use_is_logged_once(s):
    d = turnd(s)
    lines = [l for l in d.log().splitlines() if "event=packet_path" in l]
    assert len(lines) == 1 and "recvmmsg" in lines[0] and "sendmmsg" in lines[0], lines


def bursts_go_both_ways_in_order(s):
    d = turnd(s)
    c, p = client(), peer()
    relay = c.allocate().address(XOR_RELAYED_ADDRESS)
    assert c.bind_channel(CHANNEL, p.getsockname()).cls == SUCCESS
    sizes = [(8, 1200), (40, 172), (64, 1), (1, 900), (3, 1000)]
    for n, size in sizes:
        sent = numbered(n, max(size, 4))
        sent[-1] = sent[-1][:-1] if n > 1 else sent[-1]
        burst(c.sock, c.server, [frame(CHANNEL, b) for b in sent])
        burst(p, relay, sent)
        assert [p.recv(2000) for _ in sent] == sent
        assert [c.receive() for _ in sent] == [(CHANNEL, b) for b in sent]
    total = sum(n for n, _ in sizes)
    assert d.metric('turnd_packets_total{leg="peer",direction="out"}') == total
    assert d.metric('turnd_packets_total{leg="peer",direction="in"}') == total


def each_datagram_of_a_burst_is_judged_by_itself(s):
    d = turnd(s)
    c, a, b, late = client(), peer(), peer(), peer("127.0.0.2")
    c.allocate()
    assert c.bind_channel(0x4001, a.getsockname()).cls == SUCCESS
    assert c.bind_channel(0x4002, b.getsockname()).cls == SUCCESS
    tid = bytes(range(12))
    permit = c.signed(CREATE_PERMISSION, [(XOR_PEER_ADDRESS, xor_address("127.0.0.2", 0, tid))], tid)
    size = len(permit)

    def data(channel, text):
        return frame(channel, text.ljust(size - 4, b"."))

    def indication(to, text):
        attrs = [(XOR_PEER_ADDRESS, xor_address(*to, tid)), (DATA_ATTR, text.ljust(size - 36, b"."))]
        return build(SEND, INDICATION, attrs, tid)

    burst(c.sock, c.server, [
        data(0x4001, b"1"), data(0x4002, b"2"), indication(a.getsockname(), b"3"), data(0x4003, b"no channel"),
        indication(late.getsockname(), b"no permission"), permit, indication(late.getsockname(), b"4"), data(0x4001, b"5"),
        b"\xff" * size, build(BINDING, REQUEST, [(SOFTWARE, b"x" * (size - 24))], tid), data(0x4002, b"6"), frame(0x4001, b"7")])
    assert [a.recv(2000).rstrip(b".") for _ in range(4)] == [b"1", b"3", b"5", b"7"]
    assert [b.recv(2000).rstrip(b".") for _ in range(2)] == [b"2", b"6"]
    assert late.recv(2000).rstrip(b".") == b"4"
    answers = [c.receive(), c.receive()]
    assert [(m.method, m.cls) for m in answers] == [(CREATE_PERMISSION, SUCCESS), (BINDING, SUCCESS)]
    for reason in ("no_channel", "no_permission", "malformed"):
        assert d.metric(f'turnd_drops_total{{reason="{reason}"}}') == 1, reason


def an_allocation_ends_in_the_middle_of_a_burst(s):
    d = turnd(s)
    c, p = client(), peer()
    c.allocate()
    assert c.bind_channel(CHANNEL, p.getsockname()).cls == SUCCESS
    end = c.signed(REFRESH, [(LIFETIME, b"\0\0\0\0")])
    before, behind = (frame(CHANNEL, t.ljust(len(end) - 4, b".")) for t in (b"before", b"behind"))
    burst(c.sock, c.server, [before] * 5 + [end] + [behind] * 5)
    assert [p.recv(2000)[:6] for _ in range(5)] == [b"before"] * 5
    assert c.receive().cls == SUCCESS
    wait_until(lambda: d.metric('turnd_drops_total{reason="no_allocation"}') == 5, "the rest is dropped")
    assert d.metric('turnd_allocations{transport="udp"}') == 0


def datagrams_longer_than_the_mtu_are_fragmented_as_ever(s):
    if {line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line} != {"lo"}:
        raise Skip("needs a network namespace of its own")
    need("ip")
    subprocess.run(["ip", "link", "set", "lo", "mtu", "1500"], check=True)
    d = turnd(s)
    c, p = client(), peer()
    relay = c.allocate().address(XOR_RELAYED_ADDRESS)
    there = p.getsockname()
    assert c.bind_channel(CHANNEL, there).cls == SUCCESS
    for first in (0, 100):      # once refused, once remembered
        sent = numbered(6, 3000, first) + numbered(6, 1000, first + 6)
        d.signal(signal.SIGSTOP)        # what waits is received, judged and sent in one batch
        for x in sent:
            c.send_channel(CHANNEL, x)
            p.sendto(x, relay)
        d.signal(signal.SIGCONT)
        assert [p.recv(4000) for _ in sent] == sent
        assert [c.receive() for _ in sent] == [(CHANNEL, x) for x in sent]
    assert d.metric('turnd_send_failures_total{leg="peer",reason="refused"}') == 0
    assert d.metric('turnd_send_failures_total{leg="client",reason="refused"}') == 0
    d.signal(signal.SIGSTOP)
    for size in (3000, 3000, 1000):     # DF was asked for: no fragments
        tid = bytes(12)
        c.send_raw(build(SEND, INDICATION, [(XOR_PEER_ADDRESS, xor_address(*there, tid)), (DONT_FRAGMENT, b""),
                                            (DATA_ATTR, b"z" * size)], tid))
    d.signal(signal.SIGCONT)
    assert p.recv(4000) == b"z" * 1000
    assert d.metric('turnd_send_failures_total{leg="peer",reason="refused"}') == 2


tell(the_path_in_use_is_logged_once, bursts_go_both_ways_in_order, each_datagram_of_a_burst_is_judged_by_itself,
     an_allocation_ends_in_the_middle_of_a_burst, datagrams_longer_than_the_mtu_are_fragmented_as_ever)
