#!/bin/sh
# Prints C source that holds every file below a folder: the table of roomd/assets.h.
# usage: embed.sh FOLDER >web_assets.c
set -eu
LC_ALL=C
export LC_ALL
cd "$1"
echo '#include "roomd/assets.h"'
files=$(find . -type f ! -name '.*' ! -name '*.md' ! -name '*~' | sort)
n=0
for f in $files; do
	case $f in *[!A-Za-z0-9._/-]*) echo "embed.sh: $f: a name that no URL of ours has" >&2; exit 1 ;; esac
	[ -r "$f" ] || { echo "embed.sh: $f: not readable" >&2; exit 1; }
	echo "static const uint8_t f${n}[] = {"
	# One byte more than the file has, for C knows no empty arrays.
	od -An -v -tu1 "$f" | awk '{ gsub(/[0-9]+/, "&,"); print } END { print "0" }'
	echo "};"
	n=$((n + 1))
done
echo "const struct web_file web_files[] = {"
n=0
for f in $files; do
	echo "	{ \"${f#.}\", f$n, sizeof(f$n) - 1 },"
	n=$((n + 1))
done
echo "	{ 0 }"
echo "};"
