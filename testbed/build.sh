#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the test bed: a QEMU, Xen for arm64, and what runs in dom0 and in guests, all from Debian's
# packages. Prints the folder in which it then lies. Root is not needed.
#
# Everything is kept in ${XDG_CACHE_HOME:-~/.cache}/sallyport/testbed, so that a second call is
# quick; what was downloaded before a failure is not downloaded again. With --cached nothing is built,
# and what is not there is an error.
set -eu
cd "$(dirname "$0")/.."
. testbed/parts.sh
. testbed/contents.sh

bed_open testbed/build.sh "$@"
needs apt-get apt-cache dpkg-deb aarch64-linux-gnu-gcc flex bison cpio xz patch dtc
arm_recipe() {
	recipe testbed/contents.sh testbed/build.sh "$@"
}

build_arm64() {
	new_recipe=$(arm_recipe)
	made arm64 "$new_recipe" && return
	fresh arm64
	say "packages for arm64 from $ARM64_SUITE: downloading"
	opened "$bed/apt-arm64" arm64 "deb deb-src" "$ARM64_SUITE"
	kernel=$(apt_run apt-cache depends linux-image-arm64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
	[ -n "$kernel" ] || fail "$ARM64_SUITE has no linux-image-arm64"
	release=${kernel#linux-image-}
	mkdir -p "$bed/debs" "$bed/source"
	packages="$XEN_PACKAGES $LIBRARY_PACKAGES $kernel linux-headers-$release
		linux-headers-${release%-arm64}-common"
	(cd "$bed/debs" && logged arm64-download apt_run apt-get download $packages)
	unpack arm64 "$bed/debs" $packages
	printf '%s\n' "$release" >"$new/kernel-release"
	candidate "xen-hypervisor-$XEN_RELEASE-arm64" >"$new/xen-version"
	# The tarballs are what counts; where the archive has moved on, their .dsc may be gone.
	version=$(cat "$new/xen-version")
	(cd "$bed/source" && apt_run apt-get source --download-only "xen=$version" >"$bed/source.log" 2>&1) || :
	for file in "$bed/source/xen_${version%-*}.orig.tar.xz" "$bed/source/xen_$version.debian.tar.xz"; do
		if ! xz -t "$file" 2>>"$bed/source.log"; then
			# What was cut short has its final name.
			rm -f "$file"
			tail -n 20 "$bed/source.log" >&2
			fail "the source of xen $version was not downloaded" "Run this again: it goes on where it stopped."
		fi
	done
	finish arm64 "$new_recipe"
}

# The guest's module needs kbuild's programs for this machine, and the C library that they want.
build_kbuild() {
	release=$(cat "$bed/arm64/kernel-release")
	new_recipe=$release-$(arm_recipe)
	made kbuild "$new_recipe" && return
	fresh kbuild
	opened "$bed/apt-kbuild" "$(dpkg --print-architecture)" deb "$ARM64_SUITE"
	mkdir -p "$bed/debs"
	packages="linux-kbuild-${release%-arm64} libc6"
	(cd "$bed/debs" && logged kbuild-download apt_run apt-get download $packages)
	unpack kbuild "$bed/debs" $packages
	finish kbuild "$new_recipe"
}

# What it is called by asks for its status, so that the shell does not end it at the first failure.
configure_xen() {
	export XEN_TARGET_ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-
	make -C xen arm64_defconfig || return
	for option in $XEN_OPTIONS; do
		echo "CONFIG_$option=y" >>xen/.config || return
	done
	make -C xen olddefconfig || return
	for option in $XEN_OPTIONS; do
		grep -q "^CONFIG_$option=y" xen/.config || {
			echo "CONFIG_$option cannot be set in this Xen"
			return 1
		}
	done
	make -C xen -j"$(nproc)"
}

build_xen() {
	version=$(cat "$bed/arm64/xen-version")
	new_recipe=$version-$(arm_recipe)
	made xen "$new_recipe" && return
	fresh xen
	say "Xen $version: building"
	source=$bed/source/tree
	rm -rf "$source"
	mkdir "$source"
	logged xen-unpack tar -C "$source" --strip-components=1 -xf "$bed/source/xen_${version%-*}.orig.tar.xz"
	logged xen-unpack tar -C "$source" -xf "$bed/source/xen_$version.debian.tar.xz"
	(
		cd "$source"
		grep -v '^#' debian/patches/series | while read -r patch; do
			logged xen-patch patch -p1 -s -i "debian/patches/$patch"
		done
		logged xen-build configure_xen
	)
	cp "$source/xen/xen" "$new/xen"
	cp "$source/xen/.config" "$new/config"
	finish xen "$new_recipe"
}

# What Linux needs to load, from the kernel's package.
modules() {
	folder=$1
	shift
	mkdir -p "$folder"
	for module; do
		file=$(find "$arm64/usr/lib/modules/$release" -name "$module.ko.xz")
		[ -n "$file" ] || fail "the kernel $release has no module $module"
		xz -dc "$file" >"$folder/$module.ko"
	done
}

busybox() {
	mkdir -p "$1/bin" "$1/proc" "$1/sys" "$1/dev" "$1/tmp"
	cp "$arm64/usr/bin/busybox" "$1/bin/busybox"
	for applet in $BUSYBOX_APPLETS; do
		ln -s busybox "$1/bin/$applet"
	done
}

build_roots() {
	arm64=$bed/arm64 release=$(cat "$bed/arm64/kernel-release")
	new_recipe=$release-$(cat "$arm64/xen-version")-$(arm_recipe testbed/dom0/* testbed/guest/*)
	made roots "$new_recipe" && return
	fresh roots
	say "root file systems of dom0 and of guests"
	guest=$new/guest dom0=$new/dom0
	busybox "$guest"
	modules "$guest/lib/modules" $GUEST_MODULES
	install -m 755 testbed/guest/init "$guest/init"
	logged guest-module testbed/guest/build.sh testbed/guest/enable.c arm64 "$arm64" "$bed/kbuild" \
		"$guest/lib/modules"

	busybox "$dom0"
	modules "$dom0/lib/modules" $DOM0_MODULES
	libraries=usr/lib/aarch64-linux-gnu
	mkdir -p "$dom0/$libraries" "$dom0/run" "$dom0/root" "$dom0/boot" "$dom0/var/log/xen" \
		"$dom0/var/lib/xen" "$dom0/etc/xen" "$dom0/usr/bin" "$dom0/usr/lib/xen-$XEN_RELEASE"
	cp -a "$arm64/$libraries"/*.so.* "$dom0/$libraries/"
	ln -s usr/lib "$dom0/lib64"
	ln -s "../$libraries" "$dom0/lib/aarch64-linux-gnu"
	ln -s aarch64-linux-gnu/ld-linux-aarch64.so.1 "$dom0/lib/ld-linux-aarch64.so.1"
	mkdir "$dom0/usr/lib/xen-$XEN_RELEASE/bin"
	for program in $XEN_PROGRAMS; do
		cp -a "$arm64/usr/lib/xen-$XEN_RELEASE/bin/$program" "$dom0/usr/lib/xen-$XEN_RELEASE/bin/"
	done
	cp -a "$arm64"/usr/bin/xenstore* "$dom0/usr/bin/"
	cp -a "$arm64/etc/xen/scripts" "$dom0/etc/xen/"
	: >"$dom0/etc/xen/xl.conf"
	ln -s ../run "$dom0/var/run"
	install -m 755 testbed/dom0/init "$dom0/init"
	printf "XEN_RELEASE='%s'\nDOM0_MODULES='%s'\n" "$XEN_RELEASE" "$DOM0_MODULES" >"$dom0/etc/bed.conf"
	printf '%s\n' "$XEN_RELEASE" >"$new/xen-release"
	pack "$guest" "$new/guest.cpio"
	cp "$arm64/boot/vmlinuz-$release" "$new/Image"
	cp "$new/guest.cpio" "$new/Image" "$dom0/boot/"
	pack "$dom0" "$new/dom0.cpio"
	rm -rf "$guest" "$dom0"
	finish roots "$new_recipe"
}

build_qemu qemu "$(arm_recipe)" qemu-system-aarch64 $QEMU_BASE $QEMU_SUITE $QEMU_PACKAGES
build_arm64
build_kbuild
build_xen
build_roots
[ $mode = cached ] || say "ready"
printf '%s\n' "$bed"
