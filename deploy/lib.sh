# What up.sh and check.sh share. Sourced, plain sh; expects the working folder to be the root of the tree.
# shellcheck shell=sh disable=SC2034

# Libraries and tools. llhttp is a package of its own in Debian 13, C source inside node-llhttp in Debian 12.
BUILD_PACKAGES="gcc make pkg-config libc6-dev libuv1-dev libmbedtls-dev libwslay-dev libcjson-dev libhiredis-dev"
RUN_PACKAGES="redis-server curl"
TEST_PACKAGES="clang llvm lld libcmocka-dev openssl python3 coturn iproute2 util-linux shellcheck chromium procps"

say() { printf '%s\n' "$*"; }
die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "packages must be installed: run this as root, or install sudo"
	fi
}

missing_packages() {	# of those named
	for p; do
		dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s ' "$p"
	done
}

install_packages() {	# installs what is missing of those named
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null 2>&1 ||
		die "this is not Debian; please install the equivalents of: $missing"
	say "installing: $missing"
	log=$(mktemp)
	# shellcheck disable=SC2086
	if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
		tail -5 "$log" >&2
		rm -f "$log"
		die "could not install $missing: is the network there, and is the package source in /etc/apt right?"
	fi
	rm -f "$log"
}

llhttp_package() {
	if [ -n "$(missing_packages libllhttp-dev)" ] && ! apt-cache show libllhttp-dev >/dev/null 2>&1; then
		say node-llhttp
	else
		say libllhttp-dev
	fi
}

install_to_build() {
	# A fresh system has no package lists yet, and without them nobody can say which llhttp there is.
	if [ -n "$(missing_packages libllhttp-dev)" ] && [ -n "$(missing_packages node-llhttp)" ] &&
		! apt-cache show node-llhttp >/dev/null 2>&1; then
		as_root apt-get update -qq >/dev/null 2>&1 </dev/null || true
	fi
	# shellcheck disable=SC2046,SC2086
	install_packages $BUILD_PACKAGES $(llhttp_package) "$@"
}

# What only has another name in each Debian, or is here already without its package.
test_packages() {
	say "$TEST_PACKAGES"
	apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p'
	command -v node >/dev/null 2>&1 || say nodejs
	command -v npm >/dev/null 2>&1 || say npm
}

jobs() { nproc 2>/dev/null || echo 2; }
