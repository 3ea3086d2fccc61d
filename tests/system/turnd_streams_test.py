"""turnd over TCP and TLS: relaying, framing, clients that are slow, half open, greedy or speak nonsense."""
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess

from certs import Authority
from story import *
from stun import *

SERVER, SECURE = ("127.0.0.1", 3478), ("127.0.0.1", 5349)


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
    assert SLOW > 1 or resident(d) - memory < 1 << 20, resident(d) - memory      # sanitizers look for leaks themselves


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


# --- TLS

def secured(s, *args, **kw):
    """turnd with a certificate: (daemon, certs)."""
    certs = Authority(s.dir)
    crt, key = certs.issue("server")
    return turnd(s, f"--cert={crt}", f"--pkey={key}", *args, **kw), certs


def data_is_relayed_both_ways_over_tls(s):
    d, certs = secured(s, "--threads=2")
    c, p, relay = connected(server=SECURE, tls=certs.trust())
    relay_both_ways(c, p, relay)
    assert d.metric('turnd_allocations{transport="tls"}') == 1
    assert d.metric('turnd_connections{transport="tls"}') == 1
    frames = b"".join(struct.pack(">HHI", 0x4001, 4, i) for i in range(2000))
    c.send_raw(frames)
    assert [struct.unpack(">I", p.recv(100))[0] for _ in range(2000)] == list(range(2000))
    c.sock.close()
    wait_until(lambda: d.metric('turnd_allocations{transport="tls"}') == 0, "the allocation is gone")
    assert " transport=tls reason=client_gone " in d.log()


def a_tls_stream_may_be_cut_anywhere(s):
    _, certs = secured(s)
    c, p, _ = connected(server=SECURE, tls=certs.trust())
    refresh = c.signed(REFRESH, [(LIFETIME, struct.pack(">I", 600))], os.urandom(12)) + struct.pack(">HH", 0x4001, 1) + b"x\0\0\0"
    for at in range(1, len(refresh), 3):
        c.send_raw(refresh[:at])                            # a record each
        c.send_raw(refresh[at:])
        assert c.receive().cls == SUCCESS and p.recv(10) == b"x"


def alpn_is_selected_if_it_is_offered(s):
    _, certs = secured(s)
    for offered, selected in ((["stun.turn"], "stun.turn"), (["stun.nat-discovery"], "stun.nat-discovery"),
                              (["h2", "stun.nat-discovery", "stun.turn"], "stun.turn"), ([], None)):
        trust = certs.trust()
        trust.set_alpn_protocols(offered)
        c = client(SECURE, tls=trust)
        assert c.sock.selected_alpn_protocol() == selected, offered
        assert c.exchange(build(BINDING, REQUEST)).cls == SUCCESS
    out = subprocess.run([need("openssl"), "s_client", "-connect", "127.0.0.1:5349", "-CAfile", certs.ca, "-alpn", "stun.turn"],
                         input="", capture_output=True, text=True).stdout
    assert "ALPN protocol: stun.turn" in out and "Verify return code: 0 (ok)" in out, out


def old_versions_are_refused(s):
    secured(s)
    for version in ("-tls1", "-tls1_1"):
        run = subprocess.run([need("openssl"), "s_client", "-connect", "127.0.0.1:5349", version, "-cipher", "ALL@SECLEVEL=0"],
                             input="", capture_output=True, text=True)
        assert run.returncode != 0 and "Cipher is (NONE)" in run.stdout, run.stdout


def what_is_no_tls_is_closed(s):
    d, certs = secured(s)
    c = client(SECURE)
    c.send_raw(build(BINDING, REQUEST))
    assert c.closed()
    c = client(SECURE, tls=certs.trust())
    c.send_raw(b"POST / HTTP/1.1\r\n\r\n")                # junk behind TLS
    assert c.closed() and ended(d, "junk") == 1
    c = client(SERVER)
    c.send_raw(b"\x16\x03\x01\x02\x00\x01")              # a TLS hello on the plain port
    assert c.closed() and ended(d, "junk") == 2
    wait_until(lambda: d.metric('turnd_handshakes_total{result="failed"}') == 1, "it is counted")
    assert d.metric('turnd_handshakes_total{result="ok"}') == 1
    assert client(SECURE, tls=certs.trust()).exchange(build(BINDING, REQUEST)).cls == SUCCESS


def a_handshake_that_never_ends_is_not_waited_for(s):
    d, _ = secured(s)
    silent, slow = client(SECURE, timeout=15 * SLOW), client(SECURE, timeout=15 * SLOW)
    slow.send_raw(b"\x16\x03\x01\x02\x00")
    assert silent.closed() and slow.closed()
    assert d.metric('turnd_landings_total{way="tls",result="late"}') == 2


def both_kinds_of_certificate_are_served_side_by_side(s):
    certs = Authority(s.dir)
    (ec, ec_key), (rsa, rsa_key) = certs.issue("ec"), certs.issue("rsa", "rsa")
    turnd(s, f"--cert={ec}", f"--pkey={ec_key}", f"--cert={rsa}", f"--pkey={rsa_key}")
    for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"):
        context = certs.trust()
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        c = client(SECURE, tls=context)
        assert c.sock.cipher()[0] == cipher and c.exchange(build(BINDING, REQUEST)).cls == SUCCESS


def a_new_certificate_is_taken_on_sighup(s):
    d, certs = secured(s)
    kept, p, relay = connected(server=SECURE, tls=certs.trust())
    before = kept.sock.getpeercert(True)
    certs.issue("renewed")
    certs.replace("renewed", "server")
    d.signal(signal.SIGHUP)
    wait_until(lambda: client(SECURE, tls=certs.trust()).sock.getpeercert(True) != before, "the new one is shown")
    relay_both_ways(kept, p, relay)
    (s.dir / "server.crt").write_text("nonsense")
    d.signal(signal.SIGHUP)
    wait_until(lambda: "event=reload_failed" in d.log(), "the mistake is said")
    assert "server.crt" in d.log()
    assert client(SECURE, tls=certs.trust()).exchange(build(BINDING, REQUEST)).cls == SUCCESS


def without_a_certificate_tls_is_not_served(s):
    d = turnd(s)
    assert "event=no_tls" in d.log()
    try:
        client(SECURE)
        raise AssertionError("somebody listens")
    except ConnectionRefusedError:
        pass
    d = turnd(s, "--listening-port=3479", "--cert=/nowhere.pem", ready=False)
    d.expected = 1
    assert d.wait() == 1 and "/nowhere.pem" in d.log()


def without_udp_and_tcp_tls_is_served(s):
    _, certs = secured(s, "--no-udp", "--no-tcp")
    relay_both_ways(*connected(server=SECURE, tls=certs.trust()))


def many_tls_clients_leave_nothing_behind(s):
    d, certs = secured(s, "--threads=2")
    context = certs.trust()

    def visit(n):
        for i in range(n):
            c, p, relay = connected(server=SECURE, tls=context)
            relay_both_ways(c, p, relay)
            half = client(SECURE)
            half.send_raw(b"\x16\x03\x01\x02\x00"[:i % 6])
            half.sock.close()
            c.sock.close()
            p.close()
        wait_until(lambda: d.metric('turnd_connections{transport="tls"}') == 0, "all are gone")
    visit(10)
    descriptors, memory = open_descriptors(d), resident(d)
    visit(60)
    wait_until(lambda: open_descriptors(d) <= descriptors, "descriptors return")
    assert SLOW > 1 or resident(d) - memory < 1 << 20, resident(d) - memory      # sanitizers look for leaks themselves


# --- behind a proxy

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_v2(source, destination):
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0]) + struct.pack(">HH", source[1], destination[1])
    return V2 + struct.pack(">BBH", 0x21, 0x11, len(addresses)) + addresses


def a_proxy_says_for_whom_it_speaks(s):
    certs = Authority(s.dir)
    crt, key = certs.issue("server")
    d = turnd(s, f"--cert={crt}", f"--pkey={key}", "--tcp-proxy-port=3481", "--tls-proxy-port=5350", "--trusted-proxy=127.0.0.1")
    plain, secure = ("127.0.0.1", 3481), ("127.0.0.1", 5350)
    headers = (proxy_v2(("192.0.2.7", 4711), SERVER), b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 3478\r\n")
    for header in headers:
        for server, tls in ((plain, None), (secure, certs.trust())):
            c = client(server, tls=tls, before=header)
            assert c.exchange(build(BINDING, REQUEST)).address(XOR_MAPPED_ADDRESS) == ("192.0.2.7", 4711)
            assert c.allocate().cls == SUCCESS
            c.sock.close()
    wait_until(lambda: d.log().count(" client=192.0.2.7:4711 ") == 4, "the log names the client")
    for junk in (b"PROXY nonsense\r\n", V2 + b"\x21\x11\xff\xff" + bytes(100), build(BINDING, REQUEST)):
        c = client(plain, before=junk)
        c.sock.settimeout(15 * SLOW)
        assert c.closed(), junk
    local = client(plain, before=V2 + b"\x20\0\0\0")      # a health check
    assert local.exchange(build(BINDING, REQUEST)).address(XOR_MAPPED_ADDRESS) == local.sock.getsockname()
    stranger = client(plain, bind=("127.0.0.2", 0))
    assert stranger.exchange(build(BINDING, REQUEST)).address(XOR_MAPPED_ADDRESS)[0] == "127.0.0.2"
    liar = client(plain, bind=("127.0.0.2", 0), before=headers[1])
    assert liar.closed() and ended(d, "junk") == 1


def coturns_client_is_served_over_tls(s):
    """It takes a record of TLS for one message, and so misses some where several leave in one: the log knows better."""
    d, certs = secured(s, "--threads=2", "--rfc5766-channel-numbers")
    for n, args in enumerate(((), ("-s",)), 1):
        sent, received = uclient("-t", "-S", "-p", "5349", *args)
        assert sent == 240 and received > 60, (sent, received)
        wait_until(lambda: d.metric('turnd_allocations{transport="tls"}') == 0, "all are gone")
        assert sum(int(k) for k in re.findall(r" packets_out=(\d+) ", d.log())) == 240 * n
    assert d.metric('turnd_allocations_total{transport="tls"}') >= 8


tell(data_is_relayed_both_ways, a_burst_arrives_whole_and_in_order, a_stream_may_be_cut_anywhere,
     an_allocation_dies_with_its_stream, junk_ends_the_connection_at_once, a_message_that_never_ends_is_not_waited_for,
     who_does_not_allocate_must_go, strangers_of_one_address_are_limited, in_a_crowd_the_oldest_stranger_goes_first,
     who_takes_nothing_loses_data_but_no_answer, who_takes_no_answers_is_closed, descriptors_and_memory_return,
     a_port_in_use_is_said, without_udp_tcp_is_served, a_drain_waits_for_streams, coturns_client_is_served,
     data_is_relayed_both_ways_over_tls, a_tls_stream_may_be_cut_anywhere, alpn_is_selected_if_it_is_offered,
     old_versions_are_refused, what_is_no_tls_is_closed, a_handshake_that_never_ends_is_not_waited_for,
     both_kinds_of_certificate_are_served_side_by_side, a_new_certificate_is_taken_on_sighup,
     without_a_certificate_tls_is_not_served, without_udp_and_tcp_tls_is_served, many_tls_clients_leave_nothing_behind,
     a_proxy_says_for_whom_it_speaks, coturns_client_is_served_over_tls)
