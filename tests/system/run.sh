#!/bin/sh
# Runs the system tests: real binaries, a private network namespace and a time-out for each story.
# usage: run.sh BUILD [STORY]      JOBS=2 stories at a time
exec python3 "$(dirname "$0")/lib/run.py" "$@"
