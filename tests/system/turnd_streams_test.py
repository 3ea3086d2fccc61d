"""turnd over TCP: relaying, framing, clients that are slow, half open, greedy or speak nonsense."""
import os
import random
import re
import signal
import socket
import struct
import subprocess

from story import *
from stun import *

SERVER = ("127.0.0.1", 3478)


def turnd(s, *args, **kw):
    return s.daemon("turnd", "--listening-ip=127.0.0.1", "--allow-loopback-peers", "--realm=example.org", *args,
                    env={"TURND_USER": "alice:open sesame", "TURND_STATIC_AUTH_SECRET": "a secret for tests"}, **kw)


def client(server=SERVER, **kw):
    return StreamTurnClient(server, "alice", "open sesame", **kw)


def peer():
    p = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    p.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    p.bind(("127.0.0.1", 0))
    p.settimeout(5)
    return p


def connected(s=None, **kw):
    """A client with a channel to a peer of ours: (client, peer, relayed address)."""
    c, p = client(**kw), peer()
    answer = c.allocate()
    assert answer.cls == SUCCESS and answer.signed_by(c.key), answer.code
    assert answer.address(XOR_MAPPED_ADDRESS) == c.sock.getsockname()[:2]
    assert c.bind_channel(0x4001, p.getsockname()).cls == SUCCESS
    return c, p, answer.address(XOR_RELAYED_ADDRESS)


def relay_both_ways(c, p, relay):
    for size in (0, 1, 2, 3, 4, 172, 1200, 20000):
        c.send_channel(0x4001, b"x" * size)
        assert p.recvfrom(65536) == (b"x" * size, relay)
        p.sendto(b"y" * size, relay)
        assert c.receive() == (0x4001, b"y" * size)
        c.send_indication(p.getsockname(), b"z" * size)
        assert p.recvfrom(65536)[0] == b"z" * size


def open_descriptors(d):
    return len(os.listdir(f"/proc/{d.process.pid}/fd"))


def resident(d):
    with open(f"/proc/{d.process.pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def ended(d, reason):
    return d.metric(f'turnd_connections_ended_total{{reason="{reason}"}}')


def data_is_relayed_both_ways(s):
    d = turnd(s, "--threads=2")
    c, p, relay = connected()
    relay_both_ways(c, p, relay)
    other = peer()
    assert c.permit("127.0.0.1").cls == SUCCESS
    other.sendto(b"no channel", relay)
    heard = c.receive()
    assert heard.method == DATA and heard.get(DATA_ATTR) == b"no channel"
    assert heard.address(XOR_PEER_ADDRESS) == other.getsockname()
    assert d.metric('turnd_allocations{transport="tcp"}') == 1
    assert d.metric('turnd_connections{transport="tcp"}') == 1
    assert c.refresh(0).cls == SUCCESS
    line = wait_until(lambda: next((l for l in d.log().splitlines() if "event=allocation_end" in l), None), "a line in the log")
    assert " transport=tcp " in line and " reason=refresh_0 " in line, line


def a_burst_arrives_whole_and_in_order(s):
    turnd(s)
    c, p, relay = connected()
    frames = b"".join(struct.pack(">HHI", 0x4001, 4, i) for i in range(5000))
    c.send_raw(frames)
    assert [struct.unpack(">I", p.recv(100))[0] for _ in range(5000)] == list(range(5000))
    for i in range(100):
        p.sendto(struct.pack(">I", i), relay)
    assert [c.receive() for _ in range(100)] == [(0x4001, struct.pack(">I", i)) for i in range(100)]


def a_stream_may_be_cut_anywhere(s):
    turnd(s)
    c, p, _ = connected()
    tid = os.urandom(12)
    story = (c.signed(REFRESH, [(LIFETIME, struct.pack(">I", 600))], tid) + struct.pack(">HH", 0x4001, 5) + b"hello\0\0\0" +
             build(SEND, INDICATION, [(XOR_PEER_ADDRESS, xor_address(*p.getsockname(), tid)), (DATA_ATTR, b"world")], tid))

    def heard():
        assert c.receive().tid == tid
        assert (p.recv(100), p.recv(100)) == (b"hello", b"world")
    for at in range(1, len(story)):
        c.send_raw(story[:at])
        c.send_raw(story[at:])
        heard()
    for byte in story:
        c.send_raw(bytes([byte]))
    heard()


def an_allocation_dies_with_its_stream(s):
    d = turnd(s, "--threads=2")
    for end in (lambda c: c.sock.close(), lambda c: c.sock.shutdown(socket.SHUT_WR),
                lambda c: (c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)), c.sock.close())):
        c, p, relay = connected()
        assert d.metric('turnd_allocations{transport="tcp"}') == 1
        end(c)
        wait_until(lambda: d.metric('turnd_allocations{transport="tcp"}') == 0, "the allocation is gone")
        wait_until(lambda: d.metric('turnd_connections{transport="tcp"}') == 0, "the connection is gone")
    assert d.log().count("reason=client_gone") == 3
    assert d.metric('turnd_relay_ports_used{address="127.0.0.1"}') == 0


def junk_ends_the_connection_at_once(s):
    d = turnd(s)
    chance = random.Random(1)
    binding = build(BINDING, REQUEST)
    bad = [b"\x80", b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\x00\x01\x00\x03", b"\x00\x01\x00\x00\x21\x12\xa4\x43",
           b"\x50\x00\x00\x00", binding + b"\xff" + chance.randbytes(100)]
    for n, junk in enumerate(bad, 1):
        c = client()
        c.send_raw(junk)
        assert c.closed(), junk
        assert ended(d, "junk") == n
    c, p, _ = connected()
    c.send_raw(struct.pack(">HH", 0x4001, 1) + b"x")        # not padded: the next frame is out of step
    c.send_raw(b"\xff" * 64)
    assert c.closed() and p.recv(100) == b"x"
    c = client()
    c.send_raw(binding + struct.pack(">HH", 1, 2048) + struct.pack(">I", COOKIE))
    assert Message(c.take(32)).cls == SUCCESS and c.closed()    # too long for a stranger
    c = client()
    c.send_raw(b"GET / HTTP/1.1\r\n\r\n")                  # as ChannelData it would be long
    assert c.closed() and ended(d, "too_long") == 2
    assert client().exchange(binding).cls == SUCCESS


def a_message_that_never_ends_is_not_waited_for(s):
    d = turnd(s)
    slow = client(timeout=15 * SLOW)
    slow.send_raw(build(BINDING, REQUEST)[:19])
    c, p, relay = connected(timeout=15 * SLOW)
    c.send_raw(struct.pack(">HH", 0x4001, 1000) + b"x")
    assert slow.closed() and c.closed()
    assert ended(d, "slow_message") == 2 and d.metric('turnd_allocations{transport="tcp"}') == 0


def who_does_not_allocate_must_go(s):
    d = turnd(s, "--max-allocate-timeout=1")
    silent, asks, allocates = client(), client(), connected()[0]
    assert asks.exchange(build(BINDING, REQUEST)).cls == SUCCESS
    assert silent.closed() and asks.closed()
    assert ended(d, "no_allocation") == 2
    assert allocates.refresh(600).cls == SUCCESS
    assert allocates.refresh(0).cls == SUCCESS
    assert allocates.closed()                               # a stranger once more
    assert ended(d, "no_allocation") == 3


def strangers_of_one_address_are_limited(s):
    d = turnd(s, "--threads=2")
    clients = [client() for _ in range(64)]
    assert clients[-1].exchange(build(BINDING, REQUEST)).cls == SUCCESS
    assert client().closed() and ended(d, "address") == 1
    elsewhere = client(bind=("127.0.0.2", 0))
    assert elsewhere.exchange(build(BINDING, REQUEST)).cls == SUCCESS
    for c in clients[:10]:
        assert c.allocate().cls == SUCCESS
    one_more = client()
    assert one_more.exchange(build(BINDING, REQUEST)).cls == SUCCESS    # who allocated is no stranger
    assert d.metric('turnd_connections{transport="tcp"}') == 66


def in_a_crowd_the_oldest_stranger_goes_first(s):
    few = (need("prlimit"), "--nofile=640:640")
    d = turnd(s, "--threads=1", prefix=few)
    places = int(d.metric("turnd_relay_sockets_max")) // 2
    clients = [client(bind=(f"127.0.0.{2 + i // 50}", 0)) for i in range(places + 1)]
    assert clients[0].closed() and ended(d, "crowd") == 1
    for c in (clients[1], clients[-1]):
        assert c.exchange(build(BINDING, REQUEST)).cls == SUCCESS


def who_takes_nothing_loses_data_but_no_answer(s):
    d = turnd(s)
    c = client()
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    p = peer()
    relay = c.allocate().address(XOR_RELAYED_ADDRESS)
    assert c.bind_channel(0x4001, p.getsockname()).cls == SUCCESS
    before = resident(d)

    def send_more():
        for _ in range(100):
            p.sendto(b"m" * 1200, relay)
        return d.metric("turnd_queue_drops_total") > 1000
    wait_until(send_more, "the queue is full", 20)
    assert resident(d) - before < SLOW * (4 << 20)
    tids = [os.urandom(12) for _ in range(20)]
    for tid in tids:
        c.send_raw(c.signed(REFRESH, [(LIFETIME, struct.pack(">I", 600))], tid))
    heard = []
    while len(heard) < 20:
        m = c.receive()
        if isinstance(m, Message):
            heard.append(m.tid)
        else:
            assert m == (0x4001, b"m" * 1200)               # whole frames only
    assert heard == tids


def who_takes_no_answers_is_closed(s):
    d = turnd(s)
    c = client()
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.sock.settimeout(20 * SLOW)
    burst = build(BINDING, REQUEST) * 2000
    try:
        while True:
            c.send_raw(burst)
    except (ConnectionResetError, BrokenPipeError):
        pass
    assert ended(d, "stalled") == 1


def descriptors_and_memory_return(s):
    d = turnd(s, "--threads=2")
    chance = random.Random(2)

    def visit(n):
        for i in range(n):
            c, p, relay = connected()
            relay_both_ways(c, p, relay)
            c.send_raw(b"\x40\x01\xff\xff" + chance.randbytes(chance.randrange(60000)))
            client().send_raw(chance.randbytes(20))
            c.sock.close()
            p.close()
        wait_until(lambda: d.metric('turnd_connections{transport="tcp"}') == 0, "all are gone")
        wait_until(lambda: d.metric('turnd_allocations{transport="tcp"}') == 0, "all are gone")
    visit(20)
    descriptors, memory = open_descriptors(d), resident(d)
    visit(150)
    assert open_descriptors(d) <= descriptors
    assert resident(d) - memory < (1 << 20 if SLOW == 1 else 64 << 20), resident(d) - memory


def a_port_in_use_is_said(s):
    taken = socket.create_server(SERVER)
    d = turnd(s, ready=False)
    d.expected = 1
    assert d.wait() == 1
    assert "cannot listen on 127.0.0.1:3478: address already in use (TCP)" in d.log(), d.log()
    taken.close()
    turnd(s, "--no-tcp")
    try:
        client()
        raise AssertionError("somebody listens")
    except ConnectionRefusedError:
        pass


def without_udp_tcp_is_served(s):
    turnd(s, "--no-udp")
    relay_both_ways(*connected())
    try:
        TurnClient(SERVER, timeout=0.3).exchange(build(BINDING, REQUEST))
        raise AssertionError("somebody answers")
    except (TimeoutError, ConnectionRefusedError):
        pass


def a_drain_waits_for_streams(s):
    d = turnd(s, "--drain-timeout=30s")
    c, p, relay = connected()
    d.signal(signal.SIGTERM)
    wait_until(lambda: client().allocate().code == 508, "new allocations are refused")
    relay_both_ways(c, p, relay)
    c.sock.close()
    assert d.wait(5) == 0


def uclient(*args, server="127.0.0.1", user=("-u", "alice", "-w", "open sesame")):
    """turnutils_uclient sends, through two relays, to itself; returns how many it sent and how many came back."""
    run = subprocess.run([need("turnutils_uclient"), "-y", "-c", "-m", "4", "-n", "60", "-z", "10", "-l", "171", *user, *args, server],
                         stdout=subprocess.PIPE, text=True)
    total = next((l for l in reversed(run.stdout.splitlines()) if "tot_send_msgs=" in l), run.stdout)
    return [int(n) for n in re.findall(r"_msgs=(\d+)", total)]


def coturns_client_is_served(s):
    d = turnd(s, "--threads=2", "--rfc5766-channel-numbers")
    assert uclient("-t") == [240, 240]                      # channels
    assert uclient("-t", "-s") == [240, 240]                # Send indications
    assert d.metric('turnd_allocations_total{transport="tcp"}') >= 8


tell(data_is_relayed_both_ways, a_burst_arrives_whole_and_in_order, a_stream_may_be_cut_anywhere,
     an_allocation_dies_with_its_stream, junk_ends_the_connection_at_once, a_message_that_never_ends_is_not_waited_for,
     who_does_not_allocate_must_go, strangers_of_one_address_are_limited, in_a_crowd_the_oldest_stranger_goes_first,
     who_takes_nothing_loses_data_but_no_answer, who_takes_no_answers_is_closed, descriptors_and_memory_return,
     a_port_in_use_is_said, without_udp_tcp_is_served, a_drain_waits_for_streams, coturns_client_is_served)
