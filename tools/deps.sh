#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that a job needs, those that are missing.
#
#	tools/deps.sh [--check] [--list] GROUP...
#
# GROUP is build, serve, run, quick, test, bed or bench. --check installs nothing, but says what is missing and
# ends with 1; --list prints the names of all packages of the groups.
set -eu

packages() {
	case $1 in
	build) echo gcc libc6-dev libfdt-dev meson ninja-build pkg-config ;;
	serve) echo libjansson-dev libpng-dev libseccomp-dev libvncserver-dev ;;
	run) packages build; packages serve; packages bed; echo graphviz scdoc ;;
	quick) packages build; packages serve; echo device-tree-compiler libcmocka-dev python3 ;;
	bed)
		echo apt bc binutils bison cpio device-tree-compiler dpkg flex gcc libc6-dev make meson ninja-build \
			patch pkg-config python3 util-linux xz-utils zstd
		# One machine's own are those of the others' cross compiler.
		[ "$(uname -m)" = aarch64 ] || echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross
		[ "$(uname -m)" = x86_64 ] || echo gcc-x86-64-linux-gnu libc6-dev-amd64-cross
		;;
	bench) packages quick; packages bed ;;
	test)
		packages bench
		packages bed
		echo acpica-tools clang clang-format gcovr graphviz libclang-rt-dev libpci-dev libxen-dev llvm pciutils \
			qemu-system-arm scdoc u-boot-qemu uuid-dev
		;;
	*)
		echo "deps.sh: unknown group $1; there are build, serve, run, quick, test, bed and bench" >&2
		exit 2
		;;
	esac
}

check=no list=no names=
for argument; do
	case $argument in
	--check) check=yes ;;
	--list) list=yes ;;
	*) names="$names $(packages "$argument")" ;;
	esac
done
names=$(printf '%s\n' $names | sort -u)

if [ $list = yes ]; then
	printf '%s\n' $names
	exit
fi
if ! command -v dpkg-query >/dev/null; then
	echo "This is no Debian; the packages that are wanted are called there:" $names >&2
	[ $check = yes ] && exit 0
	exit 1
fi

missing=
for name in $names; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) || status=
	[ "$status" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

if [ $check = yes ] || [ "$(id -u)" != 0 ]; then
	echo "Missing:$missing" >&2
	echo "Install them as root:  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "Installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install -y -qq --no-install-recommends $missing >>"$log" 2>&1
}
# The lists of packages may be missing or old.
if ! { apt-get update -qq >"$log" 2>&1 && install || install; }; then
	cat "$log" >&2
	echo "The packages could not be installed:$missing" >&2
	exit 1
fi
