"""What is said of peers that cannot be reached, how much may be relayed, and allocations that move."""
import os
import signal
import socket
import struct
import time

from story import *
from stun import *

ICMP, MOBILITY_TICKET = 0x8004, 0x8030
USER = {"TURND_USER": "alice:open sesame"}


def turnd(s, *args, ip="127.0.0.1", threads=2):
    return s.daemon("turnd", f"--listening-ip={ip}", f"--threads={threads}", "--realm=example.org", "--allow-loopback-peers", *args, env=USER)


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
    for _ in range(60):     # one by one: of a burst only the first datagram brings an error
        c.send_indication(closed, b"anybody?")
        c.send_indication(p.getsockname(), b"still here")
        assert p.recv(100) == b"still here"
    wait_until(lambda: (d.metric('turnd_drops_total{reason="ratelimit"}') or 0) > 0, "some are kept back")
    c.sock.settimeout(0.3)
    heard = 0
    try:
        while c.receive().get(ICMP):
            heard += 1
    except TimeoutError:
        pass
    assert 10 <= heard <= 30, heard


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


def move(c, ticket, lifetime=600):
    return c.request(REFRESH, [(LIFETIME, struct.pack(">I", lifetime)), (MOBILITY_TICKET, ticket)])


def an_allocation_moves_with_its_client(s):
    d = turnd(s, "--mobility", "--user-quota=1", threads=1)
    home, car, thief = (TurnClient(("127.0.0.1", 3478), "alice", "open sesame", bind=(f"127.0.0.{n}", 0)) for n in (1, 3, 4))
    p = peer()
    answer = home.allocate([(MOBILITY_TICKET, b"")])
    relay, ticket = answer.address(XOR_RELAYED_ADDRESS), answer.get(MOBILITY_TICKET)
    assert len(ticket) == 16 and home.permit("127.0.0.1").cls == SUCCESS
    assert move(thief, os.urandom(16)).code == 437
    answer = move(car, ticket)
    second = answer.get(MOBILITY_TICKET)
    assert answer.cls == SUCCESS and answer.signed_by(car.key) and len(second) == 16 and second != ticket
    p.sendto(b"to the old path", relay)
    assert home.receive().get(DATA_ATTR) == b"to the old path"
    car.send_indication(p.getsockname(), b"from the new path")
    assert p.recvfrom(100) == (b"from the new path", relay)
    p.sendto(b"to the new path", relay)
    assert car.receive().get(DATA_ATTR) == b"to the new path"
    assert move(thief, ticket).code == 437 and home.refresh(600).code == 437
    assert d.metric('turnd_allocations{transport="udp"}') == 1 and d.metric('turnd_allocations_total{transport="udp"}') == 1
    assert move(home, second, 0).cls == SUCCESS
    wait_until(lambda: "reason=refresh_0" in d.log(), "ended from where it began")


def a_lost_tcp_connection_is_survived_over_udp(s):
    d = turnd(s, "--mobility", threads=1)
    home, car, p = StreamTurnClient(("127.0.0.1", 3478), "alice", "open sesame"), \
        TurnClient(("127.0.0.1", 3478), "alice", "open sesame"), peer()
    answer = home.allocate([(MOBILITY_TICKET, b"")])
    relay, ticket = answer.address(XOR_RELAYED_ADDRESS), answer.get(MOBILITY_TICKET)
    assert home.permit("127.0.0.1").cls == SUCCESS
    home.sock.close()
    wait_until(lambda: d.metric('turnd_connections{transport="tcp"}') == 0, "the connection is gone")
    p.sendto(b"to nobody", relay)
    assert move(car, ticket).cls == SUCCESS
    p.sendto(b"found", relay)
    assert car.receive().get(DATA_ATTR) == b"found"
    assert d.metric('turnd_allocations{transport="udp"}') == 1 and d.metric('turnd_allocations{transport="tcp"}') == 0


def without_mobility_there_is_no_ticket(s):
    turnd(s)
    c = TurnClient(("127.0.0.1", 3478), "alice", "open sesame")
    assert c.allocate([(MOBILITY_TICKET, b"")]).code == 405
    assert c.allocate().cls == SUCCESS and move(c, bytes(16)).code == 405


def a_stopped_worker_is_seen_to_lag(s):
    d = turnd(s)
    rows = [f'turnd_event_loop_lag_seconds{{worker="{n}"}}' for n in (0, 1)]
    assert all(0 <= d.metric(row) < 10 for row in rows) and d.metric('turnd_event_loop_lag_seconds{worker="2"}') is None
    c = TurnClient(("127.0.0.1", 3478))
    time.sleep(1.2)             # its loops are to have begun their beat
    d.signal(signal.SIGSTOP)
    time.sleep(1.5)
    d.signal(signal.SIGCONT)
    wait_until(lambda: all(d.metric(row) > 0.5 for row in rows), "the pause shows")
    assert c.exchange(build(BINDING, REQUEST)).cls == SUCCESS


tell(a_closed_port_is_told_and_costs_no_other_peer_a_packet, at_most_ten_a_second_are_told, an_allocation_is_held_to_max_bps,
     all_together_are_held_to_bps_capacity, an_allocation_moves_with_its_client,
     a_lost_tcp_connection_is_survived_over_udp, without_mobility_there_is_no_ticket, a_stopped_worker_is_seen_to_lag)
