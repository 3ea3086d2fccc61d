"""What service.h promises of every daemon, shown on the smallest one (tiny_daemon.c)."""
import json
import os
import pwd
import resource
import signal
import socket
import subprocess

from story import *
from web import Http, http


def tiny(s, *args, **kw):
    port = free_port()
    d = s.daemon("tiny_daemon", f"--listening-port={port}", *args, **kw)
    d.port = port
    return d


def run_once(*args, env=None):
    return subprocess.run([str(BUILD / "system" / "tiny_daemon"), *args], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(env or {})})


def become_guest(d):
    guest = socket.create_connection(("127.0.0.1", d.port))
    wait_until(lambda: json.loads(http(d.admin_port, "GET", "/status").body)["guest"], "the guest was accepted")
    return guest


def readiness(d):
    answer = http(d.admin_port, "GET", "/readyz")
    return answer.status, answer.body.decode().strip()


def the_admin_pages_answer(s):
    d = tiny(s)
    assert http(d.admin_port, "GET", "/healthz").body == b"ok\n"
    assert readiness(d) == (200, "ready")
    page = http(d.admin_port, "GET", "/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4"), page.headers
    assert b'\nsuite_build_info{daemon="tiny",version="' in page.body, page.body
    for name in ("process_start_time_seconds", "process_open_fds", "process_resident_memory_bytes",
                 "suite_loop_longest_turn_seconds"):
        assert d.metric(name) > 0, name
    assert d.metric("tiny_accepted_total") == 0
    status = http(d.admin_port, "GET", "/status")
    assert status.headers["content-type"] == "application/json" and json.loads(status.body) == {"guest": False}
    assert status.headers["cache-control"] == "no-store"
    assert http(d.admin_port, "GET", "/").status == 404
    refused = http(d.admin_port, "POST", "/metrics")
    assert refused.status == 405 and refused.headers["allow"] == "GET, HEAD", refused
    head = http(d.admin_port, "HEAD", "/healthz")
    assert head.status == 200 and head.body == b""


def sigterm_waits_for_the_work_in_progress(s):
    d = tiny(s)
    guest = become_guest(d)
    assert readiness(d) == (503, "there is a guest")
    d.signal(signal.SIGTERM)
    wait_until(lambda: readiness(d) == (503, "draining"), "it drains")
    assert http(d.admin_port, "GET", "/healthz").status == 200
    guest.close()
    assert d.wait() == 0
    assert "reason=drained" in d.log(), d.log()


def a_drain_ends_after_its_timeout(s):
    d = tiny(s, "--drain-timeout=200ms")
    guest = become_guest(d)
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    guest.close()
    assert "event=drain_timeout" in d.log(), d.log()


def a_second_sigterm_ends_at_once(s):
    d = tiny(s)
    guest = become_guest(d)
    d.signal(signal.SIGTERM)
    wait_until(lambda: readiness(d)[1] == "draining", "it drains")
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    guest.close()
    assert 'reason="second SIGTERM"' in d.log(), d.log()


def sigint_ends_at_once_with_a_guest(s):
    d = tiny(s)
    guest = become_guest(d)
    d.signal(signal.SIGINT)
    assert d.wait() == 0
    guest.close()
    assert "reason=SIGINT" in d.log(), d.log()


def sighup_reopens_the_log_and_reloads(s):
    log, old = s.dir / "tiny.log", s.dir / "tiny.log.1"
    d = tiny(s, f"--log-file={log}", "--log-format=json")
    assert json.loads(log.read_text().splitlines()[0])["event"] == "ready"
    log.rename(old)
    d.signal(signal.SIGHUP)
    wait_until(lambda: d.metric("tiny_reloads_total") == 1, "reloaded")
    assert json.loads(log.read_text().splitlines()[0])["event"] == "reload"
    assert "reload" not in old.read_text()


def a_port_in_use_is_one_clear_sentence(s):
    log = s.dir / "tiny.log"
    d = tiny(s)
    for mine, admin in ((d.port, free_port()), (free_port(), d.admin_port)):
        taken = mine if mine == d.port else admin
        done = run_once(f"--listening-port={mine}", f"--admin-port={admin}", f"--log-file={log}")
        assert done.returncode == 1, done
        assert done.stderr == f"tiny: cannot listen on 127.0.0.1:{taken}: address already in use\n", done.stderr
        assert f'event=start_failed msg="cannot listen on 127.0.0.1:{taken}: ' in log.read_text(), log.read_text()


def other_failing_starts_are_sentences_too(s):
    base = [f"--listening-port={free_port()}", "--admin-port=0"]
    for option, sentence in (("--pidfile=/nonexistent/pid", "tiny: cannot write the pidfile /nonexistent/pid: No such file"),
                             ("--log-file=/nonexistent/log", "tiny: cannot open the log file /nonexistent/log: No such file"),
                             ("--proc-user=nobody-at-all", "command line: proc-user: there is no user 'nobody-at-all'"),
                             ("--proc-group=none-at-all", "command line: proc-group: there is no group 'none-at-all'"),
                             ("--drain-timeout=2d", "command line: drain-timeout: '2d' is out of range (0..24h)")):
        done = run_once(*base, option)
        assert done.returncode == 1 and sentence in done.stderr, (option, done)
    done = run_once("--admin-ip=here", "--check-config")
    assert done.returncode == 1 and done.stderr == "command line: admin-ip: 'here' is not an IP address\n", done


def a_forgotten_handle_is_named_and_the_status_is_70(s):
    d = tiny(s, "--leak")
    d.expected = 70
    d.signal(signal.SIGTERM)
    assert d.wait(20) == 70
    assert "event=handle_leaked type=timer active=1 closing=0" in d.log(), d.log()
    assert "event=loop_not_empty handles=1" in d.log(), d.log()


def systemd_is_told_what_happens(s):
    path = str(s.dir / "notify")
    for name, address in ((path, path), ("@tiny-notify-test", "\0tiny-notify-test")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(address)
            systemd.settimeout(10)
            d = tiny(s, env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "100000"}, ready=False)
            heard = []

            def hear(word):
                while True:
                    heard.append(systemd.recv(1024).decode())
                    if heard[-1].startswith(word):
                        return heard[-1]

            hear("READY=1")
            hear("WATCHDOG=1")
            hear("WATCHDOG=1")
            d.signal(signal.SIGHUP)
            assert "\nMONOTONIC_USEC=" in hear("RELOADING=1")
            hear("READY=1")
            d.signal(signal.SIGTERM)
            hear("STOPPING=1")
            assert d.wait() == 0


def the_pidfile_lives_as_long_as_the_daemon(s):
    path = s.dir / "tiny.pid"
    d = tiny(s, f"--pidfile={path}")
    assert path.read_text() == f"{d.process.pid}\n"
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    assert not path.exists()


def root_is_left_for_good_and_the_log_can_still_be_reopened(s):
    if os.getuid() != 0:
        raise Skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody")
    log = s.dir / "tiny.log"
    os.chmod(s.dir, 0o777)
    d = tiny(s, "--proc-user=nobody", f"--log-file={log}")
    with open(f"/proc/{d.process.pid}/status") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    assert status["Uid"].split() == [str(nobody.pw_uid)] * 4, status
    assert status["Gid"].split() == [str(nobody.pw_gid)] * 4, status
    assert set(status["Groups"].split()) <= {str(nobody.pw_gid)}, status
    assert os.stat(f"/proc/{d.process.pid}/mem").st_uid == 0, "core dumps are allowed"
    assert log.stat().st_uid == nobody.pw_uid
    log.rename(s.dir / "old.log")
    d.signal(signal.SIGHUP)
    wait_until(lambda: log.exists() and "event=reload" in log.read_text(), "the log was reopened")


def descriptors_are_allowed_up_to_the_hard_limit(s):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        d = tiny(s)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert d.metric("process_max_fds") == hard


def a_secret_does_not_stand_in_the_process_title(s):
    d = tiny(s, "--secret", "hush-hush")
    with open(f"/proc/{d.process.pid}/cmdline") as f:
        title = f.read()
    assert "hush" not in title and "\0--secret\0*********\0" in title, title
    assert "hush" not in d.log()


def help_version_and_configuration_are_printed(s):
    text = run_once("--help").stdout
    assert text.startswith("tiny - accepts a guest\n") and "\nRunning\n" in text and "\nTiny\n  --listening-port=PORT" in text
    assert run_once("--version").stdout.startswith("tiny 0.")
    conf = s.dir / "tiny.conf"
    conf.write_text("listening-port = 1234\nlog-level = loud\n")
    bad = run_once("-c", str(conf), "--check-config")
    assert bad.returncode == 1 and bad.stdout == "", bad
    assert bad.stderr == f"{conf}:2: log-level: 'loud' is none of error, warning, info, debug\n", bad
    good = run_once("-c", str(conf), "--print-config", env={"TINY_SECRET": "hush", "TINY_LOG_LEVEL": "debug"})
    assert good.returncode == 1, "an error is one, even where a stronger source would win"
    conf.write_text("listening-port = 1234\n")
    good = run_once("-c", str(conf), "--print-config", env={"TINY_SECRET": "hush", "TINY_LOG_LEVEL": "debug"})
    assert good.returncode == 0 and "hush" not in good.stdout + good.stderr, good
    assert "log-level = debug\n" in good.stdout and "listening-port = 1234\n" in good.stdout, good
    assert "secret = ***\n" in good.stdout
    assert run_once("-c", str(conf), "--check-config").stdout == "configuration ok\n"


tell(the_admin_pages_answer, sigterm_waits_for_the_work_in_progress, a_drain_ends_after_its_timeout,
     a_second_sigterm_ends_at_once, sigint_ends_at_once_with_a_guest, sighup_reopens_the_log_and_reloads,
     a_port_in_use_is_one_clear_sentence, other_failing_starts_are_sentences_too,
     a_forgotten_handle_is_named_and_the_status_is_70, systemd_is_told_what_happens,
     the_pidfile_lives_as_long_as_the_daemon, root_is_left_for_good_and_the_log_can_still_be_reopened,
     descriptors_are_allowed_up_to_the_hard_limit, a_secret_does_not_stand_in_the_process_title,
     help_version_and_configuration_are_printed)
