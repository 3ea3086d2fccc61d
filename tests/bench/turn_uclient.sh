#!/bin/sh
# coturn's own client through turnd: 100 clients, 50 packets a second each, for 60 s; with channels, then with Send indications.
# usage: turn_uclient.sh BUILD [SECONDS]
set -eu
build=$1 seconds=${2:-60}
work=$(mktemp -d)
server=
cleanup() { [ -z "$server" ] || { kill -INT "$server"; wait "$server" || true; } 2>/dev/null; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 1' INT TERM

command -v turnutils_uclient >/dev/null || { echo "SKIP turn_uclient: turnutils_uclient (Debian package coturn) is not installed"; exit 0; }
printf 'user=u:p\n' >"$work/turnd.conf"
chmod 600 "$work/turnd.conf"
port=$((20000 + $$ % 9000))
"$build/bin/turnd" -c "$work/turnd.conf" --listening-ip=127.0.0.1 --listening-port=$port --realm=r --allow-loopback-peers \
	--rfc5766-channel-numbers --admin-port=0 --log-level=warning >"$work/log" 2>&1 &
server=$!
sleep 1
for how in channels indications; do
	flag=
	[ $how = channels ] || flag=-s
	turnutils_uclient $flag -u u -w p -y -c -m 100 -n $((seconds * 50)) -z 20 -l 172 -p $port 127.0.0.1 >"$work/out" 2>&1
	tail -6 "$work/out" | sed "s/^/$how /"
	awk -v how=$how -F'[=,]' '/tot_send_msgs=/ { sent = $2; got = $4 } END {
		printf "turn_uclient: %s: %d sent, %d received\n", how, sent, got; exit sent != got || sent == 0 }' "$work/out"
done
