"""What Allocate can ask for beyond a port, and what it is told instead of one, seen from outside."""
import signal
import socket
import struct

from story import *
from stun import *

SECRET = "a secret for tests"
PASSWORD = "open sesame"
COMMON = ("--listening-ip=127.0.0.1", "--allow-loopback-peers", "--realm=example.org", "--min-port=50000", "--max-port=50999")
RESERVE, ADDITIONAL_ADDRESS_FAMILY, ADDITIONAL_ADDRESS_FAMILY_COTURN, ALTERNATE_SERVER = b"\x80", 0x8000, 0x8032, 0x8023


def turnd(s, *args, port=3478):
    return s.daemon("turnd", *COMMON, f"--listening-port={port}", *args,
                    env={"TURND_USER": f"alice:{PASSWORD}", "TURND_STATIC_AUTH_SECRET": SECRET})


def alice(port=3478):
    return TurnClient(("127.0.0.1", port), "alice", PASSWORD)


def a_reserved_port_is_had_by_whichever_worker_is_asked(s):
    d = turnd(s, "--threads=3")
    pairs = []
    for _ in range(20):
        first, second = alice(), alice()
        answer = first.allocate([(EVEN_PORT, RESERVE)])
        assert answer.cls == SUCCESS, answer.code
        port, token = answer.address(XOR_RELAYED_ADDRESS)[1], answer.get(RESERVATION_TOKEN)
        assert port % 2 == 0 and len(token) == 8
        assert TurnClient(("127.0.0.1", 3478), *rest_credential(SECRET, "bob")).allocate([(RESERVATION_TOKEN, token)]).code == 508
        answer = second.allocate([(RESERVATION_TOKEN, token)])
        assert answer.address(XOR_RELAYED_ADDRESS)[1] == port + 1
        assert alice().allocate([(RESERVATION_TOKEN, token)]).code == 508
        pairs.append((first, second, port))
    for first, second, port in pairs:       # RTP to RTCP of the same pair: both are real sockets that relay
        assert first.permit("127.0.0.1").cls == SUCCESS and second.bind_channel(0x4001, ("127.0.0.1", port)).cls == SUCCESS
        first.send_indication(("127.0.0.1", port + 1), b"hello")
        assert second.receive() == (0x4001, b"hello")
    assert d.metric('turnd_relay_ports_used{address="127.0.0.1"}') == 40
    for first, second, _ in pairs:
        assert first.refresh(0).cls == SUCCESS and second.refresh(0).cls == SUCCESS
    assert d.metric('turnd_relay_ports_used{address="127.0.0.1"}') == 0
    assert alice().allocate([(EVEN_PORT, RESERVE)]).cls == SUCCESS
    d.stop()        # with a port that is still reserved
    workers = {l.split(" worker=")[1].split()[0] for l in d.log().splitlines() if "event=allocation_end" in l}
    assert workers == {"0", "1", "2"}, workers


def old_clients_of_coturn_get_both_families(s):
    s.daemon("turnd", "--allow-loopback-peers", "--realm=example.org", "--listening-ip=127.0.0.1", "--listening-ip=::1",
             env={"TURND_USER": f"alice:{PASSWORD}"})
    for attribute in (ADDITIONAL_ADDRESS_FAMILY, ADDITIONAL_ADDRESS_FAMILY_COTURN):
        answer = alice().allocate([(attribute, b"\2\0\0\0")])
        relays = [plain_address(v, answer.tid)[0] for k, v, _ in answer.attrs if k == XOR_RELAYED_ADDRESS]
        assert relays == ["127.0.0.1", "::1"], relays


def sent_to(answer, key):
    """Where a 300 says to go; it is signed."""
    assert answer.code == 300 and answer.signed_by(key), answer.code
    value = answer.get(ALTERNATE_SERVER)
    return socket.inet_ntop(socket.AF_INET6 if value[1] == 2 else socket.AF_INET, value[4:]), struct.unpack(">H", value[2:4])[0]


def a_draining_server_sends_new_clients_to_the_next(s):
    old = turnd(s, "--redirect=draining", "--alternate-server=127.0.0.1:3479", "--drain-timeout=60", "--threads=2")
    turnd(s, port=3479)
    staying = alice()
    assert staying.allocate().cls == SUCCESS
    old.signal(signal.SIGTERM)
    wait_until(lambda: old.metric("turnd_draining") == 1, "it drains")
    for make in (TurnClient, ModernClient):
        c = make(("127.0.0.1", 3478), "alice", PASSWORD)
        c.server = sent_to(c.allocate(), c.key)
        assert c.server == ("127.0.0.1", 3479)
        c.nonce = None
        assert c.allocate().cls == SUCCESS
    assert old.metric('turnd_responses_total{method="allocate",code="300"}') == 2
    assert staying.refresh(600).cls == SUCCESS and staying.permit("127.0.0.1").cls == SUCCESS
    assert staying.refresh(0).cls == SUCCESS
    assert old.wait() == 0          # nobody is left


def redirection_spreads_all_clients(s):
    """coturn's alternate-server: this server sends everybody on, of the families that it knows others for."""
    s.daemon("turnd", "--allow-loopback-peers", "--realm=example.org", "--listening-ip=127.0.0.1", "--listening-ip=::1",
             "--alternate-server=127.0.0.1:3479", "--alternate-server=127.0.0.1:3480", "--tcp-alternate-server=192.0.2.1",
             env={"TURND_USER": f"alice:{PASSWORD}"})
    went = set()
    for _ in range(40):
        c = alice()
        went.add(sent_to(c.allocate(), c.key))
    assert went == {("127.0.0.1", 3479), ("127.0.0.1", 3480)}, went
    c = TurnClient(("::1", 3478), "alice", PASSWORD)
    assert c.allocate([(REQUESTED_ADDRESS_FAMILY, b"\2\0\0\0")]).cls == SUCCESS


tell(a_reserved_port_is_had_by_whichever_worker_is_asked,
     old_clients_of_coturn_get_both_families,
     a_draining_server_sends_new_clients_to_the_next,
     redirection_spreads_all_clients)
