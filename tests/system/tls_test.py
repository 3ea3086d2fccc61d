"""https and wss as browsers and administrators see them; TLS and DTLS as OpenSSL does, which knows nothing of us."""
import json
import re
import signal
import ssl
import subprocess
import time

from apprtc import RoomServer
from certs import Authority, subject
from story import *
from web import Http, WebSocket, http


def secure_roomd(s, *certs, extra=(), **kw):
    """A roomd that serves https with these (cert, pkey) pairs."""
    port = free_port()
    options = [f"--tls-listening-port={port}", *extra]
    for cert, pkey in certs:
        options += [f"--cert={cert}", f"--pkey={pkey}"]
    r = RoomServer(s, *options, **kw)
    r.tls_port = port
    return r


def s_client(port, *args, words=b"", **kw):
    """What `openssl s_client` has to say about a server."""
    p = subprocess.run([need("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *args], input=words, timeout=20,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    return p.stdout.decode(errors="replace")


# --- https and wss -------------------------------------------------------------------------------------------------

def the_api_is_served_by_https_beside_http(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    c = Http(r.tls_port, tls=ca.trust())
    for _ in range(3):      # one kept connection
        assert json.loads(c.request("POST", "/join/room").body)["result"] in ("SUCCESS", "FULL")
    assert r.get("/params").status == 200
    assert r.daemon.metric('roomd_tls_handshakes_total{result="full"}') == 1
    assert r.daemon.metric("roomd_tls_connections") == 1
    assert abs(r.daemon.metric("roomd_tls_certificate_expiry_seconds") - time.time() - 20 * 86400) < 86400
    c.close()
    wait_until(lambda: r.daemon.metric("roomd_tls_connections") == 0, "the connection is gone")


def two_clients_talk_over_wss(s):
    ca = Authority(s.dir)
    cert, pkey = ca.issue("live")
    plain, secure = free_port(), free_port()
    s.daemon("signald", f"--listening-port={plain}", f"--tls-listening-port={secure}", f"--cert={cert}", f"--pkey={pkey}")
    a = WebSocket(secure, tls=ca.trust())
    b = WebSocket(plain)
    a.register("room", "1")
    b.register("room", "2")
    a.send("over TLS")
    assert b.hear()["msg"] == "over TLS"
    b.send("x" * 100000)
    assert a.hear()["msg"] == "x" * 100000
    a.close()
    b.close()


def a_drain_ends_tls_connections_too(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    c = Http(r.tls_port, tls=ca.trust())
    assert c.request("GET", "/params").status == 200
    r.daemon.signal(signal.SIGTERM)
    assert c.closed()
    assert r.daemon.wait() == 0


# --- who comes -----------------------------------------------------------------------------------------------------

def old_versions_and_weak_ciphers_are_refused(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"), ca.issue("rsa", "rsa"))
    for args in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
                 ["-tls1_2", "-cipher", "AES128-SHA256"], ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256"],
                 ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"]):
        said = s_client(r.tls_port, *args)
        assert "Cipher is (NONE)" in said or "no protocols available" in said, said
    said = s_client(r.tls_port, "-tls1_2")
    assert re.search(r"Cipher is ECDHE-ECDSA-(AES128-GCM|AES256-GCM|CHACHA20)", said), said
    assert "Server Temp Key: ECDH, prime256v1" in said, said


def each_client_gets_the_certificate_that_it_can_use(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("rsa", "rsa"), ca.issue("ecdsa"))
    for ciphers, expected in (("ECDHE-RSA-AES128-GCM-SHA256", "rsa"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"),
                              ("ALL", "ecdsa")):
        context = ca.trust(maximum_version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(ciphers)
        c = Http(r.tls_port, tls=context)
        assert subject(c.sock) == expected
        assert c.request("GET", "/params").status == 200
        c.close()


def a_ticket_makes_the_second_handshake_cheap(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    context = ca.trust(maximum_version=ssl.TLSVersion.TLSv1_2)
    first = Http(r.tls_port, tls=context)
    session = first.sock.session
    with socket.create_connection(("127.0.0.1", r.tls_port)) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as second:
            assert second.session_reused
    assert r.daemon.metric('roomd_tls_handshakes_total{result="resumed"}') == 1


def handshakes_that_fail_are_counted_and_told(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"), extra=["--log-level=debug"])
    try:
        Http(r.tls_port, tls=ssl.create_default_context())
        raise AssertionError("an unknown CA was trusted")
    except ssl.SSLCertVerificationError:
        pass
    wait_until(lambda: "unknown_ca" in r.daemon.log(), "the log says what the client did not like")
    assert r.daemon.metric('roomd_tls_handshakes_total{result="refused_by_peer"}') == 1
    assert http_over_plain(r.tls_port) == b""
    wait_until(lambda: "what came is not TLS" in r.daemon.log(), "the log says that it was something else")
    assert r.daemon.metric('roomd_tls_handshakes_total{result="failed"}') == 1


def http_over_plain(port):
    """What a server of TLS answers to plain HTTP: an alert at most."""
    with socket.create_connection(("127.0.0.1", port)) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            got = c.recv(100)
            return b"" if got[:1] == b"\x15" else got
        except ConnectionResetError:
            return b""


def a_handshake_in_a_storm_of_half_open_ones_succeeds(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    idle = [socket.create_connection(("127.0.0.1", r.tls_port)) for _ in range(1100)]     # more than may be on their way
    c = Http(r.tls_port, tls=ca.trust())
    assert c.request("GET", "/params").status == 200
    assert idle[0].recv(1) == b""       # the oldest had to go
    for i in idle:
        i.close()


# --- certificates that change ------------------------------------------------------------------------------------

def a_reload_takes_the_new_certificate_and_spares_living_connections(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    ca.issue("next")
    old = Http(r.tls_port, tls=ca.trust())
    assert old.request("GET", "/params").status == 200
    ca.replace("next", "live")
    r.daemon.signal(signal.SIGHUP)
    wait_until(lambda: r.daemon.metric('roomd_tls_reloads_total{result="taken"}') == 1, "reloaded")
    assert subject(Http(r.tls_port, tls=ca.trust()).sock) == "next"
    assert subject(old.sock) == "live"
    assert old.request("GET", "/params").status == 200


def a_bad_file_keeps_the_old_certificate_and_says_why(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    with open(ca.path("live.key"), "w") as f:
        f.write("-----BEGIN RUBBISH-----\n")
    r.daemon.signal(signal.SIGHUP)
    wait_until(lambda: "event=certificate_kept" in r.daemon.log(), "the log says so")
    assert "live.key: holds no private key in PEM" in r.daemon.log()
    assert r.daemon.metric('roomd_tls_reloads_total{result="kept"}') == 1
    assert subject(Http(r.tls_port, tls=ca.trust()).sock) == "live"


def changed_files_are_seen_without_a_signal(s):
    ca = Authority(s.dir)
    r = secure_roomd(s, ca.issue("live"))
    ca.issue("next")
    ca.replace("next", "live")
    wait_until(lambda: r.daemon.metric('roomd_tls_reloads_total{result="taken"}') == 1, "seen by itself", 25)
    assert subject(Http(r.tls_port, tls=ca.trust()).sock) == "next"


def a_wrong_configuration_is_told_in_a_sentence(s):
    ca = Authority(s.dir)
    cert, pkey = ca.issue("live")
    _, other = ca.issue("other")
    for options, words in (
            ([f"--cert={cert}"], "there must be as many pkey (0) as cert (1)"),
            ([f"--cert={cert}", f"--pkey={other}"], f"{other}: does not match the certificate in {cert}"),
            ([f"--cert={cert}", "--pkey=/nowhere"], "/nowhere: cannot be read: No such file or directory")):
        p = subprocess.run([str(BUILD / "bin" / "signald"), "--check-config", *options], capture_output=True, text=True, timeout=20)
        assert p.returncode != 0 and words in p.stderr, p.stderr
    good = [str(BUILD / "bin" / "roomd"), "--check-config", f"--cert={cert}", f"--pkey={pkey}"]
    assert subprocess.run(good, capture_output=True, timeout=20).returncode == 0


# --- DTLS ----------------------------------------------------------------------------------------------------------

def openssl_talks_dtls_with_cookies(s):
    ca = Authority(s.dir)
    cert, pkey = ca.issue("live")
    port = free_port(socket.SOCK_DGRAM)
    log = s.dir / "echo.log"
    with open(log, "wb") as out:
        server = s.spawn([str(BUILD / "system" / "dtls_echo"), str(port), cert, pkey], stdin=subprocess.PIPE, stdout=out, stderr=out)
    wait_until(lambda: "listening" in log.read_text(), "dtls_echo listens")
    client = s.spawn([need("openssl"), "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{port}", "-CAfile", ca.ca,
                      "-verify_return_error", "-alpn", "stun.turn", "-mtu", "1200"],
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_until(lambda: "ready" in log.read_text(), "a handshake")
    client.stdin.write(b"Here and back again\n")
    client.stdin.flush()
    said = b""
    while b"Here and back again" not in said:
        line = client.stdout.readline()
        assert line, said
        said += line
    client.stdin.write(b"Q\n")
    client.stdin.close()
    client.wait(10)
    wait_until(lambda: "closed" in log.read_text(), "the close is heard")
    told = log.read_text()
    assert told.index("challenged") < told.index("cookie accepted") < told.index("ready alpn=stun.turn"), told
    assert b"Verify return code: 0 (ok)" in said, said
    server.stdin.close()
    assert server.wait(10) == 0, log.read_text()


tell(the_api_is_served_by_https_beside_http, two_clients_talk_over_wss, a_drain_ends_tls_connections_too,
     old_versions_and_weak_ciphers_are_refused, each_client_gets_the_certificate_that_it_can_use,
     a_ticket_makes_the_second_handshake_cheap, handshakes_that_fail_are_counted_and_told,
     a_handshake_in_a_storm_of_half_open_ones_succeeds, a_reload_takes_the_new_certificate_and_spares_living_connections,
     a_bad_file_keeps_the_old_certificate_and_says_why, changed_files_are_seen_without_a_signal,
     a_wrong_configuration_is_told_in_a_sentence, openssl_talks_dtls_with_cookies)
