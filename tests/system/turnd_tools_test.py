"""turnd key, turnd credential, turnd probe, and `health` of all three daemons: as an administrator or a container runs them."""
import hashlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

from story import *
from stun import BINDING, REQUEST, SUCCESS, TurnClient, build

SECRET = "a secret for tests"


def turnd(s, *args, ip="127.0.0.1", **kw):
    return s.daemon("turnd", f"--listening-ip={ip}", "--allow-loopback-peers", "--realm=example.org", *args,
                    env={"TURND_STATIC_AUTH_SECRET": SECRET, "TURND_USER": "alice:open sesame"}, **kw)


def coturn(s, *args, ip="127.0.0.1"):
    """Debian's own, as the server that is probed."""
    program = need("turnserver")
    s.spawn([program, "-n", f"--listening-ip={ip}", f"--relay-ip={ip}", "--use-auth-secret", f"--static-auth-secret={SECRET}",
             "--realm=example.org", "--allow-loopback-peers", "--no-cli", "--no-stdout-log", f"--log-file={s.dir}/coturn.log",
             f"--userdb={s.dir}/coturn.db", f"--pidfile={s.dir}/coturn.pid", *args],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        try:
            return TurnClient((ip, 3478), timeout=0.5).exchange(build(BINDING, REQUEST)).cls == SUCCESS
        except OSError:
            return False
    wait_until(answers, "coturn answers")


def tool(*args, stdin="", daemon="turnd", **kw):
    return subprocess.run([str(BUILD / "bin" / daemon), *args], input=stdin, capture_output=True, text=True, timeout=50, **kw)


def secret_file(s, text=SECRET):
    path = s.dir / "secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return f"--static-auth-secret-file={path}"


def probe(*args, works=True, **kw):
    """Runs it; returns {step: (result, sentence)}."""
    done = tool("probe", "--json", *args, **kw)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    steps = {step["step"]: (step["result"], step["sentence"]) for step in report["steps"]}
    assert report["works"] == works and done.returncode == (0 if works else 1), (steps, done.stderr)
    assert all(step["ms"] >= 0 for step in report["steps"])
    assert SECRET not in done.stdout + done.stderr and "open sesame" not in done.stdout + done.stderr
    return steps


def all_ok(steps):
    return all(result == "ok" for result, _ in steps.values())


# --- key and credential ---

def a_key_is_what_turnadmin_prints(s):
    turnadmin = need("turnadmin")
    for user, realm, password in (("alice", "example.org", "open sesame"), ("u", "r", "p4ss"), ("a@b", "x.y", ":::"), ("ünal", "r", "päss")):
        theirs = subprocess.run([turnadmin, "-k", "-u", user, "-r", realm, "-p", password], capture_output=True, text=True, cwd=s.dir)
        expected = re.search(r"^0x[0-9a-f]{32}$", theirs.stdout, re.M)
        if expected is None:        # turnadmin refuses some bytes above 0x7F
            continue
        ours = tool("key", "-u", user, "-r", realm, stdin=password + "\n")
        assert ours.stdout == expected.group(0) + "\n" and ours.returncode == 0 and ours.stderr == "", (ours, theirs.stdout)
        assert tool("key", f"--user={user}", f"--realm={realm}", stdin=password).stdout == ours.stdout
        warned = tool("key", "-u", user, "-r", realm, "-p", password)
        assert warned.stdout == ours.stdout and "can be seen by others" in warned.stderr and password not in warned.stderr, warned


def a_key_opens_the_door_that_its_password_opens(s):
    key = tool("key", "-u", "carol", "-r", "example.org", stdin="a password\n").stdout.strip()
    s.daemon("turnd", "--listening-ip=127.0.0.1", "--allow-loopback-peers", "--realm=example.org", env={"TURND_USER": f"carol:{key}"})
    assert all_ok(probe("turn:127.0.0.1", "--user=carol", stdin="a password\n"))
    steps = probe("turn:127.0.0.1", "--user=carol", stdin=key + "\n", works=False)
    assert steps["allocate"][0] == "failed"


def a_key_for_sha256_is_of_the_same_texts(s):
    made = tool("key", "-u", "carol", "-r", "example.org", "--algorithm=sha256", stdin="a password\n").stdout.strip()
    assert made == "0x" + hashlib.sha256(b"carol:example.org:a password").hexdigest()
    s.daemon("turnd", "--listening-ip=127.0.0.1", "--realm=example.org", env={"TURND_USER": f"carol:{made}"})   # which takes it


def a_terminal_does_not_show_the_password(s):
    try:
        child, terminal = pty.fork()
    except OSError as e:        # a chroot without /dev/pts
        raise Skip(f"no terminal to be had: {e}") from None
    if child == 0:
        os.execv(BUILD / "bin" / "turnd", ["turnd", "key", "-u", "alice", "-r", "example.org"])
    shown, typed = b"", False
    end = time.monotonic() + 10 * SLOW
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            shown += os.read(terminal, 4096)
            if not typed and b"password: " in shown:    # asked once the echo is off
                os.write(terminal, b"open sesame\n")
                typed = True
    except OSError:                 # the child has closed its side
        pass
    os.close(terminal)
    assert os.waitpid(child, 0)[1] == 0
    assert b"0xa9ddb7847eced4c0d71feddb99378898" in shown and b"sesame" not in shown, shown


def what_is_missing_is_said(s):
    for args, words in ((("key", "-u", "a"), "--realm"), (("key", "-u", "a:b", "-r", "r"), "':'"), (("key", "-u", "a", "-r", "r"), "no password"),
                        (("key", "--usr=a"), "no such option"), (("credential", "--user=a:b", "--static-auth-secret=x"), "64 letters"),
                        (("credential",), "no secret"), (("probe",), "say which server"), (("probe", "turn:a b"), "is not turn:"),
                        (("probe", "stun:h", "--timeout=1h"), "60s"), (("frobnicate",), "is not an option")):
        done = tool(*args)
        assert done.returncode == 1 and words in done.stderr and done.stdout == "", (args, done)
    long = tool("key", "-u", "a", "-r", "r", stdin="x" * 5000)
    assert long.returncode == 1 and "longer than" in long.stderr, long
    for name in ("key", "credential", "probe", "health"):
        assert name in tool("--help").stdout
        helped = tool(name, "--help")
        assert helped.returncode == 0 and f"turnd {name}" in helped.stdout, helped


def a_credential_is_taken_until_it_expires(s):
    d = turnd(s)
    for how in ((secret_file(s),), ()):
        made = tool("credential", *how, "--user=bob", "--ttl=1h", stdin="" if how else SECRET)
        user, password = re.fullmatch(r"username=(\d+:bob)\npassword=(\S+)\n", made.stdout).groups()
        assert abs(int(user.split(":")[0]) - time.time() - 3600) < 60
        assert all_ok(probe("turn:127.0.0.1", "--user", user, stdin=password))
    assert " user=bob " not in d.log() and f" user={user} " in d.log()
    assert tool("credential", "--ttl=10s", stdin=SECRET).stdout.startswith(f"username={str(int(time.time()))[:6]}")


# --- probe ---

def turnd_works_from_here(s):
    d = turnd(s, "--threads=2")
    steps = probe("turn:127.0.0.1?transport=tcp", secret_file(s))
    assert list(steps)[1] == "connect" and all_ok(steps), steps
    for _ in range(4):
        steps = probe("turn:127.0.0.1:3478?transport=udp", secret_file(s), "--user=prober")
        assert list(steps) == ["resolve", "binding", "allocate", "permission", "relay", "direct", "release"] and all_ok(steps), steps
    assert d.metric('turnd_allocations{transport="udp"}') == 0
    assert all_ok(probe("turn:localhost", "--family=ipv4", "--user=alice", "--password-file", str(password_file(s))))
    text = tool("probe", "turn:127.0.0.1", secret_file(s))
    assert text.stdout.endswith("verdict: TURN works from here\n") and re.search(r"^ok    relay +\d+\.\d ms  data went", text.stdout, re.M), text


def password_file(s):
    path = s.dir / "password"
    path.write_text("open sesame\n")
    path.chmod(0o600)
    return path


def ipv6_works_from_here(s):
    turnd(s, ip="::1")
    steps = probe("turn:[::1]:3478", secret_file(s))
    assert all_ok(steps) and "[::1]:" in steps["relay"][1], steps
    steps = probe("turn:[::1]", secret_file(s), "--relay-family=ipv4", works=False)
    assert steps["allocate"][0] == "failed" and "440" in steps["allocate"][1], steps


def what_is_wrong_is_named(s):
    turnd(s)
    steps = probe("turn:127.0.0.1", secret_file(s, "another"), works=False)
    assert "the secret is not one that the server has for realm 'example.org' (401)" in steps["allocate"][1], steps
    steps = probe("turn:127.0.0.1", "--user=alice", stdin="wrong\n", works=False)
    assert "does not know user 'alice'" in steps["allocate"][1], steps
    steps = probe("turn:127.0.0.1", works=False)
    assert "a credential is needed" in steps["allocate"][1], steps
    steps = probe(f"turn:127.0.0.1:{free_port(socket.SOCK_DGRAM)}", "--binding-only", works=False)
    assert "the port is closed" in steps["binding"][1], steps
    steps = probe(f"turn:127.0.0.1:{free_port()}?transport=tcp", secret_file(s), works=False)
    assert "the port is closed" in steps["connect"][1], steps
    steps = probe("turn:no-such-host.invalid", "--binding-only", works=False)
    assert "has no address" in steps["resolve"][1], steps


def a_server_that_says_nothing_is_waited_for_as_long_as_asked(s):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        began = time.monotonic()
        steps = probe(f"turn:127.0.0.1:{deaf.getsockname()[1]}", "--binding-only", "--timeout=1s", works=False)
        assert "no answer within 1 s" in steps["binding"][1] and 0.9 < time.monotonic() - began < 5 * SLOW, steps
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"turn:127.0.0.1:{deaf.getsockname()[1]}?transport=tcp"
        steps = probe(uri, "--binding-only", "--timeout=1s", works=False)
        assert "does not speak STUN" in steps["binding"][1], steps
        steps = probe(uri.replace("turn:", "turns:"), "--binding-only", "--insecure", "--timeout=1s", works=False)
        assert "no TLS handshake within 1 s" in steps["tls"][1], steps


def a_server_of_another_protocol_is_named(s):
    with socket.create_server(("127.0.0.1", 0)) as web:
        web.settimeout(20 * SLOW)
        uri = f"turn:127.0.0.1:{web.getsockname()[1]}?transport=tcp"
        p = s.spawn([str(BUILD / "bin" / "turnd"), "probe", "--json", "--binding-only", uri], stdout=subprocess.PIPE)
        c, _ = web.accept()
        c.recv(100)
        c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        steps = json.loads(p.stdout.read())["steps"]
        assert "does not speak TURN there" in steps[-1]["sentence"] and p.wait() == 1, steps
        c.close()


def an_external_address_that_is_not_ours_is_noticed(s):
    """turnd relays between its own addresses inside, so only the direct way shows it."""
    subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=False, stderr=subprocess.DEVNULL)
    turnd(s, "--external-ip=192.0.2.1/127.0.0.1")
    steps = probe("turn:127.0.0.1", secret_file(s), "--timeout=1s", works=False)
    assert steps["relay"][0] == "ok" and "192.0.2.1" in steps["relay"][1], steps
    assert steps["direct"][0] == "failed" and "wrong external-ip" in steps["direct"][1], steps
    assert steps["release"][0] == "ok", steps


def loopback_as_a_peer_is_refused_and_only_that_is_skipped(s):
    s.daemon("turnd", "--listening-ip=127.0.0.1", "--realm=example.org", env={"TURND_STATIC_AUTH_SECRET": SECRET})
    steps = probe("turn:127.0.0.1", secret_file(s))
    assert steps["relay"][0] == "ok" and steps["direct"][0] == "skipped" and "127.0.0.1" in steps["direct"][1], steps


def coturn_works_from_here(s):
    coturn(s, "--no-tls", "--no-dtls")
    steps = probe("turn:127.0.0.1:3478?transport=udp", secret_file(s))
    assert all_ok(steps) and "Coturn" in steps["binding"][1], steps
    steps = probe("turn:127.0.0.1:3478?transport=tcp", secret_file(s))
    assert all_ok(steps) and "connect" in steps, steps
    for transport in ("udp", "tcp"):
        steps = probe(f"turn:127.0.0.1?transport={transport}", secret_file(s, "another"), works=False)
        assert "the secret is not one that the server has" in steps["allocate"][1], steps
    assert all_ok(probe("turn:127.0.0.1", "--binding-only"))
    user, password = re.fullmatch(r"username=(.*)\npassword=(.*)\n", tool("credential", "-u", "bob", stdin=SECRET).stdout).groups()
    assert all_ok(probe("turn:127.0.0.1", "--user", user, stdin=password))


def coturn_works_over_ipv6(s):
    coturn(s, "--no-tls", "--no-dtls", ip="::1")
    assert all_ok(probe("turn:[::1]", secret_file(s)))


def coturn_works_over_tls_and_dtls(s):
    for command in (["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{s.dir}/key",
                     "-out", f"{s.dir}/cert", "-subj", "/CN=turn.test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"],):
        subprocess.run([need("openssl"), *command], check=True, capture_output=True)
    coturn(s, f"--cert={s.dir}/cert", f"--pkey={s.dir}/key")
    trust = f"--ca-file={s.dir}/cert"
    steps = probe("turns:localhost", "--family=ipv4", secret_file(s), trust)
    assert all_ok(steps) and "TLSv1" in steps["tls"][1], steps
    steps = probe("turns:127.0.0.1?transport=udp", secret_file(s), trust)
    assert all_ok(steps) and "DTLSv1" in steps["dtls"][1], steps
    steps = probe("turns:127.0.0.1", secret_file(s), "--insecure")
    assert all_ok(steps) and "NOT looked at" in steps["tls"][1], steps
    steps = probe("turns:127.0.0.1", secret_file(s), works=False)
    assert "handshake failed" in steps["tls"][1], steps
    steps = probe("turns:127.0.0.1:3478?transport=tcp", secret_file(s), trust, "--timeout=2s")      # coturn tells TLS from TCP by itself
    assert all_ok(steps), steps


# --- health ---

def every_daemon_tells_its_health(s):
    conf = s.dir / "conf"
    for name, args in (("turnd", ("--listening-ip=127.0.0.1",)), ("signald", ("--listening-ip=127.0.0.1",)), ("roomd", ("--listening-ip=127.0.0.1",))):
        d = s.daemon(name, *args)
        done = tool("health", f"--admin-port={d.admin_port}", daemon=name)
        assert (done.returncode, done.stdout) == (0, "ready\n"), done
        conf.write_text(f"admin-port = {d.admin_port}\nadmin-ip = 0.0.0.0\n")
        assert tool("health", "-c", str(conf), daemon=name).returncode == 0
        assert tool("health", daemon=name, env={**os.environ, f"{name.upper()}_ADMIN_PORT": str(d.admin_port)}).returncode == 0
        d.stop()
        done = tool("health", f"--admin-port={d.admin_port}", daemon=name)
        assert done.returncode == 1 and "nobody accepts connections" in done.stderr and done.stdout == "", done
        done = tool("health", "--admin-port=0", daemon=name)
        assert done.returncode == 1 and "no admin listener" in done.stderr, done


def a_draining_daemon_is_not_healthy(s):
    d = turnd(s)
    c = TurnClient(("127.0.0.1", 3478), "alice", "open sesame")
    assert c.allocate().cls == SUCCESS
    d.signal(signal.SIGTERM)
    wait_until(lambda: "event=drain" in d.log(), "it drains")
    done = tool("health", f"--admin-port={d.admin_port}")
    assert done.returncode == 1 and "not ready (503): draining" in done.stderr, done
    steps = probe("turn:127.0.0.1", secret_file(s), works=False)
    assert steps["binding"][0] == "ok" and "508" in steps["allocate"][1], steps


tell(a_key_is_what_turnadmin_prints,
     a_key_opens_the_door_that_its_password_opens,
     a_key_for_sha256_is_of_the_same_texts,
     a_terminal_does_not_show_the_password,
     what_is_missing_is_said,
     a_credential_is_taken_until_it_expires,
     turnd_works_from_here,
     ipv6_works_from_here,
     what_is_wrong_is_named,
     a_server_that_says_nothing_is_waited_for_as_long_as_asked,
     a_server_of_another_protocol_is_named,
     an_external_address_that_is_not_ours_is_noticed,
     loopback_as_a_peer_is_refused_and_only_that_is_skipped,
     coturn_works_from_here,
     coturn_works_over_ipv6,
     coturn_works_over_tls_and_dtls,
     every_daemon_tells_its_health,
     a_draining_daemon_is_not_healthy)
