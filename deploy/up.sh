#!/bin/sh
# Starts the whole suite on loopback: installs what is missing, builds, runs a private redis-server and the three
# daemons, prints the URL of the web page. Ctrl-C stops everything.
#
#   sh deploy/up.sh [--no-install]
#
# The environment is handed through to the daemons, so any option can be set: TURND_LISTENING_PORT=3500 sh deploy/up.sh
# RTC_DATA=/some/folder keeps data, logs and secrets there; otherwise they live in a temporary folder and go at the end.
set -eu
cd "$(dirname "$0")/.."
. deploy/lib.sh

case "${1:-}" in
--no-install) ;;
"") # shellcheck disable=SC2086
	install_to_build $RUN_PACKAGES ;;
*) die "usage: sh deploy/up.sh [--no-install]" ;;
esac
for tool in make redis-server curl; do
	command -v $tool >/dev/null 2>&1 || die "$tool is not installed (without --no-install it would have been)"
done

say "building"
log=$(mktemp)
make -s -j"$(jobs)" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; die "the build failed, see above"; }
rm -f "$log"

# --- data folder, configuration ------------------------------------------------------------------------------
umask 077
if [ -n "${RTC_DATA:-}" ]; then
	data=$RTC_DATA temporary=
	mkdir -p "$data"
else
	data=$(mktemp -d /tmp/rtc.XXXXXX) temporary=yes
fi
data=$(cd "$data" && pwd)
[ ${#data} -lt 90 ] || die "RTC_DATA is too long for a unix socket in it: $data"

: "${ROOMD_LISTENING_PORT:=8080}" "${SIGNALD_LISTENING_PORT:=8089}" "${TURND_LISTENING_PORT:=3478}"
: "${ROOMD_ADMIN_PORT:=9080}" "${SIGNALD_ADMIN_PORT:=9089}" "${TURND_ADMIN_PORT:=9641}"
url=http://localhost:$ROOMD_LISTENING_PORT
# roomd makes the TURN secret and turnd learns it, both through Redis; so do they find each other. One that is given to
# turnd is valid too.

cat >"$data/turnd.conf" <<CONF
listening-ip = 127.0.0.1
listening-port = $TURND_LISTENING_PORT
relay-ip = 127.0.0.1
realm = localhost
redis = unix://$data/redis.sock
admin-port = $TURND_ADMIN_PORT
CONF
cat >"$data/signald.conf" <<CONF
listening-ip = 127.0.0.1
listening-port = $SIGNALD_LISTENING_PORT
public-url = ws://localhost:$SIGNALD_LISTENING_PORT
internal-url = http://127.0.0.1:$SIGNALD_LISTENING_PORT
redis = unix://$data/redis.sock
room-server = http://127.0.0.1:$ROOMD_LISTENING_PORT
admin-port = $SIGNALD_ADMIN_PORT
CONF
cat >"$data/roomd.conf" <<CONF
listening-ip = 127.0.0.1
listening-port = $ROOMD_LISTENING_PORT
public-url = $url
public-url = http://127.0.0.1:$ROOMD_LISTENING_PORT
redis = unix://$data/redis.sock
trusted-signal = 127.0.0.1
realm = localhost
admin-port = $ROOMD_ADMIN_PORT
CONF

# --- start, and stop in reverse ------------------------------------------------------------------------------
pids=
stop() {
	trap - EXIT INT TERM
	for pid in $pids; do kill -INT "$pid" 2>/dev/null || true; done
	for pid in $pids; do wait "$pid" 2>/dev/null || true; done
	[ -z "$temporary" ] || rm -rf "$data"
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

redis-server --port 0 --unixsocket "$data/redis.sock" --save '' --appendonly no --dir "$data" \
	--maxmemory-policy noeviction >"$data/redis.log" 2>&1 &
pids=$!

start() {	# name, admin port
	"build/release/bin/$1" --config="$data/$1.conf" >"$data/$1.log" 2>&1 &
	pids="$! $pids"
	eval "pid_$1=$!"
}
failed() {	# name, sentence
	[ ! -s "$data/$1.log" ] || tail -5 "$data/$1.log" >&2
	temporary=
	die "$1 $2; its log is $data/$1.log"
}
wait_ready() {	# name, admin port
	tries=0
	until curl -fsS -o /dev/null --noproxy '*' -m 2 "http://127.0.0.1:$2/readyz" 2>/dev/null; do
		eval "kill -0 \$pid_$1" 2>/dev/null || failed "$1" "did not start"
		tries=$((tries + 1))
		[ $tries -lt 100 ] || failed "$1" "is not ready after 10 s"
		sleep 0.1
	done
}
wait_found() {	# kind: roomd has seen its lease
	tries=0
	until curl -fsS --noproxy '*' -m 2 "http://127.0.0.1:$ROOMD_ADMIN_PORT/fleet" 2>/dev/null | grep -q "\"kind\":\"$1\""; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || failed roomd "sees no $1 server after 10 s"
		sleep 0.1
	done
}
start turnd && start signald && start roomd
wait_ready roomd "$ROOMD_ADMIN_PORT"
wait_ready turnd "$TURND_ADMIN_PORT"
wait_ready signald "$SIGNALD_ADMIN_PORT"
wait_found turn
wait_found signal

say "data, logs and secrets: $data"
say "Ctrl-C stops everything."
say "ready: $url"

# Ends when any of them ends by itself: half a suite helps nobody.
while :; do
	for name in turnd signald roomd; do
		eval "kill -0 \$pid_$name" 2>/dev/null || failed "$name" "has ended"
	done
	sleep 1 &
	wait $! || true
done
