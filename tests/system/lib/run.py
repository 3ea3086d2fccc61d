"""Runs every tests/system/*_test.py in a network namespace of its own; the last line counts.

usage: run.py BUILD [PART OF A STORY'S NAME]

A story is a file; its tests print lines "ok   ...", "FAIL ..." or "SKIP ...". A file that ends badly without
saying FAIL counts as one failure.
"""
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent
LIMIT = int(os.environ.get("STORY_TIMEOUT", "240"))


def can_unshare():
    return subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0


def run_story(path, build, private):
    env = dict(os.environ, BUILD=str(build), PYTHONPATH=str(HERE / "lib"), PYTHONDONTWRITEBYTECODE="1")
    command = [sys.executable, str(path)]
    if private:
        command = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] + command
    child = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             start_new_session=True)
    try:
        out, _ = child.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, _ = child.communicate()
        out += f"FAIL {path.stem}: not done after {LIMIT} s\n"
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)    # what a story left behind
        except ProcessLookupError:
            pass
    if child.returncode != 0 and "FAIL " not in out:
        out += f"FAIL {path.stem}: exit status {child.returncode}\n"
    return out


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    stories = sorted(p for p in HERE.glob("*_test.py") if wanted in p.stem)
    private = can_unshare()
    if not private:
        print("note: no private network namespaces here; the stories share this one", flush=True)
    jobs = int(os.environ.get("JOBS", "2")) if private else 1
    counts = {"ok": 0, "FAIL": 0, "SKIP": 0}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for out in pool.map(lambda p: run_story(p, build, private), stories):
            print(out, end="", flush=True)
            for line in out.splitlines():
                word = line.split(" ", 1)[0]
                if word in counts:
                    counts[word] += 1
    print(f"system: {counts['ok']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
