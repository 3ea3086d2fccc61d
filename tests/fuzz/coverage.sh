#!/bin/sh
# Line coverage of each fuzzer's parser, from the seed corpus alone. The parser's files stand in the fuzzer's first
# line: /* covers: common/base/json_text.c */
# usage: coverage.sh BUILD [PERCENT]      from the top of the tree; fails if a file is below PERCENT (90)
out=$1 least=${2:-90} failed=0
version=$(clang -dumpversion | sed 's/\..*//')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for source in tests/fuzz/*_fuzz.c; do
	name=$(basename "$source" .c)
	files=$(sed -n '1s|^/\* covers: \(.*\) \*/$|\1|p' "$source")
	if [ -z "$files" ]; then
		echo "FAIL $name: its first line does not say what it covers"
		failed=1
		continue
	fi
	if ! LLVM_PROFILE_FILE=$work/raw "$out/fuzz/$name" -runs=0 "tests/fuzz/corpus/$name" >"$work/log" 2>&1 ||
		! "llvm-profdata-$version" merge -o "$work/profile" "$work/raw" 2>"$work/log"; then
		tail -20 "$work/log"
		echo "FAIL $name"
		failed=1
		continue
	fi
	for file in $files; do
		lines=$("llvm-cov-$version" report "$out/fuzz/$name" -instr-profile="$work/profile" 2>/dev/null |
			awk -v file="$file" '$1 == file { print $8, $9 }')
		# shellcheck disable=SC2086	# two numbers
		set -- $lines
		percent=$((${1:-0} > 0 ? (${1:-0} - ${2:-0}) * 100 / ${1:-1} : 0))
		verdict=ok
		[ "$percent" -ge "$least" ] || verdict=FAIL failed=1
		printf '%-4s %3d %% of %4d lines  %s  %s\n' "$verdict" "$percent" "${1:-0}" "$name" "$file"
	done
done
[ "$failed" -eq 0 ]
