#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the sample servers of libvfio-user, against which the conformance suite is run, from the copy
# in Debian's source of QEMU. Prints the folder in which they then lie. Root is not needed.
#
# It is kept beside the test bed for Arm. With --cached nothing is built, and what is not there is an
# error.
set -eu
cd "$(dirname "$0")/.."
. testbed/parts.sh
. testbed/x86/contents.sh

bed_open testbed/libvfio-user.sh "$@"
needs apt-get apt-cache dpkg-deb gcc meson ninja pkg-config xz
part=libvfio-user
new_recipe=$(recipe testbed/libvfio-user.sh)

# The newest that the archive gives: it lists versions whose files it no longer or not yet has. The source
# is no part of what is kept.
fetch_source() {
	opened "$bed/apt-$part" "$(dpkg --print-architecture)" "deb deb-src" "$QEMU_BASE" "$QEMU_SUITE"
	mkdir -p "$bed/source"
	versions=$(apt_run apt-cache showsrc qemu | sed -n 's/^Version: //p' | sort -rV)
	for version in $versions; do
		say "the source of qemu $version: downloading"
		(cd "$bed/source" && apt_run apt-get source --download-only "qemu=$version") \
			>"$bed/$part-download.log" 2>&1 || :
		upstream=${version#*:}
		tarball=$bed/source/qemu_${upstream%-*}.orig.tar.xz
		! xz -t "$tarball" 2>>"$bed/$part-download.log" || break
		rm -f "$tarball"
	done
	if [ ! -e "${tarball-}" ]; then
		tail -n 20 "$bed/$part-download.log" >&2
		fail "no source of qemu was downloaded"
	fi
	mkdir "$new/source"
	logged "$part-unpack" tar -C "$new/source" --strip-components=3 --wildcards \
		-xJf "$tarball" '*/subprojects/libvfio-user/*'
	printf '%s\n' "$version" >"$new/version"
}

# Its only library. What this machine's release has fits its C library.
fetch_library() {
	! pkg-config --exists json-c || return 0
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-$QEMU_BASE}")
	opened "$bed/apt-$part-library" "$(dpkg --print-architecture)" deb "$codename"
	packages="libjson-c-dev libjson-c5"
	mkdir -p "$bed/debs"
	(cd "$bed/debs" && logged "$part-download" apt_run apt-get download $packages)
	unpack "$part" "$bed/debs" $packages
	# Linked in, so that the servers run wherever they lie.
	find "$new/usr/lib" "$new/lib" -name 'libjson-c.so*' -delete 2>/dev/null || :
	export PKG_CONFIG_SYSROOT_DIR="$new"
	PKG_CONFIG_PATH=$(dirname "$(find "$new/usr/lib" -name json-c.pc)")
	export PKG_CONFIG_PATH
}

build() {
	made "$part" "$new_recipe" && return
	fresh "$part"
	fetch_source
	fetch_library
	say "libvfio-user: building"
	logged "$part" meson setup --default-library static "$new/build" "$new/source"
	logged "$part" ninja -C "$new/build" samples/server samples/gpio-pci-idio-16
	mkdir "$new/bin"
	cp "$new/build/samples/server" "$new/build/samples/gpio-pci-idio-16" "$new/bin"
	rm -rf "$new/build"
	finish "$part" "$new_recipe"
}

build
[ $mode = cached ] || say "ready: libvfio-user of qemu $(cat "$bed/$part/version")"
printf '%s\n' "$bed/$part"
