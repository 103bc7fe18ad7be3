#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches the device trees of real boards and prints the folder in which they then lie, a folder per
# vendor.
#
# They come from Debian's arm64 kernel, in the package linux-base-VERSION-arm64 of trixie-backports,
# through the mirror that this machine's apt is set up with. Nothing of the machine's own package
# lists is touched, and root is not needed. What was fetched is kept in
# ${XDG_CACHE_HOME:-~/.cache}/sallyport; SALLYPORT_TREES names a folder to be used instead. With
# --cached nothing is fetched, and what is not there is an error.
set -eu
cd "$(dirname "$0")/.."

suite=trixie-backports
wanted='^linux-base-7\.2\.[^-]*-arm64$'
else_wanted='^linux-base-7\.[^-]*-arm64$'

fail() {
	echo "fetch-trees: $1" >&2
	[ -z "${2-}" ] || echo "  $2" >&2
	exit 1
}

if [ -n "${SALLYPORT_TREES-}" ]; then
	[ -d "$SALLYPORT_TREES" ] || fail "SALLYPORT_TREES: $SALLYPORT_TREES is no folder"
	printf '%s\n' "$SALLYPORT_TREES"
	exit
fi

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/sallyport
mkdir -p "$cache"

# The folder of the newest package that is there whole, nothing if there is none.
cached() {
	for folder in $(ls -d "$cache"/linux-base-7.*-arm64 2>/dev/null | sort -rV); do
		for trees in "$folder"/usr/lib/modules/*/dtb "$folder"/usr/lib/linux-image-*; do
			if [ -d "$trees" ]; then
				printf '%s\n' "$trees"
				return
			fi
		done
	done
}

# Only one may fetch; the others then find what it fetched.
exec 9>"$cache/lock"
if command -v flock >/dev/null; then
	flock 9
fi
trees=$(cached)
if [ -n "$trees" ]; then
	printf '%s\n' "$trees"
	exit
fi

[ "${1-}" != --cached ] || fail "the trees have not been fetched yet"

for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null ||
		fail "$tool is missing" "Set SALLYPORT_TREES to a folder of .dtb files, such as arch/arm64/boot/dts of a built kernel."
done

. tools/apt.sh
if ! apt_open "$cache/apt" arm64 deb "$suite"; then
	cat "$apt/log" >&2
	fail "no mirror of apt's sources gave $suite" \
		"Check the network, or set SALLYPORT_TREES to a folder of .dtb files."
fi

# The newest package of those that match, by version.
newest() {
	apt_run apt-cache pkgnames linux-base- | grep -E "$1" | sort -rV | head -n 1
}

name=$(newest "$wanted")
[ -n "$name" ] || name=$(newest "$else_wanted")
[ -n "$name" ] || fail "$suite has no linux-base-7.*-arm64" "Set SALLYPORT_TREES to a folder of .dtb files."

# apt goes on with a package that was cut short.
if ! (cd "$apt/cache" && apt_run apt-get download "$name" >"$apt/log" 2>&1); then
	cat "$apt/log" >&2
	fail "$name could not be downloaded" "Run this again: it goes on where it stopped."
fi
new=$cache/.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$new"
dpkg-deb -x "$apt/cache/$name"_*.deb "$new" || fail "$name could not be unpacked"
mv "$new" "$cache/$name"
rm -f "$apt/cache/$name"_*.deb
trees=$(cached)
[ -n "$trees" ] || fail "$name holds no device trees"
printf '%s\n' "$trees"
