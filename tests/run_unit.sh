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
	f=0
	if [ $rc -ne 0 ]; then
		cat "$log"
		echo "FAIL $t (exit $rc)"
		f=$(sed -n 's/^ *\([0-9]*\) FAILED TEST(S)$/\1/p' "$log")
	fi
	passed=$((passed + p)) failed=$((failed + ${f:-1}))	# a crash has no closing count
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
