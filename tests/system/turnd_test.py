"""turnd as its clients and its operator see it: relaying both ways, bad input, bad configuration, draining."""
import json
import random
import signal
import socket
import subprocess

from story import *
from stun import *
from web import http

SECRET = "a secret for tests"
LOOPBACK = ("--allow-loopback-peers", "--realm=example.org")


def turnd(s, *args, port=3478, ip="127.0.0.1", **kw):
    return s.daemon("turnd", f"--listening-ip={ip}", f"--listening-port={port}", *LOOPBACK, *args,
                    env={"TURND_STATIC_AUTH_SECRET": SECRET, "TURND_USER": "alice:open sesame"}, **kw)


def client(ip="127.0.0.1", rest=False, **kw):
    user, password = rest_credential(SECRET, "bob") if rest else ("alice", "open sesame")
    return TurnClient((ip, 3478), user, password, **kw)


def peer(ip="127.0.0.1"):
    p = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    p.bind((ip, 0))
    p.settimeout(5)
    return p


def relay_both_ways(c, ip="127.0.0.1", attrs=()):
    """Indications, then a channel; returns the relayed address."""
    p = peer(ip)
    there = p.getsockname()[:2]
    answer = c.allocate(attrs)
    assert answer.cls == SUCCESS and answer.signed_by(c.key), answer.code
    relay = answer.address(XOR_RELAYED_ADDRESS)
    assert answer.address(XOR_MAPPED_ADDRESS)[1] == c.sock.getsockname()[1]
    assert c.permit(ip).cls == SUCCESS
    c.send_indication(there, b"one")
    data, source = p.recvfrom(2000)
    assert data == b"one" and source[:2] == relay
    p.sendto(b"two", relay)
    indication = c.receive()
    assert indication.method == DATA and indication.get(DATA_ATTR) == b"two"
    assert indication.address(XOR_PEER_ADDRESS) == there
    assert c.bind_channel(0x4001, there).cls == SUCCESS
    for size in (0, 1, 172, 1200, 20000):
        c.send_channel(0x4001, b"x" * size)
        assert p.recvfrom(65536)[0] == b"x" * size
        p.sendto(b"y" * size, relay)
        assert c.receive() == (0x4001, b"y" * size)
    p.close()
    return relay


def a_static_user_and_a_rest_credential_are_relayed_both_ways(s):
    d = turnd(s, "--threads=2")
    for rest in (False, True):
        relay_both_ways(client(rest=rest))
    assert d.metric('turnd_allocations{transport="udp"}') == 2
    assert d.metric('turnd_packets_total{leg="peer",direction="out"}') == 12
    c = client()
    relay_both_ways(c)
    assert c.refresh(0).cls == SUCCESS
    wait_until(lambda: d.metric('turnd_allocations{transport="udp"}') == 2, "the allocation is gone")
    wait_until(lambda: "event=allocation_end" in d.log(), "the log says so")
    line = next(l for l in d.log().splitlines() if "event=allocation_end" in l)
    assert " user=alice realm=example.org " in line and " reason=refresh_0 " in line, line
    assert " packets_in=6 " in line and " packets_out=6 " in line and " bytes_in=21376 " in line, line
    assert "open sesame" not in d.log() and SECRET not in d.log()


def ipv6_is_served_like_ipv4(s):
    turnd(s, ip="::1")
    relay = relay_both_ways(client("::1"), "::1", [(REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")])
    assert relay[0] == "::1"


def an_answer_leaves_from_the_address_that_was_asked(s):
    s.daemon("turnd", *LOOPBACK, env={"TURND_STATIC_AUTH_SECRET": SECRET, "TURND_USER": "alice:open sesame"})
    for ip in ("127.0.0.1", "127.0.0.7", "::1"):
        c = client(ip)
        c.sock.connect((ip, 3478))      # takes nothing from any other address
        c.sock.send(build(BINDING, REQUEST))
        assert c.receive().cls == SUCCESS
    relay_both_ways(client("127.0.0.7"))


def every_worker_serves(s):
    d = turnd(s, "--threads=3", "--min-port=50000", "--max-port=50999")
    clients = [client() for _ in range(40)]
    relays = {relay_both_ways(c) for c in clients}
    assert len(relays) == 40 and all(50000 <= port <= 50999 for _, port in relays)
    d.stop()
    workers = {l.split(" worker=")[1].split()[0] for l in d.log().splitlines() if "event=allocation_end" in l}
    assert workers == {"0", "1", "2"}, workers
    assert d.log().count("reason=shutdown") == 40


def the_relay_range_can_be_used_up_to_its_last_port(s):
    d = turnd(s, "--threads=2", "--min-port=50000", "--max-port=50019")
    clients = [client() for _ in range(20)]
    assert {c.allocate().address(XOR_RELAYED_ADDRESS)[1] for c in clients} == set(range(50000, 50020))
    assert client().allocate().code == 508
    assert d.metric('turnd_relay_ports_used{address="127.0.0.1"}') == 20


def descriptors_are_refused_before_they_run_out(s):
    few = (need("prlimit"), "--nofile=640:640")
    d = turnd(s, "--threads=1", prefix=few)
    limit = int(d.metric("turnd_relay_sockets_max"))
    assert limit == 640 - 256 - 9
    clients = [client() for _ in range(limit + 3)]
    codes = [c.allocate().code for c in clients]
    assert codes == [None] * limit + [508] * 3, codes
    assert client().exchange(build(BINDING, REQUEST)).cls == SUCCESS
    assert clients[0].refresh(0).cls == SUCCESS
    assert client().allocate().cls == SUCCESS
    assert "event=allocation_end" in d.log()


def two_clients_behind_one_external_address_reach_each_other(s):
    """The NAT in front may not send back what we send to our own public address."""
    public = "192.0.2.77"       # nobody here has it, so nothing sent there would come back
    turnd(s, "--threads=2", f"--external-ip={public}", "--allowed-peer-ip=192.0.2.0/24")
    a, b = client(), client()
    relay_a = a.allocate().address(XOR_RELAYED_ADDRESS)
    relay_b = b.allocate().address(XOR_RELAYED_ADDRESS)
    assert relay_a[0] == relay_b[0] == public
    assert a.permit(public).cls == SUCCESS and b.bind_channel(0x4001, relay_a).cls == SUCCESS
    a.send_indication(relay_b, b"to b")
    assert b.receive() == (0x4001, b"to b")
    b.send_channel(0x4001, b"to a")
    heard = a.receive()
    assert heard.get(DATA_ATTR) == b"to a" and heard.address(XOR_PEER_ADDRESS) == relay_b


def malformed_datagrams_change_nothing(s):
    d = turnd(s, "--threads=1")
    c = client()
    relay_both_ways(c)
    chance = random.Random(1)
    bad = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bad.connect(("127.0.0.1", 3478))
    whole = c.signed(ALLOCATE, [(REQUESTED_TRANSPORT, UDP)])
    for n in range(len(whole)):
        bad.send(whole[:n])
    for first in range(256):
        bad.send(bytes([first]) + chance.randbytes(chance.randrange(100)))
    for _ in range(300):
        mangled = bytearray(whole)
        for _ in range(3):
            mangled[chance.randrange(len(mangled))] = chance.randrange(256)
        bad.send(mangled)
        c.send_raw(b"\x40\x01" + chance.randbytes(2))       # our own channel, cut short
    bad.send(b"\x40\x01\xff\xff")
    bad.send(chance.randbytes(65507))
    assert c.exchange(build(BINDING, REQUEST)).cls == SUCCESS
    assert d.metric('turnd_drops_total{reason="malformed"}') > 400
    assert d.metric('turnd_allocations{transport="udp"}') == 1
    c.send_channel(0x4001, b"still here")
    assert c.refresh(600).cls == SUCCESS


def a_stranger_gets_no_more_than_a_challenge(s):
    turnd(s)
    stranger = TurnClient(("127.0.0.1", 3478), timeout=0.3)
    assert len(stranger.exchange(build(BINDING, REQUEST)).raw) == 32
    request = build(ALLOCATE, REQUEST, [(REQUESTED_TRANSPORT, UDP)])
    assert len(stranger.exchange(request).raw) <= 88 + 12
    stranger.send_raw(build(BINDING, INDICATION))
    stranger.send_raw(build(0x00F, REQUEST))
    stranger.send_channel(0x4000, b"who?")
    try:
        stranger.receive()
        raise AssertionError("a stranger was answered")
    except TimeoutError:
        pass


def forbidden_peers_are_refused(s):
    s.daemon("turnd", "--listening-ip=127.0.0.1", "--realm=example.org", env={"TURND_USER": "alice:open sesame"})
    c = client()
    assert c.allocate().cls == SUCCESS
    for ip in ("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "0.0.0.0"):
        assert c.permit(ip).code == 403, ip
    assert c.permit("8.8.8.8").cls == SUCCESS


def a_port_in_use_is_said(s):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 3478))
    d = turnd(s, ready=False)
    d.expected = 1
    assert d.wait() == 1
    assert "cannot listen on 127.0.0.1:3478 (UDP): address already in use" in d.log(), d.log()


def a_second_turnd_does_not_join_the_first(s):
    turnd(s, "--threads=2")
    second = turnd(s, "--threads=2", ready=False)
    second.expected = 1
    assert second.wait() == 1 and "address already in use: is another TURN server running there?" in second.log()


def a_bad_configuration_stops_the_start_with_a_sentence(s):
    user = "--user=alice:open sesame"
    for args, sentence in (
            (["--denied-peer-ip=10.0.0.0/40", user], "denied-peer-ip: '10.0.0.0/40' is not an address, a range a-b or a prefix a/n"),
            (["--min-port=60000", "--max-port=50000", user], "min-port: 60000 is above max-port, 50000"),
            ([], "there is neither a secret nor a user, and no default"),
            (["--no-auth"], "if that is wanted, say yes-open-relay too"),
            (["--relay-ip=192.0.2.1", user], "relay-ip: 192.0.2.1 cannot be used: Cannot assign requested address"),
            (["--lisening-port=1", user], "no such option"),
            (["--threads=1000", user], "threads: '1000' is out of range (0..256)")):
        d = s.daemon("turnd", *args, ready=False)
        d.expected = 1
        assert d.wait() == 1 and sentence in d.log(), (args, d.log())
        assert "open sesame" not in d.log()


def sigterm_waits_for_the_allocations(s):
    d = turnd(s, "--threads=2", "--drain-timeout=30s")
    c = client()
    relay_both_ways(c)
    d.signal(signal.SIGTERM)
    wait_until(lambda: http(d.admin_port, "GET", "/readyz").status == 503, "not ready any more")
    wait_until(lambda: client().allocate().code == 508, "new allocations are refused")
    assert c.exchange(build(BINDING, REQUEST)).cls == SUCCESS
    c.send_channel(0x4001, b"goes on")
    assert c.refresh(600).cls == SUCCESS
    assert d.process.poll() is None
    assert c.refresh(0).cls == SUCCESS
    assert d.wait(5) == 0


def sigterm_ends_an_idle_server_at_once_and_a_busy_one_in_time(s):
    d = turnd(s)
    d.signal(signal.SIGTERM)
    assert d.wait(2) == 0
    d = turnd(s, "--drain-timeout=500ms")
    assert client().allocate().cls == SUCCESS
    d.signal(signal.SIGTERM)
    assert d.wait(5) == 0
    assert "reason=shutdown" in d.log()


def sighup_takes_new_secrets_and_users(s):
    conf = s.dir / "turnd.conf"

    def write(text):
        conf.write_text(text)
        conf.chmod(0o600)
    write("static-auth-secret=first\nuser=alice:open sesame\n")
    d = s.daemon("turnd", f"--config={conf}", "--listening-ip=127.0.0.1", "--threads=2", *LOOPBACK)
    kept = client()
    relay_both_ways(kept)
    write("static-auth-secret=second\nstatic-auth-secret=first\n")
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.metric("turnd_secrets") == 2, "two secrets")
    for secret in ("second", "first"):
        user, password = rest_credential(secret)
        wait_until(lambda: TurnClient(("127.0.0.1", 3478), user, password).allocate().cls == SUCCESS, secret)
    wait_until(lambda: client().allocate().code == 401, "alice is gone")
    kept.send_channel(0x4001, b"goes on")
    assert kept.refresh(600).cls == SUCCESS
    write("static-auth-secret=third\ndenied-peer-ip=nonsense\n")
    d.signal(signal.SIGHUP)
    wait_until(lambda: "event=reload_failed" in d.log(), "the mistake is said")
    assert "denied-peer-ip: 'nonsense' is not an address" in d.log() and d.metric("turnd_secrets") == 2


def status_is_json(s):
    d = turnd(s, "--threads=2")
    status = json.loads(http(d.admin_port, "GET", "/status").body)
    assert status["workers"] == 2 and status["allocations"] == 0 and status["draining"] is False
    assert status["relays"] == [{"address": "127.0.0.1", "ports": 16384, "used": 0}]


def coturns_client_is_served(s):
    """turnutils_uclient sends, through two relays, to itself; all it sent must come back."""
    d = turnd(s, "--threads=2", "--rfc5766-channel-numbers")
    command = [need("turnutils_uclient"), "-y", "-c", "-m", "4", "-n", "60", "-z", "10", "-l", "172"]
    runs = [s.spawn([*command, *args, "127.0.0.1"], stdout=subprocess.PIPE, text=True) for args in (
        ("-u", "alice", "-w", "open sesame"),           # channels
        ("-u", "alice", "-w", "open sesame", "-s"),     # Send indications
        ("-u", "carol", "-W", SECRET))]                 # a TURN REST credential
    for run in runs:
        out = run.communicate()[0]
        total = next((l for l in reversed(out.splitlines()) if "tot_send_msgs=" in l), "")
        sent, received = (int(w.split("=")[1]) for w in total.replace(",", "").split() if "_msgs=" in w)
        assert sent == received == 240, out
    assert d.metric("turnd_channels_total") >= 8
    assert d.metric('turnd_packets_total{leg="client",direction="out"}') >= 3 * 240


tell(a_static_user_and_a_rest_credential_are_relayed_both_ways, ipv6_is_served_like_ipv4,
     an_answer_leaves_from_the_address_that_was_asked, every_worker_serves, the_relay_range_can_be_used_up_to_its_last_port,
     descriptors_are_refused_before_they_run_out, two_clients_behind_one_external_address_reach_each_other,
     malformed_datagrams_change_nothing, a_stranger_gets_no_more_than_a_challenge, forbidden_peers_are_refused,
     a_port_in_use_is_said, a_second_turnd_does_not_join_the_first, a_bad_configuration_stops_the_start_with_a_sentence,
     sigterm_waits_for_the_allocations, sigterm_ends_an_idle_server_at_once_and_a_busy_one_in_time,
     sighup_takes_new_secrets_and_users, status_is_json,
     coturns_client_is_served)
