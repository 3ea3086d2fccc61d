#!/bin/sh
# What a relayed packet costs: turnd against coturn, in turn, in pairs.
# usage: turn_relay.sh BUILD [PAIRS]     ROWS="ALLOCATIONSxPAYLOADxBURST ..." SECONDS_EACH=6 WINDOW=1024
#
# A row each for voice, video and bursts of video. With 10 000 allocations: ROWS="10000x172x1 10000x1200x1".
# Server on one processor, generator on another. The figure is the server's CPU time, all its threads, for each packet that
# arrived (perf: CPU per delivered packet at saturation; throughput alone is at the mercy of neighbours). A new server
# for each run. coturn runs with `-m 0`, the way it does best on one processor.
set -eu
build=$1 pairs=${2:-3}
load=$build/bench/turn_load
turnd=$build/bin/turnd
rows=${ROWS:-1000x172x1 1000x1200x1 1000x1200x8} seconds=${SECONDS_EACH:-6} window=${WINDOW:-1024}
work=$(mktemp -d)
server=
cleanup() { [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 1' INT TERM

command -v turnserver >/dev/null || { echo "SKIP turn_relay: turnserver (Debian package coturn) is not installed"; exit 0; }
[ "$(nproc)" -ge 2 ] || { echo "SKIP turn_relay: needs two processors"; exit 0; }
# Ahead of whatever else runs here, where we may: nice alone does not reach across login sessions.
(echo -15 >/proc/self/autogroup) 2>/dev/null || true
renice -n -15 $$ >/dev/null 2>&1 || true

run() {	# NAME PORT: starts the server, loads it, leaves turn_load's line in $work/line
	case $1 in
	turnd)
		printf 'user=u:p\n' >"$work/turnd.conf"
		chmod 600 "$work/turnd.conf"
		taskset -c 0 "$turnd" -c "$work/turnd.conf" --listening-ip=127.0.0.1 --listening-port="$2" --realm=r --threads=1 \
			--allow-loopback-peers --admin-port=0 --log-level=error >"$work/$1.log" 2>&1 & ;;
	coturn)
		taskset -c 0 turnserver -n --listening-ip=127.0.0.1 --listening-port="$2" --relay-ip=127.0.0.1 -a -u u:p -r r -m 0 \
			--allow-loopback-peers --no-cli --no-tls --no-dtls --no-tcp --no-stdout-log --log-file=/dev/null \
			--userdb="$work/coturn.db" --pidfile="$work/coturn.pid" >"$work/$1.log" 2>&1 & ;;
	esac
	server=$!
	sleep 1.5
	taskset -c 1 "$load" "127.0.0.1:$2" u p "$server" "$allocations" "$payload" "$seconds" "$window" "$burst" >"$work/line" ||
		{ cat "$work/$1.log"; exit 1; }
	kill -9 "$server"
	wait "$server" 2>/dev/null || true
	server=
}

port=$((20000 + $$ % 9000))
measure_pairs() {
	i=0
	: >"$work/figures"
	while [ $i -lt "$pairs" ]; do
		for name in turnd coturn; do
			port=$((port + 1))
			run $name $port
			line=$(cat "$work/line")
			echo "$name $line"
			echo "$name ${line##*us_per_packet=}" >>"$work/figures"
		done
		i=$((i + 1))
	done
}

print_row() {
	awk -v n="$allocations" -v size="$payload" -v burst="$burst" '
		$1 == "turnd" { t[++k] = $2 } $1 == "coturn" { c[++j] = $2; r[j] = $2 / t[j] }
		function sort(v, m,  a, b, x) { for (a = 1; a <= m; a++) for (b = a + 1; b <= m; b++) if (v[b] < v[a]) { x = v[a]; v[a] = v[b]; v[b] = x } }
		function median(v, m) { return m % 2 ? v[(m + 1) / 2] : (v[m / 2] + v[m / 2 + 1]) / 2 }
		END {
			sort(t, k); sort(c, j); sort(r, j)
			printf "turn_relay: %d allocations, %d bytes%s: turnd %.2f us, coturn %.2f us a packet (medians); ratio %.2f (%.2f to %.2f, %d pairs)\n",
				n, size, (burst > 1 ? " in bursts of " burst : ""), median(t, k), median(c, j), median(r, j), r[1], r[j], j
		}' "$work/figures"
}

for row in $rows; do
	allocations=${row%%x*} burst=${row##*x} payload=${row#*x}
	payload=${payload%x*}
	measure_pairs
	print_row
done
