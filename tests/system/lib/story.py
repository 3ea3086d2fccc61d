"""What a story is made of: tests, daemons, a Redis, temporary folders.

    from story import *

    def a_message_reaches_the_other_member(s):
        signald = s.daemon("signald", "--listening-port=8089")
        ...

    tell(a_message_reaches_the_other_member, ...)

`s` is a fresh Story for every test: all it started is stopped at its end, and a daemon that did not end cleanly (exit
status, sanitizer report) fails the test. Standard library only.
"""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from web import http

BUILD = pathlib.Path(os.environ.get("BUILD", "build/release")).resolve()
DAEMONS = ("roomd", "signald", "turnd")
SLOW = 4 if any(m in str(BUILD) for m in ("asan", "tsan", "cov")) else 1    # sanitizers: time limits times this


class Skip(Exception):
    """Raised by need() when this machine cannot run the test."""


def need(program):
    path = shutil.which(program)
    if path is None:
        raise Skip(f"{program} is not installed")
    return path


def wait_until(condition, what, seconds=10):
    """Polls a condition of another process; the condition's value is returned."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


given = set()


def free_port(kind=socket.SOCK_STREAM):
    """Never the same twice, and below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in given:
            given.add(port)
            return port


class Daemon:
    def __init__(self, story, name, args, env, prefix=()):
        self.name = name
        self.log_path = story.dir / f"{name}-{len(story.daemons)}.log"
        self.admin_port = free_port()
        folder = "bin" if name in DAEMONS else "system"     # else a helper, made from tests/system/NAME.c
        command = [*prefix, str(BUILD / folder / name), f"--admin-port={self.admin_port}", *args]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(tuple(d.upper() + "_" for d in DAEMONS))}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**clean, **env})
        self.expected = 0

    def alive_and_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode} instead of starting:\n{self.log()}")
        try:
            return http(self.admin_port, "GET", "/readyz").status == 200
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text(errors="replace")

    def metric(self, name):
        """The value of one metric row, named as it is printed ('x_total' or 'x_total{reason="y"}')."""
        for line in http(self.admin_port, "GET", "/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.expected = -signal.SIGKILL

    def wait(self, seconds=10):
        return self.process.wait(seconds * SLOW)

    def stop(self):
        """SIGINT: ends at once, cleanly."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not end on SIGINT:\n{self.log()[-3000:]}") from None
        log = self.log()
        if status != self.expected or "Sanitizer" in log or "runtime error:" in log:
            raise AssertionError(f"{self.name} ended with {status}, expected {self.expected}:\n{log[-6000:]}")


class Redis:
    """A real redis-server on a private unix socket, and on a TCP port if asked."""

    def __init__(self, story, port=0, args=()):
        self.socket = str(story.dir / "redis.sock")
        self.url = f"unix://{self.socket}"
        self.command = [need("redis-server"), "--port", str(port), "--unixsocket", self.socket, "--save", "",
                        "--appendonly", "no", "--dir", str(story.dir), *args]
        self.log_path = story.dir / "redis.log"
        self.process = None
        self.start()

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        wait_until(self.answers, "redis-server answers")

    def answers(self):
        try:
            return self.command_raw("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def command_raw(self, *words):
        """Sends one command, returns what one read brings: enough for PING, FLUSHALL and the like."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.socket)
            data = [w.encode() if isinstance(w, str) else w for w in words]
            s.sendall(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(d), d) for d in data))
            return s.recv(65536)

    def kill(self):
        self.process.kill()
        self.process.wait()

    stop = kill


class Story:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="story-"))
        self.daemons = []
        self.others = []

    def daemon(self, name, *args, env=None, ready=True, prefix=()):
        """Starts a binary of this build with its admin listener on a free port; waits for /readyz unless told not to.
        prefix: a command that runs it (prlimit, setpriv), which must exec."""
        d = Daemon(self, name, args, env or {}, prefix)
        self.daemons.append(d)
        if ready:
            wait_until(d.alive_and_ready, f"{name} ready")
        return d

    def redis(self, **kw):
        r = Redis(self, **kw)
        self.others.append(r.stop)
        return r

    def spawn(self, command, **kw):
        """Any other program; killed at the end."""
        p = subprocess.Popen(command, **kw)
        self.others.append(lambda: (p.kill(), p.wait()))
        return p

    def end(self):
        first = None
        for d in self.daemons:
            try:
                d.stop()
            except AssertionError as e:
                first = first or e
        for stop in self.others:
            stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        if first:
            raise first


def tell(*tests, limit=60):
    """Runs the tests (those whose name contains argv[1], if given), each within `limit` seconds."""
    def too_slow(_signum, _frame):
        raise AssertionError(f"not done after {limit} s")
    signal.signal(signal.SIGALRM, too_slow)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    story = pathlib.Path(sys.argv[0]).stem.removesuffix("_test")
    failed = False
    for test in tests:
        if wanted not in test.__name__:
            continue
        s = Story()
        name = f"{story}: {test.__name__.replace('_', ' ')}"
        problem = None
        signal.alarm(limit * SLOW)
        try:
            test(s)
        except Skip as e:
            problem = ("SKIP", f"{name}: {e}")
        except Exception:
            logs = "".join(f"--- {d.name}\n{d.log()[-4000:]}\n" for d in s.daemons)
            problem = ("FAIL", f"{name}\n{traceback.format_exc()}{logs}")
        try:
            s.end()
        except AssertionError as e:
            problem = problem or ("FAIL", f"{name}\n{e}")
        signal.alarm(0)
        word, text = problem or ("ok  ", name)
        failed = failed or word == "FAIL"
        print(word, text, flush=True)
    sys.exit(1 if failed else 0)
