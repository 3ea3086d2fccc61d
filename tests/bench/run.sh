#!/bin/sh
# Runs every measurement of this folder, one after the other. usage: run.sh BUILD
set -eu
here=$(dirname "$0")
for bench in "$here"/*.sh; do
	[ "$bench" = "$here/run.sh" ] || sh "$bench" "$1"
done
