"""RFC 8489 seen from outside: SHA-256, the choice of algorithms, hashed user names, nonces that servers share."""
import hashlib

from story import *
from stun import *

SECRET = "a secret for tests"
PASSWORD = "open sesame"
COMMON = ("--listening-ip=127.0.0.1", "--allow-loopback-peers", "--realm=example.org", "--threads=2")
SERVER = ("127.0.0.1", 3478)


def turnd(s, *args, port=3478, secret=SECRET, user=f"alice:{PASSWORD}", **more):
    env = {"TURND_USER": user, **({"TURND_STATIC_AUTH_SECRET": secret} if secret else {}), **more}
    return s.daemon("turnd", *COMMON, f"--listening-port={port}", *args, env=env)


def served(c):
    """Everything a call needs is answered with the integrity of the kind the client has used."""
    kind = MESSAGE_INTEGRITY_SHA256 if isinstance(c, ModernClient) else MESSAGE_INTEGRITY
    for answer in (c.allocate(), c.permit("127.0.0.1"), c.bind_channel(0x4001, ("127.0.0.1", 9)), c.refresh(600), c.refresh(0)):
        assert answer.cls == SUCCESS and answer.get(kind) and answer.signed_by(c.key), answer.code
    return c


def old_and_new_clients_are_served_side_by_side(s):
    turnd(s)
    for make in (TurnClient, ModernClient):
        served(make(SERVER, "alice", PASSWORD))
        served(make(SERVER, *rest_credential(SECRET, "bob")))
    assert served(ModernClient(SERVER, "alice", PASSWORD)).algorithm == SHA256
    assert ModernClient(SERVER, "alice", "wrong").allocate().code == 401


def names_are_hashed_only_where_all_users_are_in_the_list(s):
    turnd(s)
    turnd(s, port=3479, secret=None)
    assert not served(ModernClient(SERVER, "alice", PASSWORD)).anonymous
    there = ("127.0.0.1", 3479)
    assert served(ModernClient(there, "alice", PASSWORD)).anonymous
    assert ModernClient(there, "mallory", PASSWORD).allocate().code == 401
    served(TurnClient(there, "alice", PASSWORD))


def a_challenge_is_no_larger_than_agreed(s):
    for port, algorithms, limit in ((3478, "both", 88), (3479, "md5", 60), (3480, "sha256", 84)):
        turnd(s, f"--password-algorithms={algorithms}", port=port)
        c = TurnClient(("127.0.0.1", port))
        answer = c.exchange(build(ALLOCATE, REQUEST))
        assert answer.code == 401 and len(answer.raw) == limit + 12, len(answer.raw)
        assert [k for k, _, _ in answer.attrs][:3] == [ERROR_CODE, REALM, NONCE]
        assert (answer.get(PASSWORD_ALGORITHMS) is not None) == (algorithms != "md5") == answer.get(NONCE).startswith(b"obMatJos2")


def a_client_that_was_bidden_down_is_told(s):
    """Somebody on the way strips the stronger algorithm from the challenge: the list that comes back gives it away."""
    turnd(s)
    c = ModernClient(SERVER, "alice", PASSWORD)
    c._learn(c.exchange(build(ALLOCATE, REQUEST)))
    c.offered, c.algorithm, c.key = struct.pack(">HH", MD5, 0), MD5, long_term_key("alice", "example.org", PASSWORD)
    assert c.allocate().code == 400


def rest_passwords_may_be_of_sha256(s):
    turnd(s, "--rest-hash=both")
    turnd(s, "--rest-hash=sha256", port=3479)
    for by, codes in ((hashlib.sha1, (None, 401)), (hashlib.sha256, (None, None))):
        for port, code in zip((3478, 3479), codes):
            for make in (TurnClient, ModernClient):
                assert make(("127.0.0.1", port), *rest_credential(SECRET, "bob", by=by)).allocate().code == code


def keys_stand_for_passwords(s):
    keys = {by: long_term_key("alice", "example.org", PASSWORD, by).hex() for by in (hashlib.md5, hashlib.sha256)}
    d = turnd(s, user=f"alice:0x{keys[hashlib.md5]}")
    turnd(s, port=3479, user=f"alice:0x{keys[hashlib.sha256]}")
    served(TurnClient(SERVER, "alice", PASSWORD))
    assert ModernClient(SERVER, "alice", PASSWORD).allocate().code == 401
    assert "key for MD5 only" in d.log() and keys[hashlib.md5] not in d.log()
    served(ModernClient(("127.0.0.1", 3479), "alice", PASSWORD))
    assert TurnClient(("127.0.0.1", 3479), "alice", PASSWORD).allocate().code == 401


def servers_that_share_a_secret_take_each_others_nonces_through_a_rotation(s):
    """A new secret goes into the fleet server by server: first everywhere as the second, then as the first."""
    key_file = s.dir / "nonce-secrets"
    ports = {"old": 3478, "old, new": 3479, "new, old": 3480, "new": 3481}
    for secrets, port in ports.items():
        key_file.write_text("\n".join(secrets.split(", ")) + "\n")
        turnd(s, f"--stateless-nonce-secret-file={key_file}", port=port)

    def taken(giver, taker):
        c = ModernClient(("127.0.0.1", ports[giver]), "alice", PASSWORD)
        c._learn(c.exchange(build(ALLOCATE, REQUEST)))
        c.server = ("127.0.0.1", ports[taker])
        answer = c.exchange(c.signed(ALLOCATE, [(REQUESTED_TRANSPORT, UDP)]))
        assert answer.code in (None, 438)
        return answer.code is None
    for giver, taker in (("old", "old, new"), ("old, new", "old"), ("old, new", "new, old"), ("new, old", "old, new"), ("new, old", "new")):
        assert taken(giver, taker), (giver, taker)
    assert not taken("old", "new") and not taken("new", "old")


def credentials_that_live_too_long_can_be_refused(s):
    d = turnd(s, "--credential-max-lifetime=1h")
    assert TurnClient(SERVER, *rest_credential(SECRET, "bob", 3600)).allocate().code is None
    assert TurnClient(SERVER, *rest_credential(SECRET, "bob", 4000)).allocate().code == 401
    assert d.metric('turnd_auth_failures_total{reason="too_long_lived"}') == 1


tell(old_and_new_clients_are_served_side_by_side,
     names_are_hashed_only_where_all_users_are_in_the_list,
     a_challenge_is_no_larger_than_agreed,
     a_client_that_was_bidden_down_is_told,
     rest_passwords_may_be_of_sha256,
     keys_stand_for_passwords,
     servers_that_share_a_secret_take_each_others_nonces_through_a_rotation,
     credentials_that_live_too_long_can_be_refused)
