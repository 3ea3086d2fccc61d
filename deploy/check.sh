#!/bin/sh
# Installs the test tools and runs every test. The last line counts; the exit status is 0 if none failed.
#
#   sh deploy/check.sh            about a quarter of an hour on two cores
#   sh deploy/check.sh --long     adds what takes long: fuzzing for minutes, the relay under load
#
# What cannot run on this machine says "SKIP reason".
set -u
cd "$(dirname "$0")/.." || exit 1
. deploy/lib.sh
long='' seconds=4
case "${1:-}" in
--long) long=yes seconds=600 ;;
"") ;;
*) die "usage: sh deploy/check.sh [--long]" ;;
esac

# shellcheck disable=SC2046,SC2086
install_to_build $RUN_PACKAGES $(test_packages)

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() {	# adds the counts that a step printed as "N passed, N failed[, N skipped]"
	# shellcheck disable=SC2046
	set -- $(sed -n 's/^.*: \([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)*$/\1 \2 \4/p' "$log" |
		awk '{ p += $1; f += $2; s += $3 } END { print NR, p + 0, f + 0, s + 0 }')
	counted=$1
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

step() {	# title, command...: its own counts, or one test that is its exit status
	title=$1 began=$(date +%s)
	shift
	"$@" >"$log" 2>&1 </dev/null
	status=$?
	before=$failed
	count
	if [ "$counted" = 0 ] || { [ $status -ne 0 ] && [ "$failed" -eq "$before" ]; }; then
		if [ $status -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	fi
	if [ $status -eq 0 ]; then
		grep '^SKIP ' "$log"
		say "ok   $title ($(($(date +%s) - began)) s)$(sed -n 's/^[a-z]*: \([0-9]* passed.*\)/: \1/p' "$log" | tail -1)"
	else
		cat "$log"
		say "FAIL $title"
	fi
}

no_warning() {	# a build that says nothing but what it does
	make -s -j"$(jobs)" "$@" 2>&1 | tee "$log.build" >&2
	! grep -qE 'warning:|error:|\*\*\*' "$log.build"
	status=$?
	rm -f "$log.build"
	return $status
}

# The tests run under sanitizers here; `make check` runs them on what ships.
step "gcc builds without a warning" no_warning all
step "clang builds without a warning" no_warning CC=clang OUT=build/clang all
step "unit tests under ASan and UBSan" make -s -j"$(jobs)" MODE=asan unit
step "system tests under ASan and UBSan" make -s -j"$(jobs)" MODE=asan system
step "what has threads, under TSan" make -s -j"$(jobs)" MODE=tsan unit T="turnd/io common/net"
step "turnd over UDP under TSan" make -s -j"$(jobs)" MODE=tsan system T=turnd_test
step "fuzzers build" make -s -j"$(jobs)" fuzz-build
step "fuzzers, some seconds each" make -s fuzz SECONDS="$seconds"
step "parsers are covered by their corpus" make -s fuzz-coverage
step "shell scripts" sh -c 'shellcheck -x deploy/*.sh tests/*.sh tests/*/*.sh roomd/*.sh .ci/run'
step "browser tests" sh tests/browser/run.sh
if [ -n "$long" ]; then
	step "100 clients for a minute through the relay" sh tests/bench/turn_uclient.sh build/release
fi

say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
