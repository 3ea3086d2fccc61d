"""What is said of peers that cannot be reached, and how much may be relayed."""
import socket
import struct

from story import *
from stun import *

ICMP = 0x8004
USER = {"TURND_USER": "alice:open sesame"}


def turnd(s, *args, ip="127.0.0.1"):
    return s.daemon("turnd", f"--listening-ip={ip}", "--threads=2", "--realm=example.org", "--allow-loopback-peers", *args, env=USER)


def client(ip="127.0.0.1"):
    c = TurnClient((ip, 3478), "alice", "open sesame")
    assert c.allocate([(REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")] if ":" in ip else ()).cls == SUCCESS
    assert c.permit(ip).cls == SUCCESS
    return c


def peer(ip="127.0.0.1"):
    p = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    p.bind((ip, 0))
    p.settimeout(5)
    return p


def nobody(ip):
    """An address where nobody listens."""
    with peer(ip) as p:
        return p.getsockname()[:2]


def a_closed_port_is_told_and_costs_no_other_peer_a_packet(s):
    d = turnd(s)
    turnd(s, ip="::1")
    for ip, kind in (("127.0.0.1", 3 << 9 | 3), ("::1", 1 << 9 | 4)):
        c, p, closed = client(ip), peer(ip), nobody(ip)
        for i in range(8):
            c.send_indication(closed, b"anybody?")
            c.send_indication(p.getsockname()[:2], b"%d" % i)
            assert p.recv(100) == b"%d" % i
            told = c.receive()
            assert told.method == DATA and told.get(DATA_ATTR) is None, told
            assert told.address(XOR_PEER_ADDRESS) == closed
            assert struct.unpack(">II", told.get(ICMP)) == (kind, 0)
    assert d.metric('turnd_send_failures_total{leg="peer",reason="refused"}') == 0


def at_most_ten_a_second_are_told(s):
    d = turnd(s)
    c, p, closed = client(), peer(), nobody("127.0.0.1")
    for _ in range(100):
        c.send_indication(closed, b"anybody?")
    wait_until(lambda: (d.metric('turnd_drops_total{reason="ratelimit"}') or 0) > 0, "some are kept back")
    c.send_indication(p.getsockname(), b"still here")
    assert p.recv(100) == b"still here"
    c.sock.settimeout(0.3)
    heard = 0
    try:
        while c.receive().get(ICMP):
            heard += 1
    except TimeoutError:
        pass
    assert 10 <= heard <= 20, heard


def an_allocation_is_held_to_max_bps(s):
    d = turnd(s, "--max-bps=20000")
    c, p = client(), peer()
    assert c.bind_channel(0x4001, p.getsockname()).cls == SUCCESS
    for _ in range(100):
        c.send_channel(0x4001, b"x" * 1000)
    wait_until(lambda: (d.metric('turnd_drops_total{reason="bandwidth"}') or 0) >= 60, "most are dropped")
    passed = d.metric('turnd_packets_total{leg="peer",direction="out"}')
    assert 20 <= passed <= 40, passed
    assert c.refresh(600).cls == SUCCESS


def all_together_are_held_to_bps_capacity(s):
    d = turnd(s, "--bps-capacity=20000")
    clients, p = [client() for _ in range(6)], peer()
    for _ in range(20):
        for c in clients:
            c.send_indication(p.getsockname(), b"x" * 1000)
    wait_until(lambda: (d.metric('turnd_drops_total{reason="bandwidth"}') or 0) >= 70, "most are dropped")
    passed = d.metric('turnd_packets_total{leg="peer",direction="out"}')
    assert 20 <= passed <= 50, passed


tell(a_closed_port_is_told_and_costs_no_other_peer_a_packet, at_most_ten_a_second_are_told, an_allocation_is_held_to_max_bps,
     all_together_are_held_to_bps_capacity)
