#!/bin/sh
# Runs every fuzzer from its seed corpus; what it finds new goes to OUT, never into the tree.
# usage: run.sh BUILD [SECONDS]      a crash stops with the input's name
out=$1 seconds=${2:-10} failed=0
here=$(dirname "$0")
for f in "$out"/fuzz/*; do
	[ -x "$f" ] || continue
	name=$(basename "$f")
	work=$out/corpus/$name
	mkdir -p "$work" "$out/crash"
	if "$f" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$out/crash/$name-" "$work" "$here/corpus/$name" >"$out/$name.log" 2>&1; then
		n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
		r=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$out/$name.log")
		echo "ok   fuzz $name: $n executions, $r per second"
	else
		tail -40 "$out/$name.log"
		echo "FAIL fuzz $name"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ]
