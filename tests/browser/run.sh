#!/bin/sh
# Calls between real browsers through the daemons that deploy/up.sh starts.
# usage: run.sh [PART OF A TEST'S NAME]
set -eu
here=$(cd "$(dirname "$0")" && pwd)

skip() {
	echo "SKIP browser tests: $*"
	echo "browser: 0 passed, 0 failed, 1 skipped"
	exit 0
}
command -v chromium >/dev/null 2>&1 || skip "chromium is not installed"
command -v node >/dev/null 2>&1 || skip "node is not installed"
if [ ! -d "$here/node_modules/puppeteer-core" ]; then
	command -v npm >/dev/null 2>&1 || skip "npm is not installed"
	(cd "$here" && npm ci --silent --no-audit --no-fund) || skip "npm cannot fetch puppeteer-core"
fi

# A network of our own: nobody else's ports, and an interface that is not the loopback, for Chromium takes no candidates from that.
if [ -z "${BROWSER_NET:-}" ] && unshare -n true 2>/dev/null; then
	exec unshare -n env BROWSER_NET=private "$0" "$@"
fi
if [ "${BROWSER_NET:-}" = private ]; then
	ip link set lo up
	ip link add host0 type veth peer name peer0
	ip addr add 198.51.100.2/24 dev host0
	ip link set host0 up
	ip link set peer0 up
fi
exec node "$here/call_test.mjs" "$@"
