#!/bin/sh
# Runs unit test programs one after the other; prints only what failed, and a closing count.
# usage: run_unit.sh PROGRAM...
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for t; do
	timeout "${UNIT_TIMEOUT:-60}" "$t" >"$log" 2>&1
	rc=$?
	p=$(grep -c '^\[       OK \]' "$log")
	f=$(grep -c '^\[  FAILED  \] .*[a-z]' "$log")
	if [ $rc -ne 0 ]; then
		cat "$log"
		echo "FAIL $t (exit $rc)"
		[ "$f" -gt 0 ] || f=1
	else
		f=0
	fi
	passed=$((passed + p)) failed=$((failed + f))
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
