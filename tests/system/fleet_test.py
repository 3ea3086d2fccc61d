"""The fleet: 2 turnd, 2 signald, 2 roomd and one Redis, which find each other by leases and share TURN secrets."""
import json
import signal
import subprocess
import time

from apprtc import RoomServer
from story import BUILD, SLOW, free_port, tell, wait_until
from stun import TurnClient
from web import http

REALM = "fleet.example"


class Fleet:
    def __init__(self, s, redis=None, ready=True, roomd_args=()):
        self.s = s
        self.redis = redis or s.redis()
        self.turnd, self.signald = {}, {}
        for zone in ("north", "south"):
            self.add_turnd(zone)
            port = free_port()
            self.signald[f"ws://127.0.0.1:{port}/ws"] = s.daemon(
                "signald", f"--listening-port={port}", f"--public-url=ws://127.0.0.1:{port}", f"--zone={zone}",
                f"--redis={self.redis.url}")
        self.roomd = [RoomServer(s, f"--realm={REALM}", f"--zone={zone}", *roomd_args, store=self.redis.url, ready=False)
                      for zone in ("north", "south")]
        if ready:
            self.wait_complete()

    def add_turnd(self, zone):
        port = free_port()
        self.turnd[port] = self.s.daemon(
            "turnd", "--listening-ip=127.0.0.1", f"--listening-port={port}", "--relay-ip=127.0.0.1", f"--realm={REALM}",
            "--allow-loopback-peers", f"--zone={zone}", f"--redis={self.redis.url}", ready=False)
        return port

    def wait_complete(self):
        for r in self.roomd:
            wait_until(r.daemon.alive_and_ready, "roomd ready")
            wait_until(lambda r=r: len(ports(r)) == len(self.turnd), "roomd sees every turnd")
            wait_until(lambda r=r: r.daemon.metric('roomd_fleet_servers{kind="signal"}') == 2, "roomd sees both signald")
        for d in self.turnd.values():
            wait_until(d.alive_and_ready, "turnd knows a secret")


def uris(r):
    a = r.get("/v1alpha/iceconfig")
    assert a.status == 200, a
    return [u for server in json.loads(a.body)["iceServers"] for u in server["urls"]]


def ports(r):
    """Of the TURN servers in one answer, the better one first."""
    out = []
    for u in uris(r):
        port = int(u.split("?")[0].rsplit(":", 1)[1])
        if u.startswith("turn:") and port not in out:
            out.append(port)
    return out


def credential(r):
    a = json.loads(r.get("/turn?username=somebody").body)
    return a["username"], a["password"]


def secrets(r):
    """Their ids, the newest first."""
    return [s["id"] for s in json.loads(http(r.daemon.admin_port, "GET", "/fleet").body)["secrets"]]


def allocates(port, cred):
    c = TurnClient(("127.0.0.1", port), *cred)
    try:
        return c.allocate().code is None
    finally:
        c.sock.close()


def roomd_command(*args):
    p = subprocess.run([str(BUILD / "bin" / "roomd"), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=30)
    assert "Sanitizer" not in p.stdout, p.stdout
    return p.returncode, p.stdout


def within(seconds, condition, what):
    """As wait_until, but the machine's slowness is no excuse beyond one second more."""
    begin = time.monotonic()
    wait_until(condition, what, seconds * 2)
    took = time.monotonic() - begin
    assert took < seconds * (1 if SLOW == 1 else 1.5), f"{what}: {took:.1f} s"


def the_credential_of_any_roomd_works_on_every_turnd(s):
    f = Fleet(s)
    for r in f.roomd:
        for port in f.turnd:
            assert allocates(port, credential(r))
    assert len(set(map(tuple, (secrets(r) for r in f.roomd)))) == 1     # one of them made it, the other took it
    for port in f.turnd:
        assert not allocates(port, (credential(f.roomd[0])[0], "wrong"))


def the_own_zone_comes_first_and_udp_before_tcp(s):
    f = Fleet(s)
    north, south = f.turnd
    assert ports(f.roomd[0]) == [north, south] and ports(f.roomd[1]) == [south, north]
    turn = [u for u in uris(f.roomd[0]) if u.startswith("turn:")]
    assert [u.rsplit("=", 1)[1] for u in turn] == ["udp", "udp", "tcp", "tcp"], turn
    assert [u for u in uris(f.roomd[0]) if u.startswith("stun:")] == [f"stun:127.0.0.1:{p}" for p in f.turnd]
    third = f.add_turnd("north")
    within(2, lambda: third in ports(f.roomd[0]), "the new one is handed out")
    wait_until(f.turnd[third].alive_and_ready, "ready")
    client = TurnClient(("127.0.0.1", north), *credential(f.roomd[0]))
    assert client.allocate().code is None
    within(4, lambda: [ports(f.roomd[0]) for _ in range(1)] == [[third, north]], "the less loaded one of the zone is first")
    client.sock.close()


def a_killed_turnd_is_out_within_five_seconds_and_a_draining_one_within_two(s):
    f = Fleet(s)
    north, south = f.turnd
    f.turnd[north].kill()
    within(5, lambda: all(ports(r) == [south] for r in f.roomd), "the killed one is out")
    client = TurnClient(("127.0.0.1", south), *credential(f.roomd[0]))
    assert client.allocate().code is None
    again = f.add_turnd("north")
    within(2, lambda: all(set(ports(r)) == {south, again} for r in f.roomd), "a new one is in")
    f.turnd[south].signal(signal.SIGTERM)
    within(2, lambda: all(ports(r) == [again] for r in f.roomd), "the draining one is out")
    table = roomd_command("fleet", f"--redis={f.redis.url}")
    assert table[0] == 0 and "draining" in table[1] and f"turn:127.0.0.1:{again}" in table[1], table
    assert client.refresh(0).code is None       # what lives is served until it ends
    assert f.turnd[south].wait() == 0
    client.sock.close()


def a_room_stays_on_its_signald_until_that_one_is_gone(s):
    f = Fleet(s)
    a, b = f.roomd
    names = list(f.signald)
    assert a.enter("one")["wss_url"] == names[0]        # the own zone's
    assert b.enter("one")["wss_url"] == names[0]        # the room's
    assert b.enter("two")["wss_url"] == names[1]
    two = a.enter("two")
    assert two["wss_url"] == names[1]
    assert a.message("two", two["client_id"], "to the peer") == "SUCCESS"
    f.signald[names[1]].kill()
    within(5, lambda: a.daemon.metric('roomd_fleet_servers{kind="signal"}') == 1 and
           b.daemon.metric('roomd_fleet_servers{kind="signal"}') == 1, "the killed one is out")
    for r in f.roomd:
        assert r.enter("two", f"?rejoin={two['client_id']}")["wss_url"] == names[0]
        page = r.get("/r/two")
        assert names[1].removesuffix("/ws") not in page.headers["content-security-policy"]
        assert names[0].removesuffix("/ws") in page.headers["content-security-policy"]
    assert a.message("two", two["client_id"], "to the peer") == "SUCCESS"


def a_rotation_drops_no_call_and_no_credential(s):
    f = Fleet(s)
    port = next(iter(f.turnd))
    old = credential(f.roomd[0])
    living = TurnClient(("127.0.0.1", port), *old)
    assert living.allocate().code is None
    before = secrets(f.roomd[0])
    status, said = roomd_command("rotate-secret", f"--redis={f.redis.url}")
    assert status == 0 and "new TURN secret" in said, said
    within(2, lambda: all(d.metric("turnd_secrets") == 2 for d in f.turnd.values()), "every turnd knows both")
    assert all(len(secrets(r)) == 2 for r in f.roomd) or wait_until(
        lambda: all(len(secrets(r)) == 2 for r in f.roomd), "every roomd knows both")
    assert secrets(f.roomd[0])[1:] == before
    listed = json.loads(http(f.roomd[0].daemon.admin_port, "GET", "/fleet").body)["secrets"]
    assert listed[0]["activate_at"] > listed[0]["created"] and listed[1]["retire_at"] > time.time() + 80000
    assert living.refresh(600).code is None
    wait_until(lambda: time.time() > listed[0]["activate_at"] + 1, "it is active", 10)
    new = credential(f.roomd[0])
    for p in f.turnd:
        assert allocates(p, new) and allocates(p, old)
    f.redis.command_raw("HDEL", "rtc:turn:secrets", before[0])      # as when the old one has retired
    f.redis.command_raw("PUBLISH", "rtc:turn:secrets", "")
    within(2, lambda: all(d.metric("turnd_secrets") == 1 for d in f.turnd.values()), "the old one is out")
    assert allocates(port, new) and not allocates(port, old)        # so `new` was minted with the new one
    assert living.refresh(600).code is None
    living.sock.close()
    coturn = lambda: f.redis.command_raw("SCARD", f"turn/realm/{REALM}/secret")
    wait_until(lambda: coturn() == b":1\r\n", "coturn's set is kept in step")
    log = "".join(d.log() for d in s.daemons)
    text = f.redis.command_raw("SMEMBERS", f"turn/realm/{REALM}/secret").split(b"\r\n")[2].decode()
    assert text not in log and new[1] not in log


def of_two_roomd_one_rotates_when_it_is_time(s):
    redis = s.redis()
    now = int(time.time())
    redis.command_raw("HSET", "rtc:turn:secrets", "old", f"1 {now - 3600} {now - 3600} 0 a-secret-of-an-hour",
                      "gone", f"1 {now - 7200} {now - 7200} {now - 1} one-that-has-retired")
    f = Fleet(s, redis, roomd_args=("--secret-rotation=30m", "--credential-lifetime=1h"))
    wait_until(lambda: len(secrets(f.roomd[0])) == 2, "rotated")
    time.sleep(2.5)     # a second one would come with the next look
    ids = redis.command_raw("HKEYS", "rtc:turn:secrets")
    assert ids.startswith(b"*2\r\n") and b"old" in ids and b"gone" not in ids, ids
    log = "".join(r.daemon.log() for r in f.roomd)
    assert log.count("a new one was made") == 1, log


def a_coturns_secrets_are_adopted(s):
    redis = s.redis()
    redis.command_raw("SADD", f"turn/realm/{REALM}/secret", "a-coturns-own")
    f = Fleet(s, redis)
    wait_until(lambda: redis.command_raw("EXISTS", "rtc:turn:secrets") == b":1\r\n", "ours now")
    assert b"a-coturns-own" in redis.command_raw("HGETALL", "rtc:turn:secrets")
    assert redis.command_raw("SMEMBERS", f"turn/realm/{REALM}/secret") == b"*1\r\n$13\r\na-coturns-own\r\n"
    assert all(allocates(p, credential(f.roomd[0])) for p in f.turnd)


def redis_that_comes_back_empty_finds_all_as_it_was(s):
    f = Fleet(s)
    before = secrets(f.roomd[0])
    cred = credential(f.roomd[0])
    port = next(iter(f.turnd))
    living = TurnClient(("127.0.0.1", port), *cred)
    assert living.allocate().code is None
    f.redis.kill()
    for d in f.turnd.values():
        wait_until(lambda d=d: d.metric("turnd_redis_up") == 0, "noticed")
    assert all(allocates(p, cred) for p in f.turnd)         # fresh allocations need no Redis
    assert allocates(port, credential(f.roomd[1]))          # nor does minting
    assert len(ports(f.roomd[0])) == 2
    wait_until(lambda: all(d.metric("turnd_lease_held") == 0 for d in f.turnd.values()), "the leases are over")
    assert living.refresh(600).code is None
    f.redis.start()
    wait_until(lambda: all(d.metric("turnd_lease_held") == 1 for d in f.turnd.values()), "the leases are back")
    for _ in range(20):
        assert len(ports(f.roomd[0])) == 2                  # nobody is missed meanwhile
        time.sleep(0.05)
    f.wait_complete()
    wait_until(lambda: f.redis.command_raw("HKEYS", "rtc:turn:secrets") == f"*1\r\n$16\r\n{before[0]}\r\n".encode(), "the secret is")
    assert secrets(f.roomd[1]) == before and all(allocates(p, cred) for p in f.turnd)
    living.sock.close()


def redis_that_comes_back_with_its_data_changes_nothing(s):
    redis = s.redis(args=("--appendonly", "yes", "--appendfsync", "always"))
    f = Fleet(s, redis)
    before = secrets(f.roomd[0])
    redis.kill()
    time.sleep(0.5)
    redis.start()
    f.wait_complete()
    assert [secrets(r) for r in f.roomd] == [before, before]
    assert all(allocates(p, credential(f.roomd[0])) for p in f.turnd)


def without_redis_all_start_say_one_line_and_wait(s):
    class Absent:
        url = f"unix://{s.dir}/redis.sock"
    f = Fleet(s, Absent(), ready=False)
    for d in s.daemons:
        wait_until(lambda d=d: "event=ready" in d.log() and "redis_lost" in d.log(), "started, and says so")
        assert http(d.admin_port, "GET", "/healthz").status == 200
        assert d.log().count("redis_lost") <= 2, d.log()    # commands, and subscriptions
    for d in f.turnd.values():
        assert http(d.admin_port, "GET", "/readyz").status == 503
    port = next(iter(f.turnd))
    assert not allocates(port, ("9999999999:a", "x"))       # without any secret nobody comes in
    f.redis = s.redis()
    f.wait_complete()
    assert allocates(port, credential(f.roomd[0]))


def the_drain_flag_works_as_sigterm(s):
    f = Fleet(s)
    nodes = json.loads(http(f.roomd[0].daemon.admin_port, "GET", "/fleet").body)["nodes"]
    port = next(iter(f.turnd))
    node = next(n["node"] for n in nodes if any(f":{port}?" in u for u in n["urls"]))
    f.redis.command_raw("SET", f"rtc:drain:{node}", "1", "EX", "60")
    assert f.turnd[port].wait() == 0
    within(2, lambda: port not in ports(f.roomd[0]), "out")


tell(the_credential_of_any_roomd_works_on_every_turnd, the_own_zone_comes_first_and_udp_before_tcp,
     a_killed_turnd_is_out_within_five_seconds_and_a_draining_one_within_two,
     a_room_stays_on_its_signald_until_that_one_is_gone, a_rotation_drops_no_call_and_no_credential,
     of_two_roomd_one_rotates_when_it_is_time, a_coturns_secrets_are_adopted,
     redis_that_comes_back_empty_finds_all_as_it_was, redis_that_comes_back_with_its_data_changes_nothing,
     without_redis_all_start_say_one_line_and_wait, the_drain_flag_works_as_sigterm)
